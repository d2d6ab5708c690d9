"""The scalar solvers behind the references: exact solutions, conservation laws, and a second discretisation of each."""

import dataclasses

import jax
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import roots_hermite

from spinn.pdes._cole_hopf import sine_wave
from spinn.pdes._integration import integrate
from spinn.pdes._interpolation import chebyshev_nodes, fourier_nodes
from spinn.pdes._spectral_dispersion import dispersive_waves
from spinn.pdes._spectral_reaction import projected, reaction_diffusion
from spinn.pdes.allen_cahn import AllenCahn
from spinn.pdes.diffusion_2d import Diffusion2D
from spinn.pdes.kdv import KdV


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


# Integration in time


def test_integration_has_the_digits_asked_for():
    times = np.linspace(0, 10, 11)
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    states = integrate(lambda y: turn @ y, np.array([0.0, 1.0]), times, tolerance=1e-11)
    assert states.dtype == np.float64
    assert np.allclose(states, np.stack([np.sin(times), np.cos(times)], axis=1), atol=1e-9)


def test_integration_that_blows_up_says_what_to_look_at():
    with pytest.raises(RuntimeError, match=r"t in \[0, 2\].*ill-posed"):
        integrate(lambda y: y**2, np.ones(1), np.array([0.0, 0.5, 2.0]), tolerance=1e-6)


def test_integration_leaves_the_callers_precision_alone():
    before = jax.config.jax_enable_x64
    integrate(lambda y: -y, np.ones(1), np.array([0.0, 1.0]), tolerance=1e-6)
    assert jax.config.jax_enable_x64 == before


# Burgers


@pytest.mark.parametrize("t", [0.05, 0.5, 1.0])
def test_cole_hopf_agrees_with_gauss_hermite(t):
    nu, x = 0.01 / np.pi, np.linspace(-1, 1, 256)
    z, weight = roots_hermite(120)
    y = x[:, None] - 2 * np.sqrt(nu * t) * z
    exponent = -np.cos(np.pi * y) / (2 * np.pi * nu)
    weight = weight * np.exp(exponent - exponent.max(axis=1, keepdims=True))
    expected = -(np.sin(np.pi * y) * weight).sum(axis=1) / weight.sum(axis=1)
    assert np.abs(sine_wave(nu, np.array([t]), x)[0] - expected).max() < 1e-12


def test_cole_hopf_agrees_with_a_pseudo_spectral_solution():
    nu, count = 0.05, 128
    x = fourier_nodes(count, -1.0, 1.0)
    k = 1j * np.pi * np.arange(count // 2 + 1)

    def slope(t, u):
        waves = np.fft.rfft(u)
        return np.fft.irfft(nu * k**2 * waves, count) - u * np.fft.irfft(k * waves, count)

    times = np.array([0.0, 0.3, 1.0])
    numerical = solve_ivp(slope, (0, 1), -np.sin(np.pi * x), t_eval=times, rtol=1e-10, atol=1e-12).y.T
    assert np.abs(sine_wave(nu, times, x) - numerical).max() < 1e-8
    assert np.abs(sine_wave(1.01 * nu, times, x) - numerical).max() > 1e-4


def test_cole_hopf_begins_with_the_sine_and_is_odd():
    x = np.linspace(-1, 1, 101)
    u = sine_wave(0.003, np.array([0.0, 0.7]), x)
    assert np.allclose(u[0], -np.sin(np.pi * x), atol=1e-15)
    assert np.allclose(u[1], -u[1, ::-1], atol=1e-12)


def test_cole_hopf_with_tiny_viscosity_approaches_the_characteristics():
    # before the shock (t < 1 / pi), u is constant along x + u t
    foot = np.linspace(-1, 1, 41)
    t = 0.2
    u = sine_wave(1e-5, np.array([t]), foot - np.sin(np.pi * foot) * t)[0]
    assert np.abs(u + np.sin(np.pi * foot)).max() < 1e-3


def test_cole_hopf_in_pieces_is_the_same(monkeypatch):
    times, x = np.linspace(0, 1, 7), np.linspace(-1, 1, 11)
    whole = sine_wave(0.01, times, x)
    monkeypatch.setattr("spinn.pdes._cole_hopf.POINTS_AT_ONCE", 1)
    assert np.array_equal(sine_wave(0.01, times, x), whole)


# Allen-Cahn


def finite_volumes(pde, cells, times):
    """Second-order scheme on half the period, where the solution is even about both ends: cell centres and values."""
    x = (np.arange(cells) + 0.5) / cells

    def slope(t, u):
        flux = np.diff(u) * cells
        return pde.nu * cells * np.diff(np.concatenate([[0.0], flux, [0.0]])) + pde.reaction(u)

    return x, solve_ivp(slope, (0, times[-1]), pde.initial(0.0, x), t_eval=times, rtol=1e-9, atol=1e-11).y.T


def test_allen_cahn_agrees_with_finite_volumes():
    pde = AllenCahn(nu=2e-3)
    times = np.array([0.1, 0.5, 1.0])
    reference = pde.solved(512)
    errors = []
    for cells in (100, 200):
        x, u = finite_volumes(pde, cells, times)
        errors.append(relative(u, reference.on_grid({"t": times, "x": x})["u"]))
    assert errors[1] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)  # second order, towards the reference


