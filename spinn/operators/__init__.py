"""Neural operators: learned from datasets, with the physics of their families at hand."""

from spinn.operators.deeponet import DeepONet as DeepONet
from spinn.operators.deeponet import SeparableDeepONet as SeparableDeepONet
from spinn.operators.fno import FNO as FNO
from spinn.operators.surrogate import Learned as Learned
from spinn.operators.surrogate import Surrogate as Surrogate
from spinn.operators.surrogate import load as load
