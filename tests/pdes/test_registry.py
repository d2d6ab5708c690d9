"""Finding PDEs by name."""

import pytest

from spinn.pdes import PDE, available, get

SHIPPED = {
    "advection", "allen_cahn", "beltrami_3d", "burgers", "diffusion_2d", "flow_mixing_2d", "heat", "helmholtz_3d",
    "kdv", "klein_gordon_2d", "klein_gordon_3d", "navier_stokes_2d", "navier_stokes_3d", "poisson_2d",
    "poisson_5d", "poisson_10d", "wave",
}  # fmt: skip


def test_all_are_available() -> None:
    assert set(available()) >= SHIPPED


@pytest.mark.parametrize("name", available())
def test_each_module_defines_one_pde_that_builds(name: str) -> None:
    cls = get(name)
    assert issubclass(cls, PDE)
    assert cls.__module__ == f"spinn.pdes.{name}"
    assert cls().domain.axes == cls.coordinates
    dimensions = name.rpartition("_")[2]
    if dimensions in ("2d", "3d"):
        assert len(cls().domain.space) == int(dimensions[0])


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("heet", "heat"), ("helmholtz", "helmholtz_3d"), ("klein_gordon_4d", "klein_gordon_2d"), ("waves", "wave")],
)
def test_misspelt_name_suggests_the_nearest(wrong: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"unknown PDE '{wrong}'.*did you mean.*{meant}"):
        get(wrong)


def test_strange_name_says_where_to_look() -> None:
    with pytest.raises(ValueError, match=r"spinn list.*\./my_pde\.py:MyPDE"):
        get("qqqqqqqq")


@pytest.mark.parametrize("name", ["_field", "_pde", "__init__"])
def test_private_modules_are_no_pdes(name: str) -> None:
    with pytest.raises(ValueError, match="unknown PDE"):
        get(name)
