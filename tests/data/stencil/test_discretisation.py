"""The stencil reading: against a matrix written by hand, manufactured solutions, and what must hold of a matrix."""

import math

import numpy as np
import pytest
import scipy.sparse.linalg as sla

from spinn.data import discretise, grid_of
from spinn.pdes import PDE, Box, Dirichlet, Face, Gauge, Neumann, Periodic, cos, div, grad, laplacian, sin
from spinn.pdes.poisson_2d import Poisson2D as ShippedPoisson


class Flow(PDE):
    r"""-div(a grad u) + c u = f."""

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(0, 1), y=(0, 2))
    a: object = 1.0
    c: object = 0.0
    f: object = 0.0
    faces: object = (Dirichlet("u"),)

    def residual(self, u, x, y):
        return -div(self.a * grad(u)) + self.c * u - self.f

    def conditions(self):
        return self.faces


def solve(system) -> np.ndarray:
    return system.insert(sla.spsolve(system.matrix.tocsc(), system.rhs))


def five_point(a: np.ndarray, hx: float, hy: float) -> np.ndarray:
    """-div(a grad) at the inner nodes, entry by entry."""
    nx, ny = a.shape
    mean = lambda p, q: 2 * p * q / (p + q)  # noqa: E731
    number = {(i, j): (i - 1) * (ny - 2) + j - 1 for i in range(1, nx - 1) for j in range(1, ny - 1)}
    A = np.zeros((len(number), len(number)))
    for (i, j), row in number.items():
        for di, dj, h in ((1, 0, hx), (-1, 0, hx), (0, 1, hy), (0, -1, hy)):
            conductance = mean(a[i, j], a[i + di, j + dj]) / h**2
            A[row, row] += conductance
            if (i + di, j + dj) in number:
                A[row, number[i + di, j + dj]] -= conductance
    return A


def test_jumping_darcy_is_the_five_point_matrix() -> None:
    a = np.random.default_rng(0).choice([3.0, 12.0], (7, 6))
    system = discretise(Flow(a=a, f=2.0), a.shape)
    assert np.allclose(system.matrix.toarray(), five_point(a, 1 / 6, 2 / 5), rtol=1e-14)
    assert np.allclose(system.rhs, 2.0)
    assert system.shape == (5, 4)


def test_the_matrix_is_symmetric_and_an_m_matrix() -> None:
    a = np.random.default_rng(1).choice([3.0, 12.0], (9, 9))
    system = discretise(Flow(a=a), a.shape)
    A = system.matrix.toarray()
    off = A - np.diag(np.diag(A))
    assert system.symmetric and system.definite
    assert np.array_equal(A, A.T)
    assert off.max() <= 0
    sums = A.sum(axis=1).reshape(system.shape)
    scale = np.abs(A).max()
    assert np.abs(sums[1:-1, 1:-1]).max() < 1e-13 * scale  # what leaves a cell enters its neighbour
    assert (sums[0] > 0).all() and (sums[:, -1] > 0).all()
    assert np.linalg.eigvalsh(A).min() > 0


def test_the_flux_balance_holds_across_a_jump() -> None:
    """One dimension, two media: harmonic means give the exact piecewise linear solution when the jump is mid-cell."""

    class Layers(PDE):
        coordinates = ("x",)
        unknowns = ("u",)
        domain = Box(x=(0, 1))
        a: object = 1.0

        def residual(self, u, x):
            return div(self.a * grad(u))

        def conditions(self):
            return [
                Dirichlet("u", value=0.0, faces=(Face("x", "low"),)),
                Dirichlet("u", value=1.0, faces=(Face("x", "high"),)),
            ]

    x = np.linspace(0, 1, 12)
    a = np.where(x < 0.5, 1.0, 50.0)
    u = solve(discretise(Layers(a=a), (12,)))
    flux = 1 / (0.5 / 1.0 + 0.5 / 50.0)
    assert np.allclose(u, np.where(x < 0.5, flux * x, 1 - flux / 50 * (1 - x)), atol=1e-13)


@pytest.mark.parametrize("order", [2, 4])
def test_shipped_poisson_converges_at_its_order(order: int, slopes) -> None:
    errors = []
    for points in (17, 33, 65):
        pde = ShippedPoisson(detail=0.0)
        u = solve(discretise(pde, (points, points), order))
        x = np.linspace(0, 1, points)
        errors.append(float(np.abs(u - pde.exact(x[:, None], x[None, :])).max()))
    assert np.all(np.abs(slopes(errors) - order) < 0.35), (errors, slopes(errors))


@pytest.mark.parametrize("order", [2, 4])
def test_every_kind_of_term_converges_at_its_order(order: int, slopes, manufactured) -> None:
    """Coefficients of the coordinates, mixed and first derivatives, non-zero boundary values."""

    class General(PDE):
        coordinates = ("x", "y")
        unknowns = ("u",)
        domain = Box(x=(0, 1), y=(0, 1.5))
        f: object = 0.0

        def residual(self, u, x, y):
            transport = (sin(x + y) * u).d("x") + cos(x) * u.d("y")
            return -div((2 + sin(3 * x) * y) * grad(u)) + 0.5 * u.d("xy") + transport + x * u - self.f

        def exact(self, x, y):
            return cos(2 * x + 0.3) * sin(3 * y + 1)

        def conditions(self):
            return [Dirichlet("u", value=self.exact)]

    errors = []
    for points in (25, 49, 97):
        grid = grid_of(General(), (points, points), order)
        source, exact = manufactured(grid, lambda x, y: General(), General().exact)
        errors.append(float(np.abs(solve(discretise(General(f=source), grid.shape, order)) - exact).max()))
    assert np.all(np.abs(slopes(errors) - order) < 0.4), (errors, slopes(errors))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_sign_of_the_residual_does_not_matter(sign: float) -> None:
    class Either(Flow):
        def residual(self, u, x, y):
            return sign * (laplacian(u) + self.f)

    system = discretise(Either(f=3.0), (6, 6))
    assert system.definite
    assert (system.matrix.diagonal() > 0).all()
    assert np.allclose(system.rhs, 3.0)


