"""`spinn solve`: how a command line becomes a call of the engine, and how the outcome is told."""

import pytest

from spinn.config import load
from spinn.pdes import Box
from spinn.pdes.heat import Heat

PDE_FILE = """\
from spinn.pdes import PDE, Box, Dirichlet, Initial


class Mine(PDE):
    coordinates = ("x",)
    unknowns = ("u",)
    domain = Box(x=(0, 1))

    def residual(self, u, x):
        return u.d("x") - u
"""


def test_everything_reaches_the_engine(run, engine, here):
    (here / "run.yaml").write_text("pde: heat\nseed: 1\ntrain: [{optimizer: adam, steps: 5}]\n")
    outcome = run(
        "solve", "run.yaml", "--set", "pde.params.kappa=0.5", "--set", "domain.t=[0, 2]", "--set", "train.0.steps=7",
        "--set", "seed=3", "--seed", "4", "--precision", "float32", "--device", "cpu", "--out", "there",
    )  # fmt: skip
    assert outcome.code == 0
    (call,) = engine.calls
    assert call.pde == Heat(kappa=0.5, domain=Box(t=(0, 2), x=(0, 1)))
    assert (call.config.seed, call.config.precision, call.config.device) == (4, "float32", "cpu")
    assert call.config.train[0].steps == 7
    assert (str(call.out), call.resume) == ("there", False)


def test_the_end_is_told_to_people(run, engine):
    outcome = run("solve", "heat", "--out", "there")
    assert "heat: ok" in outcome.out
    assert "u 1.50e-04, all 1.50e-04 (against the exact solution)" in outcome.out
    assert "compile 1.0, solve 2.0, total 3.5" in outcome.out
    assert "there" in outcome.out
    assert "chosen by the recipe" in outcome.err


def test_the_error_estimate_stands_beside_the_error(run, engine):
    engine.summary["error_estimate"] = {"relative_l2": {"u": 2.6e-10, "all": 2.6e-10}, "reliable": True, "note": ""}
    lines = run("solve", "heat").out.splitlines()
    assert lines[2].split("  ")[1:] == ["error estimate", "", " u 3e-10 (no exact solution needed)"]
    engine.summary["error_estimate"] |= {"reliable": False, "note": "it did not converge"}
    assert "u 3e-10 (not reliable: it did not converge)" in run("solve", "heat").out


def test_quiet_leaves_results_only(run, engine):
    outcome = run("solve", "heat", "--quiet")
    assert outcome.err == ""
    assert "heat: ok" in outcome.out


def test_json_is_all_of_standard_output(run, engine):
    outcome = run("solve", "heat", "--json")
    assert outcome.json["relative_l2"]["all"] == 1.5e-4
    assert outcome.json["folder"] == "runs/heat-new"
    assert "chosen by the recipe" in outcome.err


def test_unknown_truth(run, engine):
    engine.summary |= {"relative_l2": None, "truth": None, "warnings": ["rolled back once"]}
    outcome = run("solve", "heat")
    assert "not known" in outcome.out
    assert "rolled back once" in outcome.out


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("diverged", 1), ("interrupted", 130)])
def test_exit_code_is_the_status(run, engine, status, code):
    engine.summary["status"] = status
    assert run("solve", "heat", "--quiet").code == code


def test_dry_run_only_estimates(run, engine, here):
    outcome = run("solve", "heat", "--dry-run")
    assert outcome.code == 0
    assert "collocation points  4096" in outcome.out
    assert "memory              1 MB" in outcome.out
    assert "time                12 s" in outcome.out
    assert run("solve", "heat", "--dry-run", "--json").json["parameters"] == 321
    assert engine.calls == []
    assert list(here.iterdir()) == []


def test_a_class_in_a_file(run, engine, here):
    (here / "mine.py").write_text(PDE_FILE)
    assert run("solve", "./mine.py:Mine").code == 0
    assert engine.calls[0].config.pde.name == f"{here.resolve()}/mine.py:Mine"


def test_a_missing_file_with_a_pdes_name_is_told(run, engine):
    outcome = run("solve", "heat.yaml")
    assert outcome.code == 0
    assert "no ./heat.yaml here: " in outcome.err


def test_resume_finds_the_newest_unfinished_run(run, engine, make_run):
    make_run("heat-1", summary={})
    make_run("heat-2")
    assert run("solve", "heat", "--resume").code == 0
    assert str(engine.calls[0].out) == "runs/heat-1"
    assert engine.calls[0].resume


