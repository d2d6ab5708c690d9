"""The least-squares problem in one core, everything else held: exact in its residual, solved without squaring.

The other cores enter through frames. A left frame is what the blocks look like from the left, in an orthonormal basis
of all that the operator and the data can reach there: `moved[p, a, i]` takes the index i of the solution's bond and the
bond a of the operator to row p, `data[p, s]` does so for the bond of the data. Rows are dropped by QR and never summed
in squares, so that residuals keep all digits down to rounding.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
import scipy.linalg
from jaxtyping import Float

from spinn.tensortrain.systems import OperatorCore

Array3 = Float[np.ndarray, "_ _ _"]
DENSE = 150  # unknowns up to which the normal matrix is factorised: beyond, that costs more than iterations


@dataclasses.dataclass(frozen=True)
class Frame:
    """One block seen from one side; `basis` is the orthonormal basis its rows were written in, (rows, size, rows)."""

    moved: Float[np.ndarray, "rows operator bond"]
    data: Float[np.ndarray, "rows data"]
    basis: Float[np.ndarray, "before size rows"] | None = None

    @staticmethod
    def end() -> "Frame":
        """Beyond the last axis."""
        return Frame(np.ones((1, 1, 1)), np.ones((1, 1)))


def extended(frame: Frame, operator: OperatorCore, data: Array3, core: Array3) -> Frame:
    """The frame one axis further to the right."""
    moved = np.tensordot(np.tensordot(frame.moved, core, 1), operator, axes=((1, 2), (0, 2)))  # p b m B
    return compressed(moved.transpose(0, 2, 3, 1), np.tensordot(frame.data, data, 1))


def compressed(moved: Float[np.ndarray, "p m a b"], known: Float[np.ndarray, "p m s"]) -> Frame:
    """A frame in an orthonormal basis of its columns."""
    p, m, a, b = moved.shape
    columns = np.concatenate([moved.reshape(p * m, a * b), known.reshape(p * m, -1)], 1)
    basis, rest = np.linalg.qr(columns)
    return Frame(rest[:, : a * b].reshape(-1, a, b), rest[:, a * b :], basis.reshape(p, m, -1))


@dataclasses.dataclass(frozen=True)
class Part:
    """One block of a local problem: its operator's core between two frames, and what is to be reached."""

    left: Float[np.ndarray, "p a i"]
    operator: OperatorCore
    right: Float[np.ndarray, "q b j"]
    target: Float[np.ndarray, "p m q"]

    def image(self, x: Array3) -> Array3:
        """The block's rows (p, m, q) for a core (i, n, j)."""
        step = np.tensordot(np.tensordot(self.left, x, 1), self.operator, axes=((1, 2), (0, 2)))  # p j m b
        return np.tensordot(step, self.right, axes=((3, 1), (1, 2)))

    def back(self, rows: Array3) -> Array3:
        """The transpose of `image`."""
        step = np.tensordot(np.tensordot(rows, self.right, 1), self.operator, axes=((1, 2), (1, 3)))  # p j a n
        return np.tensordot(self.left, step, axes=((0, 1), (0, 2))).transpose(0, 2, 1)

    def normal(self) -> np.ndarray:
        """The normal matrix (i, n, j, i, n, j)."""
        left = np.tensordot(self.left, self.left, axes=(0, 0))  # a i A I
        middle = np.tensordot(self.operator, self.operator, axes=(1, 1))  # a n b A N B
        right = np.tensordot(self.right, self.right, axes=(0, 0))  # b j B J
        step = np.tensordot(left, middle, axes=((0, 2), (0, 3)))  # i I n b N B
        return np.tensordot(step, right, axes=((3, 5), (0, 2))).transpose(0, 2, 4, 1, 3, 5)

    def diagonal(self) -> Array3:
        """The diagonal of the normal matrix, (i, n, j)."""
        step = np.tensordot(side_diagonal(self.left), core_diagonal(self.operator), 1)
        return np.tensordot(step, side_diagonal(self.right), axes=(2, 1))

    def turned(self, left: np.ndarray, middle: np.ndarray, right: np.ndarray) -> "Part":
        """The same in other bases of the core's three indices."""
        operator = np.tensordot(self.operator, middle, axes=(2, 0)).transpose(0, 1, 3, 2)
        return Part(self.left @ left, operator, self.right @ right, self.target)


