"""Every example that ships can be read and fits its PDE."""

import pytest

from spinn.config.prepare import prepare
from spinn.config.shipped import dataset_examples, examples
from spinn.datasets import prepare as prepare_dataset


@pytest.mark.parametrize("name", sorted(examples()))
def test_example_is_sound(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prepared = prepare(f"{name}.yaml")
    assert prepared.note is not None
    assert prepared.pde.coordinates
    assert examples()[name].read_text().startswith("#")  # `spinn list` shows the first line


@pytest.mark.parametrize("name", sorted(dataset_examples()))
def test_dataset_example_is_sound(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = prepare_dataset(f"{name}.yaml", ["samples=2", "grid=17"]).recipe
    assert recipe.samples == 2 and recipe.family.parameters(0, 0)
    assert dataset_examples()[name].read_text().startswith("#")
