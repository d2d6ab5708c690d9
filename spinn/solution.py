"""A solved PDE: callable, evaluated anywhere, saved and loaded."""

import dataclasses
import io
import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from spinn.config import Config
from spinn.errors import SpinnError
from spinn.evaluation import Piece, device_context, grid_values, piecewise, point_values
from spinn.files.atomic import write_bytes
from spinn.networks.elements import Elements
from spinn.networks.mapped import Mapped
from spinn.networks.separable import SeparableNetwork, resized
from spinn.pdes import PDE
from spinn.polishing import shape_of, shaped
from spinn.rounding import ranked, rounded

MODEL = "model.npz"
MOST_GRID_VALUES = 4_000_000_000  # 32 GB an unknown


@dataclasses.dataclass(frozen=True, eq=False)
class Solution:
    """The solution of a PDE as trained networks, one a time window.

    `solution(t, x, y)` takes arrays that broadcast against each other, in the order of the PDE's coordinates, and
    returns an array, or a dict by unknown where there are several. Values are float64 on the host.
    """

    pde: PDE
    config: Config
    summary: Mapping[str, Any]
    pieces: tuple[Piece, ...]
    modes: tuple[Mapping[str, int], ...]
    folder: Path | None = None

    @property
    def networks(self) -> tuple[Any, ...]:
        """The trained networks, one a time window."""
        return tuple(piece.network for piece in self.pieces)

    def __call__(self, *coordinates: Any) -> np.ndarray | dict[str, np.ndarray]:
        if len(coordinates) != len(self.pde.coordinates):
            raise ValueError(
                f"expected {len(self.pde.coordinates)} coordinates ({', '.join(self.pde.coordinates)}), "
                f"got {len(coordinates)}"
            )
        arrays = np.broadcast_arrays(*(np.asarray(one, float) for one in coordinates))
        points = dict(zip(self.pde.coordinates, (array.reshape(-1) for array in arrays), strict=True))
        values = {name: value.reshape(arrays[0].shape) for name, value in self.at_points(points).items()}
        return values if len(self.pde.unknowns) > 1 else values[self.pde.unknowns[0]]

    def at_points(self, points: Mapping[str, np.ndarray], derived: bool = False) -> dict[str, np.ndarray]:
        """Values at scattered points, arrays of shape (n,) by coordinate."""
        with self._context():
            return self._assembled(
                points, lambda piece, chosen: point_values(self.pde, piece.network, chosen, derived), scattered=True
            )

    def on_grid(self, axes: Mapping[str, Any], derived: bool = True) -> dict[str, np.ndarray]:
        """Values on the tensor grid of `axes`, arrays in the order of the PDE's coordinates; derived quantities too."""
        missing = [axis for axis in self.pde.coordinates if axis not in axes]
        if missing:
            raise ValueError(f"on_grid needs points for every axis; {', '.join(missing)} are missing")
        axes = {axis: np.atleast_1d(np.asarray(axes[axis], float)) for axis in self.pde.coordinates}
        count = math.prod(len(points) for points in axes.values())
        if count > MOST_GRID_VALUES:
            raise ValueError(
                f"a grid of {count:.1e} points is too large to form; use fewer points an axis, or at_points"
            )
        with self._context():
            return self._assembled(
                axes, lambda piece, chosen: grid_values(self.pde, piece, chosen, derived), scattered=False
            )

    def _context(self) -> Any:
        return device_context(str(self.config.precision))

    def _assembled(self, points: Mapping[str, np.ndarray], evaluate: Any, scattered: bool) -> dict[str, np.ndarray]:
        """Each time goes to the network of its window."""
        times = np.asarray(points.get("t", ()), float)
        if len(self.pieces) == 1 or not times.size:
            return evaluate(self.pieces[0], points)
        axis = 0 if scattered else self.pde.coordinates.index("t")
        parts, order = [], []
        for piece, indices in piecewise(self.pieces, times):
            chosen = {n: p[indices] if scattered or n == "t" else p for n, p in points.items()}
            parts.append(evaluate(piece, chosen))
            order.append(indices)
        inverse = np.argsort(np.concatenate(order), kind="stable")
        return {name: np.take(np.concatenate([part[name] for part in parts], axis), inverse, axis) for name in parts[0]}

    def rounded(self, tolerance: float) -> "Solution":
        """The same solution in as few functions an axis as a relative L2 error of `tolerance` allows, for each unknown
        in each time window: it is evaluated faster and its file is smaller. Networks without a Tucker core stay.

        **Raises:** ValueError unless 0 <= tolerance < 1.
        """
        if not 0.0 <= tolerance < 1.0:
            raise ValueError(f"expected a relative tolerance with 0 <= tolerance < 1, got {tolerance!r}")
        with self._context():
            pieces = tuple(Piece(rounded(one.network, tolerance), one.start, one.end) for one in self.pieces)
        return dataclasses.replace(self, pieces=pieces, folder=None)

    def save(self, folder: Path) -> None:
        """Write the networks to `model.npz` in a run's folder (next to its config.yaml)."""
        arrays: dict[str, np.ndarray] = {}
        for number, piece in enumerate(self.pieces):
            leaves = jax.tree.leaves(eqx.filter(piece.network, eqx.is_array))
            arrays |= {f"{number}/{index}": np.asarray(leaf) for index, leaf in enumerate(leaves)}
        spans = [[piece.start, piece.end] for piece in self.pieces]
        breaks = [breaks_of(piece.network) for piece in self.pieces]
        ranks = [getattr(piece.network, "ranks", None) for piece in self.pieces]  # found by the solver, not configured
        heads = [getattr(piece.network, "head", None) for piece in self.pieces]
        meta = {
            "shapes": [shape_of(piece.network) for piece in self.pieces],
            "modes": [dict(modes) for modes in self.modes],
            "spans": spans,
            "breaks": breaks,
            "maps": [maps_of(piece.network) for piece in self.pieces],
            "ranks": ranks,
            "heads": heads,
            "tucker": [_tucker_ranks(piece.network) for piece in self.pieces],
        }
        buffer = io.BytesIO()
        np.savez(buffer, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), **arrays)  # type: ignore[arg-type]
        write_bytes(folder / MODEL, buffer.getvalue())


