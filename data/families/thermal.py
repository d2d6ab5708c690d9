"""Temperature of a perforated plate by finite elements on an irregular mesh (Wang et al., ICLR 2024, "Thermal")."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.spatial import Delaunay

from spinn.data.families.family import Parameters, SteadyFamily
from spinn.data.random_fields import generator
from spinn.data.stencil import System
from spinn.errors import SpinnError

HOLES = ((0.3, 0.35, 0.12), (0.68, 0.6, 0.16))  # centre x, y and radius


class Mesh(NamedTuple):
    """A triangulation of the unit square without the holes."""

    points: np.ndarray  # (nodes, 2)
    triangles: np.ndarray  # (triangles, 3)


class Assembled(NamedTuple):
    """The stiffness matrix, split into free nodes and those on the left and the right edge."""

    free: np.ndarray  # node numbers
    left: np.ndarray
    right: np.ndarray
    matrix: sp.csr_matrix  # (free, free)
    to_left: np.ndarray  # row sums of the block that couples free nodes to the left edge
    to_right: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thermal2D(SteadyFamily):
    """Lap u = 0 on the unit square with two round holes: u = left on x = 0, u = right on x = 1, else insulated.

    The temperatures are uniform in [-100, 0] and [0, 100]. Linear triangles by scikit-fem (the extra `fem`) on an
    irregular mesh with about as many nodes as a square grid of `grid` nodes an axis; fields have shape (nodes,), and
    `axes` gives the coordinates of the nodes. One matrix serves all samples.
    """

    name: ClassVar[str] = "thermal_2d"
    grid: tuple[int, ...] = (110, 110)
    mesh_seed: int = 0
    cold: tuple[float, float] = (-100.0, 0.0)
    warm: tuple[float, float] = (0.0, 100.0)

    def __post_init__(self) -> None:
        if len(self.grid) != 2 or min(self.grid) < 16:
            raise ValueError(f"{self.name}: expected two numbers of nodes, at least 16 each, got {self.grid}")

    def parameters(self, seed: int, index: int) -> Parameters:
        return {
            "left": np.asarray(generator(seed, index, "left").uniform(*self.cold)),
            "right": np.asarray(generator(seed, index, "right").uniform(*self.warm)),
        }

    @property
    def mesh(self) -> Mesh:
        """Nodes and triangles."""
        return plate_mesh(self.grid, self.mesh_seed)

    @property
    def axes(self) -> dict[str, np.ndarray]:
        return {"x": self.mesh.points[:, 0], "y": self.mesh.points[:, 1]}

    def system(self, parameters: Mapping[str, np.ndarray]) -> System:
        """The linear system of one sample; only its right side depends on the parameters.

        **Raises:** SpinnError if scikit-fem is not installed.
        """
        parts = assembled(self.grid, self.mesh_seed)
        left, right = float(parameters["left"]), float(parameters["right"])
        given = np.zeros(len(self.mesh.points))
        given[parts.left], given[parts.right] = left, right

        def insert(x: np.ndarray) -> np.ndarray:
            full = given.copy()
            full[parts.free] = x.ravel()
            return full

        rhs = -(left * parts.to_left + right * parts.to_right)
        return System(parts.matrix, rhs, True, True, parts.free.shape, insert, lambda field: field[parts.free])


@functools.lru_cache(maxsize=4)
def plate_mesh(grid: tuple[int, ...], seed: int) -> Mesh:
    """Delaunay triangles of jittered nodes, with nodes on the edges and around the holes."""
    nx, ny = grid
    h = 1 / (max(grid) - 1)
    x, y = np.meshgrid(np.linspace(0, 1, nx), np.linspace(0, 1, ny), indexing="ij")
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    inner = np.all((points > 0) & (points < 1), axis=1)
    jitter = generator(seed, 0, "mesh").uniform(-0.3, 0.3, points.shape) / (np.array(grid) - 1)
    points = points + np.where(inner[:, None], jitter, 0.0)
    rings = []
    for cx, cy, radius in HOLES:
        points = points[np.hypot(points[:, 0] - cx, points[:, 1] - cy) > radius + 0.6 * h]
        angle = 2 * np.pi * np.arange(max(8, round(2 * np.pi * radius / h)))
        angle /= len(angle)
        rings.append(np.stack([cx + radius * np.cos(angle), cy + radius * np.sin(angle)], axis=1))
    points = np.concatenate([points, *rings])
    triangles = Delaunay(points).simplices
    centres = points[triangles].mean(axis=1)
    solid = np.ones(len(triangles), dtype=bool)
    for cx, cy, radius in HOLES:  # triangles between nodes of one ring have their centre inside the circle
        solid &= np.hypot(centres[:, 0] - cx, centres[:, 1] - cy) > radius * (1 - 1e-9)
    a, b, c = (points[triangles[:, i]] for i in range(3))
    area = np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    return Mesh(points, triangles[solid & (area > 1e-6 * h**2)])  # Delaunay adds flat ones along straight edges


@functools.lru_cache(maxsize=4)
def assembled(grid: tuple[int, ...], seed: int) -> Assembled:
    """The finite-element matrix of the plate."""
    try:
        from skfem import Basis, ElementTriP1, MeshTri
        from skfem.models.poisson import laplace
    except ImportError:
        raise SpinnError("thermal_2d needs scikit-fem, which is not installed; pip install 'spinn-pde[fem]'") from None
    mesh = plate_mesh(grid, seed)
    stiffness = laplace.assemble(Basis(MeshTri(mesh.points.T.copy(), mesh.triangles.T.copy()), ElementTriP1())).tocsr()
    x = mesh.points[:, 0]
    left, right = np.flatnonzero(x == 0), np.flatnonzero(x == 1)
    free = np.flatnonzero((x > 0) & (x < 1))
    rows = sp.csr_matrix(stiffness)[free]
    matrix = sp.csr_matrix(rows[:, free])
    matrix.sort_indices()
    return Assembled(
        free, left, right, matrix, *(np.asarray(rows[:, side].sum(axis=1)).ravel() for side in (left, right))
    )
