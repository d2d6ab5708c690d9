"""Bandits over (context, 0/1 arm): which switches to set, given numbers that are known beforehand."""

from spinn.solvers.bandits.contextual.gaussian import GaussianBandit as GaussianBandit
from spinn.solvers.bandits.contextual.gaussian import GaussianState as GaussianState
from spinn.solvers.bandits.contextual.gaussian_process import GaussianProcess as GaussianProcess
from spinn.solvers.bandits.contextual.gaussian_process import Hyperparameters as Hyperparameters
from spinn.solvers.bandits.contextual.linear import LinearThompson as LinearThompson
from spinn.solvers.bandits.contextual.plays import Plays as Plays
from spinn.solvers.bandits.contextual.plays import all_arms as all_arms
from spinn.solvers.bandits.contextual.two_stage import TwoStage as TwoStage
from spinn.solvers.bandits.contextual.two_stage import TwoStageState as TwoStageState
