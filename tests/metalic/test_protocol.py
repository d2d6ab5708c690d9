"""The protocol on a tiny family: resumed runs end with the same bytes, policies come out of it."""

import json

import pytest

from spinn.config.metalic import MetalicConfig
from spinn.config.source import from_data
from spinn.errors import SpinnError
from spinn.metalic.learning import learn, prepared, said
from spinn.metalic.protocol import Protocol

TINY = {
    "pde": "reaction", "vary": {"rho": [1, 5]}, "domains": {"t": [0.5]}, "conditions": ["solution"], "plays": 6,
    "batch": 2, "warm_up": 2, "test": 2,
    "training": {"width": 4, "depth": 1, "rank": 2, "points": 4, "adam": 10, "lbfgs": 0},
}  # fmt: skip


def silent(done, total):
    pass


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    config, family = prepared(from_data(TINY))
    return learn(config, family, folder, resume=False, plays=silent, tests=silent)


def test_a_killed_run_goes_on_to_the_same_bytes(whole, tmp_path):
    config, family = prepared(from_data(TINY))
    Protocol(config, family, tmp_path).step()  # the process ends here
    half = json.loads((tmp_path / "state.json").read_text())
    assert len(half["first"]["plays"]["rewards"]) == 2
    with pytest.raises(SpinnError, match="--resume"):
        learn(config, family, tmp_path, resume=False, plays=silent, tests=silent)
    found = learn(config, family, tmp_path, resume=True, plays=silent, tests=silent)
    for name in ("state.json", "policy.json"):
        assert (tmp_path / name).read_bytes() == (whole.folder / name).read_bytes()
    assert found.summary["test"] == whole.summary["test"]
    assert found.summary["plays_of_this_process"] == 4


def test_other_settings_are_not_resumed(whole):
    config, family = prepared(from_data({**TINY, "plays": 8}))
    with pytest.raises(SpinnError, match="other settings: plays"):
        learn(config, family, whole.folder, resume=True, plays=silent, tests=silent)


def test_what_is_left_behind(whole):
    assert whole.summary["plays"] == 6
    assert (whole.folder / "policy.png").stat().st_size > 1000
    assert set(whole.summary["test"]) == {"policy", "all conditions", "random arm"}
    assert "2 problems are few" in whole.summary["said"]


@pytest.mark.slow
def test_an_arm_for_each_stage(tmp_path):
    training = {**TINY["training"], "lbfgs": 2}
    config, family = prepared(from_data({**TINY, "training": training, "faithful": "seq", "plays": 2, "warm_up": 1}))
    run = Protocol(config, family, tmp_path)
    run.learn(silent)
    first, second = run.state
    assert second.plays.contexts.shape == (2, 2)  # the reward of the first stage is seen
    early, late = second.plays.contexts[:, 1], second.plays.rewards
    assert first.plays.rewards == pytest.approx(0.5 * (early + 0.9 * late))
    assert len(run.tested(silent)["policy"]) == 2


def test_what_was_gained_is_said():
    tested = {"policy": [2.0, 2.1, 2.2], "all conditions": [1.0, 1.2, 1.1], "random arm": [0.0, 0.0, 0.0]}
    assert "gains +1.00 digits" in said(tested)
    assert ": better" in said(tested)
    assert "no different" in said({**tested, "all conditions": [1.0, 3.2, 2.1]})


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"vary": {"mu": [0, 1]}}, "vary: expected real parameters"),
        ({"domains": {}}, "domains: expected a cut"),
        ({"vary": {"rho": [5, 1]}}, "vary.rho"),
        ({"plas": 3}, "expected one of the keys .* did you mean 'plays'"),
        ({"training": {"steps": 3}}, "expected one of the keys width"),
        ({"pde": "wave", "vary": {"c": [1, 2]}, "ivp": 3}, "ivp"),
    ],
)
def test_mistakes_are_told(change, match):
    with pytest.raises(SpinnError, match=match):
        prepared(from_data({**TINY, **change}))


def test_a_faithful_run_plays_one_by_one(tmp_path):
    config, family = prepared(from_data({**TINY, "faithful": "single"}))
    assert isinstance(config, MetalicConfig)
    run = Protocol(config, family, tmp_path)
    assert run.lanes == 1
    assert run.stages.bandit.faithful
