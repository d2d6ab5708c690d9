"""The torus flow behind its reference: exact solutions, conservation laws, a second method; and its random start."""

import dataclasses

import numpy as np
import pytest

from spinn.pdes import point_coordinates, point_field
from spinn.pdes._interpolation import fourier_nodes
from spinn.pdes._random_flow import FourierSum, random_stream_function
from spinn.pdes._spectral_flow import torus_flow, wavenumbers
from spinn.pdes.navier_stokes_2d import NavierStokes2D

TORUS = {"t": (0.0, 1.0), "x": (0.0, 2 * np.pi), "y": (0.0, 2 * np.pi)}


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def test_taylor_green_vortex_decays_exactly():
    flow = torus_flow(0.05, lambda x, y: 2 * np.cos(x) * np.cos(y), TORUS, 16, 17, 1e-11)
    grid = {"t": np.linspace(0, 1, 5), "x": np.linspace(0, 6, 13), "y": np.linspace(0, 6, 17)}
    decay = np.exp(-0.1 * grid["t"])[:, None, None]
    x, y = grid["x"][:, None], grid["y"]
    values = flow.on_grid(grid)
    assert np.allclose(values["vorticity"], 2 * decay * np.cos(x) * np.cos(y), atol=1e-9)
    assert np.allclose(values["u"], -decay * np.cos(x) * np.sin(y), atol=1e-9)
    assert np.allclose(values["v"], decay * np.sin(x) * np.cos(y), atol=1e-9)


@pytest.fixture(scope="module")
def turbulence():
    pde = NavierStokes2D(nu=0.03, band=3)
    return pde, pde.solved(64)


def spectral_derivatives(values):
    k = np.fft.fftfreq(values.shape[-1], 1 / values.shape[-1])
    waves = np.fft.fft2(values)
    return np.fft.ifft2(1j * k[:, None] * waves).real, np.fft.ifft2(1j * k * waves).real


def test_energy_decays_by_twice_viscosity_times_enstrophy(turbulence):
    pde, flow = turbulence
    energy = np.polynomial.Chebyshev.fit(
        flow.axes["t"], (flow.values["u"] ** 2 + flow.values["v"] ** 2).mean(axis=(1, 2)) / 2, 20
    )
    enstrophy = (flow.values["vorticity"] ** 2).mean(axis=(1, 2)) / 2
    assert np.allclose(energy.deriv()(flow.axes["t"]), -2 * pde.nu * enstrophy, rtol=1e-5)


def test_enstrophy_decays_by_twice_viscosity_times_palinstrophy(turbulence):
    pde, flow = turbulence
    w_x, w_y = spectral_derivatives(flow.values["vorticity"])
    enstrophy = np.polynomial.Chebyshev.fit(flow.axes["t"], (flow.values["vorticity"] ** 2).mean(axis=(1, 2)) / 2, 20)
    palinstrophy = (w_x**2 + w_y**2).mean(axis=(1, 2)) / 2
    assert np.allclose(enstrophy.deriv()(flow.axes["t"]), -2 * pde.nu * palinstrophy, rtol=1e-4)


def test_means_vanish_and_velocity_has_no_divergence(turbulence):
    _, flow = turbulence
    for name in ("u", "v", "vorticity"):
        assert np.abs(flow.values[name].mean(axis=(1, 2))).max() < 1e-13
    u_x, u_y = spectral_derivatives(flow.values["u"])
    v_x, v_y = spectral_derivatives(flow.values["v"])
    assert np.abs(u_x + v_y).max() < 1e-11
    assert np.abs(v_x - u_y - flow.values["vorticity"]).max() < 1e-11


def test_flow_agrees_with_a_projection_method_in_velocities(turbulence):
    pde, flow = turbulence
    count, steps = 64, 200
    x = fourier_nodes(count, 0.0, 2 * np.pi)
    k = wavenumbers(count, (2 * np.pi, 2 * np.pi))

    def slope(waves):
        u, v, u_x, u_y, v_x, v_y = np.fft.irfft2(
            [*waves, *(1j * s * component for component in waves for s in (k.x, k.y))], (count, count)
        )
        force = -k.kept * np.fft.rfft2([u * u_x + v * u_y, u * v_x + v * v_y])
        pressure = (k.x * force[0] + k.y * force[1]) * k.inverse
        return force - np.stack([k.x * pressure, k.y * pressure]) - pde.nu * k.squared * waves

    waves = k.kept * np.fft.rfft2(np.stack(pde.initial_velocity(0.0, x[:, None], x[None, :])))
    h = 1 / steps
    for _ in range(steps):
        k1 = slope(waves)
        k2 = slope(waves + h / 2 * k1)
        k3 = slope(waves + h / 2 * k2)
        waves = waves + h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(waves + h * k3))
    u, v = np.fft.irfft2(waves, (count, count))
    assert relative(u, flow.values["u"][-1]) < 1e-4
    assert relative(v, flow.values["v"][-1]) < 1e-4


