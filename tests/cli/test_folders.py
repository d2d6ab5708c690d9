"""Where a run may be written and which run may be continued: refused by the real engine before it trains."""

import pytest

from spinn.config import config_from, to_yaml
from spinn.pdes.heat import Heat
from spinn.recipes import resolve


def test_out_is_a_file(run, here):
    (here / "taken").write_text("mine")
    outcome = run("solve", "heat", "--out", "taken")
    assert outcome.code == 2
    assert "taken: expected a folder to write to, found a file" in outcome.err
    assert (here / "taken").read_text() == "mine"


def test_out_below_a_file(run, here):
    (here / "taken").write_text("mine")
    outcome = run("solve", "heat", "--out", "taken/run")
    assert outcome.code == 2
    assert "a part of the path is a file" in outcome.err


def test_out_holds_a_run_already(run, make_run):
    folder = make_run()
    before = sorted((file.name, file.stat().st_mtime_ns) for file in folder.iterdir() if file.is_file())
    outcome = run("solve", "heat", "--out", folder)
    assert outcome.code == 2
    assert "holds a run already" in outcome.err
    assert sorted((file.name, file.stat().st_mtime_ns) for file in folder.iterdir() if file.is_file()) == before


def test_resume_where_there_is_no_run(run, here):
    outcome = run("solve", "heat", "--resume", "--out", "nowhere")
    assert outcome.code == 2
    assert "expected the folder of a run, found none" in outcome.err
    assert not (here / "nowhere").exists()


def test_resume_of_a_run_made_with_another_configuration(run, make_run):
    folder = make_run(summary={})
    made = resolve(config_from({"pde": "heat"}), Heat()).config
    (folder / "config.yaml").write_text(to_yaml(made))
    outcome = run("solve", "heat", "--resume", "--out", folder, "--set", "network.modes=3", "--seed", "5")
    assert outcome.code == 2
    assert "this run was made with another configuration" in outcome.err
    assert "network.modes: auto -> 3" in outcome.err
    assert "seed: 0 -> 5" in outcome.err


@pytest.mark.parametrize("settings", ["windows=2", "network.features.x=fourier"])
def test_settings_that_the_recipe_refuses(run, here, settings):
    outcome = run("solve", "poisson_2d", "--set", settings, "--out", "there")
    assert outcome.code == 2
    assert "Traceback" not in outcome.err
    assert not (here / "there").exists()
