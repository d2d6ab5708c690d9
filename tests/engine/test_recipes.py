"""Choices by what the problem is: complete, the same when made twice, the paper's where asked for."""

import pytest

from spinn.config import config_from, to_yaml
from spinn.config.source import from_data
from spinn.config.validate import validate
from spinn.config.yaml_source import load
from spinn.errors import SpinnError
from spinn.pdes import available, get
from spinn.recipes import resolve

VARIANTS = {
    "default": {},
    "paper": {"recipe": "paper"},
    "pointwise": {"network": {"kind": "pointwise"}},
    "trained": {"network": {"features": "sine", "rank": 7}},
    "ranked": {"network": {"features": "legendre", "rank": 5, "head": "cp"}},
    "bare": {"network": {"embed": False}},
}


def resolved(name, device="cpu", **sections):
    pde = get(name)()
    return resolve(config_from({"pde": name, **sections}), pde, device)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", available())
def test_choosing_twice_changes_nothing(name, variant, tmp_path):
    """What is written to config.yaml, read back and resolved, is the same plan."""
    once = resolved(name, **VARIANTS[variant])
    file = tmp_path / "config.yaml"
    file.write_text(to_yaml(once.config))
    for config in (once.config, load(file)):
        again = resolve(config, get(name)(), "cpu")
        assert again.config.model_dump() == once.config.model_dump()
        assert (again.embedding, again.features) == (once.embedding, once.features)
        assert (again.adaptive, again.reason) == (once.adaptive, once.reason)


def test_nothing_that_training_needs_is_left_open():
    config = resolved("navier_stokes_3d").config
    network = config.network
    assert "auto" not in {network.head, network.width, network.depth, network.frequency, network.trainable}
    assert "auto" not in {config.sampling.rule, config.precision, config.device}
    assert config.train


def test_features_follow_the_axis():
    assert resolved("navier_stokes_3d").features == {"t": "legendre", "x": "fourier", "y": "fourier", "z": "fourier"}
    assert resolved("heat").features == {"t": "legendre", "x": "legendre"}
    mixed = resolved("heat", network={"features": {"x": "sine"}})
    assert mixed.features == {"t": "legendre", "x": "sine"}


def test_a_fixed_basis_is_solved_by_gauss_newton_and_grown():
    plan = resolved("heat")
    assert plan.is_basis and plan.adaptive
    assert [stage.optimizer for stage in plan.config.train] == ["gauss_newton"]
    assert "modes grown" in plan.reason
    assert "conditions at the ends of t, x" in plan.reason


@pytest.mark.parametrize(
    ("name", "sections", "beginning"),
    [
        ("heat", {}, "linear, 2 axes, exact conditions: least squares on a Tucker core"),
        ("heat", {"network": {"embed": False}}, "linear, 2 axes: least squares on a Tucker core"),
        ("klein_gordon_2d", {}, "nonlinear, 3 axes, exact conditions: Gauss-Newton on a Tucker core"),
        ("poisson_10d", {}, "linear, 10 axes, exact conditions: ALS on a tensor train"),
        ("heat", {"network": {"features": "sine"}}, "linear, 2 axes"),
    ],
)
def test_one_line_says_why(name, sections, beginning):
    reason = resolved(name, **sections).reason
    assert reason.startswith(beginning) and "\n" not in reason


@pytest.mark.parametrize(
    "sections",
    [
        {"network": {"modes": 5}},
        {"network": {"rank": 5}},
        {"network": {"features": "mlp"}},
        {"network": {"head": "cp", "modes": 5}},
        {"train": [{"optimizer": "adam", "steps": 5}]},
    ],
)
def test_modes_are_grown_only_where_they_are_left_open(sections):
    plan = resolved("heat", **sections)
    assert not plan.adaptive
    assert "modes grown" not in plan.reason


def test_networks_are_trained():
    plan = resolved("heat", network={"features": "mlp"})
    assert not plan.is_basis
    assert plan.config.network.trainable is True
    assert [stage.optimizer for stage in plan.config.train] == ["polish", "levenberg_marquardt", "polish"]


def test_precision_follows_the_device():
    assert resolved("heat", "cpu").config.precision == "float64"
    assert resolved("heat", "gpu").config.precision == "mixed"
    assert resolved("heat", "gpu", precision="float32").config.precision == "float32"
    assert resolved("heat", "gpu", precision="float64").config.precision == "float64"
    assert resolved("heat", "gpu").config.device == "gpu"


def test_gradient_training_on_a_gpu_is_in_single_precision():
    """Mixed precision is for linear solves: there are none, and float64 would be slow."""
    adam = [{"optimizer": "adam", "steps": 10}]
    large = {"features": "mlp", "width": 64, "depth": 3}
    assert resolved("heat", "gpu", network=large, train=adam).config.precision == "float32"
    assert resolved("heat", "gpu", network={"kind": "pointwise"}).config.precision == "float32"
    assert resolved("heat", "cpu", network={"kind": "pointwise"}).config.precision == "float64"
    small = resolved("heat", "gpu", network={"features": "mlp"})
    assert small.config.precision == "mixed"
    assert [stage.optimizer for stage in small.config.train] == ["polish", "levenberg_marquardt", "polish"]