def test_allen_cahn_loses_energy_and_stays_symmetric_and_bounded():
    pde = AllenCahn(nu=2e-3)
    times, x = np.linspace(0, 1, 21), fourier_nodes(512, -1.0, 1.0)
    u = pde.solved(256).on_grid({"t": times, "x": x})["u"]
    slope = np.fft.irfft(1j * np.pi * np.arange(257) * np.fft.rfft(u), 512)
    energy = (pde.nu / 2 * slope**2 + pde.rate / 4 * (1 - u**2) ** 2).mean(axis=1)
    assert (np.diff(energy) < 0).all()
    assert np.abs(u[:, 1:] - u[:, :0:-1]).max() < 1e-9
    assert np.abs(u).max() <= 1 + 1e-9


def test_pure_reaction_is_the_logistic_curve():
    pde = AllenCahn(rate=5.0)
    domain = {"t": (0.0, 1.0), "x": (0.0, 1.0)}
    flat = reaction_diffusion(1e-4, pde.reaction, lambda x: 0.3 + 0 * x, domain, 8, 33, 1e-11)
    t = np.linspace(0, 1, 50)
    expected = 1 / np.sqrt(1 + (1 / 0.09 - 1) * np.exp(-10 * t))
    assert np.abs(flat.on_grid({"t": t, "x": np.zeros(1)})["u"][:, 0] - expected).max() < 1e-8


def test_diffusion_of_waves_alone_is_exact():
    domain = {"t": (0.0, 2.0), "x": (0.0, 3.0)}
    k = 2 * np.pi / 3
    waves = reaction_diffusion(0.1, lambda u: 0 * u, lambda x: np.cos(2 * k * x), domain, 16, 33, 1e-11)
    t, x = np.linspace(0, 2, 9), np.linspace(0, 3, 20)
    expected = np.exp(-0.1 * (2 * k) ** 2 * t)[:, None] * np.cos(2 * k * x)
    assert np.abs(waves.on_grid({"t": t, "x": x})["u"] - expected).max() < 1e-8


def test_projection_keeps_the_mean_that_sampling_gets_wrong():
    mean = -2 / np.pi**2  # of x^2 cos(pi x) over [-1, 1]
    x = fourier_nodes(64, -1.0, 1.0)
    wrong = abs(np.mean(x**2 * np.cos(np.pi * x)) - mean)
    assert abs(projected(lambda x: x**2 * np.cos(np.pi * x), -1.0, 1.0, 64).mean() - mean) < wrong / 200


# Korteweg-de Vries


def test_a_lone_soliton_travels_without_change():
    c, mu, domain = 1.0, 0.05, {"t": (0.0, 1.0), "x": (-2.0, 2.0)}

    def soliton(t, x):
        return 3 * c / np.cosh(np.sqrt(c) / (2 * mu) * (x + 0.5 - c * t)) ** 2  # Zabusky and Kruskal, 1965

    waves = dispersive_waves(1.0, mu, lambda x: soliton(0.0, x), domain, 384, 129, 1e-11)
    t, x = np.linspace(0, 1, 7), np.linspace(-2, 2, 99)
    assert relative(waves.on_grid({"t": t, "x": x})["u"], soliton(t[:, None], x)) < 1e-8


def test_dispersion_alone_turns_each_wave():
    mu, domain = 0.3, {"t": (1.0, 3.0), "x": (0.0, 2 * np.pi)}
    waves = dispersive_waves(0.0, mu, lambda x: np.cos(3 * x), domain, 16, 65, 1e-10)
    t, x = np.linspace(1, 3, 9), np.linspace(0, 6, 20)
    expected = np.cos(3 * x + 27 * mu**2 * (t[:, None] - 1))
    assert np.abs(waves.on_grid({"t": t, "x": x})["u"] - expected).max() < 1e-10


def test_kdv_keeps_mean_momentum_and_energy():
    pde, times, x = KdV(mu=0.04), np.linspace(0, 1, 11), fourier_nodes(256, -1.0, 1.0)
    u = pde.solved(256).on_grid({"t": times, "x": x})["u"]
    slope = np.fft.irfft(1j * np.pi * np.arange(129) * np.fft.rfft(u), 256)
    for invariant in (u, u**2, pde.eta * u**3 / 3 - pde.mu**2 * slope**2):
        means = invariant.mean(axis=1)
        assert np.abs(means - means[0]).max() < 1e-8


# Nonlinear diffusion


@pytest.fixture(scope="module")
def bumps():
    pde = Diffusion2D()
    return pde, pde.solved(65)


