"""What do classical methods reach on the same problems, and in how many seconds?

Legendre-Galerkin with fast diagonalisation for elliptic problems; Chebyshev or Fourier collocation in space with an
explicit Runge-Kutta method of order 8 for evolution (ETDRK4 where dispersion is stiff); characteristics for the mixing
flow. Errors are relative L2 over all unknowns on the uniform grid on which the library's own are measured; seconds are
those of a second run.

    python benchmarks/classical.py [--only NAME,...] [--out FOLDER]
"""

import argparse
import dataclasses
import functools
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from measuring import described, machine, save, table
from spectral_methods import (
    along,
    chebyshev_derivative,
    etdrk4,
    evolve,
    interpolated,
    legendre_galerkin,
    wave_numbers,
)  # fmt: skip
from unseen_problems import CoupledHelmholtz3D

from spinn.pdes import PDE, get, point_coordinates, point_fields
from spinn.pdes._interpolation import chebyshev_nodes, fourier_nodes
from spinn.results import ERROR_COUNTS
from spinn.truth import relative_l2, truth_on_grid, uniform_axes

Array = np.ndarray
Axes = Mapping[str, Array]
Values = dict[str, Array]


def forcing(pde: PDE, *nodes: Array) -> Array:
    """The source of a linear problem on a tensor grid: minus the residual of the unknown zero."""
    with jax.enable_x64(True):
        grids = np.broadcast_arrays(*nodes)
        found = _forcing(pde, *(jnp.asarray(grid.ravel()) for grid in grids))
        return np.asarray(found).reshape(grids[0].shape)


@functools.partial(jax.jit, static_argnums=0)
def _forcing(pde: PDE, *points: Any) -> Any:
    named = dict(zip(pde.coordinates, points, strict=True))
    zero = point_fields(lambda *x: {pde.unknowns[0]: 0.0 * x[0]}, pde.unknowns, named)
    return -pde.residual(*zero.values(), *point_coordinates(**named).values()).value


def helmholtz(pde: PDE, axes: Axes, size: int = 40) -> Values:
    """Legendre-Galerkin for Lap u + k^2 u = q."""
    return {"u": legendre_galerkin(functools.partial(forcing, pde), pde.k**2, pde.domain.intervals, size, axes)}


def poisson(pde: PDE, axes: Axes, size: int = 40) -> Values:
    """Legendre-Galerkin for -Lap u = f."""
    return {"u": legendre_galerkin(lambda *x: -pde.source(*x), 0.0, pde.domain.intervals, size, axes)}


def heat(pde: PDE, axes: Axes, points: int = 28, tolerance: float = 1e-12) -> Values:
    """Chebyshev collocation of u_xx, DOP853."""
    x, second = space(pde, "x", points)
    inner = evolve(lambda t, u: pde.kappa * second @ u, pde.exact(axes["t"][0], x)[1:-1], axes["t"], tolerance)
    return on_axes(np.pad(inner, ((0, 0), (1, 1))), "chebyshev", {"x": x}, axes)


def wave(pde: PDE, axes: Axes, points: int = 40, tolerance: float = 1e-12) -> Values:
    """Chebyshev collocation, DOP853 for u and u_t."""
    x, second = space(pde, "x", points)
    value = pde.exact(axes["t"][0], x)[1:-1]
    start = np.stack([value, np.zeros_like(value)])
    states = evolve(lambda t, y: np.stack([y[1], pde.c**2 * second @ y[0]]), start, axes["t"], tolerance)
    return on_axes(np.pad(states[:, 0], ((0, 0), (1, 1))), "chebyshev", {"x": x}, axes)


