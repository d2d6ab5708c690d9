"""Sequences: what is carried, warm starts, failures in the middle, and the sums."""

from collections.abc import Callable

import numpy as np
import pytest

from spinn.solvers import CG, GCRODR, Info, Status, Stopping, solve_sequence, summarise


def test_the_space_is_carried_or_not(darcy: Callable) -> None:
    systems = darcy(15, 3)
    solver = GCRODR(restart=10, recycle=5)
    assert [info.recycled for _, info in solve_sequence(systems, solver)] == [0, 5, 5]
    assert [info.recycled for _, info in solve_sequence(systems, solver, carry=False)] == [0, 0, 0]
    space = solver.solve(*systems[0])[1]
    assert [info.recycled for _, info in solve_sequence(systems, solver, space=space, carry=False)] == [5, 5, 5]


def test_solutions_come_one_by_one(darcy: Callable) -> None:
    asked = []

    def systems():
        for system in darcy(10, 3):
            asked.append(system)
            yield system

    for number, (x, info) in enumerate(solve_sequence(systems(), CG()), start=1):
        assert len(asked) == number and info.converged
        np.testing.assert_allclose(asked[-1][0] @ x, asked[-1][1], rtol=1e-6)


def test_warm_starts_save_iterations_on_slow_chains(darcy: Callable) -> None:
    systems = darcy(20, 4, step=1e-4)
    cold, warm = (summarise(i for _, i in solve_sequence(systems, CG(), warm=w)) for w in (False, True))
    assert warm.iterations < 0.8 * cold.iterations and warm.converged == 4


def test_a_system_that_fails_in_the_middle_does_not_stop_the_rest(darcy: Callable) -> None:
    systems = darcy(15, 4)
    systems[1] = (systems[1][0] * np.nan, systems[1][1])
    infos = [info for _, info in solve_sequence(systems, GCRODR(restart=10, recycle=5), warm=True)]
    assert [info.status for info in infos] == [Status.CONVERGED, Status.NOT_FINITE, Status.CONVERGED, Status.CONVERGED]
    assert infos[2].recycled == 5
    total = summarise(infos)
    assert total.failures == {"not finite": 1} and total.converged == 3 and total.worst_residual == 1.0


def test_sums() -> None:
    infos = [
        Info("a", Status.CONVERGED, 10, 12, 1e-9, 1.0, setup_seconds=0.5),
        Info("a", Status.LIMIT, 30, 31, 1e-3, 3.0),
        Info("a", Status.CONVERGED, 11, 13, 1e-8, 8.0),
    ]
    total = summarise(infos)
    assert (total.systems, total.iterations, total.products, total.seconds) == (3, 51, 56, 12.0)
    assert (total.median_iterations, total.median_products, total.median_seconds) == (11.0, 13.0, 3.0)
    assert total.setup_seconds == 0.5 and total.worst_residual == 1e-3 and total.failures == {"iteration limit": 1}


def test_no_systems() -> None:
    total = summarise([])
    assert total.systems == total.converged == 0 and np.isnan(total.worst_residual) and np.isnan(total.median_seconds)


def test_sizes_that_change_are_errors(darcy: Callable) -> None:
    with pytest.raises(ValueError, match="start anew with space=None"):
        list(solve_sequence([*darcy(15, 1), *darcy(16, 1)], GCRODR(restart=10, recycle=5, stopping=Stopping())))
