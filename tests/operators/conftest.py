"""A small dataset, and an operator trained on it for a moment: made once for all tests here."""

import pytest

from spinn.config.learning import LearnConfig
from spinn.data import Darcy2D
from spinn.data.generation import Recipe, generate
from spinn.operators.learning import learn
from spinn.output.progress import SilentReporter

SMALL = {"width": 8, "modes": 4, "layers": 2}


@pytest.fixture(scope="session")
def darcy(tmp_path_factory):
    """24 samples of Darcy flow at 17^2, made as `spinn generate` makes them."""
    from spinn.datasets import make, prepare

    file = tmp_path_factory.mktemp("darcy") / "darcy.h5"
    make(prepare("darcy_2d", flags={"samples": 24, "grid": 17, "solver": "superlu"}), file)
    return file


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """The same without a configuration in the file: made from Python."""
    file = tmp_path_factory.mktemp("bare") / "darcy.h5"
    generate(Recipe(family=Darcy2D(grid=(17, 17)), samples=6, solver="superlu"), file)
    return file


@pytest.fixture(scope="session")
def run(darcy, tmp_path_factory):
    """A run of learning on it: an outcome."""
    config = LearnConfig.model_validate(
        {"data": str(darcy), "model": SMALL, "held_out": 4, "train": [{"epochs": 40, "batch": 5}]}
    )
    out = tmp_path_factory.mktemp("learned") / "run"
    return learn(config, out=out, reporter=SilentReporter())
