"""SOAP against a plain transcription of the paper, against Adam, and as a well-behaved optax transformation."""

import math
from collections.abc import Callable

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from spinn.optim import ScaleBySoapState, scale_by_soap, soap

Loss = Callable[[jax.Array], jax.Array]


def trajectory(transform: optax.GradientTransformation, loss: Loss, start: jax.Array, steps: int) -> np.ndarray:
    """Losses before each of `steps` steps."""

    def step(carry, _):
        x, state = carry
        value, gradient = jax.value_and_grad(loss)(x)
        updates, state = transform.update(gradient, state, x)
        return (optax.apply_updates(x, updates), state), value

    _, losses = jax.jit(lambda x: jax.lax.scan(step, (x, transform.init(x)), length=steps))(start)
    return np.asarray(losses)


def steps_to(losses: np.ndarray, fraction: float) -> int | float:
    """The first step at which the loss is below `fraction` of the initial one; infinity if it never is."""
    below = np.flatnonzero(losses < fraction * losses[0])
    return int(below[0]) if below.size else math.inf


def orthogonal(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(n, n)))[0]


def sandwich(left: np.ndarray, right: np.ndarray) -> Loss:
    """Half the squared norm of left @ W @ right."""
    return lambda w: 0.5 * jnp.sum((jnp.asarray(left) @ w @ jnp.asarray(right)) ** 2)


def example_tree() -> dict[str, jax.Array]:
    rng = np.random.default_rng(0)
    shapes = {"matrix": (6, 4), "bias": (4,), "scale": (), "core": (2, 3, 4, 3)}
    return {name: jnp.asarray(rng.normal(size=shape)) for name, shape in shapes.items()}


def example_gradients(step: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(step + 1)
    return {name: rng.normal(size=leaf.shape).astype(leaf.dtype) for name, leaf in example_tree().items()}


class PaperSoap:
    """Algorithm 3 of arXiv 2409.11321 for one square matrix in NumPy, with Adam's bias correction."""

    def __init__(self, b1: float, b2: float, shampoo_beta: float, eps: float, frequency: int):
        self.b1, self.b2, self.beta, self.eps, self.frequency = b1, b2, shampoo_beta, eps, frequency
        self.m = self.v = 0.0
        self.t = 0

    def __call__(self, g: np.ndarray) -> np.ndarray:
        if self.t == 0:
            self.left, self.right = (1 - self.beta) * g @ g.T, (1 - self.beta) * g.T @ g
            self.q_left = np.linalg.eigh(self.left)[1][:, ::-1]
            self.q_right = np.linalg.eigh(self.right)[1][:, ::-1]
            direction = np.zeros_like(g)
        else:
            turned = self.q_left.T @ g @ self.q_right
            self.m = self.b1 * self.m + (1 - self.b1) * g
            self.v = self.b2 * self.v + (1 - self.b2) * turned**2
            m_hat = self.q_left.T @ self.m @ self.q_right / (1 - self.b1**self.t)
            v_hat = self.v / (1 - self.b2**self.t)
            direction = self.q_left @ (m_hat / (np.sqrt(v_hat) + self.eps)) @ self.q_right.T
            self.left = self.beta * self.left + (1 - self.beta) * g @ g.T
            self.right = self.beta * self.right + (1 - self.beta) * g.T @ g
            if self.t % self.frequency == 0:
                self.refresh()
        self.t += 1
        return direction

    def refresh(self) -> None:
        rows = np.argsort(-np.diag(self.q_left.T @ self.left @ self.q_left))
        columns = np.argsort(-np.diag(self.q_right.T @ self.right @ self.q_right))
        self.v = self.v[np.ix_(rows, columns)]
        self.q_left = np.linalg.qr(self.left @ self.q_left[:, rows])[0]
        self.q_right = np.linalg.qr(self.right @ self.q_right[:, columns])[0]


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("frequency", "shampoo_beta"), [(1, -1), (3, -1), (2, 0.8)])
def test_follows_the_papers_algorithm(frequency: int, shampoo_beta: float) -> None:
    transform = scale_by_soap(0.9, 0.97, shampoo_beta, precondition_frequency=frequency)
    update = jax.jit(transform.update)
    paper = PaperSoap(0.9, 0.97, shampoo_beta if shampoo_beta >= 0 else 0.97, 1e-8, frequency)
    rng = np.random.default_rng(1)
    state = transform.init(jnp.zeros((5, 5)))
    for _ in range(12):
        gradient = rng.normal(size=(5, 5)) * np.geomspace(1, 20, 5)
        direction, state = update(jnp.asarray(gradient), state)
        np.testing.assert_allclose(direction, paper(gradient), rtol=1e-7, atol=1e-9)


