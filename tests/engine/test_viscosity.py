"""Which parameter multiplies the highest derivative, and which way it makes layers wider."""

import pytest

from spinn.pdes import PDE, Box, Dirichlet, laplacian, sin
from spinn.viscosity import viscosity_of


class Flow(PDE):
    """u u_x + w u_y = nu Lap u + force sin(x) and the like for w, in a box."""

    coordinates = ("x", "y")
    unknowns = ("u", "w")
    domain = Box(x=(0, 3), y=(-1, 1))
    force: float = 2.0
    speed: float = 1.0
    nu: float = 0.01

    def residual(self, u, w, x, y):
        one = u * u.d("x") + self.speed * w * u.d("y") - self.nu * laplacian(u) - self.force * sin(x)
        return one, u * w.d("x") + w * w.d("y") - self.nu * laplacian(w)

    def conditions(self):
        return [Dirichlet("u", value=0.0), Dirichlet("w", value=0.0)]


class Inverse(Flow):
    """The same with a Reynolds number in place of the viscosity."""

    nu: float = 0.0
    reynolds: float = 100.0

    def residual(self, u, w, x, y):
        return (u * u.d("x") + w * u.d("y") - laplacian(u) / self.reynolds, w * u - laplacian(w) / self.reynolds)


class Porous(Flow):
    """A diffusivity that depends on the solution: its parameter multiplies no derivative alone."""

    def residual(self, u, w, x, y):
        return (self.nu * u * u.d("xx") - u, w.d("x") - self.speed * u)


class Sheer(Flow):
    """Nothing in front of the highest derivative."""

    def residual(self, u, w, x, y):
        return laplacian(u) + self.nu * u, laplacian(w) + self.speed * w.d("x")


@pytest.mark.parametrize(
    ("pde", "found"),
    [(Flow(), ("nu", 2.0)), (Inverse(), ("reynolds", 0.5)), (Porous(), None), (Sheer(), None)],
)
def test_it_is_told_by_the_residual_alone(pde: PDE, found: object) -> None:
    assert viscosity_of(pde) == found


def test_a_value_that_the_pde_refuses_is_no_viscosity() -> None:
    class Fixed(Flow):
        def __post_init__(self) -> None:
            if self.nu != 0.01:
                raise ValueError("nu is fixed")

    assert viscosity_of(Fixed()) is None
