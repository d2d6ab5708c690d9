"""Do the discretisations of the families converge as they should, and do they agree with the neural solver?

Convergence: steady families against a manufactured solution (its source by exact derivatives); evolving ones, of which
the last frame is taken, and the finite elements of thermal_2d, from grid to grid. Slopes are of the two finest grids;
spectral derivatives have none, since their error falls faster than any power. Agreement: one smooth instance (see
`smooth_instances.py`), solved by the family on a grid and by `spinn.solve` with its default recipe; the difference is
relative L2 on all nodes and frames of the family. Rows that are measured replace those of the results file.

    python benchmarks/discretisation.py [--only NAME,...] [--no-neural] [--out FOLDER]
"""

import argparse
import dataclasses
import itertools
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import scipy.sparse.linalg
import smooth_instances as smooth
from measuring import described, machine, save, table
from scipy.interpolate import LinearNDInterpolator

import spinn
from spinn.data import FAMILIES, Thermal2D
from spinn.data.families import EvolvingFamily, Family, NavierStokes2D, StencilFamily
from spinn.data.families.evolving import relative
from spinn.data.stencil import System, discretise
from spinn.pdes import PDE, Periodic, exp, get, point_coordinates, sin
from spinn.solvers import GCRODR, FastPoisson, Stopping

Array = np.ndarray
NOTES = (
    "thermal_2d: no comparison, since the neural solver knows boxes and no plate with holes.",
    "navier_stokes_2d: compared with the library's spectral reference of the same flow, since its equation is no PDE "
    "definition of a family.",
)
TARGET = 1e-4  # of the difference from the neural solver
SLACK = 0.3  # that an observed slope may stay below the theory's


@dataclasses.dataclass(frozen=True)
class Instance:
    """A family on one smooth instance.

    `pde` is the same for the neural solver; `inputs` are the family's: functions of the coordinates, or numbers.
    `sizes`: nodes an axis for the slopes, by order; `compared`: (order, nodes) for the comparison.
    """

    family: str
    pde: PDE
    inputs: Mapping[str, Any]
    sizes: Mapping[Any, tuple[int, ...]]
    compared: tuple[Any, int]
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    trace: bool = False  # whether the boundary values are those of the solution, not zero

    def build(self, order: Any, points: int, **more: Any) -> Any:
        """The family on a grid."""
        dimension = len(self.pde.domain.space)
        return FAMILIES[self.family](grid=(points,) * dimension, order=order, **self.settings, **more)  # type: ignore[call-arg]


TWO, THREE = {2: (33, 65, 129), 4: (33, 65, 129)}, {2: (9, 17, 33), 4: (9, 17, 33)}
CIRCLE = {2: (64, 128, 256, 512), 4: (64, 128, 256, 512), "spectral": (32, 64, 128)}
INSTANCES = (
    Instance(
        "poisson_2d", smooth.SmoothPoisson2D(), {"f": smooth.polynomial, "g": smooth.trace}, TWO, (4, 97), trace=True
    ),
    Instance("darcy_2d", smooth.SmoothDarcy2D(), {"a": smooth.permeability}, TWO, (4, 97)),
    Instance("darcy_3d", smooth.SmoothDarcy3D(), {"a": smooth.permeability}, THREE, (4, 33)),
    Instance("helmholtz_2d", smooth.SmoothHelmholtz2D(), {"k": smooth.wave_number}, TWO, (4, 97)),
    Instance(
        "convection_diffusion_2d", smooth.SmoothConvectionDiffusion2D(eps=0.1),
        {"vx": smooth.velocity_x, "vy": smooth.velocity_y}, TWO, (4, 97), {"eps": 0.1},
    ),
    Instance(
        "heat_2d", smooth.SmoothHeat2D(), {"a": smooth.conductivity, "u0": smooth.temperature},
        {2: (9, 17, 33, 65), 4: (9, 17, 33, 65)}, (4, 65),
    ),
    Instance(
        "advection_1d", smooth.SmoothAdvection1D(beta=0.7), {"beta": 0.7, "u0": smooth.profile}, CIRCLE,
        ("spectral", 128),
    ),
    Instance("burgers_1d", smooth.SmoothBurgers1D(), {"u0": smooth.profile}, CIRCLE, ("spectral", 256)),
    Instance(
        "reaction_diffusion_1d", smooth.SmoothReactionDiffusion1D(), {"rho": 5.0, "u0": smooth.density}, CIRCLE,
        ("spectral", 256),
    ),
)  # fmt: skip


