"""Policies: what a file keeps, and what they refuse."""

import dataclasses
import json

import numpy as np
import pytest

from spinn.config import Config
from spinn.errors import SpinnError
from spinn.metalic.choosing import chosen
from spinn.metalic.families import FAMILIES, shipped_family
from spinn.metalic.policy import Policy
from spinn.output.progress import SilentReporter
from spinn.pdes import get
from spinn.solvers.bandits.contextual import GaussianBandit, all_arms

FAMILY = shipped_family("burgers")


@pytest.fixture(scope="module")
def policy():
    """Learned from a reward that asks for `solution` alone at small nu, and for `flux` alone at large nu."""
    arms = all_arms(len(FAMILY.conditions))
    bandit = GaussianBandit(arms, refit=80)
    state = bandit.start(1)
    rng = np.random.default_rng(0)
    wanted = {False: np.array([1.0, 0, 0, 0]), True: np.array([0.0, 0, 1, 0])}
    for context in FAMILY.drawn(160, (0,)):
        seen = FAMILY.standardised(context[None])[0]
        arm = int(rng.integers(len(arms)))
        reward = -float(np.abs(arms[arm] - wanted[bool(seen[0] > 0)]).sum())
        state = bandit.learn(state, seen, arm, reward)
    return Policy.learned(FAMILY, state, "label_free", False)


def test_takes_what_earned_most(policy):
    assert policy.conditions_for(get("burgers")(nu=0.005)) == (("solution",), [])
    assert policy.conditions_for(get("burgers")(nu=0.046)) == (("flux",), [])


def test_file_says_the_same(policy, tmp_path):
    policy.save(tmp_path / "policy.json")
    again = Policy.load(tmp_path / "policy.json")
    for context in FAMILY.drawn(8, (1,)):
        assert np.array_equal(again.arm(context), policy.arm(context))
    assert json.loads((tmp_path / "policy.json").read_text())["ranges"] == {"nu": [0.001, 0.05]}


def test_outside_of_its_range_is_a_guess(policy):
    assert "nu = 0.2 is outside of the range [0.001, 0.05]" in policy.conditions_for(get("burgers")(nu=0.2))[1][0]


def test_another_pde_is_refused(policy):
    with pytest.raises(SpinnError, match="learned for, Burgers, got Heat"):
        policy.conditions_for(get("heat")())


def test_other_fixed_parameters_are_refused(policy):
    other = dataclasses.replace(policy, parameters={"waves": 2}, pde="Advection", ranges={"beta": (1.0, 30.0)})
    with pytest.raises(SpinnError, match="expected waves = 2, with which it was learned, got 1"):
        other.conditions_for(get("advection")())


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{}", "expected a policy"),
        ("[", "expected a policy"),
        ('{"format": "spinn interface policy", "version": 9}', "expected version 1, got 9"),
        ('{"format": "spinn interface policy", "version": 1}', "damaged"),
    ],
)
def test_other_files_are_refused(text, match, tmp_path):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(SpinnError, match=match):
        Policy.load(tmp_path / "p.json")


def test_configuration_gets_the_conditions_of_the_policy(policy, tmp_path):
    policy.save(tmp_path / "policy.json")
    given = {"pde": "burgers", "domains": {"x": {"strip": [-0.1, 0.1]}}}
    config = Config.model_validate({**given, "interface": {"policy": str(tmp_path / "policy.json")}})
    found = chosen(config, get("burgers")(nu=0.046), SilentReporter())
    assert found.interface.conditions == ["flux"]
    assert found.interface.policy is None


def test_conditions_beside_a_policy_are_refused():
    with pytest.raises(ValueError, match="either conditions or a policy"):
        Config.model_validate({"pde": "burgers", "interface": {"policy": "p.json", "conditions": "cpinn"}})


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_families_of_the_table(name):
    family = shipped_family(name)
    assert family.decomposition.networks == 2
    middle = family.drawn(1, (0,))[0]
    assert np.allclose(family.context_of(family.at(middle)), middle)
    many = family.standardised(family.drawn(4000, (3,)))
    assert np.allclose(many.mean(0), 0.0, atol=0.1)
    assert np.allclose(many.std(0), 1.0, atol=0.1)


def test_parameters_that_there_are_not_are_refused():
    with pytest.raises(SpinnError, match="expected real parameters"):
        dataclasses.replace(FAMILY, ranges={"mu": (0.0, 1.0)})
