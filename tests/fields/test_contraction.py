"""Contraction of term lists: against einsum, and with no more large products than needed."""

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.fields import Grid, Head, JetTable, Separable, network_field
from spinn.fields.contraction import contract, cover, split_point
from spinn.fields.factors import JetFactor, KnownFactor, MeanFactor
from spinn.fields.terms import ONE, Term
from spinn.pdes import laplacian

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

LENGTHS, RANK, LETTERS = (2, 3, 2, 2), 2, "abcd"


def tables(d: int, generator: np.random.Generator) -> list[JetTable]:
    return [JetTable(jnp.asarray(generator.normal(size=(3, LENGTHS[i], RANK)))) for i in range(d)]


def naive(term: Term, shape: Sequence[int]) -> np.ndarray:
    """One term by a single einsum, without merging anything."""
    factors = []
    for here, length in zip(term.factors, shape, strict=True):
        rank = RANK if any(isinstance(f, JetFactor) for f in here) else 1
        product = np.ones((length, rank))
        for factor in here:
            product = product * np.asarray(factor.values)
        factors.append(product if term.head is ONE or rank == RANK else np.repeat(product, RANK, 1))
    letters = LETTERS[: len(shape)]
    if term.head.core is None:
        return term.coefficient * np.einsum(",".join(f"{x}r" for x in letters) + f"->{letters}", *factors)
    inner = letters.upper()
    pairs = ",".join(a + b for a, b in zip(letters, inner, strict=True))
    return term.coefficient * np.einsum(f"{inner},{pairs}->{letters}", np.asarray(term.head.core), *factors)


# A term: its head (three of networks, or none), its coefficient, an order and perhaps a known factor an axis.
SPECS = st.tuples(
    st.integers(0, 3),
    st.sampled_from([1.0, -2.0, 0.5]),
    st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=4, max_size=4),
)


def terms_of(specs: list[Any], d: int) -> list[Term]:
    """Terms of two CP heads, a Tucker head and known functions, with derivatives and known coefficients."""
    generator = np.random.default_rng(len(specs))
    heads = [Head(), Head(), Head(jnp.asarray(generator.normal(size=(RANK,) * d)))]
    made = {head: tables(d, generator) for head in heads}
    known = [KnownFactor(jnp.asarray(generator.normal(size=n)), jnp.sin) for n in LENGTHS[:d]]
    terms = []
    for which, coefficient, axes in specs:
        head = heads[which] if which < 3 else ONE
        factors: list[tuple[Any, ...]] = []
        for axis, (order, has_known) in enumerate(axes[:d]):
            jets = (JetFactor(made[head][axis], order),) if head is not ONE else ()
            factors.append((*jets, known[axis]) if has_known else jets)
        terms.append(Term(coefficient, head, tuple(factors)))
    return terms


@settings(max_examples=30, deadline=None)
@given(st.lists(SPECS, min_size=1, max_size=6), st.integers(1, 4))
def test_contraction_is_the_sum_of_the_terms(specs: list[Any], d: int) -> None:
    terms, shape = terms_of(specs, d), LENGTHS[:d]
    found = contract(terms, shape, jnp.float64)
    assert found.shape == shape
    np.testing.assert_allclose(found, sum(naive(term, shape) for term in terms), rtol=1e-11, atol=1e-11)


def test_no_terms_are_zero() -> None:
    np.testing.assert_array_equal(contract([], (2, 3), jnp.float32), np.zeros((2, 3), np.float32))


@settings(max_examples=30, deadline=None)
@given(st.lists(SPECS, min_size=1, max_size=8), st.integers(2, 4), st.integers(1, 3))
def test_cover_partitions_the_terms_by_shared_sides(specs: list[Any], d: int, cut: int) -> None:
    terms = terms_of(specs, d)
    parts = cover(terms, cut)
    assert sorted(id(term) for part, _ in parts for term in part) == sorted(id(term) for term in terms)
    for part, by_right in parts:
        shared = range(cut, d) if by_right else range(min(cut, d))
        assert len({tuple(term.key(axis) for axis in shared) for term in part}) == 1


def field(d: int, length: int, rank: int, core: bool) -> Separable:
    generator = np.random.default_rng(0)
    axes = tuple("pqrst"[:d])
    points = {axis: jnp.linspace(0.0, 1.0, length) for axis in axes}
    grid = Grid(axes, points, {axis: jnp.full(length, 1.0 / length) for axis in axes})
    jets = {axis: JetTable(jnp.asarray(generator.normal(size=(3, length, rank)))) for axis in axes}
    return network_field(grid, jets, Head(jnp.asarray(generator.normal(size=(rank,) * d))) if core else Head())


def products(function: Any) -> list[tuple[int, int]]:
    """(size of the result, contracted length) of every matrix product in the program."""
    found = []
    for equation in jax.make_jaxpr(function)().eqns:
        if equation.primitive.name == "dot_general":
            ((contracted, _), _) = equation.params["dimension_numbers"]
            lengths = [equation.invars[0].aval.shape[axis] for axis in contracted]
            found.append((equation.outvars[0].aval.size, int(np.prod(lengths))))
    return found


