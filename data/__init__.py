"""Operator-learning datasets: random coefficient fields, discretisations of PDE definitions, dataset families."""

from spinn.data.random_fields import ChebyshevSum as ChebyshevSum
from spinn.data.random_fields import GaussianField as GaussianField
from spinn.data.random_fields import LogNormal as LogNormal
from spinn.data.random_fields import Matern as Matern
from spinn.data.random_fields import PowerLaw as PowerLaw
from spinn.data.random_fields import RandomField as RandomField
from spinn.data.random_fields import Spectrum as Spectrum
from spinn.data.random_fields import Threshold as Threshold
from spinn.data.random_fields import generator as generator
