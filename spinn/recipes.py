"""Turning every `auto` of a configuration into a choice, by what the problem is, with one line that says why."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from spinn.combinations import check, is_core
from spinn.config import Config, Network, Sampling, Stage
from spinn.config.fit import continuation_of
from spinn.embedding import Embedding, embedding_of, traced_embedding_of
from spinn.errors import SpinnError
from spinn.multidomain.planning import Arm, arm_of, decomposition_of, described
from spinn.networks.decomposition import Decomposition
from spinn.objective.kronecker import has_open_conditions, is_linear, is_linear_in_unknowns
from spinn.pdes import PDE, Periodic

CLASSICAL = frozenset({"fourier", "legendre"})
# Modes to start from when the data show no spectrum (they usually do: see spectrum.py), by number of axes.
FIRST_MODES = {1: 48, 2: 32, 3: 12, 4: 6}
# Axis networks trained by Levenberg-Marquardt: neurons and Tucker ranks by number of axes. Polishing uses all neurons.
TRAINED_WIDTHS, TRAINED_RANKS = {1: 48, 2: 40, 3: 24, 4: 12}, {1: 1, 2: 6, 3: 4, 4: 3}
MAX_PARAMETERS = 2500  # whose normal matrix is decomposed at every step
SECOND_ORDER = frozenset({"levenberg_marquardt", "polish"})
LEAST_SQUARES = SECOND_ORDER | {"gauss_newton", "als"}  # what float32 alone would take most digits from
GRADIENT_STAGES = (
    Stage(optimizer="soap", steps=4000, learning_rate=3e-3, schedule="warmup_cosine", warmup=100),
    Stage(optimizer="lbfgs", steps=1000),
)
# Of trained networks of subdomains: a part of the box is simpler than all of it.
CELL_WIDTH, CELL_DEPTH, CELL_FREQUENCY, CELL_RANK = 20, 2, 4.0, 10
UNHELPFUL = 0.5  # a relative residual above which least squares have not helped
PAPER_POINTS = {1: 64, 2: 64, 3: 64, 4: 32}


@dataclasses.dataclass(frozen=True)
class Plan:
    """A resolved configuration with what the engine derives from it.

    `features` names the body of every axis; `adaptive` says that the number of modes is left to the residual; `reason`
    is the line that reports show; `breaks` are the ends of the elements of axes that were cut, in [-1, 1];
    `continuation` has the parameters that are solved with first, one set after another.
    """

    config: Config
    embedding: Embedding
    features: Mapping[str, str]
    adaptive: bool
    reason: str
    breaks: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    # Peaks of the learned maps of axes that have one: centre, width and amount of each (see `spinn.networks.mapped`).
    maps: Mapping[str, tuple[tuple[float, float, float], ...]] = dataclasses.field(default_factory=dict)
    continuation: tuple[Mapping[str, Any], ...] = ()
    decomposition: Decomposition | None = None  # of the box into subdomains, where it is cut
    arm: Arm = dataclasses.field(default_factory=dict)  # the interface conditions of its cuts, by weight
    subdomain: bool = False  # of one cell: the decomposition is left out
    polishing: bool = False  # of the stage at hand: axis networks are frozen, all of their features are under a core

    def learns(self, axis: str) -> bool:
        """Whether the coordinate of an axis may be mapped before its solution is expanded."""
        chosen = self.config.network.map
        return (chosen if isinstance(chosen, str) else chosen.get(axis, "none")) == "learned"

    @property
    def is_pointwise(self) -> bool:
        """Whether one network takes all coordinates, at scattered points."""
        return self.config.network.kind == "pointwise"

    @property
    def is_basis(self) -> bool:
        """Whether every axis has fixed features, so that only the head is trained."""
        return self.config.network.trainable is False or self.polishing

    @property
    def is_core(self) -> bool:
        """Whether a Tucker core over fixed features is all that is trained, on the whole box."""
        whole = self.decomposition is None and not self.is_alternating
        return (is_core(self.config.network) and whole) or self.polishing

    @property
    def grows_ranks(self) -> bool:
        """Whether the core lives on combinations of features that the residual chooses."""
        return self.config.network.rank == "grow"

    @property
    def is_second_order(self) -> bool:
        """Whether axis networks are trained by least squares, from the bandwidth of the data."""
        return _is_second_order(self.config)

    @property
    def is_alternating(self) -> bool:
        """Whether a linear problem is solved by sweeps over the axes."""
        return any(stage.optimizer == "als" for stage in self.config.train)


def resolve(config: Config, pde: PDE, device: str = "cpu") -> Plan:
    """The plan for a problem.

    **Raises:** SpinnError for combinations that make no sense (a Fourier basis on an axis that is not periodic, ...).
    """
    config = _paper(config, pde) if config.recipe == "paper" else config
    decomposition = decomposition_of(config.domains, pde)
    cut = frozenset(decomposition.cut_axes) if decomposition else frozenset()
    possible = (embedding_of(pde) if config.network.embed is not False else Embedding()).without_periodic(cut)
    features = _features(config.network, pde, possible)
    classical = set(features.values()) <= CLASSICAL
    linear = decomposition is None and _linear_matters(config.network, pde) and is_linear(pde)
    given, precision = config, config.precision
    if precision == "auto":
        precision = "mixed" if device == "gpu" else "float64"
    config = config.model_copy(update={"precision": precision})
    network = _network(config, pde, features, classical, linear)
    stages = config.train or _stages(config, network, pde, features, linear)
    last = stages[-1].optimizer
    core = is_core(network) and last != "als"
    embedding = _embedding(network, pde, features, core, causal=config.loss.causal > 0)
    embedding = _within_cells(embedding, pde, cut) if cut else embedding
    updates: dict[str, Any] = {
        "network": network,
        "sampling": _sampling(config.sampling, network),
        "train": stages,
        "device": device if config.device == "auto" else config.device,
    }
    if given.precision == "auto" and precision == "mixed" and not _is_least_squares(stages[0]):
        return resolve(given.model_copy(update={"precision": "float32"}), pde, device)
    grown = last == "als" or (core and last == "gauss_newton")
    adaptive = network.modes == "auto" and classical and grown
    if config.windows == "auto" and ("t" in cut or not (adaptive and last != "als" and "t" in pde.coordinates)):
        updates["windows"] = 1
    resolved = config.model_copy(update=updates)
    check(resolved, pde)
    if last == "als" and not linear:
        raise SpinnError(
            "train: als needs a problem that is linear in its unknowns, with separable coefficients and data (sums of "
            "products of functions of one coordinate each); use gauss_newton, or trained features"
        )
    reason = _reason(resolved, pde, embedding, features, adaptive)
    continuation = continuation_of(config.continuation, pde)
    arm = arm_of(config.interface.conditions, pde) if decomposition else {}
    reason += f"; {described(decomposition, arm)}" if decomposition else ""
    return Plan(
        resolved, embedding, features, adaptive, reason, continuation=continuation, decomposition=decomposition, arm=arm
    )


def replanned(plan: Plan, pde: PDE) -> Plan:
    """The plan for the same PDE with other parameters, which its conditions may depend on."""
    config = plan.config
    embedding = _embedding(config.network, pde, plan.features, plan.is_core, causal=config.loss.causal > 0)
    return dataclasses.replace(plan, embedding=embedding)


def _embedding(network: Network, pde: PDE, features: Mapping[str, str], core: bool, causal: bool) -> Embedding:
    """What the features hold: fixed ones under a `core` anything at the ends of an axis, trained ones zero values.

    Causal weights start from the loss of the initial condition, which then has to be one.
    """
    if network.embed is False:
        return Embedding()
    whole = traced_embedding_of(pde) if core else embedding_of(pde)
    whole = whole.without(["t"]) if causal else whole
    return whole.without_periodic(axis for axis, name in features.items() if name == "legendre")


def _within_cells(embedding: Embedding, pde: PDE, cut: frozenset[str]) -> Embedding:
    """What the features of subdomains hold: periodicity along axes that are whole. Along others it is an interface."""
    whole = Embedding(embedding.periodic, skip=embedding.skip).without_periodic(cut)
    held = {name for name in whole.skip if name.startswith("periodic_")}
    held |= {one.name for one in pde.conditions() if isinstance(one, Periodic) and one.axis in cut}
    return Embedding(whole.periodic, skip=frozenset(held))


def _features(network: Network, pde: PDE, embedding: Embedding) -> dict[str, str]:
    chosen = network.features
    if isinstance(chosen, Mapping):
        strange = [axis for axis in chosen if axis not in pde.coordinates]
        if strange:
            raise SpinnError(
                f"network.features names {', '.join(strange)}, but the axes are {', '.join(pde.coordinates)}"
            )
    result = {}
    for axis in pde.coordinates:
        name = chosen.get(axis, "auto") if isinstance(chosen, Mapping) else chosen
        if name == "auto" and network.trainable is True and network.kind == "separable":
            name = "sine"
        elif name == "auto":
            name = "mlp" if network.kind == "pointwise" else "fourier" if axis in embedding.periodic else "legendre"
        if name == "fourier" and network.embed is False:
            raise SpinnError(
                f"network.features: 'fourier' holds periodicity along {axis} exactly, but network.embed is false (as "
                "in recipe: paper), which leaves conditions to the loss; choose other features, or embed: true"
            )
        if name == "fourier" and axis not in embedding.periodic:
            raise SpinnError(
                f"network.features: 'fourier' holds periodicity along {axis}, but the PDE does not declare "
                f"Periodic conditions for every unknown there; use legendre, sine or mlp"
            )
        result[axis] = name
    if network.kind == "pointwise" and (len(set(result.values())) > 1 or set(result.values()) & CLASSICAL):
        raise SpinnError(
            "network.features: a pointwise network has one body of all coordinates: mlp, modified_mlp, sine or "
            f"fourier_mlp; got {', '.join(f'{name} in {axis}' for axis, name in result.items())}"
        )
    return result


def _linear_matters(network: Network, pde: PDE) -> bool:
    """Whether a linear problem may be solved by sweeps over its axes: many axes, or a head that asks for it."""
    if network.kind == "pointwise" or network.trainable is True:
        return False
    asked = network.head in ("tt", "cp") or network.rank == "grow"
    return asked or (network.head == "auto" and len(pde.coordinates) > 4)


def _network(config: Config, pde: PDE, features: Mapping[str, str], classical: bool, linear: bool) -> Network:
    network, axes = config.network, len(pde.coordinates)
    trainable = (not classical) if network.trainable == "auto" else network.trainable
    many = "tt" if linear and trainable is False else "cp"
    small = axes <= 4 or network.rank == "grow"
    head = network.head if network.head != "auto" else "tucker" if small else many
    rank = network.rank
    if rank == "auto" and head == "cp":
        rank = 32 if axes <= 3 else 128
    elif rank == "auto" and trainable and config.domains.cuts:
        rank = CELL_RANK
    elif rank == "auto" and trainable:
        rank = {1: 32, 2: 32, 3: 16}.get(axes, 12)
    frequency: Any
    width, depth, frequency = (CELL_WIDTH, CELL_DEPTH, CELL_FREQUENCY) if config.domains.cuts else (64, 3, 8.0)
    if trainable and rank != "grow" and _may_be_second_order(config, axes):
        width, depth = TRAINED_WIDTHS.get(axes, 8), 1
        rank = TRAINED_RANKS.get(axes, 3) if network.rank == "auto" else rank
        frequency = "auto"  # that of the data
    return network.model_copy(
        update={
            "head": head,
            "rank": rank,
            "trainable": trainable,
            "width": width if network.width == "auto" else network.width,
            "depth": depth if network.depth == "auto" else network.depth,
            "frequency": frequency if network.frequency == "auto" else network.frequency,
            "embed": network.embed is not False,
        }
    )


def _sampling(sampling: Sampling, network: Network) -> Sampling:
    """Quadrature on tensor grids; random points, drawn anew, for point-wise networks."""
    if sampling.rule != "auto":
        return sampling
    if network.kind == "separable":
        return sampling.model_copy(update={"rule": "gauss"})
    return sampling.model_copy(update={"rule": "random", "resample_every": sampling.resample_every or 100})


def _may_be_second_order(config: Config, axes: int) -> bool:
    """Whether trained networks of this configuration can be trained by least squares and polished."""
    if config.domains.cuts:
        return False
    if config.train:
        return _is_second_order(config) and config.network.kind == "separable"
    fixed = config.loss.weighting == "fixed" and not config.loss.causal and config.sampling.rule != "random"
    network, double = config.network, config.precision != "float32"
    return fixed and double and network.kind == "separable" and axes <= 4 and network.head != "tt"


def _is_second_order(config: Config) -> bool:
    return any(stage.optimizer in SECOND_ORDER for stage in config.train)


def _is_least_squares(stage: Stage) -> bool:
    return stage.optimizer in LEAST_SQUARES


def parameter_count(network: Network, features: Mapping[str, str], unknowns: int) -> int:
    """About how many parameters a trained network has."""
    width, depth, rank = network.width, network.depth, network.rank
    assert isinstance(width, int) and isinstance(depth, int)
    assert not isinstance(rank, str)
    ranks: list[int] = [int(one) for one in (rank if isinstance(rank, list) else [rank] * len(features))]
    total = math.prod(ranks) * unknowns if network.head == "tucker" else 0
    for name, one in zip(features.values(), ranks, strict=True):
        layers = {"modified_mlp": depth + 2, "fourier_mlp": depth + 1}.get(name, depth)
        total += 0 if name in CLASSICAL else 2 * width + (layers - 1) * width * (width + 1)
        total += width * one * (unknowns if network.head == "cp" else 1)
    return total


def _stages(config: Config, network: Network, pde: PDE, features: Mapping[str, str], linear: bool) -> list[Stage]:
    """Least squares where only the head is trained, by sweeps over the axes or by Gauss-Newton. Trained networks:
    Levenberg-Marquardt where their parameters are few, else first-order, then L-BFGS; then least squares over features.
    """
    once = config.windows in (1, "auto") and config.loss.weighting == "fixed" and not config.loss.causal
    grows = network.rank == "grow" and once and not config.sampling.resample_every
    sweeps = network.head == "tt" or (linear and (network.head == "cp" or grows))
    if network.kind == "separable" and network.trainable is False and sweeps:
        return [Stage(optimizer="als", steps=40)]
    if network.kind == "separable" and network.trainable is False:
        return [Stage(optimizer="gauss_newton", steps=30)]
    if not (network.trainable and _may_be_second_order(config, len(pde.coordinates))):
        return list(GRADIENT_STAGES)
    few = parameter_count(network, features, len(pde.unknowns)) <= MAX_PARAMETERS
    polish = Stage(optimizer="polish", steps=30)
    if not few:
        return [*GRADIENT_STAGES, polish]
    # A head by least squares over random features is where to start from; a sum of products has none.
    first = [polish] if network.head == "tucker" else []
    return [*first, Stage(optimizer="levenberg_marquardt", steps=100), polish]


def _paper(config: Config, pde: PDE) -> Config:
    """SPINN's own setting (Cho et al., NeurIPS 2023, appendix): what the file sets explicitly stays.

    Up to three axes the paper's best rows and its count of parameters are those of the modified MLP; its network of
    four axes knows the plain one only. The paper counts the output layer of a plain MLP (our head) among its layers.
    """
    axes = len(pde.coordinates)
    given = _given(config.network)
    features = given.get("features", "modified_mlp" if axes <= 3 else "mlp")
    layers = 4 if axes <= 3 else 5
    network = {"features": features, "head": "cp", "rank": 32 if axes <= 3 else 128, "width": 64, "embed": False}
    network |= {"depth": layers - 1 if features == "mlp" else layers, "trainable": True}
    sampling = {"points_per_axis": PAPER_POINTS.get(axes, 32), "rule": "random", "resample_every": 100}
    points = _given(config.sampling)
    stages = [Stage(optimizer="adam", steps=50_000, learning_rate=1e-3, schedule="constant")]
    return config.model_copy(
        update={
            "network": config.network.model_copy(update={**network, **given}),
            "sampling": config.sampling.model_copy(update={**sampling, **points}),
            "train": config.train or stages,
            "precision": "float32" if config.precision == "auto" else config.precision,
        }
    )


def _given(section: Network | Sampling) -> dict[str, Any]:
    """What a file sets, `auto` left out."""
    values = {name: getattr(section, name) for name in section.model_fields_set}
    return {name: value for name, value in values.items() if value != "auto"}


def _reason(config: Config, pde: PDE, embedding: Embedding, features: Mapping[str, str], adaptive: bool) -> str:
    """Why this recipe, in one line."""
    stages = " then ".join(stage.optimizer for stage in config.train)
    held = _held(embedding)
    if config.network.kind == "pointwise":
        return f"point-wise network of {len(features)} coordinates: {stages}{held}"
    names = ", ".join(f"{name} in {axis}" for axis, name in features.items())
    if config.recipe == "paper":
        return f"the SPINN paper's setting: {names}, CP head, {stages}{held}"
    linear = is_linear_in_unknowns(pde)
    exact = "" if has_open_conditions(pde, embedding.skip) else ", exact conditions"
    problem = f"{'linear' if linear else 'nonlinear'}, {len(features)} axes{exact}"
    form = {"tt": "a tensor train", "cp": "a sum of products", "tucker": "a Tucker core"}[str(config.network.head)]
    if config.network.trainable is not False:
        return (
            f"{problem}: {stages} of trained axis networks ({names}{_size(config, pde, features)}) under {form}{held}"
        )
    method = {"als": "ALS", "gauss_newton": "least squares" if linear else "Gauss-Newton"}.get(stages, stages)
    ranked = (stages == "als" and adaptive) or config.network.rank == "grow"
    grown = " and ".join(["ranks"] * ranked + ["modes"] * adaptive)
    growth = f", {grown} grown until the residual stops falling" if grown else ""
    first = [f"{name} = {', '.join(f'{value:g}' for value in values)}" for name, values in config.continuation.items()]
    path = f", first with {' and '.join(first)}" if first else ""
    return f"{problem}: {method} on {form} over fixed features ({names}){growth}{path}{held}"


def _held(embedding: Embedding) -> str:
    """Which conditions are held exactly."""
    exact = [f"periodic {', '.join(sorted(embedding.periodic))}"] if embedding.periodic else []
    exact += [f"zero faces {', '.join(embedding.vanish)}"] if embedding.vanish else []
    exact += [f"conditions at the ends of {', '.join(embedding.traces)}"] if embedding.traces else []
    return "; held exactly: " + " and ".join(exact) if exact else ""


def _size(config: Config, pde: PDE, features: Mapping[str, str]) -> str:
    """How many parameters trained networks have, where their method depends on it."""
    if not _is_second_order(config):
        return ""
    count = parameter_count(config.network, features, len(pde.unknowns))
    return f"; {count} parameters{'' if count <= MAX_PARAMETERS else ', too many for levenberg_marquardt'}"
