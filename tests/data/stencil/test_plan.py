"""Fluxes in a plan: every face once gives what a face at a time gives, whatever shares the matrix with it."""

import numpy as np
import pytest

from spinn.data import discretise, grid_of
from spinn.data.stencil.field import Term, multiplied
from spinn.data.stencil.operators import harmonic_mean, neighbours
from spinn.data.stencil.plan import flux_weights
from spinn.pdes import PDE, Box, Dirichlet, Face, Neumann, Periodic, div, grad


class Flow(PDE):
    r"""-div(a grad u) + c u_xx + b u = 1, the middle term as a second term of the same stencil."""

    coordinates = ("x", "y", "z")
    unknowns = ("u",)
    domain = Box(x=(0, 1), y=(0, 2), z=(0, 3))
    a: object = 1.0
    b: object = 0.0
    c: object = 0.0
    faces: object = (Dirichlet("u"),)

    def residual(self, u, x, y, z):
        return -div(self.a * grad(u)) - self.c * u.d("x", "x") + self.b * u - 1.0

    def conditions(self):
        return self.faces


FACES = {
    "dirichlet": (Dirichlet("u"),),
    "mixed": (
        Dirichlet("u", faces=("x", Face("y", "low"))),
        Neumann("u", faces=(Face("y", "high"),)),
        Periodic("u", axis="z"),
    ),
}


@pytest.mark.parametrize("faces", FACES)
def test_faces_taken_once_are_those_of_the_neighbours(faces: str) -> None:
    grid = grid_of(Flow(faces=FACES[faces]), (5, 6, 7))
    a = np.random.default_rng(0).uniform(1.0, 9.0, grid.shape).ravel()
    for axis in range(3):
        orders = tuple(2 * (axis == one) for one in range(3))
        found = flux_weights(grid, Term(1.0, orders, a))
        for weights, side in zip(found, neighbours(grid, axis), strict=True):
            wanted = harmonic_mean(a[grid.unknowns], a[side]) / grid.axes[axis].spacing ** 2
            np.testing.assert_allclose(weights, wanted, rtol=1e-14)


@pytest.mark.parametrize("faces", FACES)
def test_a_matrix_is_the_sum_of_its_terms(faces: str) -> None:
    """Alone, fluxes own the places of their neighbours; with a second term along x they share them."""
    a, points = np.random.default_rng(1).uniform(1.0, 9.0, (5, 6, 7)), (5, 6, 7)
    a = a if faces == "dirichlet" else np.broadcast_to(a[..., :1], points)
    flux, both, second = (
        discretise(Flow(a=one, b=b, c=c, faces=FACES[faces]), points).matrix.toarray()
        for one, b, c in ((a, 0.0, 0.0), (a, 3.0, 2.0), (1.0, 3.0, 2.0))
    )
    plain = discretise(Flow(faces=FACES[faces]), points).matrix.toarray()
    np.testing.assert_allclose(both - flux, second - plain, atol=1e-12 * np.abs(both).max())


def test_a_factor_of_zero_leaves_no_array_behind() -> None:
    assert multiplied(0.0, np.ones(3)) == 0.0 and multiplied(np.ones(3), 0.0) == 0.0
    assert np.array_equal(multiplied(2.0, np.ones(3)), np.full(3, 2.0))
