"""A PDE definition is checked before anything is computed, and mistakes are told at the user's line."""

import textwrap

import pytest

from spinn.config import PdeSpec
from spinn.config.check_definition import check_definition
from spinn.config.load_pde import load_pde
from spinn.errors import SpinnError
from spinn.pdes import available, derivative_orders, get

HEAD = """\
import math
import numpy as np
import jax.numpy as jnp
from spinn.pdes import PDE, Box, Dirichlet, Face, Initial, Periodic, sin


class Problem(PDE):
    coordinates = ("t", "x")
    unknowns = ("u", "v")
    domain = Box(t=(0, 1), x=(0, 1))
"""
LINES = HEAD.count("\n")
SOUND = "def residual(self, u, v, t, x):\n    return u.d('t') - v.d('xx'), v - u\n"


@pytest.fixture
def problem(tmp_path):
    """The PDE whose class body ends in the text given."""

    def made(body: str, head: str = HEAD):
        (tmp_path / "problem.py").write_text(head + textwrap.indent(body, "    "))
        return load_pde(PdeSpec(name="problem.py:Problem"), tmp_path)

    return made


@pytest.mark.parametrize("name", available())
def test_every_shipped_pde_is_sound(name):
    pde = get(name)()
    assert check_definition(pde) == derivative_orders(pde)


def test_orders_are_returned(problem):
    assert check_definition(problem(SOUND)) == {"t": 1, "x": 2}


def test_named_residuals_are_sound(problem):
    body = "def residual(self, u, v, t, x):\n    return {'heat': u.d('t') - v, 'rest': v.mean('x')}\n"
    assert check_definition(problem(body)) == {"t": 1, "x": 0}


@pytest.mark.parametrize(
    ("body", "line", "told"),
    [
        ("def residual(self, u, t, x):\n    return u\n", 1, "expected the arguments (self, u, v, t, x), got (self, "),
        ("def residual(self, u, v, t, x):\n    u.d('t')\n", 1, "got nothing; is its `return` missing?"),
        ("def residual(self, u, v, t, x):\n    return 3.0\n", 2, "expected a field, got the number 3"),
        ("def residual(self, u, v, t, x):\n    return 'u'\n", 2, "expected a field, got a value of type str"),
        ("def residual(self, u, v, t, x):\n    return u, 3\n", 2, "expected a field as part 1, got the number 3"),
        ("def residual(self, u, v, t, x):\n    return np.ones(3)\n", 2, "got an array of shape (3,)"),
        ("def residual(self, u, v, t, x):\n    return ()\n", 2, "expected at least one field"),
        ("def residual(self, u, v, t, x):\n    return t * x\n", 2, "got one of the coordinates only"),
        ("def residual(self, u, v, t, x):\n    return u * jnp.ones((4, 1))\n", 2, ".residual: "),
        ("def residual(self, u, v, t, x):\n    a = jnp.ones(4)\n    return u * a\n", 3, "arrays of another shape"),
        ("def residual(self, u, v, t, x):\n    w = u.d('y')\n    return w\n", 2, "the coordinates are t, x"),
        ("def residual(self, u, v, t, x):\n    return u - np.sin(x)\n", 2, "from spinn.pdes"),
        ("def residual(self, u, v, t, x):\n    return u - jnp.sin(x)\n", 2, "from spinn.pdes"),
        ("def residual(self, u, v, t, x):\n    return u - math.sin(x)\n", 2, "from spinn.pdes"),
        ("def residual(self, u, v, t, x):\n    return u.dx(2)\n", 2, "derivatives are written u.d('x')"),
        ("def residual(self, u, v, t, x):\n    return self.nu * u\n", 2, "has no attribute 'nu'"),
        ("def residual(self, u, v, t, x):\n    return u if x > 0 else v\n", 2, "where(condition"),
        (SOUND + "def conditions(self):\n    return [\n        Dirichlet('w')]\n", 5, "unknowns u, v, got 'w'"),
        (SOUND + "def conditions(self):\n    Dirichlet('u')\n", 3, "expected a list of conditions, got nothing"),
        (SOUND + "def conditions(self):\n    return ['u']\n", 3, "expected conditions such as Dirichlet(...)"),
        (SOUND + "def conditions(self):\n    return [Dirichlet('u', faces=('z',))]\n", 4, "one of the axes t, x"),
        (SOUND + "def conditions(self):\n    return [Periodic('u', axis='z')]\n", 4, "expected one of the axes t, x"),
        (SOUND + "def conditions(self):\n    return [Initial('u', value=lambda x: x)]\n", 4, "2 were given"),
        (SOUND + "def conditions(self):\n    return [Initial(lambda u, v: u + self.a)]\n", 4, "has no attribute 'a'"),
        (SOUND + "def exact(self, x):\n    return x, x\n", 3, "expected the arguments (self, t, x), got (self, x)"),
        (SOUND + "def exact(self, t, x):\n    return x\n", 4, "exact: expected 2 expressions (u, v), got 1"),
        (SOUND + "def exact(self, t, x):\n    return np.sin(x), x\n", 4, "from spinn.pdes"),
        (SOUND + "def derived(self, u, v):\n    return u\n", 4, "derived: expected a dict of named fields"),
        (SOUND + "def derived(self, u):\n    return {}\n", 3, "derived: expected the arguments (self, u, v)"),
    ],
)  # fmt: skip
def test_mistakes(problem, body, line, told):
    with pytest.raises(SpinnError) as caught:
        check_definition(problem(body))
    assert told in caught.value.message
    assert caught.value.line == LINES + line
    assert str(caught.value.file).endswith("problem.py")


def test_initial_condition_on_a_steady_problem(problem):
    head = HEAD.replace('"t", "x"', '"x", "y"').replace("t=(0, 1), x=(0, 1)", "x=(0, 1), y=(0, 1)")
    body = (
        "def residual(self, u, v, x, y):\n    return u.d('xx') + v\n"
        "def conditions(self):\n    return [\n        Dirichlet('u'),\n        Initial('u'),\n    ]\n"
    )
    with pytest.raises(SpinnError, match="initial condition on 'u': the problem has no time axis 't'") as caught:
        check_definition(problem(body, head))
    assert caught.value.line == LINES + 6


def test_unknowns_as_text(problem):
    with pytest.raises(SpinnError, match="expected unknowns as a tuple of names"):
        check_definition(problem(SOUND, HEAD.replace('("u", "v")', '("u")')))


def test_one_name_for_two_things(problem):
    with pytest.raises(SpinnError, match="every unknown and coordinate once, got x twice"):
        check_definition(problem(SOUND, HEAD.replace('("u", "v")', '("u", "x")')))
