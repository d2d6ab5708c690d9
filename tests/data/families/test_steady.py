"""Steady families: convergence on manufactured data, flags, residuals, and one sample at a time."""

import numpy as np
import pytest
import scipy.sparse.linalg as sla

from spinn.data import ConvectionDiffusion2D, Darcy2D, Darcy3D, Helmholtz2D, Poisson2D
from spinn.data.definitions import (
    ConvectionDiffusionProblem2D,
    DarcyFlow2D,
    DarcyFlow3D,
    HelmholtzProblem2D,
    PoissonProblem2D,
)
from spinn.data.stencil import discretise, grid_of
from spinn.pdes import cos, sin

SMALL = [
    Darcy2D(grid=(17, 15)),
    Darcy3D(grid=(9, 8, 7)),
    Poisson2D(grid=(17, 15)),
    Helmholtz2D(grid=(33, 31)),
    ConvectionDiffusion2D(grid=(17, 15)),
]


def solved(family, parameters) -> np.ndarray:
    system = family.system(parameters)
    return sla.spsolve(system.matrix.tocsc(), system.rhs)


@pytest.mark.parametrize("family", SMALL, ids=lambda family: family.name)
def test_a_solved_sample_passes_and_a_wrong_one_does_not(family) -> None:
    parameters = family.parameters(1, 2)
    fields = family.fields(parameters, solved(family, parameters))
    assert set(fields) == {*parameters, "u"}
    assert all(value.shape == family.grid for value in fields.values())
    assert family.residual(parameters, fields) < 1e-11
    assert family.residual(parameters, {**fields, "u": fields["u"] * 1.001}) > 5e-4
    moved = fields["u"].copy()
    moved[0] += np.abs(moved).max() * 0.01  # on the boundary alone
    assert family.residual(parameters, {**fields, "u": moved}) > 5e-3


@pytest.mark.parametrize("family", SMALL, ids=lambda family: family.name)
def test_flags_are_true(family) -> None:
    system = family.system(family.parameters(0, 0))
    A = system.matrix.toarray()
    assert system.matrix.has_sorted_indices and system.matrix.dtype == np.float64
    assert A.shape == (np.prod(system.shape),) * 2
    assert system.symmetric == np.allclose(A, A.T, rtol=1e-13)
    if system.symmetric:
        assert system.definite == (np.linalg.eigvalsh(A).min() > 0)


@pytest.mark.parametrize("family", SMALL, ids=lambda family: family.name)
def test_samples_are_their_own(family) -> None:
    third = family.parameters(5, 3)
    for i in range(3):
        family.parameters(5, i)
    again = family.parameters(5, 3)
    assert all(np.array_equal(third[name], again[name]) for name in third)
    other = family.parameters(5, 4)
    assert np.linalg.norm(family.features(third) - family.features(other)) > 0
    assert family.features(third).ndim == 1


def test_darcy_takes_the_values_of_the_paper() -> None:
    family = Darcy2D(grid=(33, 33))
    a = family.parameters(0, 0)["a"]
    assert set(np.unique(a)) == {3.0, 12.0}
    finer = Darcy2D(grid=(65, 65)).parameters(0, 0)["a"]
    assert np.array_equal(finer[::2, ::2], a)


def test_helmholtz_has_many_negative_eigenvalues() -> None:
    family = Helmholtz2D(grid=(33, 33))
    values = np.linalg.eigvalsh(family.system(family.parameters(0, 0)).matrix.toarray())
    assert 20 < (values < 0).sum() < 90


def test_velocity_is_divergence_free_and_scaled() -> None:
    family = ConvectionDiffusion2D(grid=(65, 65), speed=3.0)
    v = family.parameters(0, 0)
    h = 1 / 64
    div = (v["vx"][2:, 1:-1] - v["vx"][:-2, 1:-1] + v["vy"][1:-1, 2:] - v["vy"][1:-1, :-2]) / (2 * h)
    assert np.abs(div[1:-1, 1:-1]).max() < 1e-10
    assert np.sqrt(np.mean(v["vx"] ** 2 + v["vy"] ** 2)) == pytest.approx(3.0)


def bump(*coordinates):
    """Vanishes on the boundary of the unit box, and is no eigenfunction."""
    value = sin(np.pi * coordinates[0]) * sin(np.pi * coordinates[1]) * (1 + coordinates[0] * coordinates[1])
    return value * sin(np.pi * coordinates[2]) if len(coordinates) == 3 else value


CASES = {
    "darcy_2d": (DarcyFlow2D, {"a": lambda x, y: 2 + sin(3 * x + y)}, bump, (17, 33, 65)),
    "darcy_3d": (DarcyFlow3D, {"a": lambda x, y, z: 2 + sin(2 * x + y) * cos(z)}, bump, (9, 17, 33)),
    "poisson_2d": (PoissonProblem2D, {"g": None}, lambda x, y: sin(2 * x + 1) * cos(3 * y), (17, 33, 65)),
    "helmholtz_2d": (HelmholtzProblem2D, {"k": lambda x, y: 10 + x * y}, bump, (33, 65, 129)),
    "convection_diffusion_2d": (
        ConvectionDiffusionProblem2D,
        {"vx": lambda x, y: cos(2 * y), "vy": lambda x, y: sin(x)},
        bump,
        (33, 65, 129),
    ),
}


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("name", CASES)
def test_manufactured_solutions_converge_at_their_order(name: str, order: int, manufactured, slopes) -> None:
    cls, inputs, exact, sizes = CASES[name]
    errors = []
    for points in sizes:
        grid = grid_of(cls(), (points,) * len(cls.coordinates), order)
        mesh = np.meshgrid(*grid.nodes, indexing="ij")
        build = lambda *x: cls(f=0.0, **{k: v(*x) for k, v in inputs.items() if v})  # noqa: E731
        source, u = manufactured(grid, build, exact)
        arrays = {k: v(*mesh) if v else u for k, v in inputs.items()}
        system = discretise(cls(f=source, **arrays), grid.shape, order)
        if len(grid.shape) == 3:
            found = system.insert(sla.gmres(system.matrix, system.rhs, rtol=1e-9, restart=200, maxiter=5)[0])
        else:
            found = system.insert(sla.spsolve(system.matrix.tocsc(), system.rhs))
        errors.append(float(np.abs(found - u).max()))
    assert np.all(np.abs(slopes(errors) - order) < 0.45), (errors, slopes(errors))
