"""Which conditions are built into the features, and which loss terms that saves."""

import pytest

from spinn.config.fit import loss_names
from spinn.embedding import Embedding, embedding_of
from spinn.pdes import PDE, Box, Dirichlet, Face, Initial, Neumann, Periodic, get


class Plate(PDE):
    """Two unknowns on a square, with conditions as a test asks for."""

    coordinates = ("x", "y")
    unknowns = ("u", "v")
    domain = Box(x=(0, 1), y=(0, 1))
    asked: tuple = ()

    def residual(self, u, v, x, y):
        return u - v

    def conditions(self):
        return self.asked


def embedded(*conditions) -> Embedding:
    return embedding_of(Plate(asked=conditions))


def test_zero_faces_of_all_unknowns():
    found = embedded(Dirichlet("u"), Dirichlet("v", value=0))
    assert found.vanish == {"x": (True, True), "y": (True, True)}
    assert found.skip == {f"dirichlet_{u}_{a}_{s}" for u in "uv" for a in "xy" for s in ("low", "high")}


def test_single_faces():
    found = embedded(*(Dirichlet(name, faces=(Face("x", "high"),)) for name in ("u", "v")))
    assert found.vanish == {"x": (False, True)}
    assert found.ends("x") == (False, True)
    assert found.ends("y") == (False, False)
    assert found.skip == {"dirichlet_u_x_high", "dirichlet_v_x_high"}


@pytest.mark.parametrize(
    "conditions",
    [
        (Dirichlet("u"),),
        (Dirichlet("u"), Dirichlet("v", value=1.0)),
        (Dirichlet("u"), Dirichlet("v", value=lambda x, y: 0.0 * x)),
        (Dirichlet("u"), Neumann("v")),
        (Dirichlet("u", faces=("x",)), Dirichlet("v", faces=("y",))),
        (Dirichlet("u", label="rim"), Dirichlet("v", label="rim")),
        (Dirichlet(lambda u, v: u - v),),
    ],
    ids=["one unknown", "another value", "a function", "a slope", "other faces", "labelled", "a derived quantity"],
)
def test_what_does_not_hold_for_every_unknown_stays_in_the_loss(conditions):
    assert embedded(*conditions) == Embedding()


def test_periodic_axes():
    found = embedded(Periodic("u", axis="x"), Periodic("v", axis="x", order=2), Periodic("u", axis="y"))
    assert found.periodic == {"x"}
    assert found.skip == {"periodic_u_x", "periodic_v_x"}


def test_periodicity_can_be_left_to_the_loss():
    found = embedded(*(Periodic(name, axis=axis) for name in "uv" for axis in "xy"))
    left = found.without_periodic(["y"])
    assert left.periodic == {"x"}
    assert left.skip == {"periodic_u_x", "periodic_v_x"}
    assert found.without_periodic([]) == found


def test_shipped_problems():
    assert embedding_of(get("heat")()).vanish == {"x": (True, True)}
    assert embedding_of(get("heat")()).skip == {"dirichlet_u_x_low", "dirichlet_u_x_high"}
    assert embedding_of(get("advection")()).periodic == {"x"}
    assert embedding_of(get("navier_stokes_3d")()).periodic == {"x", "y", "z"}
    assert embedding_of(get("klein_gordon_2d")()) == Embedding()


def test_a_changed_problem_is_looked_at_anew():
    """With a broken wave number the exact solution no longer vanishes on the faces."""
    assert embedding_of(get("helmholtz_3d")()).vanish
    assert not embedding_of(get("helmholtz_3d")(a1=3.5)).vanish


def test_what_is_skipped_are_names_of_conditions():
    for name in ("heat", "advection", "navier_stokes_3d", "helmholtz_3d", "wave", "burgers", "allen_cahn"):
        pde = get(name)()
        names = loss_names(pde)
        for skipped in embedding_of(pde).skip:
            assert any(one == skipped or one.startswith(skipped + "_") for one in names), (name, skipped)


def test_initial_values_are_never_embedded():
    assert Initial("u").name not in embedding_of(get("heat")()).skip
