"""Evolving families: exact solutions, conservation, two integrators, and the check of stored trajectories."""

import dataclasses
import pickle

import numpy as np
import pytest

from spinn.data import Advection1D, Burgers1D, Heat2D, NavierStokes2D, ReactionDiffusion1D, from_pde, generator
from spinn.pdes._spectral_flow import torus_flow
from spinn.pdes.heat import Heat

FAMILIES = [
    Advection1D(grid=(192,), frames=4),
    Burgers1D(grid=(128,), frames=4),
    ReactionDiffusion1D(grid=(128,), frames=4),
    NavierStokes2D(grid=(32, 32), frames=4, end=1.5, nu=5e-3),
]
CACHE: dict = {}


def trajectory(family):
    """Computed once a session."""
    if family.name not in CACHE:
        parameters = family.parameters(0, 1)
        CACHE[family.name] = parameters, *family.trajectory(parameters)
    return CACHE[family.name]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_trajectory_passes_and_a_wrong_one_does_not(family) -> None:
    parameters, times, fields = trajectory(family)
    (name,) = family.outputs
    assert fields[name].shape == (4, *family.grid)
    assert np.array_equal(times, np.linspace(*family.span, 4))
    assert family.residual(parameters, fields) < 10 * family.tolerance
    wrong = fields[name].copy()
    wrong[2] *= 1.001
    assert family.residual(parameters, {**fields, name: wrong}) > 5e-4
    late = fields[name].copy()
    late[0] = late[1]
    assert family.residual(parameters, {**fields, name: late}) > 1e-3


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_families_travel_between_processes(family) -> None:
    """Compiled programs stay behind; samples are the same."""
    trajectory(family)
    again = pickle.loads(pickle.dumps(family))
    assert again == family
    one, other = family.parameters(3, 7), again.parameters(3, 7)
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_advection_moves_the_profile() -> None:
    family = FAMILIES[0]
    parameters, times, fields = trajectory(family)
    grid = family.evolution.grid
    moved = (grid.nodes[0] - parameters["beta"] * times[-1]) % 1.0
    exact = family.profile.sample(generator(0, 1, "u0"), grid.intervals, (moved,))
    assert np.abs(fields["u"][-1] - exact).max() < 1e-11


@pytest.mark.parametrize("family", FAMILIES[:2], ids=lambda family: family.name)
def test_the_mean_is_conserved(family) -> None:
    _, _, fields = trajectory(family)
    means = fields["u"].mean(axis=1)
    assert np.ptp(means) < 1e-12 * np.abs(fields["u"]).max()


@pytest.mark.parametrize("cls", [Burgers1D, ReactionDiffusion1D])
def test_two_integrators_agree(cls) -> None:
    one = cls(grid=(64,), frames=2)
    other = dataclasses.replace(one, integrator="explicit", tolerance=1e-9)
    parameters = one.parameters(0, 0)
    u, v = (family.trajectory(parameters)[1]["u"] for family in (one, other))
    assert np.abs(u - v).max() < 1e-6 * np.abs(u).max()