@pytest.mark.parametrize("d", [2, 3, 4, 5])
def test_a_laplacian_needs_two_products_of_the_full_size_at_most(d: int) -> None:
    """They are done as one, with twice the rank: (left points, 2 R) by (2 R, right points)."""
    u = field(d, 3, 4, core=False)
    lazy = laplacian(u, u.coordinates)
    assert len(lazy.terms) == d
    for cut in range(1, d):
        assert len(cover(lazy.terms, cut)) <= 2
    assert products(lambda: contract(lazy.terms, lazy.grid.shape, jnp.float64)) == [(3**d, 8)]


@pytest.mark.parametrize("d", [2, 3, 4, 5])
def test_nothing_of_the_size_of_the_grid_is_formed_before_the_product(d: int) -> None:
    u = field(d, 6, 2, core=False)
    lazy = laplacian(u, u.coordinates) + 3.0 * u
    program = jax.make_jaxpr(lambda: contract(lazy.terms, lazy.grid.shape, jnp.float64))()
    large = [e.primitive.name for e in program.eqns if e.outvars[0].aval.size >= 6**d]
    assert set(large) <= {"dot_general", "reshape", "convert_element_type"}


@pytest.mark.parametrize("d", [2, 3, 4])
def test_terms_that_share_all_but_one_factor_cost_one_product(d: int) -> None:
    u = field(d, 3, 4, core=False)
    axis = u.coordinates[0]
    lazy = 2.0 * u + u.d(axis) - 5.0 * u.d(axis, axis)
    assert products(lambda: contract(lazy.terms, lazy.grid.shape, jnp.float64)) == [(3**d, 4)]


@pytest.mark.parametrize("d", [2, 3, 4])
def test_a_tucker_laplacian_takes_one_product_a_level(d: int) -> None:
    """The last level, the only one of the full size, has the distinct factors of its axis stacked: two."""
    u = field(d, 5, 2, core=True)
    lazy = laplacian(u, u.coordinates)
    assert [one for one in products(lambda: contract(lazy.terms, lazy.grid.shape, jnp.float64)) if one[0] == 5**d] == [
        (5**d, 4)
    ]


@pytest.mark.parametrize("shape", [(2, 2), (8, 2, 2), (2, 2, 8), (3, 3, 3, 3), (1, 5, 1), (4, 4, 4, 4, 4)])
def test_the_cut_makes_the_two_sides_smallest(shape: tuple[int, ...]) -> None:
    sizes = {cut: int(np.prod(shape[:cut]) + np.prod(shape[cut:])) for cut in range(1, len(shape))}
    assert sizes[split_point(shape)] == min(sizes.values())


@pytest.mark.parametrize("core", [False, True])
def test_equal_derivatives_share_their_key_and_others_do_not(core: bool) -> None:
    u = field(2, 3, 2, core)
    keys = [one.terms[0].key(0) for one in (u, u.d("p"), u.d("q"), u.d("pq"), u.d("pp"))]
    assert keys[0] == keys[2] and keys[1] == keys[3]
    assert len(set(keys)) == 3


def test_leibniz_rule_over_the_factors_of_an_axis() -> None:
    jets = JetTable(jnp.asarray(np.random.default_rng(1).normal(size=(3, 4, 2))))
    points = jnp.linspace(0.0, 1.0, 4)
    known = KnownFactor(points, jnp.exp)
    term = Term(2.0, Head(), ((JetFactor(jets), known),))
    found = [part.factors[0] for part in term.derivative(0)]
    assert [factor.order for factor, _ in found] == [1, 0]
    np.testing.assert_allclose(found[1][1].values[:, 0], np.exp(points), rtol=1e-14)
    assert Term(1.0, ONE, ((),)).derivative(0) == ()
    assert Term(1.0, ONE, ((MeanFactor((known,), points),),)).derivative(0) == ()


def test_a_product_of_two_unknowns_is_not_a_term() -> None:
    terms = [Term(1.0, Head(), ((),)) for _ in range(2)]
    with pytest.raises(ValueError, match="only a known function multiplies a term"):
        terms[0].times(terms[1])


@pytest.mark.parametrize("orders", list(itertools.product([0, 1, 2], repeat=2)))
def test_jet_tables_give_the_order_asked_for(orders: tuple[int, int]) -> None:
    jets = JetTable(jnp.arange(24.0).reshape(3, 4, 2))
    first, more = orders
    factor = JetFactor(jets, first)
    for _ in range(more):
        factor = factor.derivative()
    if first + more > 2:
        with pytest.raises(ValueError, match="prepared up to order 2"):
            factor.values
    else:
        np.testing.assert_array_equal(factor.values, jets.values[first + more])
