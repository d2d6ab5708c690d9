"""Linear solvers that carry what they learn from one system to the next: they know matrices and never PDEs."""

from spinn.solvers.direct import QDLDL as QDLDL
from spinn.solvers.direct import Analysis as Analysis
from spinn.solvers.direct import Pardiso as Pardiso
from spinn.solvers.direct import SuperLU as SuperLU
from spinn.solvers.preconditioners import ILU as ILU
from spinn.solvers.preconditioners import SSOR as SSOR
from spinn.solvers.preconditioners import BlockJacobi as BlockJacobi
from spinn.solvers.preconditioners import FastPoisson as FastPoisson
from spinn.solvers.preconditioners import Jacobi as Jacobi
from spinn.solvers.preconditioners import RugeStuben as RugeStuben
from spinn.solvers.preconditioners import Shared as Shared
from spinn.solvers.preconditioners import SharedSpace as SharedSpace
from spinn.solvers.preconditioners import SmoothedAggregation as SmoothedAggregation
from spinn.solvers.types import Info as Info
from spinn.solvers.types import LinearSolver as LinearSolver
from spinn.solvers.types import Preconditioner as Preconditioner
from spinn.solvers.types import Space as Space
from spinn.solvers.types import Status as Status
from spinn.solvers.types import Stopping as Stopping
