"""Small native files of every kind, made once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spinn.data import (
    Burgers1D,
    ConvectionDiffusion2D,
    Darcy2D,
    Darcy3D,
    GaussianField,
    Heat2D,
    NavierStokes2D,
    PowerLaw,
    RandomField,
    ReactionDiffusion1D,
    Thermal2D,
    Threshold,
    from_pde,
)
from spinn.data.formats import Dataset
from spinn.data.generation import Recipe, generate
from spinn.pdes import PDE, Box, Dirichlet, laplacian

COARSE = RandomField(GaussianField(PowerLaw(alpha=2.0, tau=3.0), "neumann", modes=6), Threshold(3.0, 12.0))


class Screened(PDE):
    r"""Screened Poisson equation:  -Lap u + k u = f   on [0, 2] x [0, 1],  u = 0 on the boundary."""

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(0, 2), y=(0, 1))
    k: float = 1.0  # screening
    f: float = 1.0  # source

    def residual(self, u, x, y):
        return -laplacian(u) + self.k * u - self.f

    def conditions(self):
        return [Dirichlet("u")]


FAMILIES = {
    "darcy": Darcy2D(grid=(17, 17)),
    "oblong": Darcy2D(grid=(9, 17)),
    "space": Darcy3D(grid=(7, 6, 5), permeability=COARSE),
    "burgers": Burgers1D(grid=(64,), frames=5),
    "fisher": ReactionDiffusion1D(grid=(64,), frames=3),
    "flow": NavierStokes2D(grid=(16, 16), frames=3, end=0.1),
    "heat": Heat2D(grid=(11, 9), frames=4),
    "convection": ConvectionDiffusion2D(grid=(17, 15)),
    "numbers": from_pde(Screened, vary={"k": (1.0, 2.0)}, grid=(9, 9)),
    "plate": Thermal2D(grid=(16, 16)),
}


@pytest.fixture(scope="session")
def native(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A native file of three samples by the name of its family here."""
    folder, made = tmp_path_factory.mktemp("native"), dict[str, Path]()

    def find(name: str) -> Path:
        if name not in made:
            if name == "plate":
                pytest.importorskip("skfem")
            made[name] = folder / f"{name}.h5"
            solver = "auto" if hasattr(FAMILIES[name], "frames") else "superlu"
            generate(Recipe(family=FAMILIES[name], samples=3, solver=solver), made[name])
        return made[name]

    return find


@pytest.fixture(scope="session")
def fields() -> Callable[[Path], dict[str, np.ndarray]]:
    """All fields of a native file as single precision."""

    def read(path: Path) -> dict[str, np.ndarray]:
        with Dataset(path) as data:
            return {name: field[:].astype(np.float32) for name, field in data.fields.items()}

    return read
