"""Settings that make sense alone but not together: networks, stages, windows and weights."""

from collections.abc import Mapping

from spinn.config import Config, Network
from spinn.errors import SpinnError
from spinn.optim import UNKNOWN_STEPS, schedule
from spinn.pdes import PDE

MOST_CORE_AXES = 5  # of Tucker cores whose ranks grow: a core grows with the power of the axes


def is_core(network: Network) -> bool:
    """Whether a Tucker core over fixed features is all that is trained."""
    basis = network.trainable is False and network.kind == "separable"
    return basis and network.head == "tucker" and network.rank in ("auto", "grow")


def check(config: Config, pde: PDE) -> None:
    """Whether the settings of a resolved configuration go together.

    **Raises:** SpinnError that names what does not.
    """
    rank = config.network.rank
    if isinstance(rank, list) and config.network.head in ("cp", "tt"):
        head = config.network.head
        raise SpinnError(f"network.rank: a {head} head has one rank, got {rank}; give a number, or use head: tucker")
    _check_growing(config, pde)
    _check_alternating(config)
    _check_polish(config, pde)
    _check_continuation(config)
    _check_domains(config)
    if isinstance(rank, list) and len(rank) != len(pde.coordinates):
        raise SpinnError(f"network.rank: expected one rank for each of {', '.join(pde.coordinates)}, got {len(rank)}")
    for name in ("points_per_axis",):
        value = getattr(config.sampling, name)
        if isinstance(value, Mapping):
            strange = [axis for axis in value if axis not in pde.coordinates]
            if strange:
                raise SpinnError(f"sampling.{name} names {', '.join(strange)}; axes are {', '.join(pde.coordinates)}")
    if "t" not in pde.coordinates and (config.windows not in (1, "auto") or config.loss.causal):
        raise SpinnError("time windows and causal weights need a time axis 't', which this problem does not have")
    for number, stage in enumerate(config.train):
        try:
            schedule(stage.schedule, 1.0, stage.steps or UNKNOWN_STEPS, stage.warmup)
        except ValueError as error:
            raise SpinnError(f"train.{number}: {error}") from None


def _check_alternating(config: Config) -> None:
    """Sweeps over the axes solve a whole least-squares problem with a fixed basis, and a tt head is found by them."""
    network, stages = config.network, [stage.optimizer for stage in config.train]
    if network.head == "tt" and stages != ["als"]:
        raise SpinnError(f"network.head: a tt head is found by one stage of als, got {', '.join(stages)}")
    if "als" not in stages:
        return
    asks = {
        "one stage": len(stages) == 1,
        "kind: separable": network.kind == "separable",
        "head: tt or head: cp, or rank: grow": network.head in ("tt", "cp") or network.rank == "grow",
        "trainable: false": network.trainable is False,
        "windows: 1": config.windows == 1,
        "fixed weights (loss.weighting: fixed, causal: 0)": config.loss.weighting == "fixed" and not config.loss.causal,
        "points that stay (sampling.resample_every: 0)": not config.sampling.resample_every,
    }
    wrong = [name for name, holds in asks.items() if not holds]
    if wrong:
        raise SpinnError(f"train: als needs {', '.join(wrong)}")


def _check_growing(config: Config, pde: PDE) -> None:
    """Ranks grow under a core over fixed features whose modes are ordered, by least squares, up to five axes."""
    wrong = against_growing(config)
    if config.network.rank == "grow" and wrong:
        raise SpinnError(f"network.rank: grow needs {', '.join(wrong)}; or give network.rank a number, or auto")
    if config.network.rank == "grow" and len(pde.coordinates) > MOST_CORE_AXES:
        raise SpinnError(
            f"network.rank: grow makes a Tucker core, of up to {MOST_CORE_AXES} axes; this problem has "
            f"{len(pde.coordinates)}: use head: tt or head: cp, or leave both to the recipe"
        )


def against_growing(config: Config) -> list[str]:
    """What ranks cannot grow without and a resolved configuration lacks."""
    network = config.network
    names = set(network.features.values()) if isinstance(network.features, Mapping) else {network.features}
    asks = {
        "kind: separable": network.kind == "separable",
        "head: tucker": network.head == "tucker",
        "trainable: false": network.trainable is False,
        "fourier or legendre features": names <= {"auto", "fourier", "legendre"},
        "one stage of gauss_newton, or of als": [stage.optimizer for stage in config.train]
        in (["gauss_newton"], ["als"]),
        "fixed weights (loss.weighting: fixed, causal: 0)": config.loss.weighting == "fixed" and not config.loss.causal,
    }
    return [name for name, holds in asks.items() if not holds]


def _check_polish(config: Config, pde: PDE) -> None:
    """Polishing is the last stage of trained separable networks under a core that a computer holds."""
    stages, network = [stage.optimizer for stage in config.train], config.network
    if "polish" not in stages:
        return
    asks = {
        "to be the last stage, after one that trains": stages[-1] == "polish" and set(stages) != {"polish"},
        "kind: separable": network.kind == "separable",
        "trainable: true": network.trainable is True,
        "at most four axes": len(pde.coordinates) <= 4,
        "fixed weights (loss.weighting: fixed, causal: 0)": config.loss.weighting == "fixed" and not config.loss.causal,
    }
    wrong = [name for name, holds in asks.items() if not holds]
    if wrong:
        raise SpinnError(f"train: polish needs {', '.join(wrong)}")


def _check_continuation(config: Config) -> None:
    """A solution is handed on as the core over fixed features that it is."""
    if not config.continuation:
        return
    asks = {
        "fixed features under a Tucker core (network.trainable: false, head: tucker, rank: auto)":
            is_core(config.network),
        "gauss_newton alone": {stage.optimizer for stage in config.train} == {"gauss_newton"},
    }  # fmt: skip
    wrong = [name for name, holds in asks.items() if not holds]
    if wrong:
        raise SpinnError(f"continuation needs {' and '.join(wrong)}")


def _check_domains(config: Config) -> None:
    """Subdomains have separable networks of one structure, trained at once."""
    if not config.domains.cuts:
        return
    stages, loss = {stage.optimizer for stage in config.train}, config.loss
    asks = {
        "kind: separable": config.network.kind == "separable",
        "head: tucker or head: cp": config.network.head in ("tucker", "cp"),
        "windows: 1 where t is cut": config.windows == 1 or "t" not in config.domains.cuts,
        "no continuation": not config.continuation,
        "no polish, levenberg_marquardt or als": not stages & {"polish", "levenberg_marquardt", "als"},
        "rank: auto over fixed features": config.network.rank == "auto" or config.network.trainable is True,
        "map: none": config.network.map == "none",
        "loss.causal: 0": not loss.causal,
    }
    if config.domains.coarse:
        asks["trained networks for domains.coarse (network.trainable: true)"] = config.network.trainable is True
    wrong = [name for name, holds in asks.items() if not holds]
    if wrong:
        raise SpinnError(f"domains need {', '.join(wrong)}")
