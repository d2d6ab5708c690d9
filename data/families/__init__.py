"""Dataset families: what varies from sample to sample, and the systems or trajectories that follow."""

from spinn.data.families.advection import Advection1D as Advection1D
from spinn.data.families.burgers import Burgers1D as Burgers1D
from spinn.data.families.convection_diffusion import ConvectionDiffusion2D as ConvectionDiffusion2D
from spinn.data.families.darcy import Darcy2D as Darcy2D
from spinn.data.families.darcy import Darcy3D as Darcy3D
from spinn.data.families.evolving import EvolvingFamily as EvolvingFamily
from spinn.data.families.family import Family as Family
from spinn.data.families.family import SteadyFamily as SteadyFamily
from spinn.data.families.family import StencilFamily as StencilFamily
from spinn.data.families.from_pde import from_pde as from_pde
from spinn.data.families.heat import Heat2D as Heat2D
from spinn.data.families.helmholtz import Helmholtz2D as Helmholtz2D
from spinn.data.families.navier_stokes import NavierStokes2D as NavierStokes2D
from spinn.data.families.poisson import Poisson2D as Poisson2D
from spinn.data.families.reaction_diffusion import ReactionDiffusion1D as ReactionDiffusion1D
from spinn.data.families.registry import FAMILIES as FAMILIES
from spinn.data.families.registry import get_family as get_family
from spinn.data.families.thermal import Thermal2D as Thermal2D
