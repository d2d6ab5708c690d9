"""Alternating least squares for sums of products (CP), one axis at a time, rank grown where the residual stalls.

A sum of products is a tensor train whose cores are diagonal, so that the frames of trains serve here too: the bond of
the solution numbers the products. See Beylkin, Mohlenkamp, SIAM J. Sci. Comput. 26 (2005) 2133, section 3.
"""

import functools
from collections.abc import Iterator, Sequence

import numpy as np
import scipy.linalg
from jaxtyping import Float

from spinn.tensortrain.alternating import Limits, Sweep
from spinn.tensortrain.local import Frame, compressed, factorised
from spinn.tensortrain.systems import Block, OperatorCore
from spinn.tensortrain.trains import Train, norm

Factor = Float[np.ndarray, "_ _"]
STALLED = 0.8  # a sweep that leaves more of the residual than this asks for another product
HOPELESS = 0.95  # so much left after another product: more will not help
MOST_SWEEPS_A_RANK = 12


def product_sweeps(blocks: Sequence[Block], start: Train | None, limits: Limits) -> Iterator[Sweep]:
    """Sweeps over the axes, to and fro; sums of products go in and come out as `diagonal_train`.

    `start`: None begins with one random product.
    """
    sizes = [core.shape[2] for core in blocks[0].operator]
    draws = np.random.default_rng(0)
    factors = [draws.standard_normal((n, 1)) for n in sizes] if start is None else factors_of(start)
    size = float(np.sqrt(sum(one.size**2 for one in blocks))) or 1.0
    both = (tuple(blocks), tuple(one.mirrored() for one in blocks))
    last, settled, since = np.inf, np.inf, 0
    for number in range(1, limits.sweeps + 1):
        turn = -1 if number % 2 == 0 else 1
        found, squares = _half_sweep(both[number % 2 == 0], factors[::turn])
        factors = found[::turn]
        residual = float(np.sqrt(sum(squares))) / size
        yield Sweep(diagonal_train(factors), residual, squares, number)
        since += 1
        if residual < limits.tolerance or not np.isfinite(residual):
            return
        if residual > STALLED * last or since >= MOST_SWEEPS_A_RANK:
            if factors[0].shape[1] >= limits.rank or residual > HOPELESS * settled:
                return
            factors = [np.concatenate([f, draws.standard_normal((len(f), 1))], 1) for f in factors]
            factors[-1 if turn == 1 else 0][:, -1] = 0.0  # solved for first on the way back
            settled, last, since = residual, np.inf, 0
        else:
            last = residual


def diagonal_train(factors: Sequence[Factor]) -> Train:
    """A sum of products as a tensor train: (size, rank) an axis."""
    if len(factors) == 1:
        return (np.sum(factors[0], 1)[None, :, None],)
    first, *middle, last = factors
    cores = (np.einsum("nr,rs->rns", factor, np.eye(factor.shape[1])) for factor in middle)
    return (first[None], *cores, last.T[:, :, None])


def factors_of(train: Train) -> list[Factor]:
    """The factors of a sum of products that `diagonal_train` made."""
    if len(train) == 1:
        return [train[0][0]]
    first, *middle, last = train
    return [first[0], *(np.einsum("rnr->nr", core).copy() for core in middle), last[:, :, 0].T.copy()]


def _half_sweep(blocks: Sequence[Block], factors: Sequence[Factor]) -> tuple[list[Factor], tuple[float, ...]]:
    """Solve for the factors of every axis from left to right; they and the blocks' squared residuals."""
    rank = factors[0].shape[1]
    wide = [Frame(np.ones((1, 1, rank)), np.ones((1, 1))) for _ in blocks]
    rights = [wide]
    for index in range(len(factors) - 1, 0, -1):
        flipped = [(one.operator[index].transpose(3, 1, 2, 0), one.data[index].transpose(2, 1, 0)) for one in blocks]
        rights.append([_extended(f, *cores, factors[index]) for f, cores in zip(rights[-1], flipped, strict=True)])
    rights, lefts = rights[::-1], wide
    result = list(factors)
    squares: tuple[float, ...] = ()
    for index in range(len(factors)):
        result[index], squares = _solved(blocks, index, lefts, rights[index], result[index])
        if index + 1 < len(factors):  # products of unit factors: their size travels with the axis being solved for
            scale = np.linalg.norm(result[index], axis=0)
            scale[scale == 0.0] = 1.0
            result[index] = result[index] / scale
            result[index + 1] = result[index + 1] * scale
            lefts = [
                _extended(frame, one.operator[index], one.data[index], result[index])
                for frame, one in zip(lefts, blocks, strict=True)
            ]
    return result, squares


def _extended(frame: Frame, operator: OperatorCore, data: np.ndarray, factor: Factor) -> Frame:
    """The frame one axis further: every product keeps its number."""
    image = np.tensordot(operator, factor, axes=(2, 0))  # a m b r
    moved = np.einsum("par,ambr->pmbr", frame.moved, image)
    return compressed(moved, np.tensordot(frame.data, data, 1))


def _solved(
    blocks: Sequence[Block], index: int, lefts: Sequence[Frame], rights: Sequence[Frame], factor: Factor
) -> tuple[Factor, tuple[float, ...]]:
    """The best factors of one axis, and the blocks' squared residuals.

    The normal matrix is factorised; the digits that squaring loses are won back by correcting with the residual.
    """
    designs, targets = [], []
    for one, left, right in zip(blocks, lefts, rights, strict=True):
        step = np.einsum("par,amnb->pmnbr", left.moved, one.operator[index])
        design = np.einsum("pmnbr,qbr->pmqnr", step, right.moved)
        designs.append(design.reshape(-1, factor.size))
        target = np.tensordot(np.tensordot(left.data, one.data[index], 1), right.data, axes=(2, 1))
        targets.append(target.ravel())
    normal = functools.reduce(np.add, (design.T @ design for design in designs))
    scale = 1.0 / np.sqrt(np.maximum(np.diag(normal), 1e-300 + 1e-30 * np.max(np.diag(normal))))
    lower = factorised(normal * scale[:, None] * scale[None, :])
    x = factor.ravel()
    for _ in range(3):
        rows = [target - design @ x for design, target in zip(designs, targets, strict=True)]
        gradient = functools.reduce(np.add, (design.T @ row for design, row in zip(designs, rows, strict=True)))
        x = x + scale * scipy.linalg.cho_solve((lower, True), scale * gradient)
    squares = tuple(norm(target - design @ x) ** 2 for design, target in zip(designs, targets, strict=True))
    return x.reshape(factor.shape), squares
