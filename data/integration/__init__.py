"""Integration in time of grid functions: Runge-Kutta for any right side, exponential methods on periodic boxes."""

from spinn.data.integration.exponential import exponential as exponential
from spinn.data.integration.runge_kutta import runge_kutta as runge_kutta
