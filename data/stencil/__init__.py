"""The third reading of a PDE definition: on a uniform grid, as a sparse system or as a right-hand side in time."""

from spinn.data.stencil.discretisation import discretise as discretise
from spinn.data.stencil.evolution import Evolution as Evolution
from spinn.data.stencil.field import StencilField as StencilField
from spinn.data.stencil.grid import Grid as Grid
from spinn.data.stencil.grid import grid_of as grid_of
from spinn.data.stencil.lines import LinesField as LinesField
from spinn.data.stencil.system import System as System