def test_flow_with_more_modes_is_the_same(turbulence):
    pde, fine = turbulence
    grid = {"t": np.linspace(0, 1, 5), "x": np.linspace(0, 6, 20), "y": np.linspace(0, 6, 20)}
    errors = [relative(pde.solved(n).on_grid(grid)["vorticity"], fine.on_grid(grid)["vorticity"]) for n in (24, 48)]
    assert errors[0] > 10 * errors[1]
    assert errors[1] < 2e-3


# The random initial field


def test_random_flow_has_its_speed_and_band():
    pde = NavierStokes2D(speed=1.7, band=4)
    x = fourier_nodes(32, 0.0, 2 * np.pi)
    u, v = pde.initial_velocity(0.0, x[:, None], x[None, :])
    assert np.sqrt((u**2 + v**2).mean()) == pytest.approx(1.7, rel=1e-12)
    waves = np.abs(np.fft.fft2(pde.initial_vorticity(0.0, x[:, None], x[None, :]))) / 32**2
    k = np.fft.fftfreq(32, 1 / 32)
    radius = np.hypot(k[:, None], k)
    assert waves[(radius > 4) | (radius == 0)].max() < 1e-14
    assert waves[(radius <= 4) & (radius > 3)].max() > 1e-2


def test_random_flow_is_the_same_for_a_seed_and_differs_between_seeds():
    point = np.array([0.3]), np.array([1.1])
    first = NavierStokes2D().initial_velocity(0.0, *point)[0]
    assert np.array_equal(first, NavierStokes2D().initial_velocity(0.0, *point)[0])
    assert not np.allclose(first, NavierStokes2D(seed=1).initial_velocity(0.0, *point)[0])


@pytest.mark.parametrize("length", [2 * np.pi, 3.0])
def test_random_flow_on_fields_has_the_vorticity_of_its_velocity(length, x64):
    pde = NavierStokes2D(band=3)
    pde = dataclasses.replace(pde, domain=pde.domain.replace(x=(0, length), y=(0, 2 * length)))
    generator = np.random.default_rng(1)
    points = {"t": np.zeros(20), "x": generator.uniform(0, length, 20), "y": generator.uniform(0, length, 20)}
    fields = point_coordinates(**points)
    u, v = pde.initial_velocity(*fields.values())
    w = pde.initial_vorticity(*fields.values())
    assert np.allclose((u.d("x") + v.d("y")).value, 0, atol=1e-12)
    assert np.allclose((pde.vorticity(u, v) - w).value, 0, atol=1e-12)
    assert np.allclose(w.value, pde.initial_vorticity(*points.values()), atol=1e-12)


def test_fourier_sum_differentiates_itself(x64):
    psi = random_stream_function(3, 4, 1.0, (2.0, 0.5))
    points = {"x": np.linspace(0, 3, 15), "y": np.linspace(-1, 4, 15)}
    field = point_field(psi, points)
    for axis, name in enumerate("xy"):
        assert np.allclose(psi.d(axis)(*points.values()), field.d(name).value, atol=1e-12)
    assert np.allclose(psi.d(0).d(1)(*points.values()), field.d("xy").value, atol=1e-12)


def test_fourier_sum_by_hand():
    coefficients = np.zeros((5, 5))
    coefficients[0, 0], coefficients[1, 4], coefficients[4, 0] = 7.0, 2.0, -3.0
    x, y = np.linspace(0, 1, 6), np.linspace(2, 3, 6)
    expected = 7 + 2 * np.cos(x) * np.sin(2 * y) - 3 * np.sin(2 * x)
    assert np.allclose(FourierSum(coefficients, (1.0, 1.0))(x, y), expected)
