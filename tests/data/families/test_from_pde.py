"""A family from a definition of the user's own."""

import numpy as np
import pytest
import scipy.sparse.linalg as sla

from spinn.data import GaussianField, LogNormal, RandomField, from_pde
from spinn.pdes import PDE, Box, Dirichlet, div, grad


class Screened(PDE):
    """-div(a grad p) + k^2 p = 1 on the unit square."""

    coordinates = ("x", "y")
    unknowns = ("p",)
    domain = Box(x=(0, 1), y=(0, 1))
    a: object = 1.0
    k: float = 1.0
    level: float = 0.0

    def residual(self, p, x, y):
        return -div(self.a * grad(p)) + self.k**2 * p - 1.0

    def conditions(self):
        return [Dirichlet("p", value=self.level)]


FIELD = RandomField(GaussianField(modes=8), LogNormal(sigma=2.0))


def test_ranges_and_fields_vary() -> None:
    family = from_pde(Screened(level=2.0), vary={"k": (1, 5), "a": FIELD}, grid=(17, 13))
    draws = [family.parameters(0, i) for i in range(200)]
    ks = np.array([float(d["k"]) for d in draws])
    assert 1 <= ks.min() < 1.2 and 4.8 < ks.max() <= 5
    assert abs(ks.mean() - 3) < 4 * (4 / np.sqrt(12)) / np.sqrt(200)
    parameters = draws[7]
    assert parameters["a"].shape == (17, 13)
    system = family.system(parameters)
    assert system.definite
    fields = family.fields(parameters, sla.spsolve(system.matrix.tocsc(), system.rhs))
    assert set(fields) == {"k", "a", "p"}
    assert np.allclose(fields["p"][0], 2.0)
    assert family.residual(parameters, fields) < 1e-12
    assert family.residual(draws[8], fields) > 1e-3
    assert family.pde(parameters).k == pytest.approx(ks[7])


def test_a_class_stands_for_its_defaults() -> None:
    assert from_pde(Screened, vary={"k": (1, 2)}, grid=(9, 9)).pde({"k": np.asarray(1.5)}).level == 0.0


def test_streams_do_not_depend_on_what_else_varies() -> None:
    alone = from_pde(Screened, vary={"k": (1, 5)}, grid=(9, 9)).parameters(0, 3)
    both = from_pde(Screened, vary={"a": FIELD, "k": (1, 5)}, grid=(9, 9)).parameters(0, 3)
    assert alone["k"] == both["k"]


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ({"q": (0, 1)}, "parameters of Screened, which are a, k, level; got q"),
        ({}, "got nothing"),
        ({"k": 3}, "vary k: expected two numbers"),
        ({"k": (5, 1)}, "vary k: expected low <= high"),
    ],
)
def test_mistakes_are_named(vary, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_pde(Screened, vary=vary, grid=(9, 9))
