"""Preconditioners: frozen recipes whose `build(matrix)` gives the map r -> M^-1 r."""

from spinn.solvers.preconditioners.amg import RugeStuben as RugeStuben
from spinn.solvers.preconditioners.amg import SmoothedAggregation as SmoothedAggregation
from spinn.solvers.preconditioners.block_jacobi import BlockJacobi as BlockJacobi
from spinn.solvers.preconditioners.fast_poisson import FastPoisson as FastPoisson
from spinn.solvers.preconditioners.ilu import ILU as ILU
from spinn.solvers.preconditioners.jacobi import Jacobi as Jacobi
from spinn.solvers.preconditioners.shared import Built as Built
from spinn.solvers.preconditioners.shared import Shared as Shared
from spinn.solvers.preconditioners.shared import SharedSpace as SharedSpace
from spinn.solvers.preconditioners.ssor import SSOR as SSOR
