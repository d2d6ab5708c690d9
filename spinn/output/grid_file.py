"""solution.h5: axes, unknowns, truth and error by name, in one HDF5 file that ParaView opens as well.

    /axes/<name>       (n,)                        /reference/<name>  truth, where known
    /unknowns/<name>   one dimension an axis       /error/<name>      solution minus truth
    /derived/<name>    further quantities          /VTKHDF            the same for ParaView (see vtkhdf.py)

A solution of more axes than a grid can have is saved on a cut through the centre (root attribute `cut`: where the other
axes are held), and whole as a tensor train: the product of the matrices sum_n features[point, n] core[:, n, :].

    /tensor_train/points/<axis>   (points,)            /tensor_train/cores/<unknown>/<axis>   (left, features, right)
    /tensor_train/features/<axis> (points, features)

Array dimensions are in the order of the coordinates, which the root attribute `coordinates` gives; each has its axis
attached as an HDF5 dimension scale, so that xarray and other tools find the coordinates by themselves.
"""

import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spinn.errors import SpinnError
from spinn.files.atomic import writing_hdf5
from spinn.files.plain import plain
from spinn.output.grid import Arrays, SolutionGrid
from spinn.output.vtkhdf import write_vtkhdf_group

if TYPE_CHECKING:
    import h5py


def write_solution(
    path: Path,
    axes: Arrays,
    unknowns: Arrays,
    *,
    reference: Arrays | None = None,
    derived: Arrays | None = None,
    attributes: Mapping[str, Any] | None = None,
    train: Mapping[str, Mapping[str, Any]] | None = None,
    vtkhdf: bool = True,
) -> None:
    """Write a solution on the tensor grid of `axes` to `path`, atomically.

    `reference` may name unknowns and derived quantities; `attributes` go to the root (`title`, `pde`, `parameters`:
    mappings and lists as JSON text). `train`: the groups of a tensor train and the arrays in them.

    **Raises:** ValueError for shapes and names that do not fit; SpinnError from the system, and for more than three
    space axes with `vtkhdf`.
    """
    grid = SolutionGrid(dict(axes), dict(unknowns), dict(reference or {}), dict(derived or {}), dict(attributes or {}))
    with writing_hdf5(path) as file:
        _write_attributes(file, grid)
        scales = file.create_group("axes", track_order=True)
        for name, values in grid.axes.items():
            scales.create_dataset(name, data=values).make_scale(name)
        groups = {"unknowns": grid.unknowns, "derived": grid.derived, "reference": grid.reference, "error": grid.error}
        for group, arrays in groups.items():
            _write_arrays(file.create_group(group, track_order=True), arrays, scales)
        _write_groups(file, "tensor_train", train or {})
        if vtkhdf:
            write_vtkhdf_group(file, grid)


def _write_attributes(file: "h5py.File", grid: SolutionGrid) -> None:
    """Root attributes: what is given, what made the file, the order of the coordinates."""
    given = {"title": "Solution of a partial differential equation", "units": "nondimensional", **grid.attributes}
    try:
        given.setdefault("spinn_version", importlib.metadata.version("spinn-pde"))
    except importlib.metadata.PackageNotFoundError:  # run from a source tree that was never installed
        given.setdefault("spinn_version", "unknown")
    for name, value in given.items():
        value = plain(value)
        file.attrs[name] = json.dumps(plain(value, finite=True)) if isinstance(value, dict | list | None) else value
    file.attrs["coordinates"] = json.dumps(list(grid.axes))


def _write_arrays(group: "h5py.Group", arrays: Arrays, scales: "h5py.Group") -> None:
    for name, values in arrays.items():
        dataset = group.create_dataset(name, data=values)
        for index, axis in enumerate(scales):
            dataset.dims[index].label = axis
            dataset.dims[index].attach_scale(scales[axis])


def _write_groups(parent: "h5py.Group", name: str, arrays: Mapping[str, Any]) -> None:
    """Arrays in groups, as deep as the mapping."""
    for key, value in arrays.items():
        if isinstance(value, Mapping):
            _write_groups(parent, f"{name}/{key}", value)
        else:
            parent.create_dataset(f"{name}/{key}", data=value)


def read_solution(path: Path) -> SolutionGrid:
    """The solution in a file that `write_solution` made.

    **Raises:** SpinnError for a missing file, or one of another kind.
    """
    import h5py

    if not Path(path).is_file():
        raise SpinnError("no such file; `spinn solve` writes solution.h5 into its run folder", file=path)
    try:
        with h5py.File(path, "r") as file:
            names = json.loads(file.attrs["coordinates"])
            axes = {name: file["axes"][name][()] for name in names}
            groups = {
                group: {name: dataset[()] for name, dataset in file[group].items()}
                for group in ("unknowns", "reference", "derived")
            }
            attributes = {name: _attribute(value) for name, value in file.attrs.items() if name != "coordinates"}
    except (OSError, KeyError, ValueError) as error:
        raise SpinnError(f"expected a solution file of spinn, got something else ({error})", file=path) from error
    return SolutionGrid(axes, attributes=attributes, **groups)


def _attribute(value: Any) -> Any:
    """An attribute as it was given: JSON text of mappings and lists is read back."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value.item() if isinstance(value, np.generic) else value
