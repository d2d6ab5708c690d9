"""Finding the PDEs that ship with the library by name: one public module each."""

import difflib
import importlib
import pkgutil

from spinn.pdes._pde import PDE


def available() -> tuple[str, ...]:
    """Names of the shipped PDEs: the public modules of `spinn.pdes`."""
    package = importlib.import_module("spinn.pdes")
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_")))


def get(name: str) -> type[PDE]:
    """The PDE class in the module `spinn.pdes.<name>`.

    **Raises:** ValueError for an unknown name, with the nearest ones.
    """
    if name not in available():
        near = difflib.get_close_matches(name, available(), n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise ValueError(f"unknown PDE '{name}': {hint}`spinn list` shows all; a file of yours is ./my_pde.py:MyPDE")
    module = importlib.import_module(f"spinn.pdes.{name}")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, PDE) and value.__module__ == module.__name__
    ]
    return found[0]
