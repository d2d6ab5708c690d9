"""From a name or ./file.py:Class, parameters and domain to a PDE; every way in which a user's file can be wrong."""

import textwrap
from pathlib import Path

import pytest

from spinn.config import PdeSpec, parse, validate
from spinn.config.load_pde import load_pde, located
from spinn.errors import SpinnError
from spinn.pdes import Box
from spinn.pdes.heat import Heat

SOURCE = """\
from spinn.pdes import PDE, Box, Dirichlet, Initial


class Beam(PDE):
    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(0, 2))
    stiffness: float = 1.0
    modes: int = 2
    kind: str = "steel"
    loads: tuple[float, ...] = ()
    clamped: bool = True

    def residual(self, u, t, x):
        return u.d("tt") + self.stiffness * u.d("xxxx")

    def validate(self):
        if self.stiffness < 0:
            raise ValueError("stiffness must not be negative")


class Helper:
    pass
"""


@pytest.fixture
def user_file(tmp_path):
    """A PDE file in a folder of its own; the function replaces its text."""
    file = tmp_path / "beam.py"

    def written(text: str = SOURCE) -> Path:
        file.write_text(textwrap.dedent(text))
        return file

    written()
    return written


def fails(spec: PdeSpec, base: Path, **settings) -> SpinnError:
    with pytest.raises(SpinnError) as caught:
        load_pde(spec, base, **settings)
    return caught.value


def test_by_name():
    pde = load_pde(PdeSpec(name="heat", params={"kappa": 2}), domain={"t": (0.0, 3.0)})
    assert isinstance(pde, Heat)
    assert (pde.kappa, pde.domain["t"], pde.domain["x"]) == (2.0, (0.0, 3.0), (0.0, 1.0))


def test_by_file_and_class(user_file):
    base = user_file().parent
    pde = load_pde(PdeSpec(name="./beam.py:Beam", params={"stiffness": 3, "loads": [1, 2.5], "modes": 4.0}), base)
    assert type(pde).__name__ == "Beam"
    assert pde.parameters == {"stiffness": 3.0, "modes": 4, "kind": "steel", "loads": (1, 2.5), "clamped": True}
    assert isinstance(pde.parameters["modes"], int)
    hash(pde)


def test_the_only_class_needs_no_name(user_file):
    assert type(load_pde(PdeSpec(name="beam.py"), user_file().parent)).__name__ == "Beam"


def test_the_current_folder_is_tried_after_the_files_own(user_file, tmp_path, monkeypatch):
    monkeypatch.chdir(user_file().parent)
    (tmp_path / "elsewhere").mkdir()
    assert type(load_pde(PdeSpec(name="./beam.py:Beam"), tmp_path / "elsewhere")).__name__ == "Beam"


def test_a_file_is_read_anew_each_time(user_file):
    base = user_file().parent
    load_pde(PdeSpec(name="beam.py:Beam"), base)
    user_file(SOURCE.replace("x=(0, 2)", "x=(0, 5)"))
    assert load_pde(PdeSpec(name="beam.py:Beam"), base).domain["x"] == (0.0, 5.0)


def test_neighbours_can_be_imported(user_file):
    file = user_file("from neighbour_of_beam import WIDTH\n" + SOURCE.replace("x=(0, 2)", "x=(0, WIDTH)"))
    (file.parent / "neighbour_of_beam.py").write_text("WIDTH = 7\n")
    assert load_pde(PdeSpec(name="beam.py:Beam"), file.parent).domain["x"] == (0.0, 7.0)


def test_located_survives_a_change_of_folder(user_file, tmp_path):
    spec = located(PdeSpec(name="./beam.py:Beam", params={"modes": 3}), user_file().parent)
    assert load_pde(spec, Path("/")).parameters["modes"] == 3
    assert located(PdeSpec(name="heat"), tmp_path) == PdeSpec(name="heat")


def test_unknown_name(tmp_path, monkeypatch):
    assert "did you mean 'helmholtz_3d'" in fails(PdeSpec(name="helmholz_3d"), tmp_path).message
    (tmp_path / "beam.py").write_text("")
    monkeypatch.chdir(tmp_path)
    assert "write ./beam.py:ClassName" in fails(PdeSpec(name="beam"), tmp_path).message


def test_missing_file(tmp_path):
    error = fails(PdeSpec(name="./none.py:Beam"), tmp_path)
    assert "expected a Python file './none.py', found none in" in error.message
    assert str(tmp_path) in error.message


def test_missing_class(user_file):
    message = fails(PdeSpec(name="./beam.py:Bem"), user_file().parent).message
    assert "there is no class 'Bem'" in message
    assert "did you mean 'Beam'?" in message


