"""The shape of the configuration: defaults, what is accepted, what is refused, and that the schema teaches."""

import pydantic
import pytest

from spinn.config import Config, PdeSpec, Stage, config_from, schema
from spinn.errors import SpinnError


def test_a_name_is_enough():
    config = Config.model_validate({"pde": "heat"})
    assert config.pde == PdeSpec(name="heat", params={})
    assert config.network.rank == "auto"
    assert config.train == []
    assert (config.seed, config.precision, config.device, config.recipe) == (0, "auto", "auto", "default")


def test_every_section_at_once():
    config = config_from(
        {
            "pde": {"name": "heat", "params": {"kappa": 0.2}},
            "domain": {"t": [0, 2]},
            "network": {
                "features": {"t": "legendre", "x": "fourier"},
                "head": "tucker",
                "rank": [8, 16],
                "embed": True,
            },
            "sampling": {"points_per_axis": {"t": 32, "x": 64}, "rule": "gauss", "slabs": 4},
            "loss": {"weights": {"initial_u": 10}, "weighting": "gradient_norm", "causal": 1.5, "norm": "qr"},
            "windows": 4,
            "train": [{"optimizer": "adam", "steps": 100}, {"optimizer": "gauss_newton", "tolerance": 1e-9}],
            "output": {"grid": [21, 64], "figures": False},
            "checkpoint": {"every_seconds": 5, "keep": 1},
            "seed": 3,
            "precision": "float64",
        }
    )
    assert config.domain == {"t": (0.0, 2.0)}
    assert config.network.rank == [8, 16]
    assert config.train[1].tolerance == 1e-9
    assert config.output.grid == [21, 64]


def test_frozen():
    config = Config.model_validate({"pde": "heat"})
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        config.seed = 4  # type: ignore[misc]  # that it fails is the point


@pytest.mark.parametrize("section", ["network", "sampling", "loss", "train", "output", "checkpoint", "domain", "seed"])
def test_a_key_with_nothing_under_it_means_its_default(section):
    assert config_from({"pde": "heat", section: None}) == config_from({"pde": "heat"})


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"network": {"rank": -1}}, "network.rank: expected 'auto', or 'grow', or a whole number of at least 1"),
        ({"network": {"rank": 0}}, "got 0"),
        ({"network": {"rank": 2.5}}, "network.rank: expected"),
        ({"network": {"rank": True}}, "got true"),
        ({"network": {"rank": "64"}}, "write the number without quotes"),
        ({"network": {"rank": [8, -1]}}, "network.rank.1: expected a whole number of at least 1, got -1"),
        ({"network": {"features": {"x": "fourir"}}}, "did you mean 'fourier'"),
        ({"network": {"frequency": 0.0}}, "a number above 0"),
        ({"network": {"embed": 1}}, "true or false, got 1"),
        ({"network": 5}, "network: expected a mapping with keys from kind"),
        ({"sampling": {"points_per_axis": 1}}, "at least 2"),
        ({"sampling": {"resample_every": -1}}, "sampling.resample_every: expected a whole number of at least 0"),
        ({"domain": {"x": [1, -1]}}, "domain.x: expected [low, high] with low < high, got [1, -1]"),
        ({"domain": {"x": [1, 1]}}, "low < high"),
        ({"domain": {"x": [0, 1, 2]}}, "domain.x: expected two numbers [low, high]"),
        ({"domain": {"x": 3}}, "domain.x: expected two numbers [low, high] with low < high, got 3"),
        ({"domain": {"x": [0, float("inf")]}}, "domain.x"),
        ({"loss": {"weights": {"residual": -1}}}, "loss.weights.residual: expected a number of at least 0"),
        ({"loss": {"causal": "off"}}, "loss.causal: expected a number of at least 0, got the text 'off'"),
        ({"windows": 0}, "windows: expected 'auto', or a whole number of at least 1"),
        ({"train": {"optimizer": "adam"}}, "train: expected a list"),
        ({"train": [{"steps": 5}]}, "train.0.optimizer: expected one of adam"),
        ({"train": [{"optimizer": "adm", "steps": 5}]}, "did you mean 'adam'"),
        ({"train": [{"optimizer": "adam"}]}, "train.0: expected at least one of steps, seconds or tolerance"),
        ({"output": {"grid": [64, 1]}}, "output.grid.1"),
        ({"seed": -2}, "seed: expected a whole number of at least 0, got -2"),
        ({"precision": "float16"}, "precision: expected one of auto, float32, float64, mixed"),
        ({"recipe": "papr"}, "did you mean 'paper'"),
        ({"network": {"rnak": 3}}, "network.rnak: expected one of the keys kind"),
        ({"rank": 3}, "did you mean 'network.rank'?"),
        ({"network": {"seed": 3}}, "'seed' belongs at the top level"),
        ({"pde": {"name": "heat", "parms": {}}}, "did you mean 'params'?"),
        ({"pde": 3}, "pde: expected a name, or a mapping"),
    ],
)
def test_what_is_refused_says_path_and_remedy(settings, told):
    with pytest.raises(SpinnError) as caught:
        config_from({"pde": "heat", **settings})
    assert told in caught.value.message
    assert "\n" not in caught.value.message  # one mistake, one line


def test_no_pde():
    with pytest.raises(SpinnError, match=r"pde: expected a name.* got nothing; this key is needed"):
        config_from({"seed": 1})


def test_all_mistakes_are_told_at_once():
    with pytest.raises(SpinnError) as caught:
        config_from({"pde": "heat", "seed": -1, "network": {"rank": 0, "wdth": 3}})
    assert len(caught.value.message.splitlines()) == 3


def test_whole_floats_count_as_whole_numbers():
    stage = config_from({"pde": "heat", "train": [{"optimizer": "adam", "steps": 1e4}]}).train[0]
    assert stage.steps == 10000
    assert isinstance(stage.steps, int)


def test_every_field_of_the_schema_has_a_description():
    document = schema()
    sections = [document, *document["$defs"].values()]
    missing = [
        f"{section['title']}.{name}"
        for section in sections
        for name, field in section.get("properties", {}).items()
        if len(field.get("description", "")) < 10
    ]
    assert missing == []
    assert len(sections) > 7


def test_schema_agrees_with_the_model_on_an_unknown_key():
    assert schema()["additionalProperties"] is False
    assert {"type": "string"} in schema()["$defs"]["PdeSpec"]["anyOf"]


def test_a_stage_in_python():
    assert Stage(optimizer="soap", seconds=3.0).learning_rate == "auto"
