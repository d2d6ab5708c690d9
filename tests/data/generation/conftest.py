import dataclasses
from typing import ClassVar

import numpy as np
import pytest

from spinn.data import Darcy2D
from spinn.data.generation import Recipe


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trouble(Darcy2D):
    """Darcy flow with samples that cannot be solved: `broken` by index, `nan` or `zero` coefficients."""

    name: ClassVar[str] = "trouble"
    broken: tuple[tuple[int, str], ...] = ()

    def parameters(self, seed, index):
        drawn = super().parameters(seed, index)
        kind = dict(self.broken).get(index)
        if kind == "raises":
            raise ValueError("no such sample")
        return drawn if kind is None else {"a": {"nan": np.nan, "zero": 0.0}[kind] * drawn["a"]}


@pytest.fixture(scope="session")
def recipe():
    """A small recipe; settings may be changed."""

    def make(**settings):
        given = {"family": Darcy2D(grid=(17, 17)), "samples": 10, "piece": 4, "solver": "superlu", **settings}
        return Recipe(**given)

    return make


@pytest.fixture(scope="session")
def trouble():
    return lambda **broken: Trouble(grid=(17, 17), broken=tuple((int(k[1:]), v) for k, v in broken.items()))