@dataclasses.dataclass(frozen=True)
class Local:
    """All blocks' parts of the problem in one core."""

    parts: tuple[Part, ...]

    @functools.cached_property
    def diagonal(self) -> Array3:
        """The diagonal of the normal matrix, (i, n, j)."""
        return functools.reduce(np.add, (part.diagonal() for part in self.parts))

    def residuals(self, x: Array3) -> list[Array3]:
        """What is left of every block's target."""
        return [part.target - part.image(x) for part in self.parts]

    def solved(self, x: Array3, tolerance: float, iterations: int) -> Array3:
        """The core that minimises the residual, from the one given."""
        if x.size <= DENSE:
            return self._by_factorisation(x, tolerance)
        return self._by_iteration(x, tolerance, iterations)

    def _by_factorisation(self, x: Array3, tolerance: float) -> Array3:
        """CGLS on a problem made orthogonal by the Cholesky factor of its scaled normal matrix: two or three steps."""
        normal = functools.reduce(np.add, (part.normal() for part in self.parts)).reshape(x.size, x.size)
        scale = 1.0 / np.sqrt(np.maximum(np.diag(normal), 1e-30 * np.max(np.diag(normal)) + 1e-300))
        scaled = normal * scale[:, None] * scale[None, :]
        factor = factorised(scaled)

        def forth(y: np.ndarray) -> np.ndarray:
            return (scipy.linalg.solve_triangular(factor, y.ravel(), lower=True, trans="T") * scale).reshape(x.shape)

        def back(g: np.ndarray) -> np.ndarray:
            return scipy.linalg.solve_triangular(factor, g.ravel() * scale, lower=True)

        return x + self._cgls(self.residuals(x), forth, back, tolerance, 8)

    def _by_iteration(self, x: Array3, tolerance: float, iterations: int) -> Array3:
        """CGLS with a diagonal scaling, in bases that make each index's own share of the normal matrix diagonal."""
        turns = self._turns()
        turned = Local(tuple(part.turned(*turns) for part in self.parts))
        scale = 1.0 / np.sqrt(np.maximum(turned.diagonal, 1e-14 * turned.diagonal.max() + 1e-300))
        step = turned._cgls(
            self.residuals(x), lambda y: y.reshape(x.shape) * scale, lambda g: (g * scale).ravel(), tolerance,
            iterations,
        )  # fmt: skip
        for index, turn in enumerate(turns):
            step = np.moveaxis(np.tensordot(turn, step, axes=(1, index)), 0, index)
        return x + step

    def _turns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Eigenvectors of the normal matrix summed over the other two indices, for each of the three."""
        sums = [np.zeros((size, size)) for size in self.diagonal.shape]
        for part in self.parts:
            left = np.tensordot(part.left, part.left, axes=(0, 0))  # a i A I
            middle = np.tensordot(part.operator, part.operator, axes=(1, 1))  # a n b A N B
            right = np.tensordot(part.right, part.right, axes=(0, 0))  # b j B J
            traces = np.einsum("aiAi->aA", left), np.einsum("anbAnB->abAB", middle), np.einsum("bjBj->bB", right)
            sums[0] += np.einsum("aiAI,abAB,bB->iI", left, traces[1], traces[2])
            sums[1] += np.einsum("aA,anbANB,bB->nN", traces[0], middle, traces[2])
            sums[2] += np.einsum("aA,abAB,bjBJ->jJ", traces[0], traces[1], right)
        left, middle, right = (np.linalg.eigh(total)[1] for total in sums)
        return left, middle, right

    def _cgls(
        self, rows: list[Array3], forth: Callable, back: Callable, tolerance: float, iterations: int
    ) -> Array3:  # fmt: skip
        """CGLS (Hestenes, Stiefel 1952; Bjoerck, Numerical Methods for Least Squares Problems, algorithm 7.4.1) for
        the correction that takes the residual `rows` away, right-preconditioned by `forth`; `back` is its transpose.
        """
        gradient = back(self._back(rows))
        direction, square = gradient, float(gradient @ gradient)
        y, target = np.zeros_like(gradient), tolerance**2 * square
        for _ in range(iterations):
            if square <= target or square == 0.0:
                break
            images = [part.image(forth(direction)) for part in self.parts]
            length = square / sum(float(np.vdot(image, image)) for image in images)
            y = y + length * direction
            rows = [row - length * image for row, image in zip(rows, images, strict=True)]
            gradient = back(self._back(rows))
            before, square = square, float(gradient @ gradient)
            direction = gradient + (square / before) * direction
        return forth(y)

    def _back(self, rows: Sequence[Array3]) -> Array3:
        return functools.reduce(np.add, (part.back(row) for part, row in zip(self.parts, rows, strict=True)))


def side_diagonal(frame: Float[np.ndarray, "p a i"]) -> Float[np.ndarray, "i _"]:
    """What a frame gives to the diagonal of the normal matrix: (i, aA) for pairs of the operator's bond."""
    return np.einsum("pai,pAi->iaA", frame, frame).reshape(frame.shape[2], -1)


def core_diagonal(operator: OperatorCore) -> Array3:
    """What the operator's core gives to it: (aA, n, bB)."""
    a, _, n, b = operator.shape
    return np.einsum("amnb,AmnB->aAnbB", operator, operator).reshape(a * a, n, b * b)


def factorised(matrix: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """The lower Cholesky factor of a matrix with a unit diagonal; a little identity is added where it is singular."""
    ridge = 0.0
    while True:
        try:
            return np.linalg.cholesky(matrix + ridge * np.eye(len(matrix)))
        except np.linalg.LinAlgError:
            ridge = max(10.0 * ridge, 1e-15)
