"""Random functions on boxes: Gaussian fields by their eigenfunctions, transforms of them, Chebyshev polynomials."""

from spinn.data.random_fields.chebyshev import ChebyshevSum as ChebyshevSum
from spinn.data.random_fields.gaussian import GaussianField as GaussianField
from spinn.data.random_fields.seeding import generator as generator
from spinn.data.random_fields.spectrum import Matern as Matern
from spinn.data.random_fields.spectrum import PowerLaw as PowerLaw
from spinn.data.random_fields.spectrum import Spectrum as Spectrum
from spinn.data.random_fields.transforms import LogNormal as LogNormal
from spinn.data.random_fields.transforms import RandomField as RandomField
from spinn.data.random_fields.transforms import Sigmoid as Sigmoid
from spinn.data.random_fields.transforms import Threshold as Threshold
