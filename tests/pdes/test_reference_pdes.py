"""The PDEs whose references are numerical: each reference against the residual and the conditions of its own PDE.

A reference is read on a Chebyshev grid of a subdomain, which makes it a polynomial with exact derivatives.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.pdes import Box, check_solution, derivative_orders, get
from spinn.pdes._consistency import local, relative_size, uniform_points
from spinn.pdes._interpolation import chebyshev_nodes
from spinn.pdes.allen_cahn import AllenCahn
from spinn.pdes.burgers import Burgers
from spinn.pdes.diffusion_2d import Diffusion2D
from spinn.pdes.kdv import KdV
from spinn.pdes.kdv_solitons import KdVSolitons
from spinn.pdes.navier_stokes_2d import NavierStokes2D
from spinn.pdes.square_source_2d import SquareSource2D


def polynomials(count, low, high, order=0):
    """x -> a derivative of the Chebyshev polynomials T_0 ... T_(count - 1) of [low, high], shape (count, points)."""
    raised = np.zeros((count, count))
    raised[:-1] = np.polynomial.chebyshev.chebder(np.eye(count)) * 2 / (high - low)
    matrix = np.linalg.matrix_power(raised.T, order)

    @jax.custom_jvp
    def function(x):
        angle = jnp.arccos(jnp.clip((2 * x - low - high) / (high - low), -1, 1))
        return matrix @ jnp.cos(np.arange(count)[:, None] * angle)

    @function.defjvp
    def _(primals, tangents):
        return function(*primals), polynomials(count, low, high, order + 1)(*primals) * tangents[0]

    return function


def smooth(reference, box, counts):
    """The reference within a box as a polynomial: (*coordinates) -> {name: array}, differentiable by jax."""
    nodes = {axis: chebyshev_nodes(count, *box[axis]) for axis, count in zip(box, counts, strict=True)}
    tables = reference.on_grid(nodes)
    for axis, count in enumerate(counts):
        angle = np.linspace(np.pi, 0, count)
        inverse = np.linalg.inv(np.cos(angle[:, None] * np.arange(count)))
        tables = {name: np.moveaxis(np.tensordot(inverse, u, (1, axis)), 0, axis) for name, u in tables.items()}
    bases = [polynomials(count, *box[axis]) for axis, count in zip(box, counts, strict=True)]
    letters = "abc"[: len(bases)]
    rule = ",".join([letters, *(f"{letter}p" for letter in letters)]) + "->p"

    @jax.jit
    def solution(*coordinates):
        factors = [basis(x) for basis, x in zip(bases, coordinates, strict=True)]
        return {name: jnp.einsum(rule, table, *factors, optimize=True) for name, table in tables.items()}

    return solution


def within(pde, **intervals):
    return dataclasses.replace(pde, domain=pde.domain.replace(**intervals))


def residuals(pde, reference, counts):
    """Relative residuals of the reference of a larger problem at random points of the domain of `pde`."""
    with jax.enable_x64(True):
        points = uniform_points(pde.domain, 50, np.random.default_rng(0))
        inside = local(pde, smooth(reference, pde.domain, counts), points)
        found = pde.residuals(inside.unknowns, inside.coordinates)
        return {name: relative_size(field) for name, field in found.items()}


@pytest.mark.parametrize(
    ("name", "orders"),
    [
        ("burgers", {"t": 1, "x": 2}),
        ("allen_cahn", {"t": 1, "x": 2}),
        ("diffusion_2d", {"t": 1, "x": 2, "y": 2}),
        ("kdv", {"t": 1, "x": 3}),
        ("kdv_solitons", {"t": 1, "x": 3}),
        ("navier_stokes_2d", {"t": 1, "x": 3, "y": 3}),
        ("square_source_2d", {"x": 2, "y": 2}),
    ],
)
def test_found_by_name_with_its_orders(name, orders):
    pde = get(name)()
    assert derivative_orders(pde) == orders
    assert pde.has_reference
    assert not pde.has_exact


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Burgers(nu=0.0), "viscosity nu > 0, got 0"),
        (lambda: AllenCahn(nu=-1.0), "nu > 0"),
        (lambda: Diffusion2D(a=0.0), "a > 0"),
        (lambda: KdV(mu=0.0), "mu other than 0"),
        (lambda: NavierStokes2D(nu=-0.1), "nu > 0"),
        (lambda: NavierStokes2D(band=0), "band >= 1"),
    ],
)
def test_parameters_without_sense_are_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


# A source on a square


@pytest.mark.parametrize("sharpness", [1.0, 20.0])
def test_square_source_satisfies_the_equation(sharpness):
    pde = SquareSource2D(sharpness=sharpness)
    inner = within(pde, x=(0.1, 0.6), y=(0.3, 0.9))
    assert residuals(inner, pde.reference(), (60, 60))["residual"] < 1e-2
    wrong = within(SquareSource2D(sharpness=1.5 * sharpness), x=(0.1, 0.6), y=(0.3, 0.9))
    assert residuals(wrong, pde.reference(), (60, 60))["residual"] > 3e-2


def test_square_source_off_the_unit_square_has_no_reference():
    assert SquareSource2D(domain=Box(x=(0, 2), y=(0, 1))).reference() is None


# Solitons


def test_solitons_satisfy_the_equation_and_start_as_they_should():
    pde = KdVSolitons(domain=Box(t=(0, 2), x=(0, 20)))
    reference = pde.solved(128)
    x = np.linspace(0, 19, 39)
    start = reference.on_grid({"t": np.zeros(1), "x": x})["u"][0]
    assert np.abs(start - pde.initial(0.0, x)).max() < 1e-4
    inner = within(pde, t=(0.2, 1.5), x=(1, 19))
    assert residuals(inner, reference, (24, 90))["residual"] < 1e-3
    wrong = within(KdVSolitons(lam=1.05), t=(0.2, 1.5), x=(1, 19))
    assert residuals(wrong, reference, (24, 90))["residual"] > 1e-2


# Burgers


@pytest.mark.parametrize("nu", [0.05, 0.2])
def test_burgers_reference_satisfies_equation_and_conditions(nu):
    pde = Burgers(nu=nu)
    relative = check_solution(pde, smooth(pde.reference(), pde.domain, (40, 120)))
    assert max(relative.values()) < 1e-6


def test_burgers_with_default_viscosity_satisfies_the_equation_in_the_layer():
    layer = within(Burgers(), t=(0.4, 0.6), x=(-0.1, 0.1))
    assert residuals(layer, Burgers().reference(), (40, 200))["residual"] < 1e-6


def test_burgers_wrong_viscosity_is_detected():
    pde = Burgers(nu=0.1)
    solution = smooth(pde.reference(), pde.domain, (40, 100))
    assert check_solution(Burgers(nu=0.1001), solution)["residual"] > 1e-5


def test_burgers_without_whole_faces_has_no_reference():
    assert Burgers(domain=Box(t=(0, 1), x=(-0.5, 1))).reference() is None
    assert Burgers(domain=Box(t=(0, 1), x=(-2, 1))).reference() is not None


# Allen-Cahn


@pytest.fixture(scope="module")
def allen_cahn():
    pde = AllenCahn(nu=1e-3)
    return pde, pde.solved(512)


def test_allen_cahn_satisfies_the_equation(allen_cahn):
    pde, reference = allen_cahn
    inner = within(pde, t=(0.2, 1), x=(0.3, 0.8))
    assert residuals(inner, reference, (40, 128))["residual"] < 1e-6


def test_allen_cahn_is_periodic_and_begins_as_it_should(allen_cahn):
    pde, reference = allen_cahn
    x = np.linspace(-1, 1, 101)
    ends = reference.on_grid({"t": np.linspace(0, 1, 9), "x": np.array([-1.0, 1.0])})["u"]
    assert np.allclose(ends[:, 0], ends[:, 1], atol=1e-12)
    start = reference.on_grid({"t": np.zeros(1), "x": x})["u"][0]
    assert np.abs(start - pde.initial(0.0, x))[1:-1].max() < 1e-4
    assert np.abs(start - pde.initial(0.0, x)).max() < 2e-3  # at the kink, where no series converges faster


def test_allen_cahn_wrong_rate_is_detected(allen_cahn):
    pde, reference = allen_cahn
    wrong = within(dataclasses.replace(pde, rate=5.01), t=(0.2, 1), x=(0.3, 0.8))
    assert residuals(wrong, reference, (40, 128))["residual"] > 1e-4


# Nonlinear diffusion


@pytest.fixture(scope="module")
def diffusion():
    pde = Diffusion2D()
    return pde, pde.solved(65)


def test_diffusion_satisfies_the_equation(diffusion):
    pde, reference = diffusion
    inner = within(pde, t=(0.1, 1), x=(-0.7, 0.6), y=(-0.7, 0.6))
    assert residuals(inner, reference, (16, 48, 48))["residual"] < 2e-3


@pytest.mark.slow
def test_diffusion_satisfies_the_equation_better_with_more_points(diffusion):
    pde, coarse = diffusion
    inner = within(pde, t=(0.1, 1), x=(-0.7, 0.6), y=(-0.7, 0.6))
    fine = residuals(inner, pde.solved(97), (16, 64, 64))["residual"]
    assert fine < 0.2 * residuals(inner, coarse, (16, 64, 64))["residual"]


def test_diffusion_wrong_coefficient_is_detected(diffusion):
    reference = diffusion[1]
    wrong = within(Diffusion2D(a=0.051), t=(0.1, 1), x=(-0.7, 0.6), y=(-0.7, 0.6))
    assert residuals(wrong, reference, (16, 48, 48))["residual"] > 5e-3


def test_diffusion_begins_as_it_should_and_vanishes_on_the_faces(diffusion):
    pde, reference = diffusion
    s = np.linspace(-0.9, 0.9, 37)
    start = reference.on_grid({"t": np.zeros(1), "x": s, "y": s})["u"][0]
    assert np.abs(start - pde.initial(0.0, s[:, None], s[None, :])).max() < 1e-5
    faces = reference.on_grid({"t": np.linspace(0, 1, 5), "x": np.array([-1.0, 1.0]), "y": s})["u"]
    assert np.abs(faces).max() < 1e-12


# Korteweg-de Vries


@pytest.fixture(scope="module")
def solitons():
    pde = KdV(mu=0.1)  # wider solitons: fewer points
    return pde, pde.solved(128)


def test_kdv_satisfies_equation_and_conditions(solitons):
    pde, reference = solitons
    relative = check_solution(pde, smooth(reference, pde.domain, (50, 100)))
    assert relative.pop("periodic_u_x_2") < 1e-4  # rounding: high derivatives of a polynomial near its ends
    assert relative.pop("residual") < 2e-5
    assert max(relative.values()) < 1e-6


def test_kdv_wrong_dispersion_is_detected(solitons):
    pde, reference = solitons
    wrong = within(dataclasses.replace(pde, mu=0.1002), x=(-0.5, 0.5))
    assert residuals(wrong, reference, (50, 60))["residual"] > 1e-4


@pytest.mark.slow
def test_default_kdv_satisfies_the_equation():
    patch = within(KdV(), t=(0.5, 0.8), x=(-0.2, 0.2))
    assert residuals(patch, KdV().solved(512), (80, 80))["residual"] < 1e-7


# Navier-Stokes


@pytest.fixture(scope="module")
def turbulence():
    pde = NavierStokes2D(nu=0.1, band=2)
    return pde, pde.solved(48)


def test_turbulence_satisfies_equations_and_a_wrong_viscosity_is_detected(turbulence):
    pde, reference = turbulence
    patch = within(pde, x=(1, 3), y=(2, 4))
    relative = residuals(patch, reference, (16, 24, 24))
    assert max(relative.values()) < 1e-6
    wrong = residuals(dataclasses.replace(patch, nu=0.102), reference, (16, 24, 24))
    assert wrong["vorticity"] > 1e-3
    assert wrong["divergence"] == relative["divergence"]


def test_turbulence_begins_as_it_should(turbulence):
    pde, reference = turbulence
    x, y = np.linspace(0, 6, 31), np.linspace(0, 6, 37)
    start = reference.on_grid({"t": np.zeros(1), "x": x, "y": y})
    u, v = pde.initial_velocity(0.0, x[:, None], y[None, :])
    assert np.allclose(start["u"][0], u, atol=1e-12)
    assert np.allclose(start["v"][0], v, atol=1e-12)
    assert np.allclose(start["vorticity"][0], pde.initial_vorticity(0.0, x[:, None], y[None, :]), atol=1e-11)


@pytest.mark.slow
def test_turbulence_satisfies_equations_and_conditions_on_the_whole_torus(turbulence):
    pde, reference = turbulence
    relative = check_solution(pde, smooth(reference, pde.domain, (24, 64, 64)), samples=50)
    assert set(relative) >= {"vorticity", "divergence", "initial_u", "initial_vorticity", "gauge_u", "periodic_v_y_1"}
    assert relative.pop("vorticity") < 1e-4
    assert max(relative.values()) < 1e-6


def test_turbulence_reports_the_vorticity_of_its_velocity(turbulence):
    pde, reference = turbulence
    solution = smooth(reference, pde.domain, (24, 64, 64))
    with jax.enable_x64(True):
        generator = np.random.default_rng(0)
        points = {axis: jnp.asarray(generator.uniform(*pde.domain[axis], 50)) for axis in pde.domain}

        def derivative(name, axis):
            def function(s):
                return solution(*{**points, axis: s}.values())[name]

            return jax.jvp(function, (points[axis],), (jnp.ones(50),))[1]

        difference = derivative("v", "x") - derivative("u", "y") - solution(*points.values())["vorticity"]
        assert float(jnp.abs(difference).max()) < 1e-6


def test_turbulence_weights_are_the_papers():
    pde = NavierStokes2D()
    assert dict(pde.residual_weights())["divergence"] == 5000
    assert {c.weight for c in pde.conditions() if c.name.startswith("initial")} == {1e4}


# The default references, as shipped


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "digits"), [("allen_cahn", 4.5), ("diffusion_2d", 4.5), ("kdv", 9), ("navier_stokes_2d", 4.5)]
)
def test_default_reference_converges_and_is_cached(name, digits):
    pde = get(name)()
    reference = pde.reference()
    assert reference.digits >= digits
    grid = {axis: np.linspace(*pde.domain[axis], 11) for axis in pde.coordinates}
    again = pde.reference().on_grid(grid)
    for unknown, values in reference.on_grid(grid).items():
        assert np.array_equal(values, again[unknown])


@pytest.mark.slow
def test_default_allen_cahn_satisfies_the_equation():
    pde = AllenCahn()
    inner = within(pde, t=(0.5, 0.7), x=(0.3, 0.7))
    assert residuals(inner, pde.reference(), (16, 200))["residual"] < 1e-5


@pytest.mark.slow
def test_default_turbulence_satisfies_the_equation():
    pde = NavierStokes2D()
    inner = within(pde, t=(0.5, 1), x=(2, 3), y=(2, 3))
    relative = residuals(inner, pde.reference(), (12, 40, 40))
    assert relative["vorticity"] < 1e-4
    assert relative["divergence"] < 1e-9
