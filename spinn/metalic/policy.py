"""What a bandit has learned of a family, as a file that people can read: which arm to take for which parameters."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from spinn.errors import SpinnError
from spinn.files.atomic import write_json
from spinn.metalic.family import ParametricFamily
from spinn.pdes import PDE
from spinn.solvers.bandits.contextual import GaussianBandit, GaussianState, Hyperparameters, Plays, all_arms

FORMAT = "spinn interface policy"
VERSION = 1


@dataclasses.dataclass(frozen=True, eq=False)
class Policy:
    """`pde`: its class; `parameters`: those that did not vary; `ranges`: those that did; `cuts` by axis; `conditions`;
    `plays`: the context (standardised), arm and reward of each; `hyper`: of the process, if it was fitted.
    """

    pde: str
    parameters: dict[str, Any]
    ranges: dict[str, tuple[float, float]]
    cuts: dict[str, list[float]]
    conditions: tuple[str, ...]
    reward: str
    faithful: bool
    plays: Plays
    hyper: Hyperparameters | None = None

    @classmethod
    def learned(cls, family: ParametricFamily, state: GaussianState, reward: str, faithful: bool) -> "Policy":
        """The policy of a bandit's state."""
        pde = family.pde
        fixed = {name: value for name, value in pde.parameters.items() if name not in family.ranges}
        cuts = {axis: list(places) for axis, places in family.decomposition.cuts.items()}
        return cls(
            type(pde).__name__, fixed, dict(family.ranges), cuts, family.conditions, reward, faithful, state.plays,
            state.hyper,
        )  # fmt: skip

    @property
    def bandit(self) -> GaussianBandit:
        """The bandit over the policy's arms."""
        return GaussianBandit(all_arms(len(self.conditions)), faithful=self.faithful)

    def arm(self, context: np.ndarray) -> np.ndarray:
        """The arm of the largest expected reward, for parameters in their own units: 0 or 1 a condition."""
        bandit = self.bandit
        found: np.ndarray = bandit.arms[bandit.best(GaussianState(self.plays, self.hyper), self._standardised(context))]
        return found

    def conditions_for(self, pde: PDE) -> tuple[tuple[str, ...], list[str]]:
        """The conditions for a member of the family, and warnings.

        **Raises:** SpinnError for another PDE, or other values of the parameters that did not vary.
        """
        if type(pde).__name__ != self.pde:
            raise SpinnError(f"interface.policy: expected the PDE that it was learned for, {self.pde}, got "
                             f"{type(pde).__name__}; learn one for it with `spinn metalic`")  # fmt: skip
        warnings = []
        for name, value in self.parameters.items():
            if pde.parameters.get(name) != value:
                raise SpinnError(f"interface.policy: expected {name} = {value}, with which it was learned, got "
                                 f"{pde.parameters.get(name)}; learn one with that value, or vary it")  # fmt: skip
        values = [float(pde.parameters[name]) for name in self.ranges]
        for (name, (low, high)), value in zip(self.ranges.items(), values, strict=True):
            if not low <= value <= high:
                warnings.append(
                    f"interface.policy: {name} = {value:g} is outside of the range [{low:g}, {high:g}] that the policy "
                    "was learned in; its choice is a guess"
                )
        chosen = self.arm(np.array(values))
        return tuple(name for name, on in zip(self.conditions, chosen, strict=True) if on), warnings

    def save(self, path: Path) -> None:
        """Write the file. SpinnError for what the system refuses."""
        plain = {
            "format": FORMAT, "version": VERSION, "pde": self.pde, "parameters": self.parameters,
            "ranges": {name: list(ends) for name, ends in self.ranges.items()}, "cuts": self.cuts,
            "conditions": list(self.conditions), "reward": self.reward, "faithful": self.faithful,
            "hyperparameters": None if self.hyper is None else dataclasses.asdict(self.hyper),
            "plays": self.plays.to_plain(),
        }  # fmt: skip
        write_json(path, plain)

    @classmethod
    def load(cls, path: Path) -> "Policy":
        """Read a file. SpinnError for one that is none, or of a later version."""
        try:
            plain = json.loads(path.read_text())
        except OSError as error:
            raise SpinnError(f"interface.policy: could not read it: {error.strerror}", file=path) from None
        except ValueError:
            plain = None
        if not isinstance(plain, dict) or plain.get("format") != FORMAT:
            raise SpinnError("interface.policy: expected a policy that `spinn metalic` wrote, got something else",
                             file=path)  # fmt: skip
        if plain.get("version") != VERSION:
            raise SpinnError(f"interface.policy: expected version {VERSION}, got {plain.get('version')}; learn it anew",
                             file=path)  # fmt: skip
        try:
            return cls._from(plain)
        except (KeyError, TypeError, ValueError) as error:
            raise SpinnError(f"interface.policy: the file is damaged ({error!r}); learn it anew", file=path) from None

    @classmethod
    def _from(cls, plain: dict[str, Any]) -> "Policy":
        ranges = {name: (float(low), float(high)) for name, (low, high) in plain["ranges"].items()}
        conditions = tuple(plain["conditions"])
        hyper = plain["hyperparameters"]
        return cls(
            plain["pde"], plain["parameters"], ranges, plain["cuts"], conditions, plain["reward"], plain["faithful"],
            Plays.from_plain(plain["plays"], len(ranges), len(conditions)),
            None if hyper is None else Hyperparameters(**{**hyper, "lengths": tuple(hyper["lengths"]),
                                                          "rates": tuple(hyper["rates"])}),
        )  # fmt: skip

    def _standardised(self, context: np.ndarray) -> np.ndarray:
        low, high = np.array(list(self.ranges.values())).T
        return (context - 0.5 * (low + high)) * (np.sqrt(12.0) / (high - low))