@pytest.mark.usefixtures("x64")
def test_first_update_is_zero_and_only_sets_up_bases() -> None:
    transform = scale_by_soap()
    updates, state = jax.jit(transform.update)(example_gradients(0), jax.jit(transform.init)(example_tree()))
    assert all(not np.any(leaf) for leaf in jax.tree.leaves((updates, state.mu, state.nu)))
    gradient = example_gradients(0)["matrix"]
    left, right = state.bases["matrix"]
    diagonal = left.T @ (gradient @ gradient.T) @ left
    np.testing.assert_allclose(diagonal, np.diag(np.diag(diagonal)), atol=1e-12)
    assert np.all(np.diff(np.diag(diagonal)) <= 1e-12), "columns are in descending order of their eigenvalues"
    np.testing.assert_allclose(right.T @ right, np.eye(4), atol=1e-12)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("without_bases", [{"max_precond_dim": 1}, {}])
def test_without_bases_it_is_adam_one_step_late(without_bases: dict[str, int]) -> None:
    transform, adam = scale_by_soap(0.9, 0.99, **without_bases), optax.scale_by_adam(0.9, 0.99, eps=1e-8)
    tree = example_tree() if without_bases else {name: example_tree()[name] for name in ("bias", "scale")}
    gradients = [{name: example_gradients(i)[name] for name in tree} for i in range(5)]
    state, adam_state = jax.jit(transform.init)(tree), jax.jit(adam.init)(tree)
    update = jax.jit(transform.update)
    _, state = update(gradients[0], state)
    for gradient in gradients:
        ours, state = update(gradient, state)
        theirs, adam_state = jax.jit(adam.update)(gradient, adam_state)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), ours, theirs)


@pytest.mark.usefixtures("x64")
def test_rotating_the_problem_does_not_change_soap_but_spoils_adam() -> None:
    rng = np.random.default_rng(2)
    scales = np.geomspace(1, 30, 6)
    turn_left, turn_right, start = orthogonal(rng, 6), orthogonal(rng, 6), rng.normal(size=(6, 6))
    plain, turned = (
        (sandwich(np.diag(scales), np.diag(scales)), start),
        (sandwich(np.diag(scales) @ turn_left.T, turn_right @ np.diag(scales)), turn_left @ start @ turn_right.T),
    )
    change = {}
    for name, transform in {"soap": soap(0.02), "adam": optax.adam(0.02, 0.95, 0.95)}.items():
        first, second = (trajectory(transform, loss, jnp.asarray(x), 60) for loss, x in (plain, turned))
        np.testing.assert_allclose(first[0], second[0])
        change[name] = np.max(np.abs(np.log(first / second)))
    assert change["soap"] < 5e-3  # rounding, amplified by 60 steps
    assert change["adam"] > 0.5


@pytest.mark.usefixtures("x64")
def test_ill_conditioned_least_squares_takes_a_fraction_of_adams_steps() -> None:
    """Both at the best of the same learning rates; the Hessian's condition number is 30^4, and the factor is 3."""
    rng = np.random.default_rng(3)
    factors = [orthogonal(rng, 8) @ np.diag(np.geomspace(1, 1 / 30, 8)) @ orthogonal(rng, 8) for _ in range(2)]
    loss, start = sandwich(*factors), jnp.asarray(rng.normal(size=(8, 8)))
    rates = [0.3, 0.1, 0.03, 0.01]

    def fewest(make: Callable[[optax.Schedule], optax.GradientTransformation]) -> int | float:
        return min(
            steps_to(trajectory(make(optax.cosine_decay_schedule(rate, 2000)), loss, start, 2000), 1e-6)
            for rate in rates
        )

    ours, adams = fewest(soap), fewest(lambda rate: optax.adam(rate, 0.95, 0.95))
    assert ours < math.inf
    assert 3 * ours < adams


@pytest.mark.usefixtures("x64")
def test_a_tucker_core_is_preconditioned_along_every_mode() -> None:
    """On a tensor quadratic turned along each mode the losses follow those of the unturned one; Adam's do not."""
    rng = np.random.default_rng(4)
    weights = np.einsum("a,b,c->abc", *(np.geomspace(1, 10, 4),) * 3)
    turns, start = [orthogonal(rng, 4) for _ in range(3)], rng.normal(size=(4, 4, 4))

    def losses(transform: optax.GradientTransformation, turned: bool) -> np.ndarray:
        used = turns if turned else [np.eye(4)] * 3
        x0 = jnp.einsum("abc,ia,jb,kc->ijk", start, *used)
        return trajectory(
            transform,
            lambda x: 0.5 * jnp.sum((weights * jnp.einsum("ijk,ia,jb,kc->abc", x, *used)) ** 2),
            x0,
            50,
        )

    soap_change, adam_change = (
        np.max(np.abs(np.log(losses(transform, False) / losses(transform, True))))
        for transform in (soap(0.02), optax.adam(0.02, 0.95, 0.95))
    )
    assert soap_change < 5e-3
    assert adam_change > 0.3