def test_resume_without_any_run(run, engine):
    outcome = run("solve", "heat", "--resume")
    assert outcome.code == 2
    assert "expected an unfinished run of heat under runs/, found none" in outcome.err
    assert engine.calls == []


def test_resume_of_a_folder_uses_its_own_settings(run, engine, make_run):
    folder = make_run("heat-1", summary={}, network={"rank": 5})
    assert run("solve", str(folder), "--resume").code == 0
    assert engine.calls[0].config == load(folder / "config.yaml")
    assert engine.calls[0].out == folder


def test_a_folder_without_resume_is_refused(run, engine, make_run):
    outcome = run("solve", str(make_run("heat-1")))
    assert outcome.code == 2
    assert "this is a run: use" in outcome.err


BAD = {
    "unknown key": ("pde: heat\nnetwork:\n  rnak: 3\n", "run.yaml:3: network.rnak: expected one of the keys"),
    "wrong type": (
        "pde: heat\nnetwork:\n  rank: many\n",
        "run.yaml:3: network.rank: expected 'auto', or 'grow', or a whole number",
    ),
    "negative rank": ("pde: heat\nnetwork: {rank: -4}\n", "run.yaml:2: network.rank: expected"),
    "domain upside down": (
        "pde: heat\ndomain:\n  x: [1, 0]\n",
        "run.yaml:3: domain.x: expected [low, high] with low < high",
    ),
    "unknown axis": ("pde: heat\ndomain:\n  y: [0, 1]\n", "run.yaml:3: domain.y: Heat has no axis 'y'"),
    "unknown parameter": (
        "pde:\n  name: heat\n  params: {kapa: 1}\n",
        "run.yaml:3: pde.params.kapa: Heat has no parameter",
    ),
    "impossible parameter": ("pde:\n  name: heat\n  params: {kappa: -1}\n", "run.yaml:3: Heat refuses these values"),
    "missing PDE file": ("pde: ./none.py:Mine\n", "run.yaml:1: pde: expected a Python file './none.py'"),
    "unknown PDE": ("seed: 1\npde: hear\n", "run.yaml:2: pde: expected one of"),
    "loss term": ("pde: heat\nloss:\n  weights: {inital_u: 1}\n", "run.yaml:3: loss.weights.inital_u"),
    "syntax": ("pde: heat\nnetwork: {rank: 3\n", "run.yaml:3: expected valid YAML"),
    "empty": ("", "run.yaml: expected at least `pde: NAME`"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings_stop_before_anything_is_written(run, engine, here, case):
    text, told = BAD[case]
    (here / "run.yaml").write_text(text)
    outcome = run("solve", "run.yaml", "--out", "there")
    assert outcome.code == 2
    assert told in outcome.err
    assert engine.calls == []
    assert sorted(file.name for file in here.iterdir()) == ["run.yaml"]


BAD_PDES = {
    "syntax error": ("class Mine(PDE):", "class Mine(PDE:", "mine.py:4: expected valid Python"),
    "wrong shape": ('return u.d("x") - u', "return [[1.0, 2.0]]", "mine.py:10: Mine.residual: expected a field"),
    "no return": ('return u.d("x") - u', 'u.d("x")', "mine.py:9: Mine.residual: expected a field"),
    "arguments": ("self, u, x", "self, u, t, x", "mine.py:9: Mine.residual: expected the arguments (self, u, x)"),
    "upside down": ("x=(0, 1)", "x=(1, 0)", "mine.py:7: "),
    "import": ("class Mine", "import no_such_module_here\nclass Mine", "mine.py:4: "),
    "class": ("class Mine", "class Yours", "there is no class 'Mine'"),
    "steady": (
        "    def residual", "    def conditions(self):\n        return [Initial('u')]\n\n    def residual",
        "mine.py:10: Mine.conditions: initial condition on 'u': the problem has no time axis",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_PDES)
def test_bad_pde_files_stop_with_their_line(run, engine, here, case):
    old, new, told = BAD_PDES[case]
    assert old in PDE_FILE
    (here / "mine.py").write_text(PDE_FILE.replace(old, new))
    (here / "run.yaml").write_text("pde: ./mine.py:Mine\n")
    outcome = run("solve", "run.yaml", "--out", "there")
    assert outcome.code == 2
    assert told in outcome.err
    assert "Traceback" not in outcome.err
    assert engine.calls == []
    assert not (here / "there").exists()
