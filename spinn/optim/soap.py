"""SOAP: Adam run in the slowly changing eigenbasis of Shampoo's preconditioner.

N. Vyas, D. Morwani, R. Zhao, I. Shapira, D. Brandfonbrener, L. Janson, S. Kakade, "SOAP: Improving and Stabilizing
Shampoo using Adam", ICLR 2025, arXiv 2409.11321. Comments cite the lines of its algorithm 3.

A matrix G has two Gram matrices, L = G G^T and R = G^T G; a tensor has one a mode, that of its unfolding along the
mode. Their running averages' eigenvectors are the basis in which Adam's element-wise scaling is done, so the iteration
does not care how the parameters are rotated. Vectors and scalars have no such basis here: for them SOAP is Adam.

Two boundary effects that the algorithm leaves open follow the authors' code: the very first call only sets up the bases
(its update is zero, so that no gradient is projected on a basis made from itself alone), and the columns of a basis are
kept in descending order of their eigenvalue estimates, the second moments V moving with them.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

Tensor = Float[Array, "..."]
Squares = tuple[Float[Array, "_ _"], ...]  # one a mode, of different sizes


class ScaleBySoapState(NamedTuple):
    """State of `scale_by_soap`: arrays only.

    `mu`, `nu`: like the parameters; `mu` (M) in the original space, `nu` (V) in the eigenbases. `grams`, `bases`: in
    place of each parameter a tuple with one square matrix a preconditioned mode (L, R and Q_L, Q_R for a matrix).
    """

    step: Int[Array, ""]  # calls so far; the first one makes no Adam step
    mu: optax.Updates
    nu: optax.Updates
    grams: Any
    bases: Any


class _Settings(NamedTuple):
    b1: float
    b2: float
    gram_decay: float
    eps: float
    frequency: int
    max_precond_dim: int

    def modes(self, leaf: Tensor) -> tuple[int, ...]:
        return preconditioned_modes(leaf.shape, self.max_precond_dim)


class _Leaf(NamedTuple):
    """What belongs to one parameter array."""

    mu: Tensor
    nu: Tensor
    grams: Squares
    bases: Squares


def preconditioned_modes(shape: Sequence[int], max_precond_dim: int) -> tuple[int, ...]:
    """The modes that get a basis: none of a vector, else all of size 2 to `max_precond_dim`."""
    if len(shape) < 2:
        return ()
    return tuple(mode for mode, size in enumerate(shape) if 2 <= size <= max_precond_dim)


def scale_by_soap(
    b1: float = 0.95,
    b2: float = 0.95,
    shampoo_beta: float = -1,
    eps: float = 1e-8,
    precondition_frequency: int = 10,
    max_precond_dim: int = 1024,
) -> optax.GradientTransformation:
    """Rescale gradients by SOAP: what `optax.scale_by_adam` is to Adam.

    `b1`, `b2`: decay of the first and second moments. `shampoo_beta`: decay of the Gram matrices, `b2` if negative.
    `precondition_frequency`: steps between refreshes of the bases (one power iteration and QR each).
    `max_precond_dim`: longer modes keep the identity as their basis.

    **Raises:** ValueError for arguments out of range, and for parameters that are not real floating-point arrays.
    """
    _check_arguments(b1, b2, shampoo_beta, precondition_frequency, max_precond_dim)
    gram_decay = shampoo_beta if shampoo_beta >= 0 else b2
    settings = _Settings(b1, b2, gram_decay, eps, precondition_frequency, max_precond_dim)

    def init(params: optax.Params) -> ScaleBySoapState:
        leaves, treedef = jax.tree.flatten(params)
        return _joined(jnp.zeros((), jnp.int32), treedef, [_empty(leaf, max_precond_dim) for leaf in leaves])

    def update(
        gradients: optax.Updates, state: ScaleBySoapState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, ScaleBySoapState]:
        del params
        flat, treedef = jax.tree.flatten(jax.tree.map(jnp.asarray, gradients))
        start, step = partial(_start, settings, flat), partial(_step, settings, flat, state.step)
        directions, leaves = jax.lax.cond(state.step == 0, start, step, _split(state, treedef))
        return jax.tree.unflatten(treedef, directions), _joined(state.step + 1, treedef, leaves)

    return optax.GradientTransformation(init, update)


def soap(
    learning_rate: optax.ScalarOrSchedule,
    b1: float = 0.95,
    b2: float = 0.95,
    shampoo_beta: float = -1,
    eps: float = 1e-8,
    precondition_frequency: int = 10,
    max_precond_dim: int = 1024,
    weight_decay: float = 0.0,
) -> optax.GradientTransformation:
    """SOAP with a learning rate (a number or an optax schedule) and decoupled weight decay.

    The first update is zero but for the weight decay. See `scale_by_soap` for the other arguments.
    """
    return optax.chain(
        scale_by_soap(b1, b2, shampoo_beta, eps, precondition_frequency, max_precond_dim),
        optax.add_decayed_weights(weight_decay) if weight_decay else optax.identity(),
        optax.scale_by_learning_rate(learning_rate),
    )


def _check_arguments(b1: float, b2: float, shampoo_beta: float, frequency: int, max_dim: int) -> None:
    for name, value in (("b1", b1), ("b2", b2)):
        if not 0 <= value < 1:
            raise ValueError(f"soap: expected 0 <= {name} < 1, got {value}; the published setting is 0.95")
    if shampoo_beta >= 1:
        raise ValueError(f"soap: expected shampoo_beta < 1, got {shampoo_beta}; a negative value means b2")
    if frequency < 1 or max_dim < 1:
        raise ValueError(
            f"soap: expected precondition_frequency >= 1 and max_precond_dim >= 1, got {frequency} and {max_dim}; "
            "max_precond_dim=1 switches the bases off, which leaves Adam"
        )


def _empty(parameter: Any, max_precond_dim: int) -> _Leaf:
    leaf = jnp.asarray(parameter)
    if not jnp.issubdtype(leaf.dtype, jnp.floating):
        raise ValueError(
            f"soap: expected parameters of real floating-point type, got {leaf.dtype} of shape {leaf.shape}; "
            "split off what is not trained (equinox.partition), and complex numbers into real and imaginary parts"
        )
    sizes = tuple(leaf.shape[mode] for mode in preconditioned_modes(leaf.shape, max_precond_dim))
    return _Leaf(
        jnp.zeros_like(leaf),
        jnp.zeros_like(leaf),
        tuple(jnp.zeros((n, n), leaf.dtype) for n in sizes),
        tuple(jnp.eye(n, dtype=leaf.dtype) for n in sizes),
    )


def _split(state: ScaleBySoapState, treedef: Any) -> list[_Leaf]:
    parts = (treedef.flatten_up_to(part) for part in state[1:])
    return [_Leaf(*leaf) for leaf in zip(*parts, strict=True)]


def _joined(step: Int[Array, ""], treedef: Any, leaves: Sequence[_Leaf]) -> ScaleBySoapState:
    parts = zip(*leaves, strict=True) if leaves else ((), (), (), ())
    return ScaleBySoapState(step, *(jax.tree.unflatten(treedef, part) for part in parts))


def _start(settings: _Settings, gradients: list[Tensor], leaves: list[_Leaf]) -> tuple[list[Tensor], list[_Leaf]]:
    """The first call: bases from the first gradients, and no step."""
    averaged = _with_averaged_grams(settings, gradients, leaves)
    return [jnp.zeros_like(g) for g in gradients], [
        leaf._replace(bases=tuple(_eigenbasis(gram) for gram in leaf.grams)) for leaf in averaged
    ]


def _step(
    settings: _Settings, gradients: list[Tensor], step: Int[Array, ""], leaves: list[_Leaf]
) -> tuple[list[Tensor], list[_Leaf]]:
    """All later calls: lines 3 to 10, then 13 to 18."""
    pairs = zip(gradients, leaves, strict=True)
    moved = [_adam_in_eigenbasis(settings, gradient, step, leaf) for gradient, leaf in pairs]
    averaged = _with_averaged_grams(settings, gradients, [leaf for _, leaf in moved])
    due = step % settings.frequency == 0  # line 15

    def refresh(leaves: list[_Leaf]) -> list[_Leaf]:
        return [_refreshed(leaf, settings.modes(leaf.mu)) for leaf in leaves]

    return [direction for direction, _ in moved], jax.lax.cond(due, refresh, list, averaged)


def _adam_in_eigenbasis(
    settings: _Settings, gradient: Tensor, step: Int[Array, ""], leaf: _Leaf
) -> tuple[Tensor, _Leaf]:
    """Lines 3 to 10 for one array: the direction N and the leaf with its new moments."""
    modes, (b1, b2) = settings.modes(gradient), settings[:2]
    turned = _into_eigenbasis(gradient, leaf.bases, modes)  # line 3: G'
    mu = b1 * leaf.mu + (1 - b1) * gradient  # line 4: M
    turned_mu = _into_eigenbasis(mu, leaf.bases, modes)  # line 5: M'
    nu = b2 * leaf.nu + (1 - b2) * turned**2  # line 7: V
    debiased_mu = turned_mu / (1 - jnp.asarray(b1, mu.dtype) ** step)
    debiased_nu = nu / (1 - jnp.asarray(b2, nu.dtype) ** step)
    scaled = debiased_mu / (jnp.sqrt(debiased_nu) + settings.eps)  # line 8: N'
    return _out_of_eigenbasis(scaled, leaf.bases, modes), leaf._replace(mu=mu, nu=nu)  # line 10: N


def _with_averaged_grams(settings: _Settings, gradients: Sequence[Tensor], leaves: Sequence[_Leaf]) -> list[_Leaf]:
    """Lines 13 and 14: running averages of the Gram matrices of every array's unfoldings."""
    decay = settings.gram_decay
    return [
        leaf._replace(
            grams=tuple(
                decay * gram + (1 - decay) * _unfolded_gram(gradient, mode)
                for gram, mode in zip(leaf.grams, settings.modes(gradient), strict=True)
            )
        )
        for gradient, leaf in zip(gradients, leaves, strict=True)
    ]


