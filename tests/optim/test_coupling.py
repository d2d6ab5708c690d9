"""The layout of a core in blocks: a permutation, with zeros where groups are filled up."""

import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.optim.coupling import Coupling


@st.composite
def layouts(draw: st.DrawFn) -> tuple[tuple[int, ...], Coupling]:
    axes = draw(st.integers(1, 3))
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=axes + 1, max_size=axes + 1)))
    whole = tuple(i for i in range(axes) if draw(st.booleans()))
    return shape, Coupling(whole, tuple(draw(st.integers(1, 3)) for _ in range(axes)))


@given(layouts())
@settings(max_examples=60, deadline=None)
def test_every_entry_is_in_one_block_and_comes_back(layout: tuple[tuple[int, ...], Coupling]) -> None:
    shape, kept = layout
    core = jnp.arange(1.0, 1.0 + np.prod(shape)).reshape(shape)
    blocks = kept.blocks(core)
    entries = np.asarray(blocks).ravel()
    assert sorted(entries[entries > 0]) == list(np.asarray(core).ravel())
    np.testing.assert_array_equal(kept.core(blocks, shape), core)


def test_the_first_group_is_filled_up() -> None:
    core = jnp.asarray([[7.0, 1.0, 2.0, 3.0, 4.0]])
    np.testing.assert_array_equal(Coupling((), (2,)).blocks(core), [[0, 7], [1, 2], [3, 4]])
