"""Alternating least squares on tensor trains, with ranks that grow where the residual asks for it.

One core after another is solved for, left to right and back (Holtz, Rohwedder, Schneider, SIAM J. Sci. Comput. 34
(2012) A683). After each solve the core is cut to the ranks that the residual warrants, and its basis is widened by the
directions in which one preconditioned gradient step in this core and the next would move: the enrichment of AMEn
(Dolgov, Savostyanov, SIAM J. Sci. Comput. 36 (2014) A2248), with two-site directions in place of the global residual.
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from spinn.networks.factorisations import svd
from spinn.tensortrain.local import Frame, Local, Part, core_diagonal, extended, side_diagonal
from spinn.tensortrain.systems import Block
from spinn.tensortrain.trains import Core, Train, kept_values, mirrored, norm, ranks, rounded

CUT = 0.05  # what rounding may add to the residual, relative to it
SLOW = 0.7  # a sweep that leaves more of the residual than this has gained little
NOTHING = 0.98  # and one that leaves more than this has gained nothing
PATIENCE = 3  # three sweeps of little gain in a row, or two of none, end the iteration
ROUNDING = 1e-15  # relative to the data: nothing is gained below


@dataclasses.dataclass(frozen=True)
class Limits:
    """When to stop: the relative residual wanted, sweeps, the largest rank; `kick` directions are added a bond."""

    tolerance: float = 1e-12
    sweeps: int = 40
    rank: int = 64
    kick: int = 3


@dataclasses.dataclass(frozen=True)
class Sweep:
    """The solution after a sweep over all axes, and its residual relative to the data (absolute where these are 0)."""

    train: Train
    residual: float
    squares: tuple[float, ...]  # of each block
    number: int


def train_sweeps(blocks: Sequence[Block], start: Train, limits: Limits) -> Iterator[Sweep]:
    """Sweeps until the residual is as small as wanted, or falls no more."""
    both = (tuple(blocks), tuple(one.mirrored() for one in blocks))
    size = float(np.sqrt(sum(one.size**2 for one in blocks))) or 1.0
    cores = rounded(start, 1e-14)  # all but the first orthonormal
    frames = _frames_from_right(blocks, cores)
    best, slow = np.inf, 0
    for number in range(1, limits.sweeps + 1):
        cores, frames, squares = _half_sweep(both[(number - 1) % 2], cores, frames, size, limits)
        residual = float(np.sqrt(sum(squares))) / size
        yield Sweep(cores if number % 2 else mirrored(cores), residual, squares, number)
        slow = 0 if residual <= SLOW * best else slow + (2 if residual > NOTHING * best else 1)
        best = min(best, residual)
        if residual < limits.tolerance or slow >= PATIENCE or not np.isfinite(residual):
            return
        cores = mirrored(cores)


def _frames_from_right(blocks: Sequence[Block], cores: Train) -> list[list[Frame]]:
    """Frames of every block right of each core: `[core][block]`."""
    frames = [[Frame.end() for _ in blocks]]
    for index in range(len(cores) - 1, 0, -1):
        core = cores[index].transpose(2, 1, 0)
        frames.append([
            extended(frame, one.operator[index].transpose(3, 1, 2, 0), one.data[index].transpose(2, 1, 0), core)
            for frame, one in zip(frames[-1], blocks, strict=True)
        ])  # fmt: skip
    return frames[::-1]


def _half_sweep(
    blocks: Sequence[Block], cores: Train, rights: list[list[Frame]], size: float, limits: Limits
) -> tuple[Train, list[list[Frame]], tuple[float, ...]]:
    """Solve for every core from left to right. Returns the cores, the frames on their left in the order of the sweep
    back, and the blocks' squared residuals at its end.
    """
    lefts = [[Frame.end() for _ in blocks]]
    done, coming = [], list(cores)
    squares: tuple[float, ...] = ()
    for index in range(len(cores)):
        local = local_problem(blocks, index, lefts[-1], rights[index])
        core = local.solved(coming[index], 1e-4, 60)
        rows = local.residuals(core)
        squares = tuple(norm(row) ** 2 for row in rows)
        if index == len(cores) - 1:
            done.append(core)
            break
        residual = max(float(np.sqrt(sum(squares))), ROUNDING * size)
        basis, rest = _cut(core, local.diagonal, CUT * residual / len(cores) ** 0.5, limits.rank)
        if residual > limits.tolerance * size:
            added = _directions(blocks, index, local, rows, rights, coming[index + 1].shape, limits.kick)
            basis, rest = _widened(basis, rest, added, limits.rank)
        done.append(basis)
        coming[index + 1] = np.tensordot(rest, coming[index + 1], 1)
        lefts.append([
            extended(frame, one.operator[index], one.data[index], basis)
            for frame, one in zip(lefts[-1], blocks, strict=True)
        ])  # fmt: skip
    return tuple(done), lefts[::-1], squares


def residual_squares(blocks: Sequence[Block], train: Train) -> tuple[float, ...]:
    """The squared norm of every block's residual, to all digits that the residual has."""
    squares = []
    for one in blocks:
        frame = Frame.end()
        for operator, data, core in zip(one.operator, one.data, train, strict=True):
            frame = extended(frame, operator, data, core)
        squares.append(norm(frame.data - frame.moved[:, 0]) ** 2)
    return tuple(squares)


