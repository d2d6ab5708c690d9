"""Direct solvers: against dense ones, one analysis a pattern, one factorisation a matrix, what cannot be solved."""

import importlib.util
import sys

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import aslinearoperator

import spinn.solvers.direct.ldl as ldl
import spinn.solvers.direct.refinement as refinement
import spinn.solvers.direct.superlu as superlu
from spinn.errors import SpinnError
from spinn.solvers import QDLDL, Pardiso, Status, Stopping, SuperLU

MISSING = importlib.util.find_spec("pypardiso") is None
PARDISO = pytest.param(Pardiso(), marks=pytest.mark.skipif(MISSING, reason="pypardiso is not installed"), id="pardiso")
EVERY = [pytest.param(QDLDL(), id="qdldl"), pytest.param(SuperLU(), id="superlu"), PARDISO]
GENERAL = [pytest.param(SuperLU(), id="superlu"), PARDISO]


def symmetric(size: int, seed: int, entries: int = 0) -> scipy.sparse.csr_array:
    """Indefinite, with a pattern that `seed` sets and entries that `entries` do; stored diagonal."""
    pattern = np.random.default_rng(seed).random((size, size)) < 0.3
    values = np.random.default_rng(entries + 1000).standard_normal((size, size))
    matrix = np.where(pattern | pattern.T, values + values.T, 0.0)
    np.fill_diagonal(matrix, np.where(np.arange(size) % 2, 5.0 + size, -5.0 - size))
    return scipy.sparse.csr_array(matrix)


def unsymmetric(size: int, seed: int, entries: int = 0) -> scipy.sparse.csr_array:
    pattern = np.random.default_rng(seed).random((size, size)) < 0.3
    values = np.random.default_rng(entries + 1000).standard_normal((size, size))
    return scipy.sparse.csr_array(np.where(pattern, values, 0.0) + np.diag(3.0 + np.arange(size)))


@pytest.mark.parametrize("solver", EVERY)
@settings(max_examples=15, deadline=None)
@given(size=st.integers(1, 25), seed=st.integers(0, 2**20))
def test_symmetric_indefinite_against_dense(solver, size: int, seed: int) -> None:
    matrix, rhs = symmetric(size, seed), np.random.default_rng(seed).standard_normal(size)
    x, _, info = solver.solve(matrix, rhs)
    assert info.converged and info.residual <= 1e-8
    np.testing.assert_allclose(x, np.linalg.solve(matrix.toarray(), rhs), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("solver", GENERAL)
@settings(max_examples=15, deadline=None)
@given(size=st.integers(1, 25), seed=st.integers(0, 2**20))
def test_unsymmetric_against_dense(solver, size: int, seed: int) -> None:
    matrix, rhs = unsymmetric(size, seed), np.random.default_rng(seed).standard_normal(size)
    space = solver.solve(unsymmetric(size, seed, 1), rhs)[1]  # a first matrix, so that the order found is put to use
    x, _, info = solver.solve(matrix, rhs, space)
    assert info.converged
    np.testing.assert_allclose(x, np.linalg.solve(matrix.toarray(), rhs), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("solver", EVERY)
def test_one_analysis_a_pattern_and_one_factorisation_a_matrix(solver, monkeypatch: pytest.MonkeyPatch) -> None:
    analysed = []
    original = refinement._analysed

    def counted(method, analyse, pattern, space):
        return original(method, lambda p: (analysed.append(p.size), analyse(p))[1], pattern, space)

    monkeypatch.setattr(refinement, "_analysed", counted)
    space, rhs = None, np.ones(20)
    for entries in (0, 1, 1, 1, 2):
        matrix = symmetric(20, 5, entries)
        x, space, info = solver.solve(matrix, rhs, space)
        assert info.converged
        np.testing.assert_allclose(matrix @ x, rhs, atol=1e-6)
    assert analysed == [20] and (space.analyses, space.factorisations) == (1, 3)
    _, space, info = solver.solve(symmetric(21, 6), np.ones(21), space)
    assert info.converged and analysed == [20, 21] and (space.analyses, space.factorisations) == (2, 4)


def test_the_libraries_order_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted at the libraries' own doors: QDLDL makes one `Solver`, SuperLU is asked for one ordering."""
    orderings = []
    splu = superlu.splu
    monkeypatch.setattr(superlu, "splu", lambda *a, **k: (orderings.append(k["permc_spec"]), splu(*a, **k))[1])
    library = ldl.importlib.import_module("qdldl")
    made, make = [], library.Solver
    monkeypatch.setattr(library, "Solver", lambda *a, **k: (made.append(1), make(*a, **k))[1])
    spaces = [None, None]
    for entries in range(4):
        for place, solver in enumerate((QDLDL(), SuperLU())):
            spaces[place] = solver.solve(symmetric(15, 2, entries), np.ones(15), spaces[place])[1]
    assert made == [1] and orderings == ["MMD_AT_PLUS_A", "NATURAL", "NATURAL", "NATURAL"]


@pytest.mark.parametrize("solver", EVERY)
def test_a_space_may_be_used_twice_and_a_matrix_changed_in_place(solver) -> None:
    first, second, rhs = symmetric(12, 7, 0), symmetric(12, 7, 1), np.arange(12.0)
    space = solver.solve(first, rhs)[1]
    for matrix in (second, first, second):
        x, _, info = solver.solve(matrix, rhs, space)
        assert info.converged
        np.testing.assert_allclose(x, np.linalg.solve(matrix.toarray(), rhs), rtol=1e-6)
    first.data[:] = second.data
    np.testing.assert_allclose(solver.solve(first, rhs, space)[0], x)


@pytest.mark.parametrize("solver", EVERY)
def test_saddle_points_and_missing_diagonals(solver) -> None:
    """[[I, B], [B^T, 0]] is not quasi-definite; [[0, 1], [1, 0]] has no pivot on its diagonal."""
    block = np.random.default_rng(3).standard_normal((6, 4))
    saddle = np.block([[np.eye(6), block], [block.T, np.zeros((4, 4))]])
    for matrix in (saddle, np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[1e-20, 1.0], [1.0, 1e-20]])):
        rhs = np.arange(1.0, 1.0 + len(matrix))
        x, _, info = solver.solve(scipy.sparse.csr_array(matrix), rhs)
        assert info.converged, info
        np.testing.assert_allclose(x, np.linalg.solve(matrix, rhs), rtol=1e-5)


