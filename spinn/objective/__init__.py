"""The objective: parameters to weighted residual blocks."""

from spinn.objective.blocks import Weighting as Weighting
from spinn.objective.pointwise import PointObjective as PointObjective
from spinn.objective.separable import SeparableObjective as SeparableObjective
