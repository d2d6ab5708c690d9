"""`spinn generate`, `spinn verify`: from words to a file and back."""

import json

import h5py
import pytest

from spinn.cli import main

PDE = '''
from spinn.pdes import PDE, Box, Dirichlet


class Screened(PDE):
    r"""Screened Poisson equation:  -Lap u + k u = 1   on the unit square, u = 0 on the boundary."""

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(0, 1), y=(0, 1))
    k: float = 1.0

    def residual(self, u, x, y):
        return -u.d("xx") - u.d("yy") + self.k * u - 1.0

    def conditions(self):
        return [Dirichlet("u")]
'''


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_family_by_name(capsys):
    code = main(["generate", "darcy_2d", "--samples", "3", "--grid", "9", "--solver", "superlu", "--json", "--quiet"])
    told = json.loads(capsys.readouterr().out)
    assert code == 0 and told["samples"] == 3 and told["file"] == "darcy_2d.h5"
    assert main(["verify", "darcy_2d.h5", "--share", "1"]) == 0
    assert "3 residuals recomputed" in capsys.readouterr().out


def test_a_file_with_a_pde_of_ones_own(here, capsys):
    (here / "screened.py").write_text(PDE)
    (here / "d.yaml").write_text("pde: ./screened.py:Screened\nvary: {k: [1, 5]}\ngrid: 9\nsamples: 2\n")
    assert main(["generate", "d.yaml", "--out", "d.h5", "--set", "seed=3"]) == 0
    with h5py.File("d.h5") as file:
        assert file.attrs["seed"] == 3 and file["inputs/k"].shape == (2,) and file["outputs/u"].shape == (2, 9, 9)
    assert main(["verify", "d.h5"]) == 0


def test_what_is_inside_is_shown_and_drawn(here, capsys):
    main(["generate", "darcy_2d", "--samples", "2", "--grid", "9", "--solver", "superlu", "--out", "d.h5", "--quiet"])
    assert main(["show", "d.h5", "--figure", "d.png", "--rows", "2"]) == 0
    told = capsys.readouterr().out
    assert "darcy_2d" in told and "superlu" in told
    assert (here / "d.png").read_bytes().startswith(b"\x89PNG")
    assert main(["show", "d.h5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fields"] == {"a": [2, 9, 9], "u": [2, 9, 9]}


@pytest.mark.parametrize(("layout", "name"), [("pdebench", "d.hdf5"), ("neuraloperator", "d.pt"), ("well", "w.hdf5")])
def test_other_layouts(here, capsys, layout, name):
    words = ["generate", "darcy_2d", "--samples", "2", "--grid", "9", "--solver", "superlu", "--format", layout]
    assert main([*words, "--out", name]) == 0
    assert [file.name for file in here.iterdir()] == [name]
    assert main([*words, "--out", "d.txt"]) == 2
    assert "end in" in capsys.readouterr().err


def test_a_fault_is_exit_code_one(capsys):
    main(["generate", "darcy_2d", "--samples", "2", "--grid", "9", "--solver", "superlu", "--out", "d.h5"])
    with h5py.File("d.h5", "r+") as file:
        file["outputs/u"][1, 4, 4] = 0.0
    assert main(["verify", "d.h5"]) == 1
    assert "sample 1: the checksum does not match" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("family: darcy_2d\ngrdi: 9\n", r"d.yaml:2: grdi: expected one of the keys .*did you mean 'grid'"),
        ("family: darcy\n", "d.yaml:1: family: expected one of advection_1d, .* got 'darcy'; did you mean"),
        ("family: darcy_2d\nsamples: 0\n", "d.yaml:2: samples: input should be greater than or equal to 1, got 0"),
        ("family: darcy_2d\ntolerance: 3.0\n", "d.yaml:2: tolerance: expected a number between 0 and 1"),
        ("family: darcy_2d\nsettings: {sorce: 2}\n", "d.yaml:2: settings: .*got 'sorce'; did you mean 'source'"),
        ("family: darcy_2d\ngrid: [9]\n", "d.yaml:2: grid: expected a grid of 2 numbers"),
        ("samples: 4\n", "expected either `family` or `pde`"),
        ("pde: heat\n", "expected `vary` beside `pde`"),
        ("pde: heat\nvary: {kapa: [1, 2]}\n", "d.yaml:2: vary: expected some of the parameters of Heat"),
    ],
)
def test_mistakes_are_told_with_their_place(here, capsys, text, told):
    (here / "d.yaml").write_text(text)
    assert main(["generate", "d.yaml"]) == 2
    message = capsys.readouterr().err
    import re

    assert re.search(told, message), message
    assert [file.name for file in here.iterdir()] == ["d.yaml"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "expected a YAML file or a family"),
        (["none.yaml"], "there is no such file"),
        (["darcy_2d", "--grid", "big"], "--grid: expected a number"),
        (["darcy_2d", "--workers", "0"], "--workers: expected at least 1"),
        (["darcy_2d", "--format", "excel"], "--format: expected one of native"),
        (["burgers_1d", "--solver", "qdldl"], "solver: burgers_1d evolves in time"),
        (["darcy_2d", "--out", "no/where.h5"], "the folder does not exist"),
    ],
)
def test_mistakes_on_the_command_line(here, capsys, arguments, told):
    assert main(["generate", *arguments]) == 2
    assert told in capsys.readouterr().err
    assert not list(here.iterdir())


