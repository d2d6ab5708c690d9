"""Tensor trains in NumPy: functions and operators of many axes, and alternating least squares for their equations."""

from spinn.tensortrain.alternating import Limits as Limits
from spinn.tensortrain.alternating import Sweep as Sweep
from spinn.tensortrain.alternating import described as described
from spinn.tensortrain.alternating import residual_squares as residual_squares
from spinn.tensortrain.alternating import train_sweeps as train_sweeps
from spinn.tensortrain.products import factors_of as factors_of
from spinn.tensortrain.products import product_sweeps as product_sweeps
from spinn.tensortrain.systems import Block as Block
from spinn.tensortrain.systems import block as block
from spinn.tensortrain.systems import projected as projected
from spinn.tensortrain.trains import Train as Train
from spinn.tensortrain.trains import applied as applied
from spinn.tensortrain.trains import axis_energies as axis_energies
from spinn.tensortrain.tucker import least_bases as least_bases
from spinn.tensortrain.tucker import tucker_core as tucker_core
