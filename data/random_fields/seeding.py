"""Random numbers of one sample: they depend on the seed, the sample's index and a name, and on nothing else."""

import numpy as np


def generator(seed: int, index: int, name: str = "") -> np.random.Generator:
    """The stream `name` of sample `index`: the same whichever process draws it, and however many samples there are.

    Streams of different names are independent, so that an input added to a family leaves the others as they were.

    **Raises:** ValueError if the seed or the index is negative.
    """
    if seed < 0 or index < 0:
        raise ValueError(f"expected seed >= 0 and index >= 0, got seed {seed} and index {index}; use whole numbers")
    return np.random.default_rng(np.random.SeedSequence([seed, index, *name.encode()]))