def test_the_families_and_the_schema_are_listed(capsys):
    assert main(["generate", "--list"]) == 0
    assert "navier_stokes_2d" in capsys.readouterr().out
    assert main(["schema", "--dataset"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert all("description" in entry for entry in schema["properties"].values())


FEW = ("generate", "darcy_2d", "--samples", "3", "--grid", "9", "--solver", "superlu", "--out", "d.h5", "--quiet")


def test_an_output_that_exists_is_left_alone(here, capsys):
    (here / "d.h5").write_text("mine")
    assert main([*FEW]) == 2
    assert "d.h5: exists already; choose another --out, or give --overwrite" in capsys.readouterr().err
    assert (here / "d.h5").read_text() == "mine"
    assert main([*FEW, "--overwrite"]) == 0


def test_a_run_of_other_settings_is_not_resumed(here, capsys, monkeypatch):
    from spinn.data.generation.parts import Parts

    with monkeypatch.context() as patch:
        patch.setattr(Parts, "remove", lambda self: None)
        assert main([*FEW]) == 0
    (here / "d.h5").unlink()
    assert main([*FEW]) == 2
    assert "continue it with --resume, or start anew with --overwrite" in capsys.readouterr().err
    assert main([*FEW, "--resume", "--seed", "7"]) == 2
    told = capsys.readouterr().err
    assert "was begun with other settings:\n  seed: 0 there, 7 here" in told and not (here / "d.h5").exists()
    assert main([*FEW, "--resume"]) == 0


def test_a_second_run_at_the_same_file_is_refused(capsys):
    from pathlib import Path

    from spinn.files.lock import locked

    with locked(Path(".d.h5.lock")):
        assert main([*FEW]) == 2
    assert "another process" in capsys.readouterr().err


def test_many_systems_at_once(capsys):
    words = [*FEW[:6], "--set", "solver=batched-poisson-cg", "--out", "d.h5", "--json", "--quiet"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["solver"] == "batched-poisson-cg"
    with h5py.File("d.h5") as file:
        assert file.attrs["solver"] == "batched-poisson-cg" and list(file.attrs["methods"]) == ["batched_cg"]
        assert json.loads(file.attrs["config"])["solver"] == "batched-poisson-cg"
    assert main(["verify", "d.h5", "--share", "1"]) == 0


def test_a_solver_that_does_not_suit_is_told_with_its_place(here, capsys):
    (here / "d.yaml").write_text("family: helmholtz_2d\ngrid: 9\nsolver: batched-poisson-cg\n")
    assert main(["generate", "d.yaml"]) == 2
    told = capsys.readouterr().err
    assert "d.yaml:3: solver: batched-poisson-cg is for stencils on a box" in told and "batched-gcrodr" in told
    assert [file.name for file in here.iterdir()] == ["d.yaml"]


def test_solvers_are_named_in_the_help_and_the_schema(capsys):
    from spinn.solvers import BATCHED

    assert main(["generate", "--help"]) == 0
    told = capsys.readouterr().out
    assert main(["schema", "--dataset"]) == 0
    schema = json.loads(capsys.readouterr().out)["properties"]["solver"]["description"]
    assert all(name in told and name in schema for name in BATCHED)
