"""Dataset families: what varies from sample to sample, and the systems or trajectories that follow."""

from spinn.data.families.convection_diffusion import ConvectionDiffusion2D as ConvectionDiffusion2D
from spinn.data.families.darcy import Darcy2D as Darcy2D
from spinn.data.families.darcy import Darcy3D as Darcy3D
from spinn.data.families.family import Family as Family
from spinn.data.families.family import SteadyFamily as SteadyFamily
from spinn.data.families.from_pde import from_pde as from_pde
from spinn.data.families.helmholtz import Helmholtz2D as Helmholtz2D
from spinn.data.families.poisson import Poisson2D as Poisson2D