@pytest.mark.usefixtures("x64")
def test_jit_and_scan_agree_with_plain_calls() -> None:
    transform = soap(1e-2, precondition_frequency=2, weight_decay=0.1)
    params = {"matrix": example_tree()["matrix"]}  # few: plain calls compile every operation on its own
    gradients = [{"matrix": example_gradients(i)["matrix"]} for i in range(4)]

    def step(carry, gradient):
        params, state = carry
        updates, state = transform.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), None

    start = (params, jax.jit(transform.init)(params))
    plain = jitted = start
    jit_step = jax.jit(step)
    for gradient in gradients:
        plain, _ = step(plain, gradient)
        jitted, _ = jit_step(jitted, gradient)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *gradients)
    scanned, _ = jax.jit(lambda carry: jax.lax.scan(step, carry, stacked))(start)
    for other in (jitted, scanned):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11), plain[0], other[0])
        assert jax.tree.structure(plain) == jax.tree.structure(other)


def test_a_copied_state_continues_bit_for_bit() -> None:
    transform = scale_by_soap(precondition_frequency=2)
    update = jax.jit(transform.update)
    state, saved, whole = jax.jit(transform.init)(example_tree()), [], []
    for i in range(6):
        saved.append(jax.tree.map(np.array, state))  # through host memory, as a checkpoint does it
        updates, state = update(example_gradients(i), state)
        whole.append(updates)
    for cut in (0, 1, 3, 4):  # before the start, after it, before and after a refresh of the bases
        state = jax.tree.map(jnp.asarray, saved[cut])
        for i in range(cut, 6):
            updates, state = update(example_gradients(i), state)
            jax.tree.map(np.testing.assert_array_equal, updates, whole[i])


def test_the_state_holds_arrays_of_the_expected_shapes_only() -> None:
    state = scale_by_soap(max_precond_dim=3).init(example_tree())
    assert isinstance(state, ScaleBySoapState)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(state))
    shapes = {name: [basis.shape for basis in bases] for name, bases in state.bases.items()}
    assert shapes == {"matrix": [], "bias": [], "scale": [], "core": [(2, 2), (3, 3), (3, 3)]}
    assert jax.tree.map(jnp.shape, state.grams) == jax.tree.map(jnp.shape, state.bases)
    assert jax.tree.map(jnp.shape, state.nu) == jax.tree.map(jnp.shape, example_tree())


def test_an_empty_tree_is_allowed() -> None:
    updates, state = scale_by_soap().update({}, scale_by_soap().init({}))
    assert updates == {}
    assert int(state.step) == 1


def test_a_gradient_of_zeros_moves_nothing_and_stays_finite() -> None:
    transform = scale_by_soap(precondition_frequency=1)
    state, update = jax.jit(transform.init)(example_tree()), jax.jit(transform.update)
    for _ in range(4):
        updates, state = update(jax.tree.map(jnp.zeros_like, example_tree()), state)
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(updates))
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(state))


def test_weight_decay_is_decoupled_from_the_gradient() -> None:
    params = {"w": jnp.ones((3, 3))}
    transform = soap(0.5, weight_decay=0.1)
    updates, _ = transform.update({"w": jnp.full((3, 3), 7.0)}, transform.init(params), params)
    np.testing.assert_allclose(updates["w"], -0.05, rtol=1e-6)


@hypothesis.settings(max_examples=8, deadline=None)
@hypothesis.given(
    shape=st.lists(st.integers(1, 4), min_size=0, max_size=4).map(tuple),
    double=st.booleans(),
    max_precond_dim=st.integers(1, 4),
)
def test_any_shape_keeps_shape_type_and_orthogonal_bases(shape: tuple, double: bool, max_precond_dim: int) -> None:
    with jax.enable_x64(double):
        dtype = jnp.float64 if double else jnp.float32
        transform = scale_by_soap(precondition_frequency=1, max_precond_dim=max_precond_dim)
        state, update = jax.jit(transform.init)(np.zeros(shape, dtype)), jax.jit(transform.update)
        for i in range(3):
            gradient = np.random.default_rng(i).normal(size=shape).astype(dtype)
            updates, state = update(gradient, state)
        assert updates.shape == shape
        assert updates.dtype == dtype
        assert np.any(updates)
        assert all(leaf.dtype in (dtype, jnp.int32) for leaf in jax.tree.leaves(state))
        for basis in state.bases:
            np.testing.assert_allclose(basis.T @ basis, np.eye(len(basis)), atol=1e-12 if double else 1e-5)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"b1": 1.0}, "0 <= b1 < 1"),
        ({"b2": -0.1}, "0 <= b2 < 1"),
        ({"shampoo_beta": 1.0}, "shampoo_beta < 1"),
        ({"precondition_frequency": 0}, "precondition_frequency >= 1"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, float], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        scale_by_soap(**arguments)


@pytest.mark.parametrize("dtype", [jnp.int32, jnp.complex64])
def test_parameters_that_are_not_real_are_refused(dtype: jnp.dtype) -> None:
    with pytest.raises(ValueError, match="real floating-point type"):
        scale_by_soap().init({"w": jnp.ones((2, 2), dtype)})
