"""Families by name."""

import pytest

from spinn.data import FAMILIES, Darcy2D, Family, get_family


def test_every_family_builds_under_its_own_name() -> None:
    for name, cls in FAMILIES.items():
        family = cls()
        assert isinstance(family, Family) and family.name == name
        assert family.parameters(0, 0)
    assert get_family("darcy_2d") is Darcy2D


def test_misspelt_names_suggest_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown family 'darcy2d': did you mean darcy_2d"):
        get_family("darcy2d")
