"""What the argument of `spinn solve` means."""

import importlib
import re
from pathlib import Path

import pytest

from spinn.config import find, source_of
from spinn.config.shipped import entries_in, pde_entries, pde_names
from spinn.errors import SpinnError
from spinn.pdes import available, get


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder, and one shipped example called heat."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "heat.yaml").write_text("pde: heat\nseed: 9\n")
    module = importlib.import_module("spinn.config.find")  # `spinn.config.find` itself is the function in it
    monkeypatch.setattr(module, "examples", lambda: {"heat": shipped / "heat.yaml"})
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_an_existing_file_wins(here):
    (here / "heat.yaml").write_text("pde: wave\n")
    found = find("heat.yaml")
    assert (found.file, found.note) == (Path("heat.yaml"), None)
    assert source_of(find("heat")).data == {"pde": "wave"}  # with .yaml added


def test_a_shipped_example_and_that_it_is_one(here):
    found = find("heat.yaml")
    assert found.note == "no ./heat.yaml here: using the example that ships with spinn"
    assert source_of(found).data["seed"] == 9
    assert find("heat").note == "using the example that ships with spinn"


def test_a_pde_without_example(here):
    found = find("wave")
    assert found == (None, "wave", None)
    assert source_of(found).data == {"pde": "wave"}
    assert "no ./wave.yaml here: solving wave by the default recipe" in str(find("wave.yaml").note)


def test_a_class_in_a_file(here):
    assert source_of(find("./my_pde.py:Beam")).data == {"pde": "./my_pde.py:Beam"}


def test_nearest_names(here):
    (here / "mine.yaml").write_text("pde: heat\n")
    with pytest.raises(SpinnError, match="got 'heta', which is none; did you mean heat"):
        find("heta")
    with pytest.raises(SpinnError, match="did you mean mine"):
        find("min.yaml")


def test_a_path_to_nowhere_is_not_taken_for_an_example(here):
    with pytest.raises(SpinnError, match=re.escape("`spinn solve heat` runs the one that ships")):
        find("configs/heat.yaml")


def test_a_folder(here):
    (here / "runs").mkdir()
    with pytest.raises(SpinnError, match="got the folder runs"):
        find("runs")


def test_listing_without_import_agrees_with_the_registry():
    assert pde_names() == available()
    for entry in pde_entries():
        cls = get(entry.name)
        assert (entry.cls, entry.coordinates) == (cls.__name__, cls.coordinates)
        assert " ".join(cls.describe().split()) == entry.summary


def test_classes_without_coordinates_are_no_pdes(tmp_path):
    file = tmp_path / "m.py"
    file.write_text(
        "class A:\n    x = 1\n\nclass B(A):\n    '''An equation.\n\n    More.'''\n    coordinates = ('x',)\n"
    )
    assert [(entry.cls, entry.summary) for entry in entries_in(file)] == [("B", "An equation.")]
