"""Gauss-Newton: the linear solver against numpy, the preconditioner against the Jacobian, and quadratic convergence."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.optim.coupling import Coupling
from spinn.optim.gauss_newton import cgls, gauss_newton_init, gauss_newton_step, preconditioner, probed_normal

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

KEY = jax.random.key(0)


def matrix(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, columns))


@jax.jit
def solved(a: Any, b: Any, damping: Any) -> Any:
    return cgls(lambda x: a @ x, lambda r: a.T @ r, b, damping, 1e-13, 50)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 1e-3, 10.0]))
def test_cgls_is_the_damped_least_squares_solution(seed: int, damping: float) -> None:
    a, b = matrix(9, 5, seed), matrix(9, 1, seed + 1)[:, 0]
    found, count = solved(a, b, damping)
    stacked = np.vstack([a, np.sqrt(damping) * np.eye(5)])
    expected = np.linalg.lstsq(stacked, np.concatenate([-b, np.zeros(5)]), rcond=None)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)
    assert 5 <= int(count) <= 12  # as many iterations as unknowns, but for rounding


def test_cgls_takes_trees_of_residuals() -> None:
    a = {"one": matrix(4, 3, 1), "two": matrix(5, 3, 2)}
    b = {"one": jnp.ones(4), "two": jnp.arange(5.0)}

    def transpose(r: Any) -> Any:
        return a["one"].T @ r["one"] + a["two"].T @ r["two"]

    found, _ = cgls(lambda x: {k: m @ x for k, m in a.items()}, transpose, b, jnp.asarray(0.0), 1e-13, 30)
    stacked, right = np.vstack(list(a.values())), np.concatenate([*b.values()])
    np.testing.assert_allclose(found, np.linalg.lstsq(stacked, -right, rcond=None)[0], rtol=1e-9)


def test_cgls_stops_at_the_tolerance_and_at_the_limit() -> None:
    a = matrix(40, 30) * np.geomspace(1, 100, 30)
    b = jnp.ones(40)

    def solve(tolerance: float, limit: int) -> tuple[float, int]:
        x, count = cgls(lambda x: a @ x, lambda r: a.T @ r, b, jnp.asarray(0.0), tolerance, limit)
        slope = np.linalg.norm(a.T @ (a @ x + b)) / np.linalg.norm(a.T @ b)
        return float(slope), int(count)

    slope, count = solve(1e-3, 500)
    assert slope <= 1e-3 and 1 < count < 500
    assert solve(1e-3, 3)[1] == 3


def test_cgls_leaves_a_stationary_point_alone() -> None:
    a = matrix(4, 2)
    found, count = cgls(lambda x: a @ x, lambda r: a.T @ r, jnp.zeros(4), jnp.asarray(0.0), 1e-10, 50)
    assert int(count) == 0 and not np.any(found)


def test_cgls_ignores_directions_that_nothing_sees() -> None:
    """A rank-deficient Jacobian: the least-norm solution, as from lstsq."""
    a = matrix(8, 3) @ matrix(3, 5, 1)
    found, *_ = cgls(lambda x: a @ x, lambda r: a.T @ r, jnp.ones(8), jnp.asarray(0.0), 1e-12, 50)
    np.testing.assert_allclose(found, np.linalg.lstsq(a, -np.ones(8), rcond=None)[0], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("unknowns", [1, 2])
def test_random_signs_estimate_the_blocks_of_the_normal_matrix(unknowns: int) -> None:
    """Without bias, but for the shrinking of what lies off the diagonal."""
    a = matrix(12, 6) * np.array([1.0, 10.0, 0.1, 3.0, 1.0, 30.0])
    found = probed_normal(lambda z: a.T @ z, jnp.zeros(12), unknowns, 20000, key=KEY)
    modes = 6 // unknowns
    columns = (a.T @ a).reshape(unknowns, modes, unknowns, modes)
    blocks = np.stack([columns[:, m, :, m] for m in range(modes)])
    shrunk = 0.9 * blocks + 0.1 * blocks * np.eye(unknowns)
    size = np.sqrt(np.einsum("mii->mi", shrunk))
    np.testing.assert_allclose(
        found / (size[:, :, None] * size[:, None, :]), shrunk / (size[:, :, None] * size[:, None, :]), atol=0.05
    )


@pytest.mark.parametrize(
    "kept", [Coupling((), (1, 1)), Coupling((0,), (1, 1)), Coupling((1,), (2, 1)), Coupling((0, 1), (1, 1)),
             Coupling((), (2, 2)), Coupling((0,), (1, 2))]
)  # fmt: skip
def test_the_preconditioner_inverts_its_blocks(kept: Coupling) -> None:
    """P^T N P = 1 for a normal matrix N of just these blocks, whatever the scales of the parameters."""
    shape = (2, 3, 5)
    order = np.asarray(kept.blocks(jnp.arange(1.0, 31.0).reshape(shape)))  # numbers of the entries; 0: fills up
    modes, rows = order.shape
    scales = np.geomspace(1e-6, 1e6, rows)
    factors = np.stack([matrix(rows + 3, rows, seed) * scales for seed in range(modes)]) * (order > 0)[:, None]
    normal = np.einsum("mki,mkj->mij", factors, factors)
    made = preconditioner(jnp.asarray(normal), shape, kept)
    whole_matrix = np.zeros((31, 31))
    for block, places in zip(normal, order.astype(int), strict=True):
        whole_matrix[np.ix_(places, places)] = block
    columns = np.stack([np.asarray(made.apply(jnp.asarray(unit))) for unit in np.eye(30)], 1)
    np.testing.assert_allclose(columns.T @ whole_matrix[1:, 1:] @ columns, np.eye(30), atol=1e-8)


def test_a_block_that_is_not_definite_falls_back_on_its_diagonal() -> None:
    made = preconditioner(jnp.asarray([[[4.0, 9.0], [9.0, 1.0]]]), (2, 1), Coupling((), (1,)))
    np.testing.assert_allclose(made.inverse_root[0], np.diag([0.5, 1.0]))


def test_the_preconditioner_and_its_transpose_belong_together() -> None:
    x, y = matrix(6, 1)[:, 0], matrix(6, 1, 3)[:, 0]
    factors = matrix(4, 6, 5).reshape(4, 2, 3)
    made = preconditioner(jnp.asarray(np.einsum("kmi,kmj->mij", factors, factors)), (3, 2), Coupling((), (1,)))
    left = jnp.vdot(made.apply(jnp.asarray(x)), y)
    assert float(left) == pytest.approx(float(jnp.vdot(x, made.transpose(jnp.asarray(y)))), rel=1e-12)


def test_scaling_makes_iterations_independent_of_the_units_of_the_parameters() -> None:
    a, units = matrix(30, 8), np.geomspace(1e-4, 1e4, 8)
    counts = []
    for scale in (np.ones(8), units):
        state = gauss_newton_init(jnp.asarray(1.0), 1e-14)._replace(slope=jnp.asarray(1e300))
        blocks = lambda x, s=scale: {"r": (a * s) @ x - 1.0}  # noqa: E731
        _, state, _ = gauss_newton_step(blocks, jnp.zeros(8), state, key=KEY)
        counts.append(int(state.iterations))
    assert abs(counts[0] - counts[1]) <= 1


def curve(x: Any) -> Any:
    """Zero at x = (1, 2); nonlinear in both."""
    p, q = x["p"], x["q"]
    return {"first": p**2 * q - 2.0, "second": jnp.stack([jnp.sin(p - 1.0) + (q - 2.0), p * q - 2.0 + (q - 2.0) ** 2])}


def run(start: Any, steps: int, damping: float) -> list[tuple[Any, Any, Any]]:
    loss = 0.5 * sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(curve(start)))
    history, params, state = [], start, gauss_newton_init(loss, damping)
    step = jax.jit(lambda p, s, k: gauss_newton_step(curve, p, s, key=k))
    for key in jax.random.split(KEY, steps):
        params, state, parts = step(params, state._replace(slope=jnp.asarray(1e300)), key)
        history.append((params, state, parts))
    return history


def test_convergence_is_quadratic() -> None:
    history = run({"p": jnp.asarray(1.3), "q": jnp.asarray(1.8)}, 6, 1e-14)
    errors = [float(jnp.hypot(x["p"] - 1.0, x["q"] - 2.0)) for x, _, _ in history]
    rates = [later / earlier**2 for earlier, later in itertools.pairwise(errors) if earlier > 1e-7]
    assert len(rates) >= 2 and max(rates) < 5.0
    assert errors[-1] < 1e-12


@pytest.mark.parametrize("damping", [1e-14, 1e-2, 10.0])
def test_the_loss_never_rises(damping: float) -> None:
    losses = [float(state.loss) for _, state, _ in run({"p": jnp.asarray(-0.4), "q": jnp.asarray(3.0)}, 12, damping)]
    assert all(later <= earlier for earlier, later in itertools.pairwise(losses))


def test_the_parts_are_the_half_squares_of_the_blocks_at_the_parameters_returned() -> None:
    for params, state, parts in run({"p": jnp.asarray(0.5), "q": jnp.asarray(3.0)}, 3, 1e-3):
        expected = jax.tree.map(lambda leaf: 0.5 * jnp.sum(leaf**2), curve(params))
        assert jax.tree.map(float, parts) == pytest.approx(jax.tree.map(float, expected), rel=1e-12)
        assert float(state.loss) == pytest.approx(sum(jax.tree.leaves(jax.tree.map(float, expected))), rel=1e-12)


def test_a_linear_problem_is_solved_in_one_step() -> None:
    a, b = matrix(20, 6), matrix(20, 1, 4)[:, 0]
    state = gauss_newton_init(jnp.asarray(0.5 * b @ b), 1e-16)._replace(slope=jnp.asarray(1e300))
    found, state, _ = gauss_newton_step(lambda x: {"r": a @ x - b}, jnp.zeros(6), state, key=KEY)
    np.testing.assert_allclose(found, np.linalg.lstsq(a, b, rcond=None)[0], rtol=1e-7)
    assert bool(state.accepted)


@pytest.mark.parametrize("what", ["worse", "not a number"])
def test_a_step_that_does_not_help_is_refused_and_damped(what: str) -> None:
    def blocks(x: Any) -> Any:
        if what == "worse":  # the linear model at 1 points far beyond the minimum of atan's flanks
            return {"r": jnp.arctan(8.0 * x)}
        return {"r": jnp.log(x - 0.9) + 5.0}

    start = jnp.ones(1)
    loss = 0.5 * jnp.sum(blocks(start)["r"] ** 2)
    params, state, parts = gauss_newton_step(blocks, start, gauss_newton_init(loss, 1e-8), key=KEY)
    assert not bool(state.accepted)
    assert float(params[0]) == 1.0 and float(state.loss) == float(loss) == float(parts["r"])
    assert float(state.damping) == pytest.approx(1e-7)


def test_a_good_step_lowers_the_damping() -> None:
    _, state, _ = run({"p": jnp.asarray(1.05), "q": jnp.asarray(2.0)}, 1, 1e-3)[0]
    assert bool(state.accepted) and float(state.damping) == pytest.approx(1e-4)


def test_single_precision_stays_single() -> None:
    with jax.enable_x64(False):
        start = {"core": jnp.ones((2, 3))}
        state = gauss_newton_init(jnp.asarray(1.0))
        found = jax.eval_shape(
            lambda p, s: gauss_newton_step(lambda q: {"r": q["core"] ** 2}, p, s, key=KEY), start, state
        )
    assert {leaf.dtype for leaf in jax.tree.leaves(found) if jnp.issubdtype(leaf.dtype, jnp.inexact)} == {
        jnp.dtype("float32")
    }