def box_finite_volumes(pde, cells, times):
    """Second-order conservative scheme with u^2 as the potential on a uniform grid: cell centres and values."""
    x = -1 + (np.arange(cells) + 0.5) * 2 / cells

    def slope(t, u):
        square = u.reshape(cells, cells) ** 2
        # the ghost value makes the potential vanish on the face
        rows = np.diff(np.concatenate([-square[:1], square, -square[-1:]], axis=0), n=2, axis=0)
        columns = np.diff(np.concatenate([-square[:, :1], square, -square[:, -1:]], axis=1), n=2, axis=1)
        return (pde.a / 2 * (rows + columns) * (cells / 2) ** 2).ravel()

    start = pde.initial(0.0, x[:, None], x[None, :]).ravel()
    u = solve_ivp(slope, (0, times[-1]), start, t_eval=times, rtol=1e-6, atol=1e-9).y.T
    return x, u.reshape(len(times), cells, cells)


def test_diffusion_agrees_with_finite_volumes(bumps):
    pde, reference = bumps
    times = np.array([0.25, 0.5, 1.0])
    errors = []
    for cells in (40, 80):
        x, u = box_finite_volumes(pde, cells, times)
        errors.append(relative(u, reference.on_grid({"t": times, "x": x, "y": x})["u"]))
    assert errors[1] < 2e-3
    assert errors[0] / errors[1] > 3  # nearly second order (the layers at the faces cost a little), to the reference


def test_diffusion_refines_to_itself(bumps):
    pde, fine = bumps
    grid = {"t": np.linspace(0.1, 1, 5), "x": np.linspace(-1, 1, 41), "y": np.linspace(-1, 1, 41)}
    errors = [relative(pde.solved(count).on_grid(grid)["u"], fine.on_grid(grid)["u"]) for count in (25, 49)]
    assert errors[0] > 10 * errors[1]
    assert errors[1] < 2e-4


def test_diffusion_keeps_its_bounds_and_loses_mass_through_the_faces(bumps):
    _, reference = bumps
    t, (nodes, weights) = np.linspace(0, 1, 11), np.polynomial.legendre.leggauss(80)
    u = reference.on_grid({"t": t, "x": nodes, "y": nodes})["u"]
    mass = np.einsum("tij,i,j->t", u, weights, weights)
    assert (np.diff(mass) < 0).all()
    assert mass[-1] > 0.95 * mass[0]
    assert u.min() > -1e-4
    assert (np.diff(u.max(axis=(1, 2))) < 0).all()


def test_diffusion_obeys_the_law_of_the_cube(bumps):
    # multiply u_t = (a/2) Lap v by v = u^2 (which is 0 on the faces): d/dt int u^3 / 3 = -(a/2) int |grad v|^2
    pde, reference = bumps
    t, s = chebyshev_nodes(17, 0.2, 1.0), chebyshev_nodes(65, -1.0, 1.0)
    u = reference.on_grid({"t": t, "x": s, "y": s})["u"]
    chebyshev = np.polynomial.chebyshev
    coefficients = np.linalg.inv(chebyshev.chebvander(s, 64))

    def derivative(values, axis):
        series = chebyshev.chebder(np.tensordot(coefficients, values, (1, axis)))
        return np.tensordot(chebyshev.chebvander(s, 63), series, (1, 0))

    integrals = chebyshev.chebint(np.eye(65))
    weights = (chebyshev.chebval(1.0, integrals) - chebyshev.chebval(-1.0, integrals)) @ coefficients
    v_x, v_y = derivative(u**2, 1), derivative(u**2, 2)  # the axis differentiated comes first
    dissipation = np.einsum("xty,x,y->t", v_x**2, weights, weights) + np.einsum("ytx,x,y->t", v_y**2, weights, weights)
    cube = np.einsum("txy,x,y->t", u**3, weights, weights) / 3
    fit = np.polynomial.Polynomial.fit(t, cube, 12)
    assert np.allclose(fit.deriv()(t)[2:-2], -pde.a / 2 * dissipation[2:-2], rtol=1e-3)


def test_diffusion_twice_as_fast_is_the_same_in_half_the_time():
    pde = Diffusion2D()
    fast = dataclasses.replace(pde, a=0.1, domain=pde.domain.replace(t=(0, 0.5)))
    s = np.linspace(-1, 1, 21)
    slow_end = pde.solved(33).on_grid({"t": np.array([0.3, 1.0]), "x": s, "y": s})["u"]
    fast_end = fast.solved(33).on_grid({"t": np.array([0.15, 0.5]), "x": s, "y": s})["u"]
    assert relative(fast_end, slow_end) < 1e-5


def test_diffusion_with_steep_fronts_stays_bounded():
    pde = Diffusion2D(a=0.5)  # ten times further in time: fronts that 33 points cannot resolve
    s = np.linspace(-1, 1, 41)
    u = pde.solved(33).on_grid({"t": np.linspace(0, 1, 5), "x": s, "y": s})["u"]
    assert u.min() > -0.01
    assert u.max() < 0.42