@pytest.mark.parametrize("cls", [Burgers1D, ReactionDiffusion1D])
def test_the_error_falls_faster_than_any_power(cls) -> None:
    """Against 256 nodes: from 64 to 128 nodes the error falls by more than 4th order would give."""
    fine = cls(grid=(256,), frames=2)
    exact = fine.trajectory(fine.parameters(0, 0))[1]["u"][-1]
    errors = []
    for points in (64, 128):
        family = dataclasses.replace(fine, grid=(points,))
        errors.append(
            float(np.abs(family.trajectory(family.parameters(0, 0))[1]["u"][-1] - exact[:: 256 // points]).max())
        )
    assert errors[1] < errors[0] / 16 or errors[1] < 1e-7, errors
    assert errors[1] < 1e-3, errors


def test_densities_stay_between_zero_and_one_and_grow() -> None:
    _, _, fields = trajectory(FAMILIES[2])
    assert fields["u"].min() > 0 and fields["u"].max() < 1
    assert np.all(np.diff(fields["u"].mean(axis=1)) > 0)


def test_heat_of_one_mode_decays_at_its_discrete_rate() -> None:
    """Constant a: sin(pi x) sin(2 pi y) is an eigenvector of the five-point Laplacian."""
    family = Heat2D(grid=(13, 17), frames=2)
    X, Y = np.meshgrid(*family.axes.values(), indexing="ij")
    mode = np.sin(np.pi * X) * np.sin(2 * np.pi * Y)
    parameters = {"a": np.full(family.grid, 0.05), "u0": mode}
    times, fields = family.trajectory(parameters)
    rate = 0.05 * (4 * 12**2 * np.sin(np.pi / 24) ** 2 + 4 * 16**2 * np.sin(2 * np.pi / 32) ** 2)
    assert np.allclose(fields["u"], np.exp(-rate * times)[:, None, None] * mode, atol=1e-7)
    assert family.residual(parameters, fields) < 1e-7
    varied = family.parameters(0, 0)
    _, fields = family.trajectory(varied)
    assert np.all(np.diff(np.linalg.norm(fields["u"].reshape(2, -1), axis=1)) < 0)
    assert fields["u"][-1].max() <= fields["u"][0].max() and fields["u"][-1].min() >= fields["u"][0].min()


def test_forced_flow_agrees_with_another_integrator() -> None:
    """Without force: the reference solver of the shipped PDE, an explicit method of order 8."""
    family = NavierStokes2D(grid=(24, 24), frames=2, end=0.5, nu=1e-2, amplitude=0.0, tolerance=1e-9)
    parameters = {"w0": 30 * family.parameters(0, 0)["w0"]}
    start = family.initial(parameters)
    reference = torus_flow(1e-2, lambda x, y: start, {"t": (0.0, 0.5), "x": (0.0, 1.0), "y": (0.0, 1.0)}, 24, 5, 1e-10)
    ours = family.trajectory(parameters)[1]["w"][-1]
    assert np.abs(ours - reference.values["vorticity"][-1]).max() < 1e-7 * np.abs(ours).max()
    assert np.abs(ours - start).max() > 0.1 * np.abs(ours).max()


def test_forced_flow_of_one_wave_is_known() -> None:
    """w = b(t) (sin + cos)(2 pi (x + y)): no transport, b' = amplitude - 8 pi^2 nu b."""
    family = NavierStokes2D(grid=(16, 16), frames=3, end=2.0, nu=1e-2, tolerance=1e-10)
    times, fields = family.trajectory({"w0": np.zeros((16, 16))})
    rate = 8 * np.pi**2 * 1e-2
    b = 0.1 / rate * (1 - np.exp(-rate * times))
    assert np.allclose(fields["w"], b[:, None, None] * family.flow.force / 0.1, atol=1e-9)


def test_vorticity_has_no_mean_and_enstrophy_decays_without_force() -> None:
    family = NavierStokes2D(grid=(24, 24), frames=4, end=1.0, nu=1e-2, amplitude=0.0)
    _, fields = family.trajectory(family.parameters(0, 0))
    assert np.abs(fields["w"].mean(axis=(1, 2))).max() < 1e-14
    assert np.all(np.diff((fields["w"] ** 2).sum(axis=(1, 2))) < 0)


def test_a_shipped_definition_becomes_an_evolving_family() -> None:
    family = from_pde(Heat(), vary={"kappa": (0.05, 0.2)}, grid=(33,), order=4, integrator="implicit", frames=2)
    parameters = family.parameters(0, 0)
    times, fields = family.trajectory(parameters)
    exact = family.pde(parameters).exact(times[:, None], family.axes["x"])
    assert fields["u"].shape == (2, 33)
    assert np.abs(fields["u"] - exact).max() < 1e-3
    assert np.abs(fields["u"][-1] - Heat(kappa=0.3).exact(1.0, family.axes["x"])).max() > 1e-2


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="at least 2 frames"):
        Burgers1D(frames=1)
    with pytest.raises(ValueError, match="exponential integrator needs periodic axes"):
        Heat2D(grid=(9, 9), integrator="exponential")
    with pytest.raises(ValueError, match="square grid"):
        NavierStokes2D(grid=(16, 32))
    with pytest.raises(ValueError, match="viscosity nu > 0"):
        NavierStokes2D(nu=0.0)
