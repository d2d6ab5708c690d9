"""`evaluate`, `export`, `plot`, `compare`: what is done with a run; and `new`, which starts one."""

import json

import h5py
import numpy as np
import pytest

from spinn.cli.new import class_name
from spinn.output import read_solution
from spinn.pdes.heat import Heat


def test_evaluate_at_points(run, make_run):
    folder = make_run()
    outcome = run("evaluate", folder, "--at", "t=0.5,x=0.25", "--at", "x=0.5,t=0")
    header, first, second = outcome.out.splitlines()
    assert header == "t,x,u"
    assert [float(cell) for cell in first.split(",")] == pytest.approx(
        [0.5, 0.25, float(Heat().exact(0.5, 0.25))], rel=1e-15
    )
    assert [float(cell) for cell in second.split(",")][:2] == [0.0, 0.5]
    assert run("evaluate", folder, "--at", "t=0.5,x=0.25", "--json").json["t"] == [0.5]


def test_evaluate_a_file_of_points(run, make_run, here):
    folder = make_run()
    (here / "points.csv").write_text("name, x ,t\na,0.5,0.1\n\nb,0.25,0.2\n")
    assert run("evaluate", folder, "--points", "points.csv", "--out", "values.csv").code == 0
    values = np.genfromtxt(here / "values.csv", delimiter=",", names=True)
    np.testing.assert_allclose(values["u"], Heat().exact(np.array([0.1, 0.2]), np.array([0.5, 0.25])), rtol=1e-15)


def test_evaluate_warns_outside_of_the_domain(run, make_run):
    outcome = run("evaluate", make_run(), "--at", "t=3,x=0.5")
    assert outcome.code == 0
    assert "t lies outside [0, 1] at 1 of 1 points" in outcome.err


@pytest.mark.parametrize(
    ("point", "told"),
    [
        ("t=0.5", "got a point without x"),
        ("t=0.5,x=0,z=1", "got a point with the unknown z"),
        ("t=0.5,x=a", "expected AXIS=NUMBER,... such as t=0.5,x=0.1, got 'x=a'"),
        ("0.5,0.1", "got '0.5'"),
    ],
)
def test_evaluate_at_malformed_points(run, make_run, point, told):
    outcome = run("evaluate", make_run(), "--at", point)
    assert outcome.code == 2
    assert told in outcome.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("t,y\n1,2\n", "points.csv:1: expected columns named t, x, got t, y"),
        ("", "points.csv:1: expected columns named t, x, got an empty file"),
        ("t,x\n0,1\n0,one\n", "points.csv:3: expected a number in column x"),
        ("t,x\n0\n", "points.csv:2: expected a number in column x"),
    ],
)
def test_evaluate_malformed_files(run, make_run, here, text, told):
    (here / "points.csv").write_text(text)
    outcome = run("evaluate", make_run(), "--points", "points.csv")
    assert outcome.code == 2
    assert told in outcome.err


def test_evaluate_a_missing_file(run, make_run):
    assert "which cannot be read" in run("evaluate", make_run(), "--points", "none.csv").err


@pytest.mark.parametrize(
    "command", [("evaluate", "x", "--at", "t=1"), ("export", "x", "--format", "csv"), ("plot", "x")]
)
def test_no_run_there(run, here, command):
    outcome = run(*command)
    assert outcome.code == 2
    assert "expected the folder of a run, found none" in outcome.err
    assert list(here.iterdir()) == []


def test_export_as_it_is_saved(run, make_run, here):
    folder = make_run()
    assert run("export", folder, "--format", "csv").code == 0
    table = np.genfromtxt(folder / "solution.csv", delimiter=",", names=True)
    assert table.shape == (45,)
    np.testing.assert_allclose(table["u_error"], 1e-3, rtol=1e-9)
    assert run("export", folder, "--out", "there.npz").code == 0
    assert np.load(here / "there.npz")["u"].shape == (5, 9)


def test_export_on_another_grid_with_the_truth(run, make_run, here):
    assert run("export", make_run(), "--grid", "3,4", "--out", "there.h5").code == 0
    grid = read_solution(here / "there.h5")
    assert grid.shape == (3, 4)
    np.testing.assert_allclose(grid.error["u"], 0, atol=1e-15)
    assert "VTKHDF" in h5py.File(here / "there.h5")


