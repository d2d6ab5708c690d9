"""Does the default recipe solve problems that nobody tuned it on? Eight definitions as a user would write them.

Each has an exact solution, and a source worked out from it by the library's own derivatives. Nothing is set: size,
points and stages are the recipe's. `accuracy.py` measures the first one as well.

    python benchmarks/unseen_problems.py [--only NAME,...] [--seeds 1] [--out FOLDER]
"""

import argparse
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measuring import described, machine, save, table

import spinn
from spinn.pdes import (
    PDE,
    Box,
    Dirichlet,
    Initial,
    Neumann,
    Periodic,
    cos,
    div,
    exp,
    grad,
    laplacian,
    sin,
    tanh,
)  # fmt: skip


class CoupledHelmholtz3D(PDE):
    r"""Helmholtz equation:  Lap u + k^2 u = q   on [-1, 1]^3,  u = 0 on the faces.

    u* = (1 - x^2)(1 - y^2)(1 - z^2) exp(sin(couple (xy + yz + zx))): smooth, but no short sum of products. Its
    multilinear rank at 1e-10 is above 10 (13 to 17 in a solution of this kind: see the test).
    """

    coordinates = ("x", "y", "z")
    unknowns = ("u",)
    domain = Box(x=(-1, 1), y=(-1, 1), z=(-1, 1))
    k: float = 1.0  # wave number
    couple: float = 1.0  # strength of what joins the coordinates

    def residual(self, u, x, y, z):
        return self.operator(u) - self.operator(self.exact(x, y, z))

    def operator(self, u):
        """Lap u + k^2 u."""
        return laplacian(u) + self.k**2 * u

    def conditions(self):
        return [Dirichlet("u", value=0.0)]

    def exact(self, x, y, z):
        return (1 - x**2) * (1 - y**2) * (1 - z**2) * exp(sin(self.couple * (x * y + y * z + z * x)))


class VariableElliptic2D(PDE):
    r"""Diffusion with a coefficient:  -div(a grad u) + u = f   on [0, 1]^2,  a = 1 + exp(sin(3x + 2y)) / 2.

    Values on three faces, the flux on the fourth. u* = 1 / (1 + (2x - 1)^2 + 2 (y - x/2)^2).
    """

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(0, 1), y=(0, 1))

    def residual(self, u, x, y):
        return self.operator(u, x, y) - self.operator(self.exact(x, y), x, y)

    def operator(self, u, x, y):
        """-div(a grad u) + u."""
        a = 1 + 0.5 * exp(sin(3 * x + 2 * y))
        return u - div(a * grad(u))

    def conditions(self):
        bottom, top = self.domain.faces("y")
        return [Dirichlet("u", value=self.exact, faces=("x", bottom)), Neumann("u", value=self.slope, faces=(top,))]

    def exact(self, x, y):
        return 1 / (1 + (2 * x - 1) ** 2 + 2 * (y - 0.5 * x) ** 2)

    def slope(self, x, y):
        """u*_y."""
        return -4 * (y - 0.5 * x) * self.exact(x, y) ** 2


class Reaction1D(PDE):
    r"""Reaction and diffusion:  u_t = nu u_xx + u^2 (1 - u) + f   on t in [0, 2], x in [0, 1], insulated ends.

    u* = 1/2 + cos(2 pi x) tanh(t + cos(pi x)) / 3.
    """

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 2), x=(0, 1))
    nu: float = 0.02  # diffusivity

    def residual(self, u, t, x):
        return self.operator(u) - self.operator(self.exact(t, x))

    def operator(self, u):
        """u_t - nu u_xx - u^2 (1 - u)."""
        return u.d("t") - self.nu * u.d("xx") - u**2 * (1 - u)

    def conditions(self):
        return [Initial("u", value=self.exact), Neumann("u", value=0.0)]

    def exact(self, t, x):
        return 0.5 + cos(2 * math.pi * x) * tanh(t + cos(math.pi * x)) / 3


