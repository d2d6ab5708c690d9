"""Sharp layers: elements against a learned map of the coordinate, by modes, seconds and error?

Each problem is solved by the default recipe twice in one process, with `network.map: none` (elements) and `learned`.
Conditions tell the place of the steady layer of Burgers only to exp(-1 / nu), which is below rounding for both values
here; its error is given up to a shift as well.

    python benchmarks/layers.py [--only NAME,...] [--out FOLDER]
"""

import argparse
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.scipy.special
import numpy as np
import scipy.special
from measuring import described, machine, save, table

import spinn
from spinn.pdes import PDE, Box, Dirichlet, cos, exp, sin, tanh

WAYS = ("none", "learned")


class SteadyBurgers(PDE):
    r"""Steady Burgers:  u u_x = nu u_xx   on [-1, 1],  u(-1) = 1,  u(1) = -1;  u* = -c tanh(c x / 2 nu)."""

    coordinates = ("x",)
    unknowns = ("u",)
    domain = Box(x=(-1, 1))
    nu: float = 0.02  # viscosity

    def residual(self, u, x):
        return u * u.d("x") - self.nu * u.d("xx")

    def conditions(self):
        return [Dirichlet("u", value=lambda x: -x)]

    def exact(self, x):
        height = 1.0
        for _ in range(100):
            height = 1.0 / math.tanh(height / (2 * self.nu))
        return -height * tanh(height * x / (2 * self.nu))


class Outflow1D(PDE):
    r"""A boundary layer:  -eps u_xx + u_x = 1   on [0, 1],  u = 0 at the ends."""

    coordinates = ("x",)
    unknowns = ("u",)
    domain = Box(x=(0, 1))
    eps: float = 1e-3  # diffusivity

    def residual(self, u, x):
        return u.d("x") - self.eps * u.d("xx") - 1

    def conditions(self):
        return [Dirichlet("u", value=0.0)]

    def exact(self, x):
        return profile(x, self.eps)


class Outflow2D(PDE):
    r"""Layers on two faces:  -eps Lap u + u_x + u_y = p(x) + p(y)   on [0, 1]^2,  u = 0;  u* = p(x) p(y)."""

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(0, 1), y=(0, 1))
    eps: float = 1e-3  # diffusivity

    def residual(self, u, x, y):
        diffusion = self.eps * (u.d("xx") + u.d("yy"))
        return u.d("x") + u.d("y") - diffusion - profile(x, self.eps) - profile(y, self.eps)

    def conditions(self):
        return [Dirichlet("u", value=0.0)]

    def exact(self, x, y):
        return profile(x, self.eps) * profile(y, self.eps)


class Turning1D(PDE):
    r"""An interior layer:  eps u_xx + x u_x = -eps pi^2 cos(pi x) - pi x sin(pi x)   on [-1, 1],  u(-1) = -2, u(1) = 0.

    u* = cos(pi x) + erf(x / sqrt(2 eps)), up to what the error function lacks to 1 at the ends (Hemker 1977).
    """

    coordinates = ("x",)
    unknowns = ("u",)
    domain = Box(x=(-1, 1))
    eps: float = 1e-4  # diffusivity

    def residual(self, u, x):
        force = self.eps * math.pi**2 * cos(math.pi * x) + math.pi * x * sin(math.pi * x)
        return self.eps * u.d("xx") + x * u.d("x") + force

    def conditions(self):
        return [Dirichlet("u", value=lambda x: x - 1)]

    def exact(self, x):
        scaled = x / math.sqrt(2 * self.eps)
        return cos(math.pi * x) + error_function(scaled)


def error_function(value: Any) -> Any:
    """erf of a field or an array."""
    if hasattr(value, "apply"):
        return value.apply(jax.scipy.special.erf)
    return jax.scipy.special.erf(value) if isinstance(value, jax.Array) else scipy.special.erf(value)


def profile(x: Any, eps: float) -> Any:
    """The solution of `Outflow1D`."""
    ends = math.exp(-1 / eps)
    return x - (exp((x - 1) / eps) - ends) / (1 - ends)


PROBLEMS: dict[str, Any] = {
    "SteadyBurgers nu=0.02": SteadyBurgers(nu=0.02),
    "SteadyBurgers nu=0.005": SteadyBurgers(nu=0.005),
    "Outflow1D": Outflow1D(),
    "Outflow2D": Outflow2D(),
    "Turning1D": Turning1D(),
    "burgers": "burgers",
    "allen_cahn": "allen_cahn",
}


def shifted_error(solution: Any, pde: SteadyBurgers) -> float:
    """Relative error with the layer of the exact solution moved to where that of the solution is."""
    x = np.linspace(-1, 1, 4001)
    found = np.asarray(solution.at_points({"x": x})["u"])
    near = np.abs(x) < 4 * pde.nu
    shift = float(np.interp(0.0, -found[near], x[near]))
    for _ in range(3):  # Newton's method for the zero of u: the slope there is -1 / 2 nu
        shift += float(np.asarray(solution.at_points({"x": np.array([shift])})["u"])[0]) * 2 * pde.nu
    return float(np.linalg.norm(found - pde.exact(x - shift)) / np.linalg.norm(found))


def measure(name: str, way: str) -> dict[str, Any]:
    """Solve one problem in one way; a failure is a row that says so."""
    problem, start = PROBLEMS[name], time.perf_counter()
    try:
        solution = spinn.solve(problem, network={"map": way})
    except Exception as error:
        return {"problem": name, "map": way, "status": f"{type(error).__name__}: {error}"}
    summary = solution.summary
    estimate = summary["error_estimate"]
    return {
        "problem": name, "map": way, "status": summary["status"], "features": summary["parameters"],
        "modes": summary["modes"][-1], "levels": len(summary["stages"]), "seconds": summary["seconds"],
        "wall_seconds": time.perf_counter() - start, "relative_l2": summary["relative_l2"]["all"],
        "shifted": shifted_error(solution, problem) if isinstance(problem, SteadyBurgers) else None,
        "estimate": estimate["relative_l2"]["all"] if estimate else None, "warnings": list(summary["warnings"]),
    }  # fmt: skip


def readable(row: dict[str, Any]) -> dict[str, str]:
    """A row for people."""
    if "relative_l2" not in row:
        return {"problem": row["problem"], "map": row["map"], "status": row["status"].splitlines()[0][:80]}
    return {
        "problem": row["problem"],
        "map": row["map"],
        "unknowns": str(row["features"]),
        "levels": str(row["levels"]),
        "compile s": f"{row['seconds']['compile']:.1f}",
        "solve s": f"{row['seconds']['solve']:.1f}",
        "relative L2": f"{row['relative_l2']:.1e}",
        "shifted": "-" if row["shifted"] is None else f"{row['shifted']:.1e}",
        "estimate": "-" if row["estimate"] is None else f"{row['estimate']:.1e}",
        "status": row["status"] + (f", {len(row['warnings'])} warnings" if row["warnings"] else ""),
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
    wanted = [name for name in options.only.split(",") if name] or list(PROBLEMS)
    strange = set(wanted) - set(PROBLEMS)
    if strange:
        print(f"unknown: {', '.join(sorted(strange))}; the problems are {', '.join(PROBLEMS)}", file=sys.stderr)
        return 1
    facts, rows = machine(), []
    for name in wanted:
        for way in WAYS:
            rows.append(measure(name, way))
            print(f"{name}, map {way}: {readable(rows[-1])}", file=sys.stderr, flush=True)
    text = described(facts) + "\n\n" + table([readable(row) for row in rows])
    print(text)
    save(options.out, "layers", text, {"machine": facts, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
