"""Metrics survive kills, resumes and values that are no numbers."""

import errno
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinn.errors import SpinnError
from spinn.output.metrics import MetricsWriter, appending_metrics, read_metrics, truncate_metrics


def write(path: Path, steps: range) -> None:
    with appending_metrics(path) as writer:
        for step in steps:
            writer.write({"step": step, "loss": 1.0 / (step + 1)})


def test_each_record_is_on_disk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    with appending_metrics(path) as writer:
        for count in (1, 2, 3):
            writer.write({"step": count})
            assert len(path.read_text().splitlines()) == count


def test_numbers_become_plain_and_nan_null(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    with appending_metrics(path) as writer:
        writer.write({"step": np.int64(1), "loss": np.float32("nan"), "blocks": {"a": np.float32(0.5)}, "n": "a\nb"})
    assert path.read_text().count("\n") == 1
    assert read_metrics(path) == [{"step": 1, "loss": None, "blocks": {"a": 0.5}, "n": "a\nb"}]


def test_a_resumed_run_drops_later_steps(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    write(path, range(10))
    with appending_metrics(path, after_step=4) as writer:
        writer.write({"step": 5, "again": True})
    records = read_metrics(path)
    assert [record["step"] for record in records] == [0, 1, 2, 3, 4, 5]
    assert records[-1]["again"]


def test_without_a_step_everything_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    write(path, range(3))
    write(path, range(3, 5))
    assert [record["step"] for record in read_metrics(path)] == [0, 1, 2, 3, 4]


def test_notes_without_a_step_outlive_a_resume(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"note": "rolled back"}\n{"step": 7}\n')
    truncate_metrics(path, 3)
    assert read_metrics(path) == [{"note": "rolled back"}]


@given(cut=st.integers(min_value=0, max_value=400))
def test_a_file_cut_anywhere_gives_a_prefix(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("cut") / "m.jsonl"
    whole = [{"step": step, "loss": 0.1 * step, "stage": "ädam"} for step in range(8)]
    data = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in whole).encode()
    path.write_bytes(data[:cut])
    records = read_metrics(path)
    assert records == whole[: len(records)]
    assert len(records) >= data[:cut].count(b"\n")
    with appending_metrics(path) as writer:  # and appending after the tear makes no broken line
        writer.write({"step": 99})
    assert read_metrics(path) == [*records, {"step": 99}]


def test_a_bad_line_inside_is_told_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"step": 1}\n{"step": \n{"step": 3}\n')
    with pytest.raises(SpinnError, match="one JSON object a line") as caught:
        read_metrics(path)
    assert (caught.value.file, caught.value.line) == (str(path), 2)


def test_a_missing_file_is_no_records(tmp_path: Path) -> None:
    assert read_metrics(tmp_path / "none.jsonl") == []


class FullDisk(io.StringIO):
    """A file on a disk without room."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpinnError, match="disk is full"):
        MetricsWriter(tmp_path / "m.jsonl", FullDisk()).write({"step": 1})
