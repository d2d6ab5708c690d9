"""Systems side by side: each as if alone, held to its own matrix, by one program for lists of any length."""

import numpy as np
import pytest
import scipy.sparse.linalg

from spinn.data import ConvectionDiffusion2D, Darcy2D, GaussianField, Helmholtz2D, LogNormal, Matern, RandomField
from spinn.solvers import CG, Status, Stopping, batched_candidates
from spinn.solvers.batched import cg, gcrodr, side_by_side

STOPPING = Stopping(relative=1e-9)
WAVES = Helmholtz2D(grid=(14, 11), wave_number=RandomField(GaussianField(Matern()), LogNormal(6.0, 0.1)))
DARCY = Darcy2D(grid=(14, 11))


def systems_of(family, count: int):
    made = [family.system(family.parameters(0, index)) for index in range(count)]
    return [(one.matrix, one.rhs) for one in made], made[0]


def solvers(family, width: int):
    _, one = systems_of(family, 1)
    return batched_candidates(one.definite, one.shape, width, stopping=STOPPING)


@pytest.mark.parametrize(
    ("family", "name"),
    [
        (DARCY, "batched-poisson-cg"),
        (DARCY, "batched-scaled-poisson-cg"),
        (DARCY, "batched-gcrodr"),
        (ConvectionDiffusion2D(grid=(14, 11)), "batched-gcrodr"),
        (WAVES, "batched-gcrodr"),
        (Darcy2D(grid=(14, 11), order=4), "batched-gcrodr"),
    ],
    ids=lambda one: one if isinstance(one, str) else f"{one.name}-{one.order}",
)
def test_solutions_are_those_of_a_direct_solver(family, name) -> None:
    systems, _ = systems_of(family, 9)
    for (matrix, rhs), (x, info) in zip(systems, solvers(family, 10)[name].solve_many(systems), strict=True):
        exact = scipy.sparse.linalg.spsolve(matrix.tocsc(), rhs)
        assert info.converged and info.iterations > 0
        np.testing.assert_allclose(x, exact, atol=1e-6 * np.abs(exact).max())
        true = np.linalg.norm(rhs - matrix @ x) / np.linalg.norm(rhs)
        assert info.residual == true <= 1e-9


def test_iterations_are_those_of_the_solver_of_single_systems() -> None:
    systems, one = systems_of(DARCY, 3)
    alone = CG(side_by_side.fast_poisson.FastPoisson(one.shape, single=True), STOPPING)
    for system, (_, info) in zip(systems, solvers(DARCY, 3)["batched-poisson-cg"].solve_many(systems), strict=True):
        assert abs(alone.solve(*system)[2].iterations - info.iterations) <= 1


@pytest.mark.parametrize("name", ["batched-poisson-cg", "batched-gcrodr"])
def test_empty_places_change_nothing_and_compile_nothing(name) -> None:
    systems, _ = systems_of(DARCY, 5)
    solver = solvers(DARCY, 5)[name]
    full = solver.solve_many(systems)
    programs = cg._solve._cache_size(), gcrodr._solve._cache_size()
    short, holed = solver.solve_many(systems[:2]), solver.solve_many([systems[0], None, systems[2]])
    assert programs == (cg._solve._cache_size(), gcrodr._solve._cache_size())
    np.testing.assert_array_equal(short[0][0], full[0][0])
    np.testing.assert_allclose(holed[2][0], full[2][0], atol=1e-8 * np.abs(full[2][0]).max())
    assert len(short) == 2 and short[1][1].converged


def test_one_that_cannot_be_solved_leaves_the_others_alone() -> None:
    systems, _ = systems_of(DARCY, 4)
    solver = solvers(DARCY, 4)["batched-poisson-cg"]
    good = solver.solve_many(systems)
    matrix, rhs = systems[1]
    bad = solver.solve_many([systems[0], (0.0 * matrix, rhs), (systems[2][0], np.nan * rhs), systems[3]])
    assert [info.status for _, info in bad] == [
        Status.CONVERGED, Status.SINGULAR, Status.NOT_FINITE, Status.CONVERGED,
    ]  # fmt: skip
    for place in (0, 3):
        np.testing.assert_array_equal(bad[place][0], good[place][0])
    assert [info.status for _, info in solver.solve_many([(0.0 * matrix, rhs)])] == [Status.SINGULAR]


def test_the_residual_is_that_of_the_matrix_not_of_the_program(monkeypatch) -> None:
    systems, _ = systems_of(DARCY, 2)
    solver = solvers(DARCY, 2)["batched-poisson-cg"]
    true = cg.BatchedCG.solve

    def wrong(self, *arguments):
        x, info = true(self, *arguments)
        return 1.01 * x, info

    monkeypatch.setattr(cg.BatchedCG, "solve", wrong)
    assert all(abs(info.residual - 0.01) < 1e-6 for _, info in solver.solve_many(systems))


def test_memory_bounds_the_width_in_equal_parts() -> None:
    assert batched_candidates(True, (126, 126), 64)["batched-poisson-cg"].width == 64
    widths = {solver.width for solver in batched_candidates(True, (62, 62, 62), 64).values()}
    assert widths == {16}
    assert batched_candidates(True, (254, 254, 254), 64)["batched-poisson-cg"].width == 1
    with pytest.raises(ValueError, match="1 to 3 dimensions"):
        batched_candidates(True, (3, 3, 3, 3), 4)
    with pytest.raises(ValueError, match="at most 2 systems"):
        solvers(DARCY, 2)["batched-poisson-cg"].solve_many([None] * 3)
