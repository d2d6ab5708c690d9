"""Iterative refinement: float32 passes end where float64 does, and what float32 cannot solve goes on in float64."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.optim.gauss_newton import cgls, gauss_newton_init, gauss_newton_step
from spinn.optim.mixed import Operator, Solved, normal_cg, refined

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

KEY = jax.random.key(0)


def matrix(condition: float, rows: int = 60, columns: int = 40) -> np.ndarray:
    generator = np.random.default_rng(0)
    left = np.linalg.qr(generator.normal(size=(rows, columns)))[0]
    right = np.linalg.qr(generator.normal(size=(columns, columns)))[0]
    return left * np.geomspace(1.0, 1.0 / condition, columns) @ right.T


def operator(a: np.ndarray, dtype: str) -> Operator:
    matrix = jnp.asarray(a, dtype)
    return Operator(lambda x: matrix @ x, lambda r: matrix.T @ r)


def solve(a: np.ndarray, b: Any, tolerance: float = 1e-9, damping: float = 0.0, stalled: bool = False) -> Solved:
    double, single = operator(a, "float64"), operator(a, "float32")
    return refined(double, single, cgls, b, jnp.asarray(damping), tolerance, 2000, stalled)


def right(rows: int = 60) -> Any:
    return jnp.asarray(np.random.default_rng(1).normal(size=rows))


@pytest.mark.parametrize("damping", [0.0, 1e-3])
def test_the_result_is_that_of_double_precision(damping: float) -> None:
    a, b = matrix(10.0), right()
    found = solve(a, b, 1e-12, damping)
    expected = np.linalg.solve(a.T @ a + damping * np.eye(40), -a.T @ np.asarray(b))
    assert np.linalg.norm(found.solution - expected) < 1e-11 * np.linalg.norm(expected)
    assert not found.stalled and found.solution.dtype == jnp.float64


def test_one_pass_in_single_precision_is_no_such_result() -> None:
    """What refinement is for: without it the result above would be off by what float32 rounds to."""
    a, b = matrix(10.0), right()
    start = jnp.asarray(-a.T @ np.asarray(b), jnp.float32)
    once, _ = normal_cg(operator(a, "float32"), start, jnp.float32(0.0), jnp.float32(1e-12), 200)
    expected = np.linalg.solve(a.T @ a, -a.T @ np.asarray(b))
    assert 1e-9 < np.linalg.norm(once - expected) / np.linalg.norm(expected) < 1e-3


def test_a_badly_conditioned_problem_goes_on_in_double_precision() -> None:
    a, b = matrix(1e5), right()
    found = solve(a, b)
    slope = a.T @ (a @ np.asarray(found.solution) + np.asarray(b))
    assert found.stalled
    assert np.linalg.norm(slope) <= 1e-8 * np.linalg.norm(a.T @ np.asarray(b))


def test_double_precision_from_the_start_is_the_plain_solver() -> None:
    a, b = matrix(100.0), right()
    found = solve(a, b, stalled=True)
    expected, steps = cgls(lambda x: a @ x, lambda r: a.T @ r, b, jnp.asarray(0.0), 1e-9, 2000)
    np.testing.assert_allclose(found.solution, expected, rtol=1e-6, atol=1e-8)
    assert found.stalled and abs(int(found.steps) - int(steps)) <= 5  # rounding


def test_a_rough_solve_takes_about_as_many_iterations_as_in_double_precision() -> None:
    a, b = matrix(30.0), right()
    _, steps = cgls(lambda x: a @ x, lambda r: a.T @ r, b, jnp.asarray(0.0), 3e-2, 2000)
    assert int(solve(a, b, 3e-2).steps) <= 1.5 * int(steps)  # rounding delays conjugate gradients a little


def test_a_residual_of_zero_is_left_alone() -> None:
    found = solve(matrix(10.0), jnp.zeros(60))
    assert int(found.steps) == 0 and not np.any(found.solution) and not found.stalled


def test_what_is_rounding_is_not_iterated_on() -> None:
    """A residual that no column sees, but for rounding: float64 could lower its gradient no further either."""
    a = matrix(10.0)
    outside = np.asarray(right())
    basis = np.linalg.qr(a)[0]
    outside = outside - basis @ (basis.T @ outside)
    outside = outside - basis @ (basis.T @ outside)
    found = solve(a, jnp.asarray(outside))
    assert int(found.steps) == 0 and not found.stalled


def test_a_linear_problem_is_solved_in_one_mixed_step() -> None:
    a, b = matrix(30.0), right()
    state = gauss_newton_init(0.5 * b @ b, 1e-16)
    step = jax.jit(
        lambda p, s: gauss_newton_step(lambda x: {"r": a @ x + b}, p, s, key=KEY, linear=True, mixed=True, change=1e-8)
    )
    found, state, _ = step(jnp.zeros(40), state)
    np.testing.assert_allclose(found, np.linalg.lstsq(a, -np.asarray(b), rcond=None)[0], rtol=1e-6, atol=1e-7)
    assert bool(state.accepted) and bool(state.converged) and not bool(state.stalled)
