"""Every example that ships runs and reaches its number. Those that take longer are marked slow."""

import pytest

import spinn
from spinn.config.shipped import examples
from spinn.examples import own_equation

# Relative L2 error of all unknowns that the shipped example must stay below; the last column of the README is far
# below the published figure where there is one.
FAST = {"heat": 1e-10, "wave": 1e-9, "advection": 1e-10, "poisson_2d": 1e-10, "poisson_5d": 1e-10}
SLOW = {
    "helmholtz_3d": 1e-10,
    "klein_gordon_2d": 1e-10,
    "klein_gordon_3d": 1e-9,
    "diffusion_2d": 3.6e-3,
    "flow_mixing_2d": 1e-5,
    "navier_stokes_2d": 1e-5,
    "navier_stokes_3d": 1e-8,
    "beltrami_3d": 1e-8,
    "burgers": 1e-8,
    "allen_cahn": 1e-6,
    "kdv": 1e-7,
    "poisson_10d": 1e-9,
    "burgers_multidomain": 1e-5,
    "multiscale_helmholtz_2d": 1e-5,
    "two_materials": 1e-9,
}


@pytest.mark.parametrize("name", sorted(FAST))
def test_example_reaches_its_error(name):
    summary = spinn.solve(name).summary
    assert summary["status"] == "ok"
    assert summary["relative_l2"]["all"] < FAST[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SLOW))
def test_longer_example_reaches_its_error(name):
    summary = spinn.solve(name).summary
    assert summary["status"] == "ok"
    assert summary["relative_l2"]["all"] < SLOW[name]


def test_every_example_is_run_by_these_tests():
    assert set(examples()) == set(FAST) | set(SLOW)


def test_an_equation_of_ones_own_from_python():
    assert own_equation.main() < 1e-10
