"""`list`, `show`, `check`, `doctor`: looking without solving."""

import sys

import pytest

from spinn.cli import _examination
from spinn.cli._examination import Finding, examination
from spinn.pdes import available

WRONG = """\
from spinn.pdes import PDE, Box, Initial, exp


class Decay(PDE):
    coordinates = ("t",)
    unknowns = ("u",)
    domain = Box(t=(0, 1))
    rate: float = 2.0  # how fast

    def residual(self, u, t):
        return u.d("t") + self.rate * u

    def conditions(self):
        return [Initial("u", value=1.0)]

    def exact(self, t):
        return exp(-2.0 * t)
"""


def test_list_has_every_pde_with_its_equation(run):
    rows = run("list", "pdes", "--json").json["pdes"]
    assert tuple(row["name"] for row in rows) == available()
    assert all("=" in row["summary"] for row in rows)
    assert "Heat equation: u_t = kappa u_xx" in run("list").out


def test_list_has_runs(run, make_run):
    assert "no runs yet" in run("list", "runs").out
    make_run("heat-1")
    make_run("heat-2", summary={})
    rows = run("list", "runs", "--json").json["runs"]
    assert [(row["folder"], row["status"]) for row in rows] == [("runs/heat-1", "ok"), ("runs/heat-2", "unfinished")]
    assert rows[0]["relative_l2"] == 1.5e-4
    assert "0.00015" in run("list", "runs").out


def test_list_leaves_broken_runs_out(run, make_run):
    (make_run("heat-1") / "summary.json").write_text("{")
    assert run("list", "runs", "--json").json["runs"] == []


def test_show_a_pde(run):
    outcome = run("show", "heat", "--set", "pde.params.kappa=0.25")
    assert outcome.code == 0
    for text in (
        "u_t = kappa u_xx",
        "t in [0, 1], x in [0, 1]",
        "1 in t, 2 in x",
        "exact solution",
        "diffusivity",
        "0.25",
    ):
        assert text in outcome.out
    assert run("show", "heat", "--json").json["orders"] == {"t": 1, "x": 2}


def test_show_a_configuration_resolved(run, here):
    (here / "run.yaml").write_text("pde: heat\nnetwork: {width: 77}\n")
    outcome = run("show", "run.yaml", "--set", "recipe=paper", "--json")
    assert outcome.code == 0
    assert outcome.json["network"]["width"] == 77
    assert outcome.json["train"][0]["optimizer"] == "adam"
    assert "# the SPINN paper's setting" in run("show", "run.yaml", "--set", "recipe=paper").out


def test_show_a_run(run, make_run):
    outcome = run("show", str(make_run()))
    assert "u 0.00015, all 0.00015" in outcome.out
    assert run("show", "runs/heat-1", "--json").json["parameters"] == 321


def test_show_nothing(run):
    outcome = run("show", "het")
    assert outcome.code == 2
    assert "did you mean 'heat'" in outcome.err


def test_check_a_sound_pde(run):
    outcome = run("check", "heat", "--json")
    assert outcome.code == 0
    names = [finding["name"] for finding in outcome.json["checks"]]
    assert outcome.json["passed"]
    assert {"definition", "initial conditions", "exact solution in residual", "exact solution in initial_u"} <= set(
        names
    )


def test_check_finds_an_exact_solution_that_is_none(run, here):
    (here / "decay.py").write_text(WRONG)
    assert run("check", "./decay.py:Decay").code == 0
    outcome = run("check", "./decay.py:Decay", "--set", "pde.params.rate=3")
    assert outcome.code == 2
    assert "FAIL  exact solution in residual" in outcome.out
    assert "ok    exact solution in initial_u" in outcome.out


def test_check_misses_an_initial_condition(run, here):
    (here / "decay.py").write_text(WRONG.replace('[Initial("u", value=1.0)]', "[]"))
    outcome = run("check", "./decay.py:Decay")
    assert outcome.code == 2
    assert "0 for time derivatives up to order 1" in outcome.out


def test_check_without_exact_solution(run, here):
    (here / "decay.py").write_text(WRONG.partition("    def exact")[0])
    outcome = run("check", "./decay.py:Decay")
    assert outcome.code == 0
    assert "none is given, so nothing to compare" in outcome.out


def test_check_a_yaml_file(run, here):
    (here / "decay.py").write_text(WRONG)
    (here / "run.yaml").write_text("pde: ./decay.py:Decay\n")
    assert "settings" in run("check", "run.yaml").out
    (here / "run.yaml").write_text("pde: ./decay.py:Decay\nnetwork: {rank: 0}\n")
    outcome = run("check", "run.yaml")
    assert outcome.code == 2
    assert "run.yaml:2: network.rank" in outcome.err


@pytest.mark.skipif(sys.platform == "win32", reason="folder permissions")
def test_doctor_on_a_machine_that_runs_these_tests(run):
    outcome = run("doctor", "--json")
    findings = {finding["name"]: finding for finding in outcome.json["findings"]}
    assert findings["double precision"]["good"]
    assert "jax" in findings["packages"]["detail"]
    assert {"devices", "matrix product", "cache folder", "disk", "threads", "optional"} <= set(findings)


def test_doctor_fails_on_what_is_essential(run, monkeypatch):
    found = [Finding("python", True, "3"), Finding("packages", False, "missing: jax", "pip install jax")]
    monkeypatch.setattr("spinn.cli.doctor.examination", lambda: found)
    outcome = run("doctor")
    assert outcome.code == 1
    assert "FAIL  packages" in outcome.out
    assert "-> pip install jax" in outcome.out
    found[1] = found[1]._replace(essential=False)
    assert run("doctor").code == 0


def test_an_examination_that_breaks_is_a_finding(monkeypatch):
    def broken() -> Finding:
        raise RuntimeError("no device")

    monkeypatch.setattr(_examination, "devices", broken)
    findings = [finding for finding in examination() if "no device" in finding.detail]
    assert len(findings) == 1
    assert findings[0].broken


def test_rounded_matrix_products_are_noticed(monkeypatch):
    import jax.numpy as jnp

    exact = jnp.matmul
    monkeypatch.setattr(
        jnp, "matmul", lambda a, b: exact(a.astype(jnp.bfloat16), b.astype(jnp.bfloat16)).astype(jnp.float32)
    )
    assert not _examination.matrix_product(64).good
    monkeypatch.setattr(jnp, "matmul", exact)
    assert _examination.matrix_product(64).good


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    assert not _examination._writable(tmp_path / "file" / "below")
    assert _examination._writable(tmp_path / "new")
