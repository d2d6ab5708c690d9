"""How a session trains axis networks by least squares: stages, polishing, further sets of networks, and giving up.

Functions of a session's state. A level is Levenberg-Marquardt and then polishing; the next level adds a set of axis
networks of twice the bandwidth. Where Levenberg-Marquardt does not help, the level starts anew with gradients; so does
a level of fixed features where Gauss-Newton does not, from where it stands.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from spinn.assembly import build_network, trainable
from spinn.config import Stage
from spinn.continuation import remedy
from spinn.multidomain.growth import moved_cells
from spinn.networks.multidomain import MultiDomainNetwork
from spinn.networks.separable import SeparableNetwork
from spinn.pdes import derivative_orders
from spinn.polishing import MAX_CORE, added, condensed, is_condensed, polished, projected, shape_of
from spinn.recipes import CLASSICAL, GRADIENT_STAGES, MAX_PARAMETERS, SECOND_ORDER, UNHELPFUL, Plan
from spinn.spectrum import data_modes, transferred

if TYPE_CHECKING:
    from spinn.growth import Place
    from spinn.session import Session

# Share of the data in modes beyond the bandwidth that axis networks start with, and the least bandwidth.
BANDWIDTH_TAIL, LEAST_BANDWIDTH = 1e-2, 4
MAX_SETS, MAX_DOUBLINGS = 2, 4  # of axis networks, and of the bandwidth of the first ones
LEAST_SQUARES = frozenset({"levenberg_marquardt", "gauss_newton"})  # what gradients may take over from
WORTHWHILE_GAIN = 0.1  # the share of the last loss that a level must beat
RESOLVING = 1e-3  # the same after a first polish, above which twice the bandwidth is tried
RESOLVED = 1e-18  # of the loss of the zero field: the rest is rounding


def zero_field(network: Any) -> Any:
    """The network with its last layer put to zero."""
    if isinstance(network, MultiDomainNetwork):
        return eqx.tree_at(lambda n: n.stacked, network, zero_field(network.stacked))
    if not isinstance(network, SeparableNetwork):
        return network
    last = (network.mixings, network.biases) if network.core is None else network.core
    zero = jax.tree.map(jnp.zeros_like, last)
    return eqx.tree_at(lambda n: (n.mixings, n.biases) if n.core is None else n.core, network, zero)


def with_field_of(network: Any, wider: Any) -> Any:
    """A network over more features, or others, with the field of another one; its lift is there already."""
    if isinstance(wider, MultiDomainNetwork):
        return eqx.tree_at(lambda n: n.stacked.core, wider, jnp.asarray(moved_cells(network, wider)))
    return eqx.tree_at(lambda n: n.core, wider, jnp.asarray(transferred(network, wider), wider.core.dtype))


def bandwidths(plan: Plan, arrays: Mapping[str, np.ndarray], modes: Mapping[str, int]) -> dict[str, int]:
    """Frequencies that trained axis networks start with: those that carry the data. Modes of other axes stay."""
    least = {axis: n if plan.features[axis] in CLASSICAL else LEAST_BANDWIDTH for axis, n in modes.items()}
    found = data_modes(arrays, tuple(modes), plan.embedding.periodic, least, BANDWIDTH_TAIL)
    return {axis: modes[axis] if plan.features[axis] in CLASSICAL else found[axis] for axis in modes}


def stages_of(plan: Plan, place: "Place") -> list[Stage]:
    """The stages of a level: those configured, with gradients where Levenberg-Marquardt was given up."""
    stages: list[Stage] = []
    for stage in plan.config.train[-2 if place.level else 0 :]:
        replaced = place.gradient and stage.optimizer in LEAST_SQUARES
        stages += GRADIENT_STAGES if replaced else [stage]
    return stages


def prepared(session: "Session", network: Any) -> Any:
    """The network that the next stage trains: polished where that is what the stage does."""
    plan = session.active()
    if not plan.is_second_order:
        return network
    if not plan.polishing:
        network = _trainable_again(session, network)
        if stages_of(plan, session.place)[session.place.stage].optimizer == "levenberg_marquardt":
            _count(session, network)
        return network
    wider = session.lifted(polished(network, plan, session.pde, session.domain(session.place.window)))
    _reshape(session, wider)
    return projected(network, wider)


def _trainable_again(session: "Session", network: Any) -> Any:
    """A network that was polished, at its configured ranks; others as they are."""
    shape = shape_of(network)
    if not shape or shape["adding"]:
        return network
    rank = session.plan.config.network.rank
    assert not isinstance(rank, str)
    ranks: list[int] = rank if isinstance(rank, list) else [rank] * len(network.axes)
    if is_condensed(network, ranks):
        return network
    found = condensed(network, ranks, derivative_orders(session.pde))
    _reshape(session, found)
    return found


def _count(session: "Session", network: Any) -> None:
    """Gradients where parameters are too many."""
    mask = trainable(network, session.active())
    count = sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(network, mask)))
    if count > MAX_PARAMETERS:
        session.warn(f"{count} parameters are too many for levenberg_marquardt: soap and lbfgs take over")
        session.place = dataclasses.replace(session.place, gradient=True)


def _reshape(session: "Session", network: Any) -> None:
    place = session.place
    session.place = dataclasses.replace(place, shapes=(*place.shapes[: place.window], shape_of(network)))


def judged(session: "Session", place: "Place") -> "Place":
    """Where to go on after a stage: back, with another bandwidth or at last with gradients, where least squares have
    not helped.
    """
    done, stages = session.stages[-1], stages_of(session.plan, place)
    optimizer = stages[place.stage - 1].optimizer
    if place.level or place.stage == len(stages) or optimizer not in SECOND_ORDER or session.zero_loss == 0.0:
        return place
    residual = math.sqrt(done["loss"] / session.zero_loss)
    if residual > (RESOLVING if optimizer == "polish" else UNHELPFUL) and place.doublings < MAX_DOUBLINGS:
        return _other_bandwidth(session, place, done["loss"])
    if residual > UNHELPFUL and optimizer == "levenberg_marquardt":
        session.warn(f"levenberg_marquardt left a residual of {residual:.1e}: soap and lbfgs take over")
        return dataclasses.replace(place, gradient=True, stage=place.stage - 1)
    return place


def given_up(session: "Session", residual: float) -> "Place | None":
    """The start of the level with gradients, where Gauss-Newton has not reduced the residual (relative to that of the
    zero field); None where it has, or where they have been tried.
    """
    place = session.place
    least_squares = [stage.optimizer for stage in stages_of(session.plan, place)] == ["gauss_newton"]
    if not least_squares or residual <= UNHELPFUL:
        return None
    hint = remedy(session.plan, session.pde)
    session.warn(f"gauss_newton left a residual of {residual:.1e} of the data's: soap and lbfgs take over{hint}")
    return dataclasses.replace(place, gradient=True, stage=0)


def _other_bandwidth(session: "Session", place: "Place", loss: float) -> "Place":
    """The start of the level with twice the bandwidth; where that has made it worse, with half of it for good."""
    worse = loss > place.level_loss
    residual = math.sqrt(loss / session.zero_loss)
    session.reporter.message(f"residual {residual:.1e}: axis networks of {'half' if worse else 'twice'} the bandwidth")
    classical = [axis for axis, name in session.plan.features.items() if name in CLASSICAL]
    modes = {a: n if a in classical else n // 2 if worse else 2 * n for a, n in place.modes[-1].items()}
    return dataclasses.replace(
        place, stage=0, shapes=(*place.shapes[:-1], {}), modes=(*place.modes[:-1], modes),
        doublings=MAX_DOUBLINGS if worse else place.doublings + 1, level_loss=math.inf if worse else loss,
    )  # fmt: skip


def better(session: "Session", network: Any) -> Any:
    """The network of the level that has ended, or the one before where that had the smaller residual."""
    place, kept, stages = session.place, session.kept, session.stages
    session.kept = None
    if kept is None or stages[-1]["loss"] <= place.level_loss:
        return network
    session.reporter.message(f"no gain ({place.level_loss:.1e} before): back to the networks before")
    _reshape(session, kept)
    stages.append({**stages[-1], "name": "the level before", "steps": 0, "seconds": 0.0, "loss": place.level_loss})
    return kept


def further(session: "Session", network: Any) -> Any:
    """The network with a fresh set of axis networks to train on what is left; None where that is not worthwhile."""
    place, names = session.place, [stage.optimizer for stage in session.plan.config.train]
    if names[-2:] != ["levenberg_marquardt", "polish"] or place.gradient:
        return None
    loss = session.stages[-1]["loss"]
    done = loss < RESOLVED * session.zero_loss or loss > WORTHWHILE_GAIN * place.level_loss
    width = session.plan.config.network.width
    size = math.prod(count + width for count in network.core.shape[1:]) * len(network.unknowns)
    if done or place.level + 1 >= MAX_SETS or size > MAX_CORE:
        return None
    key = jax.random.fold_in(jax.random.key(session.plan.config.seed), place.window)
    modes = {axis: n << (place.level + 1) for axis, n in place.modes[-1].items()}
    plan, domain = session.planned(place.window), session.domain(place.window)
    fresh = build_network(plan, session.pde, domain, modes, key=jax.random.fold_in(key, place.level + 1))
    if not isinstance(fresh, SeparableNetwork) or fresh.core is None:
        return None
    session.reporter.message(f"residual {math.sqrt(loss / session.zero_loss):.1e}: a further set of axis networks")
    wider = added(network, fresh, math.sqrt(loss / session.zero_loss))
    session.place = dataclasses.replace(place, level=place.level + 1, stage=0, level_loss=loss)
    _reshape(session, wider)
    return wider