class AnisotropicAdvection2D(PDE):
    r"""Advection and diffusion along a slant:  u_t + u_x - u_y / 2 = nu (2 u_xx + 2 u_xy + u_yy) + f   on [-1, 1]^2.

    u* = exp(-3 (x - cos(t)/2)^2 - 3 (y - sin(t)/2)^2): a blob on a circle, t in [0, 2], with its values on the faces.
    """

    coordinates = ("t", "x", "y")
    unknowns = ("u",)
    domain = Box(t=(0, 2), x=(-1, 1), y=(-1, 1))
    nu: float = 0.05  # diffusivity

    def residual(self, u, t, x, y):
        return self.operator(u) - self.operator(self.exact(t, x, y))

    def operator(self, u):
        """u_t + u_x - u_y / 2 - nu (2 u_xx + 2 u_xy + u_yy)."""
        diffusion = 2 * u.d("xx") + 2 * u.d("xy") + u.d("yy")
        return u.d("t") + u.d("x") - 0.5 * u.d("y") - self.nu * diffusion

    def conditions(self):
        return [Initial("u", value=self.exact), Dirichlet("u", value=self.exact)]

    def exact(self, t, x, y):
        return exp(-3 * (x - 0.5 * cos(t)) ** 2) * exp(-3 * (y - 0.5 * sin(t)) ** 2)


class ShallowWater1D(PDE):
    r"""Shallow water:  h_t + (h v)_x = f,  v_t + v v_x + g h_x = nu v_xx + s   on [0, 2] x [0, 2 pi], periodic in x.

    h* = 1 + exp(cos(x - t)) / 8 and v* = sin(x + cos t) / 4.
    """

    coordinates = ("t", "x")
    unknowns = ("h", "v")
    domain = Box(t=(0, 2), x=(0, 2 * math.pi))
    g: float = 1.0  # gravity
    nu: float = 0.01  # viscosity

    def residual(self, h, v, t, x):
        forces = self.operator(*self.exact(t, x))
        return {name: left - forces[name] for name, left in self.operator(h, v).items()}

    def operator(self, h, v):
        """The left sides."""
        return {
            "mass": h.d("t") + h * v.d("x") + v * h.d("x"),
            "momentum": v.d("t") + v * v.d("x") + self.g * h.d("x") - self.nu * v.d("xx"),
        }

    def conditions(self):
        starts = [Initial(name, value=self.exact) for name in self.unknowns]
        return [*starts, *(Periodic(name, axis="x") for name in self.unknowns)]

    def exact(self, t, x):
        return 1 + exp(cos(x - t)) / 8, sin(x + cos(t)) / 4


class Schroedinger1D(PDE):
    r"""Cubic Schroedinger equation:  i q_t + q_xx / 2 + |q|^2 q = 0   on t in [0, 1], x in [-5, 5],  q = u + i v.

    Exact without a source: the soliton that travels at speed c, u* + i v* = sech(x - ct) exp(i (cx + (1 - c^2) t/2)).
    """

    coordinates = ("t", "x")
    unknowns = ("u", "v")
    domain = Box(t=(0, 1), x=(-5, 5))
    c: float = 1.0  # speed

    def residual(self, u, v, t, x):
        square = u**2 + v**2
        return v.d("t") - 0.5 * u.d("xx") - square * u, u.d("t") + 0.5 * v.d("xx") + square * v

    def conditions(self):
        return [c(name, value=self.exact) for name in self.unknowns for c in (Initial, Dirichlet)]

    def exact(self, t, x):
        height = 2 / (exp(x - self.c * t) + exp(self.c * t - x))
        phase = self.c * x + 0.5 * (1 - self.c**2) * t
        return height * cos(phase), height * sin(phase)


class Plate2D(PDE):
    r"""Clamped plate:  u_xxxx + 2 u_xxyy + u_yyyy = f   on [-1, 1]^2,  u = 0 and du/dn = 0 on the boundary.

    u* = (1 - x^2)^2 (1 - y^2)^2 sin(2x + y^2).
    """

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(-1, 1), y=(-1, 1))

    def residual(self, u, x, y):
        return laplacian(laplacian(u)) - laplacian(laplacian(self.exact(x, y)))

    def conditions(self):
        return [Dirichlet("u", value=0.0), Neumann("u", value=0.0)]

    def exact(self, x, y):
        return (1 - x**2) ** 2 * (1 - y**2) ** 2 * sin(2 * x + y**2)


