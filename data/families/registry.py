"""Finding the families that ship with the library by name."""

import difflib

from spinn.data.families.advection import Advection1D
from spinn.data.families.burgers import Burgers1D
from spinn.data.families.convection_diffusion import ConvectionDiffusion2D
from spinn.data.families.darcy import Darcy2D, Darcy3D
from spinn.data.families.family import Family
from spinn.data.families.heat import Heat2D
from spinn.data.families.helmholtz import Helmholtz2D
from spinn.data.families.navier_stokes import NavierStokes2D
from spinn.data.families.poisson import Poisson2D
from spinn.data.families.reaction_diffusion import ReactionDiffusion1D
from spinn.data.families.thermal import Thermal2D

SHIPPED: tuple[type[Family], ...] = (
    Advection1D, Burgers1D, ConvectionDiffusion2D, Darcy2D, Darcy3D, Heat2D, Helmholtz2D, NavierStokes2D, Poisson2D,
    ReactionDiffusion1D, Thermal2D,
)  # fmt: skip
FAMILIES: dict[str, type[Family]] = {cls.name: cls for cls in SHIPPED}


def get_family(name: str) -> type[Family]:
    """The family of this name.

    **Raises:** ValueError for an unknown name, with the nearest ones.
    """
    if name not in FAMILIES:
        near = difflib.get_close_matches(name, FAMILIES, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise ValueError(
            f"unknown family '{name}': {hint}they are {', '.join(FAMILIES)}; from_pde makes one of any PDE"
        )
    return FAMILIES[name]
