"""Every example that ships can be read and fits its PDE."""

import pytest

from spinn.config.prepare import prepare
from spinn.config.shipped import examples


@pytest.mark.parametrize("name", sorted(examples()))
def test_example_is_sound(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prepared = prepare(f"{name}.yaml")
    assert prepared.note is not None
    assert prepared.pde.coordinates
    assert examples()[name].read_text().startswith("#")  # `spinn list` shows the first line