class Wave2D(PDE):
    r"""Waves in a medium:  u_tt = div(c grad u) + f   on t in [0, 1], [0, 1]^2,  c = 1 + xy / 2,  u = 0 on the faces.

    u* = sin(pi x) sin(pi y) cos(2t + x - y).
    """

    coordinates = ("t", "x", "y")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(0, 1), y=(0, 1))

    def residual(self, u, t, x, y):
        return self.operator(u, x, y) - self.operator(self.exact(t, x, y), x, y)

    def operator(self, u, x, y):
        """u_tt - div(c grad u)."""
        return u.d("tt") - div((1 + 0.5 * x * y) * grad(u))

    def conditions(self):
        start = [Initial("u", value=self.exact), Initial("u", value=self.slope, order=1)]
        return [*start, Dirichlet("u", value=0.0)]

    def exact(self, t, x, y):
        return sin(math.pi * x) * sin(math.pi * y) * cos(2 * t + x - y)

    def slope(self, t, x, y):
        """u*_t."""
        return -2 * sin(math.pi * x) * sin(math.pi * y) * sin(2 * t + x - y)


PROBLEMS = (
    CoupledHelmholtz3D, VariableElliptic2D, Reaction1D, AnisotropicAdvection2D, ShallowWater1D, Schroedinger1D, Plate2D,
    Wave2D,
)  # fmt: skip


def measure(problem: type[PDE], seed: int) -> dict[str, Any]:
    """Solve one problem by the default recipe; a failure is a row that says so."""
    start = time.perf_counter()
    try:
        summary = spinn.solve(problem(), seed=seed).summary
    except Exception as error:
        return {"problem": problem.__name__, "seed": seed, "status": f"{type(error).__name__}: {error}"}
    return {
        "problem": problem.__name__,
        "seed": seed,
        "status": summary["status"],
        "relative_l2": summary["relative_l2"]["all"],
        "error_estimate": summary.get("error_estimate"),
        "seconds": summary["seconds"],
        "wall_seconds": time.perf_counter() - start,
        "recipe": summary["recipe"],
        "warnings": list(summary["warnings"]),
    }


def readable(row: dict[str, Any]) -> dict[str, str]:
    """A row for people."""
    solved = "relative_l2" in row
    return {
        "problem": row["problem"],
        "seed": str(row["seed"]),
        "relative L2": f"{row['relative_l2']:.1e}" if solved else "-",
        "compile s": f"{row['seconds']['compile']:.1f}" if solved else "-",
        "solve s": f"{row['seconds']['solve']:.1f}" if solved else "-",
        "status": row["status"].splitlines()[0][:90],
    }


def arguments_of(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", default="", help="classes to solve, comma-separated")
    parser.add_argument("--seeds", type=int, default=1, help="seeds 0 ... n - 1 of each")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the results")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and save; 1 if a name is unknown."""
    options = arguments_of(argv)
    wanted = [name for name in options.only.split(",") if name]
    strange = set(wanted) - {problem.__name__ for problem in PROBLEMS}
    if strange:
        known = ", ".join(problem.__name__ for problem in PROBLEMS)
        print(f"unknown: {', '.join(sorted(strange))}; the problems are {known}", file=sys.stderr)
        return 1
    facts, rows = machine(), []
    for problem in PROBLEMS:
        if not wanted or problem.__name__ in wanted:
            for seed in range(options.seeds):
                rows.append(measure(problem, seed))
                print(f"{problem.__name__}, seed {seed}: done", file=sys.stderr, flush=True)
    text = described(facts) + "\n\n" + table([readable(row) for row in rows])
    print(text)
    save(options.out, "unseen_problems", text, {"machine": facts, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
