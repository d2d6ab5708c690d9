"""The families of METALIC's experiments (Li et al., ICML 2023), as a table: equation, ranges, cut."""

from collections.abc import Mapping
from typing import NamedTuple

from spinn.errors import SpinnError
from spinn.metalic.family import ParametricFamily
from spinn.networks.decomposition import Decomposition
from spinn.pdes import PDE, Periodic, get


class Entry(NamedTuple):
    """A row: the name of the PDE, what varies, and the axis that is cut with the places of the cuts.

    Two cuts with `strip` are a strip against the rest.
    """

    pde: str
    vary: Mapping[str, tuple[float, float]]
    axis: str
    cuts: tuple[float, ...]
    strip: bool = False


FAMILIES: Mapping[str, Entry] = {
    "burgers": Entry("burgers", {"nu": (0.001, 0.05)}, "x", (-0.1, 0.1), strip=True),
    "kdv": Entry("kdv_solitons", {"lam": (1.0, 10.0)}, "t", (10.0,)),
    "advection": Entry("advection", {"beta": (1.0, 30.0)}, "t", (0.5,)),
    "poisson": Entry("square_source_2d", {"sharpness": (1.0, 50.0)}, "y", (0.5,)),
    "reaction": Entry("reaction", {"rho": (1.0, 15.0)}, "t", (0.5,)),
    "heat": Entry("heat_four_terms", dict.fromkeys("abcd", (-2.0, 2.0)), "t", (0.5,)),
}
# Of METALIC's nine, without the average (half of `solution`), and without those that a subdomain's residual asks for
# by itself.
DEFAULT_CONDITIONS = ("solution", "residual_continuity", "flux", "second_normal")


def shipped_family(name: str, conditions: tuple[str, ...] = DEFAULT_CONDITIONS, ivp: bool = True) -> ParametricFamily:
    """A family of the table. SpinnError for a name that there is not."""
    if name not in FAMILIES:
        raise SpinnError(f"expected a family among {', '.join(FAMILIES)}, got {name!r}")
    entry = FAMILIES[name]
    pde = get(entry.pde)()
    cut = Decomposition(pde.domain, {entry.axis: entry.cuts}, (0, 1, 0) if entry.strip else None, periodic_cut(
        pde, (entry.axis,)
    ))  # fmt: skip
    return ParametricFamily(pde, entry.vary, cut, conditions, ivp)


def periodic_cut(pde: PDE, axes: tuple[str, ...]) -> frozenset[str]:
    """Of some axes, those that are periodic: their ends are an interface as well."""
    return frozenset(one.axis for one in pde.conditions() if isinstance(one, Periodic) and one.axis in axes)
