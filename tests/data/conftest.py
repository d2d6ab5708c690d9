"""Manufactured problems: the source that makes a given function the solution of a PDE, by exact derivatives."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from spinn.data import Grid
from spinn.pdes import PDE, point_coordinates


def _manufactured(grid: Grid, build: Callable[..., PDE], exact: Callable[..., Any]) -> tuple[np.ndarray, np.ndarray]:
    """(source, solution) on the grid: `build(x, ...)` makes the PDE, without source, of coordinate fields."""
    mesh = np.meshgrid(*grid.nodes, indexing="ij")
    with jax.enable_x64(True):
        points = list(point_coordinates(**{k: m.ravel() for k, m in zip(grid.names, mesh, strict=True)}).values())
        u = exact(*points)
        source = np.asarray(build(*points).residual(u, *points).value)
        return source.reshape(grid.shape), np.asarray(u.value).reshape(grid.shape)


def _slopes(errors: list[float]) -> np.ndarray:
    """Observed orders from errors on grids each twice as fine."""
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))


@pytest.fixture
def manufactured():
    return _manufactured


@pytest.fixture
def slopes():
    return _slopes
