"""From a session to a checkpoint and back: arrays as flat trees, everything else as JSON."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from spinn.evaluation import Piece
from spinn.session import Place, Resumed, Session
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
    newest: tuple[Place, Snapshot] | None = None

    def offer(self, place: Place, snapshot: Snapshot) -> None:
        """A chunk has ended here."""
        self.newest = (place, snapshot)
        if self.checkpoints is not None and self.checkpoints.due():
            self.flush()

    def flush(self) -> None:
        """Save the newest state now."""
        if self.checkpoints is None or self.newest is None:
            return
        place, snapshot = self.newest
        pieces = self.session.pieces
        arrays = {"loop": _flat(snapshot.arrays())}
        arrays |= {f"window{number}": _flat(piece.network) for number, piece in enumerate(pieces)}
        total = place.steps_before + snapshot.step
        position = {
            "place": dataclasses.asdict(place), "snapshot": snapshot.position(), "total_steps": total,
            "spans": [[piece.start, piece.end] for piece in pieces], "stages": self.session.stages,
            "warnings": self.session.warnings, "compile_seconds": self.session.compile_seconds,
            "zero_loss": self.session.zero_loss,
        }  # fmt: skip
        self.checkpoints.save(total, arrays, position)


def restored(session: Session, checkpoints: Checkpoints) -> Resumed | None:
    """What the newest checkpoint holds, in the structure of the session's networks; None if nothing was saved."""
    position = checkpoints.position()
    if position is None:
        return None
    stored = position["place"]
    place = Place(**{**stored, "modes": tuple(stored["modes"])})
    session.place, session.stages = place, list(position["stages"])
    session.warnings, session.compile_seconds = list(position["warnings"]), float(position["compile_seconds"])
    session.zero_loss = float(position["zero_loss"])
    blanks = [session.network(number, place.modes[number]) for number in range(place.window + 1)]
    session.pieces = [Piece(blanks[n], *span) for n, span in enumerate(position["spans"])]
    problem, _, params = session.problem(blanks[-1])
    template = session.stage_run(problem, place.stage).start(params)
    like = {"loop": _flat(template.arrays())}
    like |= {f"window{number}": _flat(piece.network) for number, piece in enumerate(session.pieces)}
    arrays = checkpoints.arrays(like)
    snapshot = dataclasses.replace(template, **_filled(template.arrays(), arrays["loop"]), **position["snapshot"])
    pieces = [
        Piece(_filled(piece.network, arrays[f"window{number}"]), piece.start, piece.end)
        for number, piece in enumerate(session.pieces)
    ]
    return Resumed(place, pieces, snapshot)
