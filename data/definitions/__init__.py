"""PDE definitions of the shipped families. Their parameters may be arrays on a grid, which only stencils can read."""

from spinn.data.definitions.advection import AdvectionOnCircle as AdvectionOnCircle
from spinn.data.definitions.burgers import BurgersOnCircle as BurgersOnCircle
from spinn.data.definitions.convection_diffusion import ConvectionDiffusionProblem2D as ConvectionDiffusionProblem2D
from spinn.data.definitions.darcy import DarcyFlow2D as DarcyFlow2D
from spinn.data.definitions.darcy import DarcyFlow3D as DarcyFlow3D
from spinn.data.definitions.heat import HeatConduction2D as HeatConduction2D
from spinn.data.definitions.helmholtz import HelmholtzProblem2D as HelmholtzProblem2D
from spinn.data.definitions.poisson import PoissonProblem2D as PoissonProblem2D
from spinn.data.definitions.reaction_diffusion import FisherOnCircle as FisherOnCircle
