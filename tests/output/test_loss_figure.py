"""The figure of the loss takes records as they come."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from spinn.output import loss_figure
from spinn.output.loss_figure import draw_loss


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures as they were handed to be saved."""
    figures: list[Figure] = []
    true_save = loss_figure.save

    def save(figure: Figure, path: Path) -> Path:
        figures.append(figure)
        return true_save(figure, path)

    monkeypatch.setattr(loss_figure, "save", save)
    return figures


def records(count: int = 30, blocks: int = 3, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "step": 10 * i,
            "seconds": 0.5 * i,
            "stage": "adam" if i < count // 2 else "lbfgs",
            "loss": 10.0 ** (-i / 10),
            "blocks": {f"b{k}": 10.0 ** (-i / 10 - k) for k in range(blocks)},
            **more,
        }
        for i in range(count)
    ]


def test_loss_blocks_error_against_steps_and_seconds(tmp_path: Path, drawn: list[Figure]) -> None:
    path = draw_loss(records(error=0.1), tmp_path / "loss.png")
    assert path == tmp_path / "loss.png"
    assert imread(path).shape[1] > 800
    panels = drawn[0].axes
    assert len(panels) == 4
    assert all(panel.get_yscale() == "log" for panel in panels)
    lines = {line.get_label(): line for line in panels[0].lines}
    assert {"loss", "b0", "b1", "b2"} <= set(lines)
    np.testing.assert_allclose(lines["loss"].get_xdata(), np.arange(0, 300, 10))
    np.testing.assert_allclose(panels[1].lines[0].get_xdata(), np.arange(0, 15, 0.5))
    np.testing.assert_allclose(lines["b1"].get_ydata(), 10.0 ** (-np.arange(30) / 10 - 1))
    boundaries = [line for line in panels[0].lines if list(line.get_xdata()) == [150, 150]]
    assert len(boundaries) == 1
    assert {text.get_text() for text in panels[0].texts} == {"adam", "lbfgs"}


def test_without_errors_there_is_one_row(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_loss(records(error=None), tmp_path / "loss.png")
    assert len(drawn[0].axes) == 2


def test_many_blocks_share_one_name(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_loss(records(blocks=12), tmp_path / "loss.png")
    labels = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert labels == ["loss", *[f"b{k}" for k in range(7)], "5 smaller blocks"]


def test_gaps_and_zeros_are_left_out(tmp_path: Path, drawn: list[Figure]) -> None:
    made = records(4)
    made[1]["loss"] = None
    made[2]["loss"] = 0.0
    made[3]["blocks"] = None
    draw_loss([*made, {"note": "rolled back"}], tmp_path / "loss.png")
    loss = next(line for line in drawn[0].axes[0].lines if line.get_label() == "loss")
    np.testing.assert_array_equal(loss.get_xdata(), [0, 30])


def test_no_records_no_figure(tmp_path: Path) -> None:
    assert draw_loss([], tmp_path / "loss.png") is None
    assert draw_loss([{"note": "x"}], tmp_path / "loss.png") is None
    assert not list(tmp_path.iterdir())


def test_a_single_record_is_drawn(tmp_path: Path) -> None:
    assert draw_loss(records(1), tmp_path / "loss.png") is not None