def klein_gordon(pde: PDE, axes: Axes, points: int = 8, tolerance: float = 1e-11) -> Values:
    """Chebyshev collocation of the Laplacian with the given values on the faces, DOP853 for u and u_t."""
    names = pde.domain.space
    nodes = {axis: chebyshev_nodes(points, *pde.domain[axis]) for axis in names}
    grids = np.meshgrid(*nodes.values(), indexing="ij", sparse=True)
    seconds = [np.linalg.matrix_power(chebyshev_derivative(points, *pde.domain[axis]), 2) for axis in names]
    faces = np.pad(np.zeros((points - 2,) * len(names), bool), 1, constant_values=True)

    def slope(t: float, y: Array) -> Array:
        u = np.where(faces, pde.exact(t, *grids), y[0])
        change = sum(along(second, u, axis) for axis, second in enumerate(seconds)) - u**2 + pde.source(t, *grids)
        return np.stack([np.where(faces, 0.0, y[1]), np.where(faces, 0.0, change)])

    begin = axes["t"][0]
    states = evolve(slope, np.stack([pde.exact(begin, *grids), pde.slope(begin, *grids)]), axes["t"], tolerance)
    times = axes["t"].reshape(-1, *([1] * len(names)))
    return on_axes(np.where(faces, pde.exact(times, *grids), states[:, 0]), "chebyshev", nodes, axes)


def diffusion(pde: PDE, axes: Axes, points: int = 65, tolerance: float = 1e-7) -> Values:
    """Chebyshev collocation of Lap u^2, DOP853; u is interpolated by sines of arccos, square roots at the faces."""
    (x, across), (y, upward) = space(pde, "x", points), space(pde, "y", points)

    def slope(t: float, u: Array) -> Array:
        square = u * np.abs(u)
        return pde.a / 2 * (across @ square + square @ upward.T)

    start = pde.initial(axes["t"][0], x[1:-1, None], y[None, 1:-1])
    inner = evolve(slope, start, axes["t"], tolerance)
    return on_axes(np.pad(inner, ((0, 0), (1, 1), (1, 1))), "sine", {"x": x, "y": y}, axes)


def advection(pde: PDE, axes: Axes, points: int = 16, tolerance: float = 1e-12) -> Values:
    """Fourier collocation, DOP853."""
    return periodic(pde, axes, points, tolerance, lambda u, k, back: -pde.beta * back(1j * k), pde.exact)


def burgers(pde: PDE, axes: Axes, points: int = 2048, tolerance: float = 1e-9) -> Values:
    """Fourier collocation, DOP853: the solution is odd, so that the faces are nodes of a periodic one."""

    def slope(u: Array, k: Array, back: Callable[[Array], Array]) -> Array:
        return pde.nu * back(-(k**2)) - u * back(1j * k)

    return periodic(pde, axes, points, tolerance, slope, pde.initial)


def allen_cahn(pde: PDE, axes: Axes, points: int = 1024, tolerance: float = 1e-9) -> Values:
    """Fourier collocation, DOP853."""

    def slope(u: Array, k: Array, back: Callable[[Array], Array]) -> Array:
        return pde.nu * back(-(k**2)) + pde.reaction(u)

    return periodic(pde, axes, points, tolerance, slope, pde.initial)


def kdv(pde: PDE, axes: Axes, points: int = 512, steps: int = 25) -> Values:
    """Dealiased Fourier method, ETDRK4 with `steps` steps from one time of the grid to the next."""
    low, high = pde.domain["x"]
    x, k = fourier_nodes(points, low, high), wave_numbers(points, low, high)
    kept = np.arange(len(k)) < points / 3

    def advected(v: Array) -> Array:
        return -0.5j * pde.eta * k * kept * np.fft.rfft(np.fft.irfft(v, points) ** 2)

    start = kept * np.fft.rfft(pde.initial(axes["t"][0], x))
    states = etdrk4(1j * pde.mu**2 * k**3 * kept, advected, start, axes["t"], steps)
    return on_axes(np.fft.irfft(np.stack(states), points), "fourier", {"x": x}, axes)


def flow_mixing(pde: PDE, axes: Axes, tolerance: float = 1e-11) -> Values:
    """Characteristics: every point of the grid is followed back to where it was at the start (DOP853)."""
    x, y = np.meshgrid(axes["x"], axes["y"], indexing="ij")

    def backwards(t: float, place: Array) -> Array:
        w = pde.angular_velocity(*place)
        return np.stack([w * place[1], -w * place[0]])

    feet = evolve(backwards, np.stack([x, y]), axes["t"], tolerance)
    return {"u": pde.exact(axes["t"][0], feet[:, 0], feet[:, 1])}