def local_problem(blocks: Sequence[Block], index: int, lefts: Sequence[Frame], rights: Sequence[Frame]) -> Local:
    """The problem in one core between its frames."""
    parts = []
    for one, left, right in zip(blocks, lefts, rights, strict=True):
        target = np.tensordot(np.tensordot(left.data, one.data[index], 1), right.data, axes=(2, 1))
        parts.append(Part(left.moved, one.operator[index], right.moved, target))
    return Local(tuple(parts))


def _cut(core: Core, diagonal: Core, allowed: float, most: int) -> tuple[Core, Float[np.ndarray, "_ _"]]:
    """An orthonormal basis for the left of a core, and the rest, cut so that the residual rises by about `allowed`.

    Singular values are those of rows scaled by the root of the normal matrix's diagonal, which measures residuals.
    """
    left, n, right = core.shape
    energy = np.sum(core**2, (0, 1)) + 1e-300
    scale = np.sqrt(diagonal @ (energy / energy.sum())).ravel()
    scale = np.maximum(scale, 1e-12 * scale.max() + 1e-300)
    u, s, v = svd(core.reshape(left * n, right) * scale[:, None])
    kept = min(kept_values(s, allowed), most)
    basis, rest = np.linalg.qr(u[:, :kept] / scale[:, None])
    return basis.reshape(left, n, -1), rest @ (s[:kept, None] * v[:kept])


def _directions(
    blocks: Sequence[Block], index: int, local: Local, rows: Sequence[np.ndarray], rights: list[list[Frame]],
    following: tuple[int, int, int], count: int,
) -> Float[np.ndarray, "_ _"]:  # fmt: skip
    """Columns (left rank x size) along which this core and the next want to move together.

    The gradient in both cores, (left, n, n', right), divided by the diagonal of the normal matrix there: one Jacobi
    step, of which the leading left singular vectors are taken.
    """
    gradients, diagonals = [], []
    for one, part, row, beyond, frame in zip(blocks, local.parts, rows, rights[index + 1], rights[index], strict=True):
        operator = one.operator[index + 1]
        assert frame.basis is not None
        # The rows to the right of this core are in the frame's basis: what the next core's features look like in it.
        step = np.tensordot(frame.basis, beyond.moved, axes=(0, 0))  # m q c k
        ahead = np.tensordot(step, operator, axes=((0, 2), (1, 3)))  # q k b N
        here = np.tensordot(np.tensordot(part.left, row, axes=(0, 0)), part.operator, axes=((0, 2), (0, 1)))  # i q n b
        gradients.append(np.tensordot(here, ahead, axes=((1, 3), (0, 2))))  # i n k N
        near = np.tensordot(side_diagonal(part.left), core_diagonal(part.operator), 1)  # i n bB
        far = np.tensordot(core_diagonal(operator), side_diagonal(beyond.moved), axes=(2, 1))  # bB N k
        diagonals.append(np.tensordot(near, far, 1).transpose(0, 1, 3, 2))
    gradient, diagonal = functools.reduce(np.add, gradients), functools.reduce(np.add, diagonals)
    step = gradient / np.maximum(diagonal, 1e-12 * diagonal.max() + 1e-300)
    return leading(step.reshape(-1, following[1] * following[2]), count)


def leading(matrix: Float[np.ndarray, "rows columns"], count: int) -> Float[np.ndarray, "rows _"]:
    """About the first `count` left singular vectors, by subspace iteration (Halko, Martinsson, Tropp 2011, algorithm
    4.4): directions to search in need not be exact.
    """
    if not np.any(matrix):
        return matrix[:, :0]
    start = np.random.default_rng(0).standard_normal((matrix.shape[1], min(count, *matrix.shape)))
    basis = np.linalg.qr(matrix @ start)[0]
    for _ in range(2):
        basis = np.linalg.qr(matrix @ (matrix.T @ basis))[0]
    return basis


def _widened(
    basis: Core, rest: Float[np.ndarray, "_ _"], added: Float[np.ndarray, "_ _"], most: int
) -> tuple[Core, Float[np.ndarray, "_ _"]]:
    """The basis with further directions, whose coefficients are zero."""
    left, n, rank = basis.shape
    flat = basis.reshape(left * n, rank)
    added = added[:, : max(min(most - rank, left * n - rank), 0)]
    for _ in range(2):  # twice is enough to be orthogonal to rounding
        added = added - flat @ (flat.T @ added)
    q, r = np.linalg.qr(added)
    q = q[:, np.abs(np.diag(r)) > 1e-8 * max(np.abs(np.diag(r)).max(initial=0.0), 1e-300)]
    q = q - flat @ (flat.T @ q)
    wide = np.concatenate([flat, np.linalg.qr(q)[0]], 1)
    more = np.zeros((wide.shape[1] - rank, rest.shape[1]))
    return wide.reshape(left, n, -1), np.concatenate([rest, more])


def described(train: Train) -> str:
    """Ranks in one word: one number where they are equal."""
    found = ranks(train)
    return str(found[0]) if len(set(found)) == 1 else f"{min(found)}-{max(found)}" if found else "1"
