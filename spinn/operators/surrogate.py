"""A trained operator with all that it needs to be used: fields in, fields out, in the units of the file."""

import dataclasses
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spinn.config.learning import OperatorModel
from spinn.errors import SpinnError
from spinn.files.atomic import replacing
from spinn.files.plain import plain
from spinn.operators.building import build
from spinn.operators.layout import Layout
from spinn.operators.spectral import Nodes

FILE, FORMAT = "operator.npz", 1


class Normaliser(eqx.Module):
    """Shift and scale of every field; not trained."""

    input_mean: Float[Array, " inputs"]
    input_scale: Float[Array, " inputs"]
    output_mean: Float[Array, " outputs"]
    output_scale: Float[Array, " outputs"]

    @staticmethod
    def of(inputs: np.ndarray, outputs: np.ndarray, shifted: bool) -> "Normaliser":
        """From samples (samples, fields, *grid); outputs are `shifted` unless they must keep their zeros."""
        means, scales = zip(*(_moments(values) for values in (inputs, outputs)), strict=True)
        if not shifted:
            root = np.sqrt(np.mean(outputs**2, axis=_but_fields(outputs)))
            means, scales = (means[0], 0.0 * root), (scales[0], np.where(root > 0, root, 1.0))
        parts = (means[0], scales[0], means[1], scales[1])
        return Normaliser(*(jnp.asarray(part, inputs.dtype) for part in parts))


def _but_fields(values: np.ndarray) -> tuple[int, ...]:
    return tuple(axis for axis in range(values.ndim) if axis != 1)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean, deviation = values.mean(_but_fields(values)), values.std(_but_fields(values))
    return mean, np.where(deviation > 1e-6 * (np.abs(mean) + 1e-30), deviation, 1.0)


class Surrogate(eqx.Module):
    """`surrogate(inputs, nodes)`: model between the normalisations, times an envelope that holds zero faces exactly."""

    model: Any
    normaliser: Normaliser
    layout: Layout = eqx.field(static=True)

    def __call__(self, inputs: Float[Array, "batch fields ..."], nodes: Nodes) -> Float[Array, "batch outputs ..."]:
        """Outputs on the grid of `nodes` (scaled to [0, 1])."""
        fixed = jax.lax.stop_gradient(self.normaliser)
        values = self.model(self.normalised(inputs), nodes)
        if self.layout.zero_somewhere and not self.model.holds_faces:
            values = values * self.layout.envelope(nodes, jnp).astype(values.dtype)
        return _affine(values, fixed.output_scale, fixed.output_mean)

    def normalised(self, inputs: Float[Array, "batch fields ..."]) -> Float[Array, "batch fields ..."]:
        """Inputs as the model sees them."""
        fixed = jax.lax.stop_gradient(self.normaliser)
        return _affine(inputs, 1.0 / fixed.input_scale, -fixed.input_mean / fixed.input_scale)


def _affine(values: Array, scale: Array, shift: Array) -> Array:
    more = (slice(None),) + (None,) * (values.ndim - 2)
    return values * scale[more] + shift[more]


def trained(surrogate: Surrogate) -> tuple[Any, Any]:
    """What is trained of it, and the rest."""
    flags = jax.tree.map(lambda _: False, surrogate)
    flags = eqx.tree_at(lambda s: s.model, flags, jax.tree.map(eqx.is_inexact_array, surrogate.model))
    return eqx.partition(surrogate, flags)


@dataclasses.dataclass(frozen=True, eq=False)
class Learned:
    """A surrogate with the configuration that it came from and that of its dataset, if the file carried one."""

    surrogate: Surrogate
    model: OperatorModel
    dataset: Mapping[str, Any] | None = None
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write it, whole or not at all.

        **Raises:** SpinnError where the system refuses.
        """
        described = {
            "format": FORMAT, "model": self.model.model_dump(mode="json"), "dataset": self.dataset,
            "layout": dataclasses.asdict(self.surrogate.layout), "facts": dict(self.facts),
        }  # fmt: skip
        leaves = jax.tree.leaves(eqx.filter(self.surrogate, eqx.is_array))
        arrays = {f"leaf {number}": np.asarray(leaf) for number, leaf in enumerate(leaves)}
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, description=np.array(json.dumps(plain(described))), **arrays)  # type: ignore[arg-type]


def load(path: str | Path) -> Learned:
    """The operator in a file, or in the folder of a run of `spinn learn`.

    **Raises:** SpinnError where there is none.
    """
    path = Path(path)
    file = path / FILE if path.is_dir() else path
    if not file.exists():
        raise SpinnError(f"expected the folder of a run of `spinn learn` that has ended, or its {FILE}", file=path)
    try:
        with np.load(file) as found:
            described = json.loads(str(found["description"]))
            arrays = [found[f"leaf {number}"] for number in range(len(found.files) - 1)]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise SpinnError(f"expected a trained operator, got another file ({error})", file=file) from None
    if described.get("format") != FORMAT:
        raise SpinnError(f"expected an operator of format {FORMAT}, got {described.get('format')}", file=file)
    layout = _layout(described["layout"])
    model = OperatorModel.model_validate(described["model"])
    blank = Surrogate(build(model, layout, key=jax.random.key(0)), _blank(layout), layout)
    slots, static = eqx.partition(blank, eqx.is_array)
    leaves, structure = jax.tree.flatten(slots)
    if [leaf.shape for leaf in leaves] != [array.shape for array in arrays]:
        raise SpinnError("expected arrays that fit the model described, got others: the file is damaged", file=file)
    filled = jax.tree.unflatten(structure, [jnp.asarray(array) for array in arrays])
    return Learned(eqx.combine(filled, static), model, described["dataset"], described["facts"])


def _layout(found: Mapping[str, Any]) -> Layout:
    def tupled(value: Any) -> Any:
        return tuple(map(tupled, value)) if isinstance(value, list) else value

    return Layout(**{name: tupled(value) for name, value in found.items()})


def _blank(layout: Layout) -> Normaliser:
    ins, outs = jnp.zeros(len(layout.inputs)), jnp.zeros(len(layout.outputs))
    return Normaliser(ins, ins, outs, outs)
