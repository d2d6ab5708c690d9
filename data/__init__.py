"""Operator-learning datasets: random coefficient fields, discretisations of PDE definitions, dataset families."""

from spinn.data.families import ConvectionDiffusion2D as ConvectionDiffusion2D
from spinn.data.families import Darcy2D as Darcy2D
from spinn.data.families import Darcy3D as Darcy3D
from spinn.data.families import Family as Family
from spinn.data.families import Helmholtz2D as Helmholtz2D
from spinn.data.families import Poisson2D as Poisson2D
from spinn.data.families import SteadyFamily as SteadyFamily
from spinn.data.families import from_pde as from_pde
from spinn.data.random_fields import ChebyshevSum as ChebyshevSum
from spinn.data.random_fields import GaussianField as GaussianField
from spinn.data.random_fields import LogNormal as LogNormal
from spinn.data.random_fields import Matern as Matern
from spinn.data.random_fields import PowerLaw as PowerLaw
from spinn.data.random_fields import RandomField as RandomField
from spinn.data.random_fields import Spectrum as Spectrum
from spinn.data.random_fields import Threshold as Threshold
from spinn.data.random_fields import generator as generator
from spinn.data.stencil import Grid as Grid
from spinn.data.stencil import StencilField as StencilField
from spinn.data.stencil import System as System
from spinn.data.stencil import discretise as discretise
from spinn.data.stencil import grid_of as grid_of