def _tucker_ranks(network: Any) -> list[int] | None:
    """Of a core that is all of a network's head, as rounding leaves it; None for others."""
    if not isinstance(network, SeparableNetwork) or network.core is None or network.lift is not None:
        return None
    return list(network.core.shape[1:])


def breaks_of(network: Any) -> dict[str, list[float]]:
    """Ends of the elements of the axes that are cut."""
    if not isinstance(network, SeparableNetwork):
        return {}
    bodies = {axis: one.body for axis, one in zip(network.axes, network.features, strict=True)}
    return {axis: [float(b) for b in body.breaks] for axis, body in bodies.items() if isinstance(body, Elements)}


def maps_of(network: Any) -> dict[str, list[list[float]]]:
    """Peaks of the maps of the axes whose coordinate is mapped."""
    if not isinstance(network, SeparableNetwork):
        return {}
    bodies = {axis: one.body for axis, one in zip(network.axes, network.features, strict=True)}
    return {axis: np.asarray(body.peaks).tolist() for axis, body in bodies.items() if isinstance(body, Mapped)}


def tupled(maps: Mapping[str, Any]) -> dict[str, tuple[tuple[float, float, float], ...]]:
    """Maps as they come out of JSON, as plans have them."""
    return {axis: tuple((c, w, a) for c, w, a in peaks) for axis, peaks in maps.items()}


def load_pieces(file: Path, build: Any) -> tuple[tuple[Piece, ...], tuple[dict[str, int], ...]]:
    """Networks from `model.npz`; `build(window, modes, breaks, maps)` makes an untrained one of the right shape.

    **Raises:** SpinnError if the file is missing, or was written for another network.
    """
    try:
        data = np.load(file)
        meta = json.loads(data["meta"].tobytes())
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise SpinnError(
            f"expected the networks of a finished run, got {error}; was it interrupted?", file=file
        ) from None
    pieces = []
    for number, (modes, (start, end)) in enumerate(zip(meta["modes"], meta["spans"], strict=True)):
        breaks = {axis: tuple(ends) for axis, ends in meta["breaks"][number].items()}
        network = build(number, modes, breaks, tupled(meta["maps"][number]) if "maps" in meta else {})
        ranks = meta.get("ranks", [None] * len(meta["modes"]))[number]
        if ranks is not None and getattr(network, "cores", None) is not None:
            network = resized(network, meta["heads"][number], ranks)
        network = shaped(network, meta["shapes"][number]) if "shapes" in meta else network
        tucker = meta.get("tucker", [None] * len(meta["modes"]))[number]
        if tucker is not None and _tucker_ranks(network) != tucker and getattr(network, "core", None) is not None:
            network = ranked(network, tucker)
        arrays, static = eqx.partition(network, eqx.is_array)
        leaves, tree = jax.tree.flatten(arrays)
        names = [f"{number}/{index}" for index in range(len(leaves))]
        stored = [data[name] for name in names if name in data]
        if [old.shape for old in leaves] != [new.shape for new in stored]:
            raise SpinnError("the networks do not fit the run's config.yaml; was it edited?", file=file)
        trained = jax.tree.unflatten(tree, [jnp.asarray(leaf) for leaf in stored])
        pieces.append(Piece(eqx.combine(trained, static), start, end))
    return tuple(pieces), tuple(meta["modes"])
