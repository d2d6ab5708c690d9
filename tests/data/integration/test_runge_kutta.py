"""Adaptive integration: explicit and implicit agree, and failures are told."""

import jax.numpy as jnp
import numpy as np
import pytest

from spinn.data.integration import runge_kutta

TIMES = np.linspace(0, 2, 5)


def relax(t, y, parameters):
    """Prothero-Robinson: the solution is cos t whatever the stiffness (Math. Comput. 28, 1974)."""
    return -parameters["stiffness"] * (y - jnp.cos(t)) - jnp.sin(t)


def explode(t, y, parameters):
    return y * y


@pytest.mark.parametrize(("method", "stiffness"), [("explicit", 5.0), ("implicit", 1e5)])
def test_the_solution_is_found(method: str, stiffness: float) -> None:
    states = runge_kutta(relax, np.ones(3), TIMES, {"stiffness": np.asarray(stiffness)}, 1e-8, method)
    assert states.shape == (5, 3) and states.dtype == np.float64
    assert np.abs(states - np.cos(TIMES)[:, None]).max() < 1e-6


def test_mistakes_are_named() -> None:
    with pytest.raises(RuntimeError, match="could not integrate over t in .0, 2."):
        runge_kutta(explode, np.ones(3), TIMES, {}, 1e-6)
    with pytest.raises(ValueError, match="at most 2000 unknowns"):
        runge_kutta(explode, np.ones(2001), TIMES, {}, 1e-6, "implicit")
