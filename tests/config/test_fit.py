"""Settings that only the PDE can judge, descriptions of PDEs, and the way back from a PDE to its words."""

import pytest

from spinn.config import PdeSpec, config_from, from_data, merge, parse, to_yaml, validate
from spinn.config.describe import describe
from spinn.config.fit import check_fit, loss_names
from spinn.config.load_pde import load_pde
from spinn.config.prepare import checked, prepare
from spinn.config.spec_of import domain_of, spec_of
from spinn.config.writing import check_resumable
from spinn.errors import SpinnError
from spinn.pdes import Box
from spinn.pdes.heat import Heat
from spinn.pdes.poisson_2d import Poisson2D


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"network": {"features": {"y": "fourier"}}}, "network.features.y: expected one of the axes t, x, got 'y'"),
        ({"network": {"modes": {"y": 3}}}, "network.modes.y: expected one of the axes"),
        ({"sampling": {"points_per_axis": {"z": 3}}}, "sampling.points_per_axis.z"),
        ({"network": {"rank": [3]}}, r"network.rank: expected 2 numbers, one an axis \(t, x\), got 1"),
        ({"output": {"grid": [3, 3, 3]}}, "output.grid: expected 2 numbers, one an axis"),
        ({"loss": {"weights": {"inital_u": 3}}}, "loss.weights.inital_u: .* did you mean 'initial_u'"),
    ],
)
def test_what_does_not_fit(settings, told):
    with pytest.raises(SpinnError, match=told):
        check_fit(config_from({"pde": "heat", **settings}), Heat())


def test_time_windows_need_time():
    config = config_from({"pde": "poisson_2d", "windows": 3})
    with pytest.raises(SpinnError, match="windows: expected 1 or 'auto' for a problem without a time axis"):
        check_fit(config, Poisson2D())
    check_fit(config_from({"pde": "heat", "windows": 3}), Heat())


def test_what_fits():
    settings = {
        "network": {"features": {"x": "sine"}, "rank": [3, 4]},
        "loss": {"weights": {"initial_u": 3, "residual": 1}},
    }
    check_fit(config_from({"pde": "heat", **settings}), Heat())


def test_misfits_have_their_line_in_the_file(tmp_path):
    source = parse("pde: heat\nloss:\n  weights:\n    initial_w: 3\nnetwork: {rank: [1]}\n", tmp_path / "run.yaml")
    with pytest.raises(SpinnError) as caught:
        checked(source)
    first, second = str(caught.value).splitlines()
    assert "run.yaml:5: network.rank" in first
    assert "run.yaml:4: loss.weights.initial_w" in second


def test_loss_names():
    names = loss_names(Heat())
    assert names == ("residual", "initial_u", "dirichlet_u", "dirichlet_u_x_low", "dirichlet_u_x_high")


def test_describe():
    data = describe(Heat(kappa=0.25))
    assert data["orders"] == {"t": 1, "x": 2}
    assert data["parameters"][0] == {"name": "kappa", "value": 0.25, "type": "float", "comment": "diffusivity"}
    assert data["conditions"] == ["initial_u", "dirichlet_u"]
    assert (data["exact"], data["unknowns"]) == (True, ["u"])


def test_prepare_applies_everything(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.yaml").write_text("pde: heat\nseed: 1\n")
    prepared = prepare("run.yaml", ["pde.params.kappa=0.5", "domain.t=[0, 2]"], {"seed": 7, "device": None})
    assert prepared.config.seed == 7
    assert prepared.pde == Heat(kappa=0.5, domain=Box(t=(0, 2), x=(0, 1)))


def test_a_pde_of_the_users_own_is_found_from_anywhere_later(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "from spinn.pdes import PDE, Box\n\nclass Mine(PDE):\n    coordinates = ('x',)\n    unknowns = ('u',)\n"
        "    domain = Box(x=(0, 1))\n\n    def residual(self, u, x):\n        return u.d('x') - u\n"
    )
    (tmp_path / "run.yaml").write_text("pde: ./mine.py:Mine\n")
    config = prepare(str(tmp_path / "run.yaml")).config
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    assert type(load_pde(config.pde)).__name__ == "Mine"
    pde = load_pde(config.pde)
    assert spec_of(pde) == config.pde


def test_spec_of_leads_back_to_an_equal_pde():
    pde = Heat(kappa=0.5, mode=2, domain=Box(t=(0, 3), x=(0, 1)))
    assert spec_of(pde) == PdeSpec(name="heat", params={"kappa": 0.5, "amplitude": 0.5, "mode": 2})
    assert domain_of(pde) == {"t": (0.0, 3.0)}
    assert load_pde(spec_of(pde), domain=domain_of(pde)) == pde


def test_a_pde_in_memory_is_checked_and_named():
    pde = Heat(kappa=0.5)
    source = from_data({"pde": spec_of(pde).model_dump(), "domain": domain_of(pde)})
    config, same = checked(merge(source, {"network": {"rank": 4}, "seed": 2}), pde)
    assert same is pde
    assert (config.network.rank, config.seed, config.pde.params["kappa"]) == (4, 2, 0.5)


def test_merging_goes_key_by_key_and_leaves_its_arguments_alone():
    base = {"pde": "heat", "network": {"rank": 3, "depth": 1}, "train": [1]}
    changed = merge(from_data(base), {"network": {"rank": 5}, "train": [], "pde": {"params": {"kappa": 2}}}).data
    assert changed == {
        "pde": {"name": "heat", "params": {"kappa": 2}}, "network": {"rank": 5, "depth": 1}, "train": [],
    }  # fmt: skip
    assert base == {"pde": "heat", "network": {"rank": 3, "depth": 1}, "train": [1]}


def test_a_merged_mistake_is_not_blamed_on_the_file(tmp_path):
    source = parse("pde: heat\nnetwork: {rank: 3}\n", tmp_path / "run.yaml")
    with pytest.raises(SpinnError) as caught:
        validate(merge(source, {"network": {"rank": -3}}))
    assert str(caught.value).startswith("network.rank: expected")


def test_a_run_is_resumed_with_the_settings_it_was_made_with(tmp_path):
    made = config_from({"pde": "heat", "network": {"rank": 8}, "train": [{"optimizer": "adam", "steps": 5}]})
    saved = tmp_path / "config.yaml"
    saved.write_text(to_yaml(made))
    check_resumable(saved, made)
    check_resumable(saved, made.model_copy(update={"output": made.output.model_copy(update={"figures": False})}))
    with pytest.raises(SpinnError, match="another configuration") as caught:
        check_resumable(saved, config_from({"pde": "heat", "network": {"rank": 9}}))
    assert "network.rank: 8 -> 9" in caught.value.message
    assert caught.value.file == str(saved)
