"""Collocation points: quadrature rules an axis, and scattered points."""

from spinn.sampling.points import PointBatch as PointBatch
from spinn.sampling.points import PointSampler as PointSampler
from spinn.sampling.points import scattered as scattered
from spinn.sampling.rules import axis_rule as axis_rule
from spinn.sampling.separable import AxisSampler as AxisSampler
