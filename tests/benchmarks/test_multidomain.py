"""The benchmark of decomposition runs, and its table holds every row."""

import json

import multidomain
import pytest

pytestmark = pytest.mark.slow


def test_quick_run(tmp_path):
    assert multidomain.main(["--quick", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "multidomain.json").read_text())
    assert len(found["rows"]) == 3 * len(multidomain.PROBLEMS) and len(found["steps"]) == 2
    assert {row["network"] for row in found["rows"]} > {"subdomains"}