def test_export_vtkhdf(run, make_run, here):
    assert run("export", make_run(), "--format", "vtkhdf", "--out", "a.data").code == 0
    assert "VTKHDF" in h5py.File(here / "a.data")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "expected --format (h5, vtkhdf, npz, csv, netcdf)"),
        (("--out", "x.doc"), "or --out with one of the suffixes"),
        (("--format", "csv", "--grid", "3"), "--grid: expected 2 numbers, one an axis (t, x), got 1"),
        (("--format", "csv", "--grid", "3,1"), "expected numbers of at least 2"),
        (("--format", "csv", "--grid", "a,b"), "expected numbers of at least 2"),
        (("--format", "h5", "--out", "runs/heat-1/solution.h5"), "this is the run's own solution"),
        (("--format", "csv", "--out", "no/such/folder/x.csv"), "the folder does not exist"),
    ],
)
def test_export_refusals(run, make_run, options, told):
    outcome = run("export", make_run(), *options)
    assert outcome.code == 2
    assert told in outcome.err


def test_plot(run, make_run, here):
    outcome = run("plot", make_run(), "--out", "figures_here")
    assert outcome.code == 0
    drawn = sorted(file.name for file in (here / "figures_here").iterdir())
    assert "loss.png" in drawn
    assert "u.png" in drawn
    assert len(outcome.out.splitlines()) == len(drawn)


def test_compare(run, make_run):
    first = make_run("heat-1", network={"rank": 4})
    second = make_run("heat-2", summary={"relative_l2": {"u": 2e-6, "all": 2e-6}}, network={"rank": 8})
    outcome = run("compare", first, second)
    assert outcome.code == 0
    assert "2e-06" in outcome.out
    assert "network.rank: 4 -> 8" in outcome.out
    data = run("compare", first, second, "--json").json
    assert [row["relative_l2"]["all"] for row in data["runs"]] == [1.5e-4, 2e-6]
    assert data["settings"][0]["differences"] == ["network.rank: 4 -> 8"]


def test_compare_needs_two_finished_runs(run, make_run):
    folder = make_run("heat-1")
    assert "expected at least two runs, got 1" in run("compare", folder).err
    outcome = run("compare", folder, make_run("heat-2", summary={}))
    assert outcome.code == 2
    assert "this run has no summary yet" in outcome.err


def test_a_broken_summary(run, make_run):
    folder = make_run("heat-1")
    (folder / "summary.json").write_text("{")
    outcome = run("show", folder)
    assert outcome.code == 2
    assert "expected a run's summary in JSON" in outcome.err


def test_new_writes_a_pde_that_is_sound(run, here):
    outcome = run("new", "heat_exchanger")
    assert outcome.code == 0
    assert "spinn check ./heat_exchanger.py:HeatExchanger" in outcome.out
    checked = run("check", "heat_exchanger.yaml", "--json")
    assert checked.code == 0
    assert any(finding["name"] == "exact solution in residual" for finding in checked.json["checks"])


def test_new_into_a_folder(run, here):
    assert run("new", "beam", "--out", "work/mine").code == 0
    assert run("check", "work/mine/beam.yaml").code == 0


def test_new_overwrites_nothing(run, here):
    (here / "beam.yaml").write_text("mine")
    outcome = run("new", "beam")
    assert outcome.code == 2
    assert "beam.yaml: this file exists already" in outcome.err
    assert (here / "beam.yaml").read_text() == "mine"
    assert not (here / "beam.py").exists()


@pytest.mark.parametrize("name", ["my-beam", "1d", "class", "_x", "a/b", "beam.py"])
def test_new_needs_a_name_that_python_can_import(run, here, name):
    outcome = run("new", name)
    assert outcome.code == 2
    assert "expected a name of letters, digits and _" in outcome.err
    assert list(here.iterdir()) == []


def test_class_names():
    assert [class_name(name) for name in ("beam", "heat_exchanger", "kdv2d")] == ["Beam", "HeatExchanger", "Kdv2d"]


def test_json_of_evaluate_is_strict(run, make_run):
    text = run("evaluate", make_run(), "--at", "t=0,x=0", "--json").out
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
