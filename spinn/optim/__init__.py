"""Optimisers and learning-rate schedules that optax does not package, as optax transformations."""

from spinn.optim.schedules import SCHEDULES as SCHEDULES
from spinn.optim.schedules import UNKNOWN_STEPS as UNKNOWN_STEPS
from spinn.optim.schedules import schedule as schedule
from spinn.optim.soap import ScaleBySoapState as ScaleBySoapState
from spinn.optim.soap import scale_by_soap as scale_by_soap
from spinn.optim.soap import soap as soap
