"""Reference solutions kept on disk: computed once for each set of parameters, recomputed if a file is damaged."""

import hashlib
import json
import os
import pathlib
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import platformdirs

from spinn.pdes._reference import Reference

DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


def cache_root() -> pathlib.Path:
    """The environment variable SPINN_CACHE, or the user's cache folder of the system."""
    return pathlib.Path(os.environ.get("SPINN_CACHE") or platformdirs.user_cache_dir("spinn"))


def cache_folder() -> pathlib.Path:
    """Where references are kept."""
    return cache_root() / "references"


def reference_key(pde: Any, version: int, **resolution: Any) -> dict[str, Any]:
    """What a reference depends on. Raise `version` when the method changes."""
    return {
        "pde": f"{type(pde).__module__}.{type(pde).__qualname__}",
        "parameters": pde.parameters,
        "domain": {axis: list(pde.domain[axis]) for axis in pde.domain.axes},
        "resolution": resolution,
        "version": version,
    }


def cache_path(key: Mapping[str, Any]) -> pathlib.Path:
    """The file for a key: the PDE's name and a hash of everything in the key."""
    text = json.dumps(key, sort_keys=True, default=repr)
    name = str(key.get("pde", "reference")).rsplit(".", 1)[-1]
    return cache_folder() / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:20]}.npz"


def cached(key: Mapping[str, Any], compute: Callable[[], Reference]) -> Reference:
    """The reference stored under `key`, or else `compute()`, which is then stored.

    A damaged file is replaced. A folder that cannot be written to costs a warning only.
    """
    path = cache_path(key)
    try:
        return _read(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except DAMAGED as error:
        warnings.warn(f"reference cache {path} cannot be read ({error}); computing it again", stacklevel=2)
    reference = compute()
    try:
        _write(path, reference)
    except OSError as error:
        warnings.warn(
            f"reference cache {path.parent} is not writable ({error}), so the reference will be computed again next "
            "time; set SPINN_CACHE to a folder that is",
            stacklevel=2,
        )
    return reference


def _read(path: pathlib.Path) -> Reference:
    with np.load(path, allow_pickle=False) as file:
        about = json.loads(str(file["about"]))
        axes = {axis: file[f"axis_{axis}"] for axis in about["kinds"]}
        values = {name: file[f"value_{name}"] for name in about["values"]}
    shape = tuple(len(nodes) for nodes in axes.values())
    if any(array.shape != shape for array in values.values()):
        raise ValueError(f"expected arrays of shape {shape}")
    return Reference(axes, about["kinds"], values, about["digits"])


def _write(path: pathlib.Path, reference: Reference) -> None:
    about = {"kinds": dict(reference.kinds), "values": list(reference.values), "digits": reference.digits}
    arrays = {f"axis_{axis}": nodes for axis, nodes in reference.axes.items()}
    arrays |= {f"value_{name}": array for name, array in reference.values.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]  # names are ours
        os.replace(temporary, path)
    except BaseException:
        pathlib.Path(temporary).unlink(missing_ok=True)
        raise
