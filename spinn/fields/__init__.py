"""Fields on tensor grids, from per-axis factors."""

from spinn.fields.factors import JetTable as JetTable
from spinn.fields.grid import Grid as Grid
from spinn.fields.separable import GridField as GridField
from spinn.fields.separable import Pointwise as Pointwise
from spinn.fields.separable import Separable as Separable
from spinn.fields.separable import Univariate as Univariate
from spinn.fields.separable import coordinate_fields as coordinate_fields
from spinn.fields.separable import network_field as network_field
from spinn.fields.terms import Head as Head
