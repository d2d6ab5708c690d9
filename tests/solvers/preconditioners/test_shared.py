"""A preconditioner that outlives its matrix: when it is kept, when it is renewed."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from spinn.solvers import SSOR, Info, Jacobi, Shared, Status


@dataclasses.dataclass(frozen=True)
class Aging:
    """As many iterations as the preconditioner's matrix and this one differ, plus ten; a failure from 1000 on."""

    preconditioner: Any = None
    name: str = "aging"

    def solve(self, matrix: Any, rhs: np.ndarray, space: Any = None, *, guess: np.ndarray | None = None):
        iterations = 10 + int(self.preconditioner.build(matrix)(np.array([matrix[0, 0]]))[0])
        status = Status.CONVERGED if iterations < 1000 else Status.LIMIT
        return rhs, space, Info(self.name, status, iterations, iterations, 0.0, 0.0)


@dataclasses.dataclass(frozen=True)
class Distance:
    name: str = "distance"

    def build(self, matrix: Any) -> Callable:
        return lambda r: np.abs(r - matrix[0, 0])


def chain(solver: Shared, values: list[float]):
    space = None
    for value in values:
        _, space, info = solver.solve(np.array([[value]]), np.ones(1), space)
        yield space.builds, info.iterations


def test_renewed_for_the_next_system_once_iterations_have_grown() -> None:
    found = list(chain(Shared(Aging(Distance()), grow=1.5), [0.0, 3.0, 7.0, 8.0, 8.0, 9.0]))
    assert found == [(1, 10), (1, 13), (1, 17), (1, 18), (2, 10), (2, 11)]


def test_renewed_at_once_where_an_old_one_fails_at_the_price_of_both() -> None:
    assert list(chain(Shared(Aging(Distance())), [0.0, 2000.0, 2000.0])) == [(1, 10), (2, 2020), (2, 10)]


def test_renewed_after_the_longest_age() -> None:
    found = [builds for builds, _ in chain(Shared(Aging(Distance()), longest=3), [0.0] * 7)]
    assert found == [1, 1, 1, 2, 2, 2, 3]


def test_a_space_may_be_used_twice() -> None:
    solver = Shared(Aging(Distance()))
    space = solver.solve(np.zeros((1, 1)), np.ones(1))[1]
    before = dataclasses.astuple(space)
    first, second = (solver.solve(np.full((1, 1), 4.0), np.ones(1), space)[1:] for _ in range(2))
    assert dataclasses.astuple(space) == before
    assert first[1].iterations == second[1].iterations == 14 and first[0].age == second[0].age == 2


def test_with_a_real_solver_and_a_matrix_of_another_size(laplacian: Callable, scipy_cg: type) -> None:
    solver = Shared(scipy_cg(SSOR(1.5)))
    space = None
    for shift in (0.0, 0.01, 0.02):
        matrix = laplacian((12, 12)) + shift * scipy.sparse.eye_array(144)
        x, space, info = solver.solve(matrix, np.ones(144), space)
        assert info.converged
        np.testing.assert_allclose(matrix @ x, 1.0, atol=1e-6)
    assert space.builds == 1 and space.age == 3 and space.inner == 3
    _, space, info = solver.solve(laplacian((5, 5)), np.ones(25), space)
    assert info.converged and space.builds == 2 and space.size == 25


def test_mistakes_say_what_to_do(laplacian: Callable, scipy_cg: type) -> None:
    with pytest.raises(ValueError, match="give it one"):
        Shared(scipy_cg())
    with pytest.raises(ValueError, match="grow >= 1"):
        Shared(scipy_cg(Jacobi()), grow=0.5)
    with pytest.raises(ValueError, match="earlier solve by Shared"):
        Shared(scipy_cg(Jacobi())).solve(laplacian((3, 3)), np.ones(9), "space")