def at(function: Any, axes: Mapping[str, Array]) -> Array:
    """A function of the coordinates on a tensor grid; a number stays one."""
    if not callable(function):
        return np.asarray(function)
    mesh = np.meshgrid(*axes.values(), indexing="ij")
    with jax.enable_x64(True):
        return np.asarray(function(*mesh), dtype=float)


def inputs_of(instance: Instance, family: Family) -> dict[str, Array]:
    """The inputs as the family's `parameters` would give them."""
    return {name: at(value, family.axes) for name, value in instance.inputs.items()}


def manufactured(instance: Instance, family: StencilFamily) -> float:
    """Relative L2 error where the solution is exp(x / 2) prod sin(pi x_i), plus a polynomial if it has a trace."""
    inputs, axes = inputs_of(instance, family), family.axes
    mesh = np.meshgrid(*axes.values(), indexing="ij")

    def exact(*x: Any) -> Any:
        waves = exp(0.5 * x[0]) * math.prod((sin(math.pi * one) for one in x[1:]), start=sin(math.pi * x[0]))
        return waves + smooth.trace(*x) if instance.trace else waves

    with jax.enable_x64(True):
        points = point_coordinates(**{name: one.ravel() for name, one in zip(axes, mesh, strict=True)}).values()
        solution = exact(*points)
        left = np.asarray(instance.pde.residual(solution, *points).value).reshape(mesh[0].shape)
        u = np.asarray(solution.value).reshape(mesh[0].shape)
    pde = family.pde({**inputs, "g": u} if instance.trace else inputs)
    source = left + inputs.get("f", pde.f)  # what the residual takes off is put back
    system = discretise(dataclasses.replace(pde, f=source), family.grid, family.order)
    return relative(system.insert(solved(system)), u)


def solved(system: System) -> Array:
    """The unknowns: by factors, and by a Krylov method in three dimensions, where factors fill up."""
    if len(system.shape) < 3:
        return scipy.sparse.linalg.spsolve(system.matrix.tocsc(), system.rhs)
    solver = GCRODR(FastPoisson(system.shape, shift=None), Stopping(relative=1e-11))
    x, _, info = solver.solve(system.matrix, system.rhs)
    assert info.converged, info
    return x


def last_frame(instance: Instance, order: Any, points: int) -> Array:
    """The state at the end."""
    family = instance.build(order, points, frames=2, tolerance=1e-10)
    return family.trajectory(inputs_of(instance, family))[1]["u"][-1]


def between(coarse: Array, fine: Array, step: int = 2) -> float:
    """Relative L2 difference on the nodes of the coarse grid, which the fine one has too."""
    return relative(coarse, fine[(slice(None, None, step),) * fine.ndim])


def errors(instance: Instance, order: Any) -> tuple[tuple[int, ...], list[float]]:
    """Sizes, and the error at each; for evolving families the difference from the next size, which has no entry."""
    sizes = instance.sizes[order]
    if not issubclass(FAMILIES[instance.family], EvolvingFamily):
        return sizes, [manufactured(instance, instance.build(order, points)) for points in sizes]
    frames = [last_frame(instance, order, points) for points in sizes]
    return sizes[:-1], [between(one, other) for one, other in itertools.pairwise(frames)]