def test_polynomials_leave_periodicity_to_the_loss():
    """They do not hold it, so the loss must ask for it."""
    plan = resolved("advection", network={"features": "legendre"})
    assert plan.embedding.periodic == frozenset()
    assert not any(name.startswith("periodic") for name in plan.embedding.skip)
    assert resolved("advection").embedding.skip == {"periodic_u_x", "initial_u"}


def test_causal_weights_need_the_initial_condition_in_the_loss():
    assert set(resolved("heat").embedding.traces) == {"t", "x"}
    assert set(resolved("heat", loss={"causal": 1.0}).embedding.traces) == {"x"}
    assert "initial_u" not in resolved("heat", loss={"causal": 1.0}).embedding.skip


def test_trained_networks_hold_zero_values_only():
    embedding = resolved("heat", network={"features": "mlp"}).embedding
    assert not embedding.traces and embedding.vanish == {"x": (True, True)}


def test_pointwise_networks_draw_points_anew():
    plan = resolved("heat", network={"kind": "pointwise"})
    assert plan.is_pointwise
    assert (plan.config.sampling.rule, plan.config.sampling.resample_every) == ("random", 100)
    assert "point-wise network of 2 coordinates" in plan.reason


@pytest.mark.parametrize(
    ("name", "features", "depth", "rank", "points"),
    [
        ("helmholtz_3d", "modified_mlp", 4, 32, 64),
        ("klein_gordon_2d", "modified_mlp", 4, 32, 64),
        ("navier_stokes_3d", "mlp", 4, 128, 32),
    ],
)
def test_the_papers_setting(name, features, depth, rank, points):
    """4 layers of 64 (5 in four axes, where the paper counts the output layer), Adam 1e-3 for 50,000 steps."""
    plan = resolved(name, recipe="paper")
    network, sampling, (stage,) = plan.config.network, plan.config.sampling, plan.config.train
    assert set(plan.features.values()) == {features}
    assert (network.head, network.rank, network.width, network.depth) == ("cp", rank, 64, depth)
    assert (network.trainable, network.embed) == (True, False)
    assert (sampling.points_per_axis, sampling.rule, sampling.resample_every) == (points, "random", 100)
    assert (stage.optimizer, stage.steps, stage.learning_rate, stage.schedule) == ("adam", 50_000, 1e-3, "constant")
    assert plan.config.precision == "float32"
    assert plan.embedding.skip == frozenset()
    assert plan.reason.startswith("the SPINN paper's setting")


def test_the_papers_setting_can_be_changed():
    plan = resolved(
        "helmholtz_3d", recipe="paper", network={"features": "mlp", "rank": 8}, sampling={"points_per_axis": 16},
        train=[{"optimizer": "adam", "steps": 10}], precision="float64",
    )  # fmt: skip
    network = plan.config.network
    assert (network.features, network.depth, network.rank, network.head) == ("mlp", 3, 8, "cp")
    assert plan.config.sampling.points_per_axis == 16
    assert plan.config.sampling.resample_every == 100
    assert plan.config.train[0].steps == 10
    assert plan.config.precision == "float64"


def test_auto_in_a_file_means_the_papers_choice():
    given = {"rank": "auto", "head": "auto", "depth": "auto", "features": "auto", "embed": "auto"}
    plan = resolved("helmholtz_3d", recipe="paper", network=given, sampling={"points_per_axis": "auto"})
    assert plan.config.model_dump() == resolved("helmholtz_3d", recipe="paper").config.model_dump()


SENSELESS = {
    "fourier where nothing is periodic": ("heat", {"network": {"features": {"x": "fourier"}}}, "does not declare"),
    "fourier without embedding": ("advection", {"network": {"features": {"x": "fourier"}, "embed": False}}, "embed"),
    "an axis that is not there": ("heat", {"network": {"features": {"z": "mlp"}}}, "features names z"),
    "points on an axis that is not there": ("heat", {"sampling": {"points_per_axis": {"z": 5}}}, "names z"),
    "a rank too few": ("heat", {"network": {"rank": [4], "head": "tucker"}}, "one rank for each of t, x"),
    "ranks for a sum of products": ("heat", {"network": {"rank": [4, 4], "head": "cp"}}, "one rank, got"),
    "windows without time": ("poisson_2d", {"windows": 2}, "need a time axis 't'"),
    "causality without time": ("poisson_2d", {"loss": {"causal": 1.0}}, "need a time axis 't'"),
    "a basis in a point-wise network": ("heat", {"network": {"kind": "pointwise", "features": "legendre"}}, "one body"),
    "bodies in a point-wise network": (
        "heat", {"network": {"kind": "pointwise", "features": {"t": "mlp", "x": "sine"}}}, "one body of all",
    ),
    "a warm-up beyond the end": (
        "heat", {"train": [{"optimizer": "adam", "steps": 50, "schedule": "warmup_cosine", "warmup": 50}]},
        "train.0: .*warmup < 50 steps",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SENSELESS)
def test_senseless_combinations_are_refused(case):
    name, sections, told = SENSELESS[case]
    with pytest.raises(SpinnError, match=told):
        resolved(name, **sections)


def test_the_file_is_valid_by_itself():
    """A resolved configuration passes the checks that a user's file passes."""
    data = resolved("navier_stokes_3d").config.model_dump(mode="json")
    assert validate(from_data(data)).model_dump(mode="json") == data
