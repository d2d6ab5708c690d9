"""Collocation points: quadrature rules an axis, and scattered points."""

from spinn.sampling.rules import axis_rule as axis_rule
from spinn.sampling.separable import AxisSampler as AxisSampler