def slope(sizes: Sequence[int], found: Sequence[float], periodic: bool) -> float:
    """Order of convergence over the two finest grids."""
    coarse, fine = (size if periodic else size - 1 for size in sizes[-2:])
    return math.log(found[-2] / found[-1]) / math.log(fine / coarse)


def convergence(instance: Instance) -> list[dict[str, Any]]:
    """A row for each order that is offered."""
    rows = []
    for order in instance.sizes:
        sizes, found = errors(instance, order)
        periodic = any(isinstance(condition, Periodic) for condition in instance.pde.conditions())
        rows.append(row_of(instance.family, order, sizes, found, periodic))
    return rows


def row_of(family: str, order: Any, sizes: Sequence[int], found: Sequence[float], periodic: bool) -> dict[str, Any]:
    """Sizes, errors, slope, and whether it is as it should be."""
    seen = None if order == "spectral" else slope(sizes, found, periodic)
    good = found[-1] < max(1e-8, found[0] / 100) if seen is None else seen > order - SLACK
    return {"family": family, "order": order, "sizes": list(sizes), "errors": list(found), "slope": seen, "good": good}


def thermal(sizes: Sequence[int] = (24, 48, 96), finest: int = 240) -> dict[str, Any]:
    """Linear finite elements: differences from a much finer mesh at random points of the plate."""
    points = np.random.default_rng(0).uniform(0.05, 0.95, (2000, 2))
    for x, y, radius in ((0.3, 0.35, 0.12), (0.68, 0.6, 0.16)):
        points = points[np.hypot(points[:, 0] - x, points[:, 1] - y) > radius + 0.05]

    def solved(count: int) -> Array:
        family = Thermal2D(grid=(count, count))
        system = family.system({"left": np.asarray(-50.0), "right": np.asarray(50.0)})
        u = system.insert(scipy.sparse.linalg.spsolve(system.matrix.tocsc(), system.rhs))
        return LinearNDInterpolator(family.mesh.points, u)(points)

    truth = solved(finest)
    return row_of("thermal_2d", 2, sizes, [relative(solved(count), truth) for count in sizes], False)


def vortices(points: int) -> tuple[Array, PDE]:
    """The last frame of navier_stokes_2d from the initial field of the problem of that name, which it is scaled to."""
    pde = get("navier_stokes_2d")(nu=0.05)  # so that the coarser grids resolve it
    length = pde.domain["x"][1]
    family = NavierStokes2D(
        grid=(points, points), nu=pde.nu / length**2, amplitude=0.0, end=pde.domain["t"][1], frames=2, tolerance=1e-9
    )
    x, y = np.meshgrid(*(length * nodes for nodes in family.axes.values()), indexing="ij")
    with jax.enable_x64(True):
        w0 = np.asarray(pde.initial_vorticity(0.0, x, y))
    return family.trajectory({"w0": w0})[1]["w"][-1], pde


def flow(sizes: Sequence[int] = (32, 64, 128), reference: int = 96) -> tuple[dict[str, Any], dict[str, Any]]:
    """Convergence of the pseudo-spectral family, and its difference from the reference of the neural problem."""
    frames = [vortices(points) for points in sizes]
    found = [between(one, other) for (one, _), (other, _) in itertools.pairwise(frames)]
    last, pde = frames[-1]
    nodes = pde.domain["x"][1] * np.arange(sizes[-1]) / sizes[-1]
    axes = {"t": np.array([pde.domain["t"][1]]), "x": nodes, "y": nodes}
    began = time.perf_counter()
    truth = pde.solved(reference).on_grid(axes)["vorticity"][0]  # type: ignore[attr-defined]
    row = agreement_row("navier_stokes_2d", "spectral", sizes[-1], relative(last, truth), time.perf_counter() - began)
    row["against"] = "the reference of navier_stokes_2d (spectral)"
    return row_of("navier_stokes_2d", "spectral", sizes[:-1], found, True), row


