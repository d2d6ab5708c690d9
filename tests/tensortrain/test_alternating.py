"""Sweeps find the least-squares solution, with no more rank than it has."""

import numpy as np
import pytest

from spinn.tensortrain import Limits, projected, residual_squares, train_sweeps
from spinn.tensortrain.alternating import leading
from spinn.tensortrain.local import Frame, Local, Part, extended
from spinn.tensortrain.trains import from_products, norm, ranks, rounded


def dense(train):
    result = train[0]
    for core in train[1:]:
        result = np.tensordot(result, core, 1)
    return result.ravel()


def solved(blocks, start=None, **limits):
    *_, last = train_sweeps(blocks, projected(blocks, 4) if start is None else start, Limits(**limits))
    return last


@pytest.mark.parametrize("axes", [1, 2, 3, 4])
def test_solution_and_its_ranks_are_recovered(system, axes):
    one, _, _, solution = system(axes=axes, terms=2)
    last = solved([one])
    assert norm(dense(last.train) - solution) < 1e-10 * norm(solution)
    assert last.residual < 1e-12
    assert max(ranks(rounded(last.train, 1e-9)), default=1) <= 2


def test_residual_is_exact_and_the_least_where_the_equations_cannot_hold(system):
    one, matrix, data, _ = system(axes=3, consistent=False)
    last = solved([one], sweeps=12)
    best = np.linalg.lstsq(matrix, data, rcond=None)[0]
    wanted = norm(matrix @ best - data) / norm(data)
    assert last.residual == pytest.approx(wanted, rel=1e-3)
    assert sum(residual_squares([one], last.train)) == pytest.approx((last.residual * norm(data)) ** 2, rel=1e-9)


def test_rank_grows_from_a_zero_start(system):
    one, _, _, solution = system(axes=3, terms=3)
    zero = tuple(np.zeros((1, 4, 1)) for _ in range(3))
    last = solved([one], zero)
    assert norm(dense(last.train) - solution) < 1e-9 * norm(solution)


def test_rank_stays_below_its_limit_and_the_residual_says_what_that_costs(system):
    one, _, _, _ = system(axes=3, terms=4, columns=5)
    last = solved([one], rank=1, sweeps=8)
    assert ranks(last.train) == (1, 1)
    assert last.residual > 1e-3


def test_a_wrong_operator_gives_another_solution(system):
    one, _, _, solution = system(axes=3, terms=1)
    wrong = one.scaled(1.0)
    wrong = type(one)((one.operator[0] * 1.01, *one.operator[1:]), one.data, one.values)
    assert norm(dense(solved([wrong]).train) - solution) > 1e-3 * norm(solution)


def test_blocks_are_weighed_by_their_scale(system):
    first, _, _, solution = system(seed=1, terms=1)
    second, _, _, _ = system(seed=2, terms=1)
    last = solved([first.scaled(1e7), second], sweeps=20)
    assert norm(dense(last.train) - solution) < 1e-4 * norm(solution)


@pytest.mark.parametrize("unknowns", [100, 0])
def test_local_problems_by_factorisation_and_by_iteration_agree_with_dense_least_squares(monkeypatch, unknowns):
    monkeypatch.setattr("spinn.tensortrain.local.DENSE", unknowns)
    draws = np.random.default_rng(0)
    part = Part(*(draws.standard_normal(shape) for shape in ((6, 2, 3), (2, 7, 4, 2), (5, 2, 2), (6, 7, 5))))
    local = Local((part,))
    design = np.stack([part.image(unit.reshape(3, 4, 2)).ravel() for unit in np.eye(24)], 1)
    best = np.linalg.lstsq(design, part.target.ravel(), rcond=None)[0]
    found = local.solved(np.zeros((3, 4, 2)), 1e-12, 200)
    np.testing.assert_allclose(found.ravel(), best, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(part.normal().reshape(24, 24), design.T @ design, atol=1e-10)
    np.testing.assert_allclose(local.diagonal.ravel(), np.sum(design**2, 0), rtol=1e-12)
    rows = draws.standard_normal((6, 7, 5))
    np.testing.assert_allclose(part.back(rows).ravel(), design.T @ rows.ravel(), atol=1e-12)


def test_frames_keep_products_of_rows(system):
    one, _, _, _ = system(axes=2)
    core = np.random.default_rng(0).standard_normal((1, 4, 3))
    frame = extended(Frame.end(), one.operator[0], one.data[0], core)
    image = np.einsum("inj,amnb->ambij", core, one.operator[0])[0, :, :, 0]  # m b j
    np.testing.assert_allclose(
        np.einsum("pbj,pck->bjck", frame.moved, frame.moved), np.einsum("mbj,mck->bjck", image, image), atol=1e-10
    )
    np.testing.assert_allclose(
        np.einsum("pbj,ps->bjs", frame.moved, frame.data), np.einsum("mbj,ms->bjs", image, one.data[0][0]), atol=1e-10
    )


def test_leading_directions():
    matrix = from_products([np.eye(6)[:, :2], np.eye(5)[:, :2]], np.array([5.0, 1.0]))
    array = np.tensordot(matrix[0], matrix[1], 1)[0, ..., 0]
    basis = leading(array, 2)
    np.testing.assert_allclose(basis @ basis.T @ array, array, atol=1e-10)
    assert leading(np.zeros((3, 4)), 2).shape == (3, 0)