def test_a_class_that_is_no_pde(user_file):
    message = fails(PdeSpec(name="./beam.py:Helper"), user_file().parent).message
    assert "got a class that does not derive from spinn.pdes.PDE; PDE classes there: Beam" in message
    assert "expected 'Box'" in fails(PdeSpec(name="./beam.py:Box"), user_file().parent).message


def test_syntax_error(user_file):
    file = user_file("x = 1\n\nclass Beam(PDE:\n    pass\n")
    error = fails(PdeSpec(name="./beam.py:Beam"), file.parent)
    assert (error.file, error.line) == (str(file), 3)
    assert "expected valid Python, got a mistake: invalid syntax in `class Beam(PDE:`" in error.message


def test_failure_while_importing_is_told_at_the_users_line(user_file):
    file = user_file("import math\n\ndef f():\n    return math.sqrt(-1)\n\nf()\n")
    error = fails(PdeSpec(name="./beam.py:Beam"), file.parent)
    assert (error.file, error.line) == (str(file), 4)
    assert "ValueError" in error.message


def test_missing_module(user_file):
    error = fails(PdeSpec(name="./beam.py:Beam"), user_file("\nimport no_such_module_at_all\n").parent)
    assert error.line == 2
    assert "ModuleNotFoundError" in error.message


def test_domain_upside_down_in_the_file(user_file):
    error = fails(PdeSpec(name="./beam.py:Beam"), user_file(SOURCE.replace("x=(0, 2)", "x=(2, 0)")).parent)
    assert error.line == 7
    assert "domain of x: expected low < high, both finite, got [2, 0]" in error.message


def test_no_domain(user_file):
    text = SOURCE.replace("    domain = Box(t=(0, 1), x=(0, 2))\n", "")
    error = fails(PdeSpec(name="./beam.py:Beam"), user_file(text).parent)
    assert "Beam: expected `domain = Box(t=(0, 1), x=(0, 1))` in the class, got none" in error.message
    assert error.line == 4


def test_no_residual(user_file):
    error = fails(PdeSpec(name="./beam.py:Beam"), user_file(SOURCE.replace("def residual", "def resdual")).parent)
    assert "Beam: expected a method `residual(self, u, t, x)`, got none" in error.message


def test_domain_with_other_axes(user_file):
    error = fails(PdeSpec(name="./beam.py:Beam"), user_file(SOURCE.replace("x=(0, 2)", "y=(0, 2)")).parent)
    assert "the domain must have the axes t, x in this order, got t, y" in error.message


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"stifness": 1}, "Beam has no parameter 'stifness'; did you mean 'stiffness'? it has: stiffness, modes"),
        ({"stiffness": "big"}, "pde.params.stiffness: expected a number, got the text 'big'"),
        ({"stiffness": True}, "expected a number, got true"),
        ({"modes": 2.5}, "pde.params.modes: expected a whole number, got 2.5"),
        ({"kind": 3}, "pde.params.kind: expected a text, got 3"),
        ({"loads": 3}, "pde.params.loads: expected a list, got 3"),
        ({"clamped": 1}, "pde.params.clamped: expected true or false, got 1"),
        ({"stiffness": -1}, "Beam refuses these values: stiffness must not be negative"),
        ({"domain": 3}, "Beam has no parameter 'domain'"),
    ],
)
def test_parameters(user_file, params, told):
    assert told in fails(PdeSpec(name="./beam.py:Beam", params=params), user_file().parent).message


def test_unknown_axis_in_domain(tmp_path):
    message = fails(PdeSpec(name="heat"), tmp_path, domain={"z": (0.0, 1.0)}).message
    assert message == "domain.z: Heat has no axis 'z'; its axes are t, x"


def test_mistakes_are_told_at_the_line_of_the_yaml_file(user_file):
    text = "pde:\n  name: ./beam.py:Beam\n  params:\n    stifness: 3\ndomain:\n  z: [0, 1]\n"
    source = parse(text, user_file().parent / "run.yaml")
    config = validate(source)
    error = fails(config.pde, source.base, places=source.places)
    assert (Path(str(error.file)).name, error.line) == ("run.yaml", 4)
    no_params = config.pde.model_copy(update={"params": {}})
    assert fails(no_params, source.base, domain=config.domain, places=source.places).line == 6


def test_box_is_untouched_where_nothing_is_overridden(user_file):
    assert load_pde(PdeSpec(name="beam.py:Beam"), user_file().parent).domain == Box(t=(0, 1), x=(0, 2))
