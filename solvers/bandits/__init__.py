"""Bandits that choose solver parameters from what earlier solves cost."""

from spinn.solvers.bandits.cheb_cb import ChebCB as ChebCB
from spinn.solvers.bandits.cheb_cb import ChebState as ChebState
from spinn.solvers.bandits.halving import HalvingState as HalvingState
from spinn.solvers.bandits.halving import SuccessiveHalving as SuccessiveHalving
from spinn.solvers.bandits.ledger import Bandit as Bandit
from spinn.solvers.bandits.ledger import Ledger as Ledger
from spinn.solvers.bandits.ledger import from_plain as from_plain
from spinn.solvers.bandits.ledger import regret as regret
from spinn.solvers.bandits.ledger import to_plain as to_plain
from spinn.solvers.bandits.tsallis_inf import TsallisINF as TsallisINF
from spinn.solvers.bandits.tsallis_inf import TsallisState as TsallisState
from spinn.solvers.bandits.tuned import Tuned as Tuned
from spinn.solvers.bandits.tuned import TunedSpace as TunedSpace
