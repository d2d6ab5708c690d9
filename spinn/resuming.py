"""From a session to a checkpoint and back: arrays as flat trees, everything else as JSON."""

import dataclasses
import json
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from spinn.evaluation import Piece, device_context
from spinn.growth import Place
from spinn.output.folder import RunFolder
from spinn.output.progress import SilentReporter
from spinn.pdes import PDE
from spinn.polishing import shape_of, shaped
from spinn.recipes import Plan
from spinn.session import Resumed, Session
from spinn.solution import MODEL, Solution, load_pieces, tupled
from spinn.training.checkpoints import Checkpoints
from spinn.training.loop import Snapshot


def _flat(tree: Any) -> dict[str, Any]:
    """Array leaves by number: a shape that every checkpoint format takes."""
    return {str(number): leaf for number, leaf in enumerate(jax.tree.leaves(eqx.filter(tree, eqx.is_array)))}


def _filled(tree: Any, flat: dict[str, Any]) -> Any:
    """The tree with its array leaves replaced by those of `flat`."""
    arrays, static = eqx.partition(tree, eqx.is_array)
    structure = jax.tree.structure(arrays)
    leaves = [jnp.asarray(flat[str(number)]) for number in range(len(jax.tree.leaves(arrays)))]
    return eqx.combine(jax.tree.unflatten(structure, leaves), static)


@dataclasses.dataclass(eq=False)
class Saver:
    """Saves a session's state when a checkpoint is due. Not frozen: it remembers the newest state for `flush`."""

    session: Session
    checkpoints: Checkpoints | None
    newest: tuple[Place, Snapshot, list[Piece], dict[str, Any], dict[str, Any]] | None = None

    def offer(self, place: Place, snapshot: Snapshot) -> None:
        """A chunk has ended here. What the session gathers later, as the stage or the window ends, is no part of it."""
        session = self.session
        gathered = {
            "stages": list(session.stages), "warnings": list(session.warnings), "zero_loss": session.zero_loss,
            "compile_seconds": session.compile_seconds, "seconds": session.seconds,
        }  # fmt: skip
        networks = {"whole": session.current[0](snapshot.params), "kept": session.kept}
        self.newest = (place, snapshot, list(session.pieces), gathered, networks)
        if self.checkpoints is not None and self.checkpoints.due():
            self.flush()

    def flush(self) -> None:
        """Save the newest state now."""
        if self.checkpoints is None or self.newest is None:
            return
        place, snapshot, pieces, gathered, networks = self.newest
        arrays = {"loop": _flat(snapshot.arrays())}
        arrays |= {f"window{number}": _flat(piece.network) for number, piece in enumerate(pieces)}
        if any(place.shapes[place.window :]):
            arrays |= {name: _flat(network) for name, network in networks.items() if network is not None}
        total = place.steps_before + snapshot.step
        position = {
            "place": dataclasses.asdict(place), "snapshot": snapshot.position(), "total_steps": total,
            "kept": shape_of(networks["kept"]),
            "spans": [[piece.start, piece.end] for piece in pieces], **gathered,
        }  # fmt: skip
        self.checkpoints.save(total, arrays, position)


def restored(session: Session, checkpoints: Checkpoints) -> Resumed | None:
    """What the newest checkpoint holds, in the structure of the session's networks; None if nothing was saved."""
    position = checkpoints.position()
    if position is None:
        return None
    stored = position["place"]
    breaks = tuple({axis: tuple(ends) for axis, ends in cuts.items()} for cuts in stored["breaks"])
    place = Place(**{**stored, "modes": tuple(stored["modes"]), "breaks": breaks, "ends": tuple(stored["ends"]),
                     "shapes": tuple(stored["shapes"]), "path": tuple(stored.get("path", ())),
                     "maps": tuple(tupled(maps) for maps in stored.get("maps", ()))})  # fmt: skip
    session.place, session.stages = place, list(position["stages"])
    session.warnings, session.compiled_before = list(position["warnings"]), float(position["compile_seconds"])
    session.zero_loss, session.seconds_before = float(position["zero_loss"]), float(position["seconds"])
    shapes = [*place.shapes, *[{}] * (place.window + 1)]
    blanks = [
        shaped(session.network(number, place.modes[number]), shapes[number]) for number in range(place.window + 1)
    ]
    session.pieces = [Piece(blanks[n], *span) for n, span in enumerate(position["spans"])]
    problem, _, params = session.problem(blanks[-1])
    template = session.stage_run(problem, place.stage).start(params)
    like = {"loop": _flat(template.arrays())}
    like |= {f"window{number}": _flat(piece.network) for number, piece in enumerate(session.pieces)}
    networks: dict[str, Any] = {}
    if any(place.shapes[place.window :]):
        networks["whole"] = blanks[-1]
        if position["kept"]:
            plain = session.network(place.window, place.modes[place.window])
            networks["kept"] = shaped(plain, position["kept"])
        like |= {name: _flat(network) for name, network in networks.items()}
    arrays = checkpoints.arrays(like)
    snapshot = dataclasses.replace(template, **_filled(template.arrays(), arrays["loop"]), **position["snapshot"])
    pieces = [
        Piece(_filled(piece.network, arrays[f"window{number}"]), piece.start, piece.end)
        for number, piece in enumerate(session.pieces)
    ]
    filled = {name: _filled(network, arrays[name]) for name, network in networks.items()}
    return Resumed(place, pieces, snapshot, filled.get("whole"), filled.get("kept"))


def finished(plan: Plan, pde: PDE, folder: RunFolder) -> Solution | None:
    """The solution in the folder of a run that has ended, well or not; None if there is something left to train."""
    if not folder.summary.is_file() or not (folder.path / MODEL).is_file():
        return None
    summary = json.loads(folder.summary.read_text(encoding="utf-8"))
    return None if summary.get("status") == "interrupted" else stored(plan, pde, folder)


def stored(plan: Plan, pde: PDE, folder: RunFolder) -> Solution:
    """The solution as a run has left it, also where it was interrupted.

    **Raises:** SpinnError if the networks are missing, or do not fit the plan.
    """
    with device_context(str(plan.config.precision)):
        session = Session(plan, pde, SilentReporter(), lambda record: None)

        def build(window: int, modes: Any, breaks: Any, maps: Any) -> Any:
            session.place = Place(breaks=({},) * window + (breaks,), maps=({},) * window + (maps,))
            return session.network(window, modes)

        pieces, modes = load_pieces(folder.path / MODEL, build)
    summary = json.loads(folder.summary.read_text(encoding="utf-8"))
    return Solution(pde, plan.config, summary, pieces, modes, folder.path)
