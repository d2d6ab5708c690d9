"""`--set path=value`: where paths lead, what they make on the way, and who wins."""

import pytest

from spinn.config import from_data, override, validate
from spinn.config.overrides import parse_assignment
from spinn.errors import SpinnError

BASE = {"pde": "heat", "train": [{"optimizer": "adam", "steps": 5}], "network": {"features": "fourier"}, "seed": 1}


def settings(*assignments: str, **flags: object) -> dict:
    return dict(override(from_data(BASE), assignments, flags).data)


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("network.rank=64", ("network", "rank"), 64),
        ("pde.params.nu=1e-2", ("pde", "params", "nu"), 0.01),
        ("train.0.steps=10", ("train", 0, "steps"), 10),
        ("domain.t=[0, 2]", ("domain", "t"), [0, 2]),
        ("pde=./a=b.py:C", ("pde",), "./a=b.py:C"),
        ("seed=", ("seed",), None),
    ],
)
def test_assignments(assignment, path, value):
    assert parse_assignment(assignment) == (path, value)


@pytest.mark.parametrize("assignment", ["seed", "=3", "a..b=3", ".a=3"])
def test_malformed_assignments(assignment):
    with pytest.raises(SpinnError, match=r"expected path\.to\.key=value"):
        parse_assignment(assignment)


def test_a_value_that_is_no_yaml():
    with pytest.raises(SpinnError, match="expected a YAML value after '='"):
        parse_assignment("network.rank=[1")


def test_sections_are_made_on_the_way():
    assert settings("sampling.points_per_axis.t=32")["sampling"] == {"points_per_axis": {"t": 32}}


def test_the_short_form_of_pde_grows():
    assert settings("pde.params.kappa=0.5")["pde"] == {"name": "heat", "params": {"kappa": 0.5}}


def test_one_word_gives_way_to_a_mapping():
    assert settings("network.features.x=legendre")["network"] == {"features": {"x": "legendre"}}


def test_list_entries_are_changed_and_appended():
    assert settings("train.0.steps=9")["train"] == [{"optimizer": "adam", "steps": 9}]
    longer = settings("train.1.optimizer=lbfgs", "train.1.steps=3")["train"]
    assert longer[1] == {"optimizer": "lbfgs", "steps": 3}


def test_the_base_is_left_as_it_was():
    settings("train.0.steps=9", "network.rank=3")
    assert BASE["train"] == [{"optimizer": "adam", "steps": 5}]
    assert BASE["network"] == {"features": "fourier"}


def test_precedence_is_file_then_set_then_flags():
    assert settings()["seed"] == 1
    assert settings("seed=2")["seed"] == 2
    assert settings("seed=2", "seed=3")["seed"] == 3
    assert settings("seed=2", seed=4)["seed"] == 4
    assert settings("seed=2", seed=None)["seed"] == 2


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("network.rnak=3", "there is no 'rnak' in 'network'.*did you mean 'rank'"),
        ("rank=3", "there is no 'rank' at the top.*did you mean 'network.rank'"),
        ("train.5.steps=3", "train is 1 long: expected an index of at most 1, got 5"),
        ("train.first.steps=3", "train is a list: expected an index such as train.0"),
        ("train.0.stps=3", "there is no 'stps' in 'train.0'.*did you mean 'steps'"),
        ("seed.x=3", "'seed' holds a whole number of at least 0, expected no key below it"),
    ],
)
def test_bad_paths(assignment, told):
    with pytest.raises(SpinnError, match=told) as caught:
        settings(assignment)
    assert caught.value.message.startswith(f"--set {assignment}: ")


def test_an_index_into_stages_that_the_recipe_fills():
    with pytest.raises(SpinnError, match="train is empty here"):
        override(from_data({"pde": "heat", "train": []}), ["train.1.steps=3"])


def test_a_bad_value_is_told_as_the_assignment_that_made_it():
    with pytest.raises(SpinnError, match=r"^--set network.rank=-1: network.rank: expected 'auto'"):
        validate(override(from_data(BASE), ["network.rank=-1"]))
    with pytest.raises(SpinnError, match=r"^--seed -4: seed: expected a whole number"):
        validate(override(from_data(BASE), [], {"seed": -4}))
    with pytest.raises(SpinnError, match=r"^--set train.1.steps=3: train.1.optimizer: expected one of adam"):
        validate(override(from_data(BASE), ["train.1.steps=3"]))
