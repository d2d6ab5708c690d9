"""Figures of datasets: which pictures are drawn, and that they become files."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from spinn.data import Burgers1D, Darcy2D, Darcy3D, GaussianField, PowerLaw, RandomField, Threshold
from spinn.data.formats import Dataset
from spinn.data.generation import Recipe, generate
from spinn.output import dataset_figure
from spinn.output.dataset_figure import columns_of, draw_samples


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("datasets")


def made(folder: Path, name: str, family) -> Path:
    path = folder / f"{name}.h5"
    if not path.exists():
        solver = "auto" if hasattr(family, "frames") else "superlu"
        generate(Recipe(family=family, samples=3, solver=solver), path)
    return path


@pytest.fixture
def darcy(folder) -> Path:
    return made(folder, "darcy", Darcy2D(grid=(9, 9)))


def rewritten(source: Path, target: Path, frames: int, nodes: tuple[int, ...]) -> Path:
    """The dataset with an output of another kind, in the layout of the native files."""
    target.write_bytes(source.read_bytes())
    with h5py.File(target, "a") as file:
        old = file["outputs/u"][:]
        del file["outputs/u"]
        u = file.create_dataset("outputs/u", data=np.broadcast_to(old.mean(), (3, *(frames,) * bool(frames), *nodes)))
        labels = (["t"] if frames else []) + (["x", "y"] if len(nodes) == 2 else ["node"])
        for place, label in enumerate(labels, 1):
            u.dims[place].label = label
        if frames:
            file["axes/t"] = np.linspace(0, 1, frames)
        if len(nodes) == 1:
            for axis in ("x", "y"):
                del file[f"axes/{axis}"]
                file[f"axes/{axis}"] = np.linspace(0, 1, nodes[0]) ** (2 if axis == "x" else 1)
            del file["inputs/a"]
            file["inputs/a"] = np.arange(3.0)
    return target


@pytest.fixture
def drawn(monkeypatch) -> list[Figure]:
    """Figures as they were handed to be saved."""
    figures: list[Figure] = []
    save = dataset_figure.save
    monkeypatch.setattr(dataset_figure, "save", lambda figure, path: (figures.append(figure), save(figure, path))[1])
    return figures


def titles(path: Path) -> list[str]:
    with Dataset(path) as data:
        return [column.title for name in data.fields for column in columns_of(data, name)]


def test_steady_fields_have_one_picture_each(darcy, tmp_path, drawn):
    assert titles(darcy) == ["$a$", "$u$"]
    with Dataset(darcy) as data:
        path = draw_samples(data, tmp_path / "d.png", rows=2)
    image = imread(path)
    assert path.read_bytes().startswith(b"\x89PNG") and image.shape[0] > 300 and np.ptp(image[..., :3]) > 0.5
    panels = [axes for axes in drawn[0].axes if axes.images]
    assert len(panels) == 2 * 2
    labels = [axes.get_ylabel() for axes in drawn[0].axes]
    assert any("sample 0" in label for label in labels) and any("sample 2" in label for label in labels)


def test_one_scale_a_field(darcy, tmp_path, drawn):
    with Dataset(darcy) as data:
        draw_samples(data, tmp_path / "d.png")
        low, high = data.fields["a"][:].min(), data.fields["a"][:].max()
    images = [axes.images[0] for axes in drawn[0].axes if axes.images]
    assert [image.get_clim() for image in images[:3]] == [(low, high)] * 3


def test_frames_of_a_field_that_evolves_in_two_dimensions(darcy, tmp_path):
    path = rewritten(darcy, tmp_path / "e.h5", 5, (9, 9))
    assert titles(path) == ["$a$", "$u$, $t$ = 0", "$u$, $t$ = 0.5", "$u$, $t$ = 1"]
    with Dataset(path) as data:
        assert draw_samples(data, tmp_path / "e.png").stat().st_size > 10_000


def test_one_dimension_is_a_line_and_an_image_of_space_and_time(folder, tmp_path, drawn):
    path = made(folder, "burgers", Burgers1D(grid=(64,), frames=3))
    assert titles(path) == ["u0", "$u$"]
    with Dataset(path) as data:
        draw_samples(data, tmp_path / "b.png", rows=1)
        line = next(axes for axes in drawn[0].axes if axes.lines)
        np.testing.assert_array_equal(line.lines[0].get_ydata(), data.fields["u0"][0])
    image = next(axes for axes in drawn[0].axes if axes.images)
    assert (image.get_xlabel(), image.get_ylabel()) == ("$t$", "$x$")


def test_space_is_shown_by_its_middle_plane(folder, tmp_path):
    media = RandomField(GaussianField(PowerLaw(alpha=2.0, tau=3.0), "neumann", modes=4), Threshold(3.0, 12.0))
    path = made(folder, "space", Darcy3D(grid=(5, 6, 7), permeability=media))
    assert titles(path) == ["$a$, $z$ = 0.5", "$u$, $z$ = 0.5"]
    with Dataset(path) as data:
        assert draw_samples(data, tmp_path / "s.png").stat().st_size > 10_000


def test_nodes_of_a_mesh_are_dots(darcy, tmp_path, drawn):
    path = rewritten(darcy, tmp_path / "m.h5", 0, (40,))
    with Dataset(path) as data:
        draw_samples(data, tmp_path / "m.png")
        dots = drawn[0].axes[0].collections[0].get_offsets()
        np.testing.assert_array_equal(np.asarray(dots)[:, 0], data.axes["x"])
    assert "$a$ = 1" in drawn[0].axes[1].get_ylabel()


def test_no_rows_are_refused(darcy, tmp_path):
    with Dataset(darcy) as data, pytest.raises(ValueError, match="at least 1 sample"):
        draw_samples(data, tmp_path / "n.png", rows=0)