def test_periodic_axes_wrap(slopes, manufactured) -> None:
    faces = (Periodic("u", axis="x"), Periodic("u", axis="y"))
    for order in (2, 4):
        errors = []
        for points in (16, 32, 64):
            grid = grid_of(Flow(faces=faces), (points, points), order)
            x, y = np.meshgrid(*grid.nodes, indexing="ij")
            source, exact = manufactured(
                grid,
                lambda x, y: Flow(a=2 + sin(2 * math.pi * x) * cos(math.pi * y), c=3.0),
                lambda x, y: sin(2 * math.pi * x + 1) * cos(math.pi * y),
            )
            pde = Flow(a=2 + np.sin(2 * np.pi * x) * np.cos(np.pi * y), c=3.0, f=source, faces=faces)
            system = discretise(pde, grid.shape, order)
            errors.append(float(np.abs(solve(system) - exact).max()))
        assert np.all(np.abs(slopes(errors) - order) < 0.4), (errors, slopes(errors))
    assert discretise(pde, grid.shape).definite


def test_neumann_faces_are_symmetric_and_of_second_order(slopes, manufactured) -> None:
    """u = cos(2 x + 1) (y + y^2/2): slopes on x = 1 and y = 0 are given, the other faces are held."""

    def exact(x, y):
        return cos(2 * x + 1) * (y + y**2 / 2)

    faces = (
        Dirichlet("u", value=exact, faces=(Face("x", "low"), Face("y", "high"))),
        Neumann("u", value=lambda x, y: -2 * sin(2 * x + 1) * (y + y**2 / 2), faces=(Face("x", "high"),)),
        Neumann("u", value=lambda x, y: -cos(2 * x + 1), faces=(Face("y", "low"),)),
    )
    errors = {"constant": [], "variable": []}
    for points in (13, 25, 49):
        grid = grid_of(Flow(faces=faces), (points, points))
        x, y = np.meshgrid(*grid.nodes, indexing="ij")
        for name, coefficient in (("constant", lambda x, y: 1.0), ("variable", lambda x, y: 1 + x + sin(y))):
            source, solution = manufactured(grid, lambda x, y, a=coefficient: Flow(a=a(x, y)), exact)
            system = discretise(Flow(a=coefficient(x, y), f=source, faces=faces), grid.shape)
            A = system.matrix
            assert system.symmetric and system.definite
            assert abs(A - A.T).max() < 1e-12 * abs(A).max()
            errors[name].append(float(np.abs(solve(system) - solution).max()))
    for found in errors.values():
        assert np.all(np.abs(slopes(found) - 2) < 0.3), (found, slopes(found))


def test_indefinite_and_singular_matrices_are_not_called_definite() -> None:
    assert not discretise(Flow(c=-100.0), (8, 8)).definite
    assert not discretise(Flow(faces=(Neumann("u"),)), (8, 8)).definite
    assert discretise(Flow(faces=(Neumann("u"),), c=1.0), (8, 8)).definite
    assert not discretise(Flow(), (8, 8), 4).symmetric


def test_refreshing_leaves_earlier_systems_alone() -> None:
    one = discretise(Flow(a=1.0 + np.zeros((6, 6))), (6, 6))
    before = one.matrix.toarray()
    discretise(Flow(a=5.0 + np.zeros((6, 6))), (6, 6))
    assert np.array_equal(one.matrix.toarray(), before)


class Nonlinear(Flow):
    def residual(self, u, x, y):
        return -laplacian(u) + u * u


class Powered(Flow):
    def residual(self, u, x, y):
        return -laplacian(u) + u**2


@pytest.mark.parametrize(
    ("pde", "points", "order", "message"),
    [
        (Nonlinear(), (6, 6), 2, "not linear in the unknown .two expressions"),
        (Powered(), (6, 6), 2, "not linear in the unknown .a function of it"),
        (Flow(faces=(Gauge("u"),)), (6, 6), 2, "Dirichlet, Neumann and Periodic.*Gauge"),
        (Flow(faces=(Dirichlet("u", faces=("x",)),)), (6, 6), 2, "no condition on the low and high face of y"),
        (Flow(), (6,), 2, "number of nodes for each of x, y"),
        (Flow(), (5, 8), 4, "at least 7 nodes along x"),
        (Flow(faces=(Neumann("u"),)), (8, 8), 4, "Neumann faces .* second order"),
        (Flow(a=np.ones((5, 5))), (6, 6), 2, r"of shape \(6, 6\).*got \(5, 5\)"),
    ],
)
def test_mistakes_are_named(pde, points, order, message: str) -> None:
    with pytest.raises(Exception, match=message):
        discretise(pde, points, order)


def test_time_dependent_pdes_are_sent_elsewhere() -> None:
    from spinn.pdes.heat import Heat

    with pytest.raises(ValueError, match="depends on time"):
        discretise(Heat(), (8,))