def agreement(instance: Instance, solve: Callable[[PDE], Any] = spinn.solve) -> dict[str, Any]:
    """The family's solution against the neural solver's."""
    order, points = instance.compared
    family = instance.build(order, points)
    inputs = inputs_of(instance, family)
    if isinstance(family, EvolvingFamily):
        times, fields = family.trajectory(inputs)
        u, axes = fields["u"], {"t": times, **family.axes}
    else:
        system = family.system(inputs)
        u, axes = system.insert(solved(system)), family.axes
    began = time.perf_counter()
    other = np.asarray(solve(instance.pde).on_grid(axes)["u"])
    return agreement_row(instance.family, order, points, relative(other, u), time.perf_counter() - began)


def agreement_row(family: str, order: Any, points: int, difference: float, seconds: float) -> dict[str, Any]:
    """Whether two solvers agree."""
    return {
        "family": family,
        "order": order,
        "points": points,
        "against": "spinn.solve",
        "difference": difference,
        "seconds": seconds,
        "met": difference <= TARGET,
    }


def readable(row: Mapping[str, Any]) -> dict[str, str]:
    """A row of convergence for people."""
    return {
        "family": row["family"],
        "order": str(row["order"]),
        "nodes an axis": ", ".join(map(str, row["sizes"])),
        "errors": ", ".join(f"{one:.1e}" for one in row["errors"]),
        "slope": "-" if row["slope"] is None else f"{row['slope']:.2f}",
        "as it should": "yes" if row["good"] else "NO",
    }


def readable_agreement(row: Mapping[str, Any]) -> dict[str, str]:
    """A row of the comparison for people."""
    return {
        "family": row["family"],
        "order": str(row["order"]),
        "nodes an axis": str(row["points"]),
        "against": row["against"],
        "difference": f"{row['difference']:.1e}",
        f"at most {TARGET:.0e}": "yes" if row["met"] else "MISSED",
        "seconds of the other": f"{row['seconds']:.1f}",
    }


def arguments_of(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", default="", help="families, comma-separated")
    parser.add_argument("--no-neural", action="store_true", help="leave the comparison with spinn.solve out")
    parser.add_argument("--note", default="", help="what else the results are to say of the machine")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the results")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and save; 1 if a name is unknown."""
    options = arguments_of(argv)
    wanted = [name for name in options.only.split(",") if name] or list(FAMILIES)
    strange = [name for name in wanted if name not in FAMILIES]
    if strange:
        print(f"unknown: {', '.join(strange)}; the families are {', '.join(FAMILIES)}", file=sys.stderr)
        return 1
    facts = machine() | ({"note": options.note} if options.note else {})
    slopes: list[dict[str, Any]] = []
    agreements: list[dict[str, Any]] = []
    for instance in INSTANCES:
        if instance.family in wanted:
            slopes += convergence(instance)
            agreements += [] if options.no_neural else [agreement(instance)]
            print(f"{instance.family}: done", file=sys.stderr, flush=True)
    if "thermal_2d" in wanted:
        slopes.append(thermal())
    if "navier_stokes_2d" in wanted:
        row, other = flow()
        slopes.append(row)
        agreements.append(other)
    slopes, agreements = (merged(options.out, *pair) for pair in (("convergence", slopes), ("agreement", agreements)))
    parts = [described(facts), table(list(map(readable, slopes))), table(list(map(readable_agreement, agreements)))]
    text = "\n\n".join([*parts, *NOTES])
    print(text)
    save(options.out, "discretisation", text, {"machine": facts, "convergence": slopes, "agreement": agreements})
    return 0


def merged(folder: Path, part: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows that were measured replace those of the results file; the others stay."""
    file = folder / "discretisation.json"
    kept = json.loads(file.read_text())[part] if file.exists() else []
    new = {row["family"] for row in rows}
    return sorted([*rows, *(row for row in kept if row["family"] not in new)], key=lambda row: row["family"])


if __name__ == "__main__":
    sys.exit(main())