def _unfolded_gram(gradient: Tensor, mode: int) -> Float[Array, "n n"]:
    """G G^T of the unfolding with `mode` as its rows."""
    unfolded = jnp.moveaxis(gradient, mode, 0).reshape(gradient.shape[mode], -1)
    return jnp.matmul(unfolded, unfolded.T, precision="highest")


def _eigenbasis(gram: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Eigenvectors by a full decomposition, largest eigenvalue first: the start of the power iterations."""
    return jnp.linalg.eigh(gram)[1][:, ::-1]


def _refreshed(leaf: _Leaf, modes: tuple[int, ...]) -> _Leaf:
    """Lines 16 and 17 (by algorithm 4): one power iteration and QR a mode, V's entries moved with the columns."""
    nu, bases = leaf.nu, []
    for gram, basis, mode in zip(leaf.grams, leaf.bases, modes, strict=True):
        powered = jnp.matmul(gram, basis, precision="highest")
        estimates = jnp.sum(basis * powered, axis=0)
        order = jnp.argsort(-estimates)
        nu = jnp.take(nu, order, axis=mode)
        bases.append(jnp.linalg.qr(powered[:, order])[0])
    return leaf._replace(nu=nu, bases=tuple(bases))


def _into_eigenbasis(tensor: Tensor, bases: Squares, modes: tuple[int, ...]) -> Tensor:
    """Q^T applied along every preconditioned mode: Q_L^T G Q_R for a matrix."""
    return _contracted(tensor, bases, modes, 0)


def _out_of_eigenbasis(tensor: Tensor, bases: Squares, modes: tuple[int, ...]) -> Tensor:
    """Q applied along every preconditioned mode: Q_L N' Q_R^T for a matrix."""
    return _contracted(tensor, bases, modes, 1)


def _contracted(tensor: Tensor, bases: Squares, modes: tuple[int, ...], side: int) -> Tensor:
    for basis, mode in zip(bases, modes, strict=True):
        tensor = jnp.moveaxis(jnp.tensordot(basis, tensor, axes=((side,), (mode,)), precision="highest"), 0, mode)
    return tensor
