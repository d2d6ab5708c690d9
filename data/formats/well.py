"""The HDF5 layout of The Well (Ohana et al., NeurIPS 2024, arXiv 2412.00568), as its `data_format.md` specifies it.

Unknowns are fields that vary in time; inputs on the grid are constant fields of each sample; inputs of one number, and
the fixed parameters of the family, are constant scalars. Components that belong together (vx and vy) become one vector
field among `t1_fields`; the velocity is named so.

The reader of The Well wants two time steps at least. Steady solutions therefore have T = 2: zero at the first step, the
solution at the second, so that from one step to the next is from the coefficient to the solution (were it repeated, the
answer would be among the inputs). The root attribute `steady` says so.

Boundaries are `periodic` or `wall`, one group an axis, its mask true at both ends. Values on walls are not repeated
there (`associated_fields` is empty, `values` is zero): nodes include the faces, so the fields hold them.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from spinn.data.formats.boundaries import periodic_axes
from spinn.data.formats.content import Content, content_of
from spinn.data.formats.native import Dataset
from spinn.files.atomic import writing_hdf5

MEANING = "The Well's HDF5: everything on a grid in one to three dimensions, with boundaries and parameters"
SUFFIXES = (".hdf5", ".h5")
_NAMES = h5py.string_dtype()
_SETTINGS = ("order", "frames", "tolerance")  # numbers of a family that are no physics


def write(data: Dataset, target: Path) -> None:
    """Write the dataset, one field of one sample in memory at a time.

    **Raises:** SpinnError for fields on a mesh, for a family whose domain is not known, or where the disk refuses.
    """
    content = content_of(data, "well")
    described = data.attributes["recipe"]["family"]
    periodic = periodic_axes(described, data.axes, data.path)
    numbers = fixed_parameters(described, data.inputs)
    with writing_hdf5(target) as file:
        file.attrs.update(
            dataset_name=str(data.attributes["family"]), grid_type="cartesian", n_spatial_dims=len(content.shape),
            n_trajectories=content.samples, simulation_parameters=_names(numbers), steady=content.times is None,
            recipe=json.dumps(data.attributes["recipe"], sort_keys=True), **numbers,
        )  # fmt: skip
        _write_dimensions(file.create_group("dimensions"), content)
        _write_boundaries(file.create_group("boundary_conditions"), content, periodic)
        _write_scalars(file.create_group("scalars"), data, content, numbers)
        _write_fields(file, data, content)


def fixed_parameters(described: Mapping[str, Any], varying: tuple[str, ...]) -> dict[str, float]:
    """Numbers of the family, or of the PDE that it was made of, that are the same for all samples."""
    pde = described.get("definition") or described.get("given")
    numbers = {
        name: float(value)
        for name, value in (pde or described).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return {name: value for name, value in numbers.items() if name not in (*varying, *_SETTINGS)}


def _names(names: Any) -> np.ndarray:
    """Text as attributes hold it, also where there is none."""
    return np.array(list(names), dtype=_NAMES)


def _write_dimensions(group: h5py.Group, content: Content) -> None:
    group.attrs["spatial_dims"] = _names(content.space)
    times = np.array([0.0, 1.0]) if content.times is None else content.times
    group.create_dataset("time", data=times.astype(np.float32)).attrs["sample_varying"] = False
    for name, nodes in content.space.items():
        group.create_dataset(name, data=nodes.astype(np.float32)).attrs.update(sample_varying=False, time_varying=False)


def _write_boundaries(group: h5py.Group, content: Content, periodic: frozenset[str]) -> None:
    for name, nodes in content.space.items():
        kind = "periodic" if name in periodic else "wall"
        mask = np.zeros(len(nodes), dtype=bool)
        mask[[0, -1]] = True
        made = group.create_group(f"{name}_{kind}")
        made.attrs.update(
            associated_dims=_names([name]), associated_fields=_names([]), bc_type=kind,
            sample_varying=False, time_varying=False,
        )  # fmt: skip
        made["mask"] = mask
        made["values"] = np.zeros(int(mask.sum()), np.float32)


def _write_scalars(group: h5py.Group, data: Dataset, content: Content, numbers: Mapping[str, float]) -> None:
    """Numbers a sample with shape (samples,), fixed ones with shape ()."""
    group.attrs["field_names"] = _names((*content.numbers, *numbers))
    for name in content.numbers:
        made = group.create_dataset(name, data=data.fields[name][:].astype(np.float32))
        made.attrs.update(sample_varying=True, time_varying=False)
    for name, value in numbers.items():
        made = group.create_dataset(name, data=np.float32(value))
        made.attrs.update(sample_varying=False, time_varying=False)


@dataclasses.dataclass(frozen=True)
class _Field:
    """A scalar or vector field to be written: its components by the names of native fields."""

    name: str
    components: tuple[str, ...]
    evolving: bool

    @property
    def order(self) -> int:
        return int(len(self.components) > 1)


def _write_fields(file: h5py.File, data: Dataset, content: Content) -> None:
    fields = [*vectors(content.outputs, content, True), *vectors(content.inputs, content, False)]
    for order in range(3):
        group = file.create_group(f"t{order}_fields")
        here = [field for field in fields if field.order == order]
        group.attrs["field_names"] = _names(field.name for field in here)
        for field in here:
            _write_field(group, data, content, field)


def vectors(names: tuple[str, ...], content: Content, evolving: bool) -> Iterator[_Field]:
    """Fields whose names differ by the name of the axis alone as one vector; the others as they are."""
    left = list(names)
    for name in names:
        stem = name.removesuffix(next(iter(content.space)))
        parts = [f"{stem}{axis}" for axis in content.space]
        whole = "velocity" if stem == "v" else stem
        if len(parts) > 1 and stem and whole not in names and all(part in left for part in parts):
            left = [other for other in left if other not in parts]
            yield _Field(whole, tuple(parts), evolving)
    for name in left:
        yield _Field(name, (name,), evolving)


def _write_field(group: h5py.Group, data: Dataset, content: Content, field: _Field) -> None:
    """(sample[, time], *space[, component]), float32."""
    steps = () if not field.evolving else (2,) if content.times is None else (len(content.times),)
    components = (len(field.components),) if field.order else ()
    made = group.create_dataset(field.name, (content.samples, *steps, *content.shape, *components), "f4")
    made.attrs.update(
        dim_varying=np.ones(len(content.shape), dtype=bool), sample_varying=True, time_varying=field.evolving
    )
    steady = field.evolving and content.times is None
    for place in range(content.samples):
        parts = [data.fields[name][place] for name in field.components]
        values = np.stack(parts, axis=-1) if field.order else parts[0]
        made[place] = np.stack([np.zeros_like(values), values]) if steady else values
