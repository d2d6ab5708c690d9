"""Direct solvers that analyse a sparsity pattern once and factorise numerically along the sequence."""

from spinn.solvers.direct.ldl import QDLDL as QDLDL
from spinn.solvers.direct.pardiso import Pardiso as Pardiso
from spinn.solvers.direct.refinement import Analysis as Analysis
from spinn.solvers.direct.superlu import SuperLU as SuperLU
