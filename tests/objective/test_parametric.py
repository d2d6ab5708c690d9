"""Parameters as arguments of programs: those that can be traced are found, and all their values share one program."""

import math

import jax
import numpy as np
import pytest

from spinn.objective.parametric import parametric, traceable, with_values
from spinn.pdes import PDE, Box, Dirichlet, sin

pytestmark = pytest.mark.usefixtures("x64")


class Mixed(PDE):
    """a u_xx + [b > 0] u + c sin(d) u = sin(e x)   on [0, 1]."""

    coordinates = ("x",)
    unknowns = ("u",)
    domain = Box(x=(0, 1))
    a: float = 1.0
    b: float = 1.0  # branched on
    c: float = 1.0
    d: float = 1.0  # given to a function of plain numbers
    e: float = 1.0
    f: float = 1.0  # of a condition
    waves: int = 2

    def residual(self, u, x):
        one = u if self.b > 0 else 0.0
        return self.a * u.d("xx") + one + self.c * math.sin(self.d) * u - sin(self.e * self.waves * x)

    def conditions(self):
        return [Dirichlet("u", value=self.f)]

    def validate(self):
        if not self.a > 0:
            raise ValueError("a must be positive")


def test_what_can_be_traced_is_found() -> None:
    assert traceable(Mixed()) == ("a", "c", "e", "f")


def test_values_are_arguments() -> None:
    first, other = parametric(Mixed()), parametric(Mixed(a=2.0, c=0.5, b=3.0))
    assert set(first.values) == {"a", "c", "e", "f"}
    assert float(other.values["a"]) == 2.0
    assert other.pde.parameters == Mixed(a=2.0, c=0.5, b=3.0).parameters


def test_other_values_leave_the_pde_alone_and_are_not_checked() -> None:
    pde = Mixed()
    changed = with_values(pde, {"a": -1.0})
    assert (changed.a, pde.a, type(changed)) == (-1.0, 1.0, Mixed)


def test_other_values_have_the_same_program() -> None:
    def residual(varied, x):
        return varied.pde.a * x + varied.pde.e

    texts = [jax.jit(residual).lower(parametric(one), np.ones(3)).as_text() for one in (Mixed(), Mixed(a=3.0, e=2.0))]
    assert texts[0] == texts[1]
    np.testing.assert_allclose(jax.jit(residual)(parametric(Mixed(a=3.0, e=2.0)), np.ones(3)), 5.0)


def test_a_pde_without_such_parameters_is_as_it_was() -> None:
    class Bare(Mixed):
        def residual(self, u, x):
            return float(self.a) * u.d("xx") + float(self.c) * u

        def conditions(self):
            return [Dirichlet("u", value=float(self.f))]

    assert traceable(Bare()) == ("b", "d", "e")  # they occur nowhere
    assert parametric(Bare(a=2.0)).pde.a == 2.0
