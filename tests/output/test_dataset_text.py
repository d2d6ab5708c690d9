"""The summary of a dataset has its numbers in it."""

import json
import re

import h5py
import pytest

from spinn.data import Darcy2D
from spinn.data.formats import Dataset
from spinn.data.generation import Recipe, generate
from spinn.output.dataset_text import summary_lines


@pytest.fixture
def path(tmp_path):
    recipe = Recipe(family=Darcy2D(grid=(9, 7)), samples=3, seed=5, solver="superlu", tolerance=1e-6)
    return generate(recipe, tmp_path / "d.h5").file


def entries(text: str) -> dict[str, list[str]]:
    """Lines by the name before them."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        name = line.split(" ")[0] or name
        found.setdefault(name, []).append(line[len(name) :].strip() if line[0] != " " else line.strip())
    return found


def test_what_is_inside(path):
    with Dataset(path) as data:
        found = entries(summary_lines(data))
        u, worst = data.fields["u"][:], data.file["samples/residual"][:].max()
    assert found["family"] == ["darcy_2d"] and found["seed"] == ["5"] and found["samples"] == ["3, none failed"]
    assert found["input"] == ["a(x, y)  3 x 9 x 7  float64  3 to 12"]
    assert found["output"] == [f"u(x, y)  3 x 9 x 7  float64  {u.min():.4g} to {u.max():.4g}"]
    assert found["axis"] == ["x  9 values, 0 to 1", "y  7 values, 0 to 1"]
    assert found["solver"] == ["superlu, iterations median 1, at most 1"] and found["tolerance"] == ["1e-06"]
    assert f"at most {worst:.2e} (sample " in found["residual"][0]
    assert re.search(r"numpy \d", " ".join(found["versions"])) and "failure" not in found


def test_failures_and_several_methods(path):
    with h5py.File(path, "a") as file:
        file.attrs["failures"] = json.dumps({"3": "did not converge"})
        file.attrs["methods"] = ["gmres", "superlu"]
        file["samples/method"][:] = [0, 0, 1]
        file["samples/iterations"][:] = [10, 30, 1]
        file["samples/index"][:] = [0, 1, 4]
        file["samples/residual"][:] = [1e-9, 1e-8, 2e-7]
    with Dataset(path) as data:
        found = entries(summary_lines(data))
    assert found["samples"] == ["3, 1 failed"] and found["failure"] == ["sample 3: did not converge"]
    assert found["solver"] == ["superlu (gmres 2, superlu 1), iterations median 10, at most 30"]
    assert found["residual"] == ["median 1.00e-08, at most 2.00e-07 (sample 4)"]