def test_a_pivot_that_vanishes_along_the_sequence() -> None:
    """QDLDL's update goes on without a word where a pivot is zero; the true residual tells."""
    first = scipy.sparse.csr_array(np.array([[1.0, 0.5], [0.5, 1.0]]))
    second = first.copy()
    second.data[[0, 3]] = 0.0
    solver = QDLDL()
    space = solver.solve(first, np.ones(2))[1]
    x, space, info = solver.solve(second, np.array([1.0, 2.0]), space)
    assert info.converged
    np.testing.assert_allclose(x, [4.0, 2.0], rtol=1e-6)
    assert solver.solve(first, np.ones(2), space)[2].converged


@pytest.mark.parametrize("solver", EVERY)
@pytest.mark.parametrize(
    "matrix",
    [np.ones((2, 2)), np.zeros((3, 3)), np.diag([1.0, 0.0]), np.array([[1.0, -1.0, 0], [-1, 2, -1], [0, -1, 1]])],
    ids=["rank one", "zero", "empty row", "pure Neumann"],
)
def test_singular(solver, matrix: np.ndarray) -> None:
    rhs = np.arange(1.0, 1.0 + len(matrix))
    x, space, info = solver.solve(scipy.sparse.csr_array(matrix), rhs)
    assert info.status is Status.SINGULAR and np.all(np.isfinite(x))
    residual = np.linalg.norm(rhs - matrix @ x) / np.linalg.norm(rhs)
    assert info.residual == pytest.approx(residual) and info.residual <= 1.0
    regular = scipy.sparse.csr_array(matrix + 3.0 * np.eye(len(matrix)))
    assert solver.solve(regular, rhs, space)[2].converged


@pytest.mark.parametrize("solver", EVERY)
def test_what_is_not_finite_is_a_status(solver) -> None:
    matrix, rhs = symmetric(5, 1), np.ones(5)
    space = solver.solve(matrix, rhs)[1]
    x, _, info = solver.solve(matrix * np.nan, rhs, space)
    assert info.status is Status.NOT_FINITE and np.all(x == 0.0)
    assert solver.solve(matrix, rhs * np.inf, space)[2].status is Status.NOT_FINITE
    assert solver.solve(matrix, rhs, space)[2].converged


@pytest.mark.parametrize("solver", EVERY)
def test_guess_zero_right_side_and_limits(solver) -> None:
    matrix, exact = symmetric(9, 4), np.arange(9.0)
    x, space, info = solver.solve(matrix, matrix @ exact, guess=exact)
    assert info.converged and info.iterations == 0 and np.array_equal(x, exact)
    x, _, info = solver.solve(matrix, matrix @ exact, guess=exact + 1.0)
    np.testing.assert_allclose(x, exact, rtol=1e-6, atol=1e-7)
    x, _, info = solver.solve(matrix, np.zeros(9), space, guess=exact)
    assert info.converged and info.residual == 0.0 and np.all(x == 0.0)
    hard = type(solver)(Stopping(relative=0.0))
    assert hard.solve(matrix, matrix @ exact + 0.1)[2].status in (Status.STAGNATED, Status.CONVERGED)


def test_refinement_reaches_what_one_solve_does_not() -> None:
    """A factor that is 1 % off, and the true residual still meets the rule."""

    class Rough:
        def __init__(self, pattern):
            self.pattern = pattern

        def update(self, values):
            self.inverse = np.linalg.inv(self.pattern.matrix(1.01 * values).toarray())

        def repair(self, values):
            return False

        def solve(self, rhs):
            return self.inverse @ rhs

    matrix, rhs = symmetric(8, 9), np.ones(8)
    x, _, info = refinement.solve_directly("rough", Rough, Stopping(1e-10), matrix, rhs, None, None)
    assert info.converged and info.iterations == 5 and len(info.history) == 5
    np.testing.assert_allclose(matrix @ x, rhs, atol=1e-9)


def test_mistakes_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = symmetric(5, 1)
    with pytest.raises(ValueError, match="use SuperLU"):
        QDLDL().solve(unsymmetric(6, 1), np.ones(6))
    with pytest.raises(ValueError, match="Krylov"):
        SuperLU().solve(aslinearoperator(matrix), np.ones(5))
    with pytest.raises(ValueError, match="earlier solve by superlu"):
        SuperLU().solve(matrix, np.ones(5), QDLDL().solve(matrix, np.ones(5))[1])
    with pytest.raises(ValueError, match="right side"):
        SuperLU().solve(matrix, np.ones(4))
    for module, solver in (("qdldl", QDLDL()), ("pypardiso", Pardiso())):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            with pytest.raises(SpinnError, match="pip install"):
                solver.solve(matrix, np.ones(5))