def turbulence(pde: PDE, axes: Axes, points: int = 96) -> Values:
    """Dealiased Fourier method, order 8 in time: the code of the reference, at half of its resolution."""
    found = pde.solved(points).on_grid(axes)
    return {name: found[name] for name in pde.unknowns}


def navier_stokes(pde: PDE, axes: Axes, points: int = 16, tolerance: float = 1e-11) -> Values:
    """Fourier method for the vorticity: w_t = curl(u x w) + nu Lap w + F, with u from w; DOP853."""
    x = fourier_nodes(points, 0.0, 2 * np.pi)
    grid = np.meshgrid(x, x, x, indexing="ij", sparse=True)
    full, half = np.fft.fftfreq(points, 1 / points), np.arange(points // 2 + 1.0)
    k = np.stack(np.meshgrid(full, full, half, indexing="ij"))
    squared = np.sum(k**2, axis=0)
    inverse = np.where(squared > 0, 1 / np.maximum(squared, 1), 0.0)
    kept = np.all(np.abs(k) < points / 3, axis=0)

    def curl(field: Array) -> Array:
        return 1j * np.cross(k, field, axis=0)

    def forward(field: Sequence[Array]) -> Array:
        return np.fft.rfftn(np.broadcast_to(np.stack(np.broadcast_arrays(*field)), (3, *[points] * 3)), axes=(1, 2, 3))

    def back(waves: Array) -> Array:
        return np.fft.irfftn(waves, (points,) * 3, axes=(-3, -2, -1))

    force = forward(pde.force(0.0, *grid))

    def slope(t: float, w: Array) -> Array:
        turning = forward(np.cross(back(curl(w) * inverse), back(w), axis=0))
        return kept * curl(turning) - pde.nu * squared * w + np.exp(-18 * pde.nu * t) * force

    states = evolve(slope, forward(pde.exact_vorticity(axes["t"][0], *grid)), axes["t"], tolerance)
    velocity = [back(curl(w) * inverse) for w in states]
    found = [np.stack([u[index] for u in velocity]) for index in range(3)]
    nodes = dict.fromkeys(pde.domain.space, x)
    return {n: on_axes(u, "fourier", nodes, axes)["u"] for n, u in zip(pde.unknowns, found, strict=True)}


def periodic(
    pde: PDE, axes: Axes, points: int, tolerance: float, slope: Callable[..., Array], initial: Callable[..., Array]
) -> Values:
    """Fourier collocation in one dimension; `slope(u, k, back)`, where back(symbol) applies it to u."""
    low, high = pde.domain["x"]
    x, k = fourier_nodes(points, low, high), wave_numbers(points, low, high)

    def change(t: float, u: Array) -> Array:
        waves = np.fft.rfft(u)
        return slope(u, k, lambda symbol: np.fft.irfft(symbol * waves, points))

    return on_axes(evolve(change, initial(axes["t"][0], x), axes["t"], tolerance), "fourier", {"x": x}, axes)


def space(pde: PDE, axis: str, points: int) -> tuple[Array, Array]:
    """Chebyshev nodes of an axis, and the second derivative at the inner ones of what vanishes at both ends."""
    first = chebyshev_derivative(points, *pde.domain[axis])
    return chebyshev_nodes(points, *pde.domain[axis]), (first @ first)[1:-1, 1:-1]


def on_axes(values: Array, kind: Any, nodes: Axes, axes: Axes) -> Values:
    """Values at times and nodes, interpolated in space."""
    return {"u": interpolated(values, dict.fromkeys(nodes, kind), nodes, axes)}


@dataclasses.dataclass(frozen=True)
class Method:
    """A classical method for one problem: `solve(pde, axes)` returns values on the tensor grid of the axes."""

    solve: Callable[..., Values]
    label: str
    pde: Callable[[], PDE]


def shipped(name: str) -> Callable[[], PDE]:
    """A shipped problem as it is."""
    return lambda: get(name)()


METHODS = {
    "helmholtz_3d": Method(helmholtz, "Legendre-Galerkin 40^3", shipped("helmholtz_3d")),
    "helmholtz_coupled_3d": Method(helmholtz, "Legendre-Galerkin 40^3", CoupledHelmholtz3D),
    "poisson_2d": Method(poisson, "Legendre-Galerkin 40^2", shipped("poisson_2d")),
    "heat": Method(heat, "Chebyshev 28, DOP853", shipped("heat")),
    "wave": Method(wave, "Chebyshev 40, DOP853", shipped("wave")),
    "advection": Method(advection, "Fourier 16, DOP853", shipped("advection")),
    "klein_gordon_2d": Method(klein_gordon, "Chebyshev 8^2, DOP853", shipped("klein_gordon_2d")),
    "klein_gordon_3d": Method(klein_gordon, "Chebyshev 8^3, DOP853", shipped("klein_gordon_3d")),
    "burgers": Method(burgers, "Fourier 2048, DOP853", shipped("burgers")),
    "allen_cahn": Method(allen_cahn, "Fourier 1024, DOP853", shipped("allen_cahn")),
    "kdv": Method(kdv, "Fourier 512, ETDRK4", shipped("kdv")),
    "diffusion_2d": Method(diffusion, "Chebyshev 65^2 of u^2, DOP853", shipped("diffusion_2d")),
    "flow_mixing_2d": Method(flow_mixing, "characteristics, DOP853", shipped("flow_mixing_2d")),
    "navier_stokes_2d": Method(turbulence, "Fourier 96^2, DOPRI8", shipped("navier_stokes_2d")),
    "navier_stokes_3d": Method(navier_stokes, "Fourier 16^3, DOP853", shipped("navier_stokes_3d")),
}


def error(pde: PDE, values: Values, axes: Axes) -> float:
    """Relative L2 over all unknowns, as the library measures its own."""
    truth = truth_on_grid(pde, axes, derived=False)
    if truth is None:
        raise ValueError(f"{type(pde).__name__} has no truth to compare with")
    return relative_l2(values, truth, pde.unknowns)["all"]


def measure(name: str, runs: int = 2) -> dict[str, Any]:
    """Error and seconds of the last of some runs; a failure is a row that says so."""
    method = METHODS[name]
    try:
        pde = method.pde()
        axes = uniform_axes(pde, dict.fromkeys(pde.coordinates, ERROR_COUNTS[len(pde.coordinates)]))
        for _ in range(runs):
            start = time.perf_counter()
            values = method.solve(pde, axes)
            seconds = time.perf_counter() - start
        reached = error(pde, values, axes)
    except Exception as failure:
        return {"problem": name, "method": method.label, "failure": f"{type(failure).__name__}: {failure}"}
    return {"problem": name, "method": method.label, "relative_l2": reached, "seconds": seconds}


def readable(row: Mapping[str, Any]) -> dict[str, str]:
    """A row for people."""
    solved = "relative_l2" in row
    return {
        "problem": row["problem"],
        "method": row["method"],
        "relative L2": f"{row['relative_l2']:.1e}" if solved else row["failure"].splitlines()[0][:60],
        "seconds": f"{row['seconds']:.2f}" if solved else "-",
    }


def arguments_of(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", default="", help="problems to solve, comma-separated")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the results")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and save; 1 if a name is unknown."""
    options = arguments_of(argv)
    wanted = [name for name in options.only.split(",") if name] or list(METHODS)
    strange = [name for name in wanted if name not in METHODS]
    if strange:
        print(f"unknown: {', '.join(strange)}; the problems are {', '.join(METHODS)}", file=sys.stderr)
        return 1
    facts, rows = machine(), []
    for name in wanted:
        rows.append(measure(name))
        print(f"{name}: done", file=sys.stderr, flush=True)
    text = described(facts) + "\n\n" + table([readable(row) for row in rows])
    print(text)
    save(options.out, "classical", text, {"machine": facts, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
