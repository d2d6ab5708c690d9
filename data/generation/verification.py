"""Is a stored dataset what it says? Checksums of all samples, residuals of some, both computed anew."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from spinn.data.families import Family
from spinn.data.formats import native  # the module: it imports this package
from spinn.data.generation.piece import allowed


@dataclasses.dataclass(frozen=True)
class Verified:
    """What was found: numbers of samples, of residuals recomputed, the largest of them, and what is wrong.

    `allowed`: the residual that a sample may have; infinite where rounding to float32 leaves none to check.
    """

    samples: int
    checked: int
    worst: float
    allowed: float
    faults: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def verify(
    path: str | Path,
    family: Family,
    *,
    share: float = 0.1,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Verified:
    """Check a file in the native layout.

    Every checksum is recomputed; a random `share` of the samples (at least one) is compared with inputs drawn anew from
    the file's seed, and their residuals are recomputed with the family's own discretisation.

    **Raises:** SpinnError where the file is not a dataset; ValueError for a share outside (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"share: expected more than 0 and at most 1, got {share:g}")
    faults = []
    with native.Dataset(path) as data:
        count, facts = len(data), data.attributes
        dtype = str(next(iter(data.fields.values())).dtype)
        limit = allowed(family, float(facts["tolerance"]), dtype)
        for done, row in enumerate(data.rows(), 1):
            if not np.array_equal(native.checksum(row.fields), row.checksum):
                faults.append(f"sample {row.index}: the checksum does not match")
            progress(done, count)
        chosen = np.random.default_rng(seed).choice(count, max(round(share * count), 1), replace=False)
        worst = 0.0
        for place in sorted(chosen.tolist()):
            row = data.row(place)
            drawn = family.parameters(int(facts["seed"]), row.index)
            inputs = {name: row.fields[name] for name in data.inputs}
            wrong = [name for name in drawn if not _same(inputs.get(name), drawn[name], dtype)]
            if wrong:
                faults.append(f"sample {row.index}: {', '.join(wrong)} is not what seed {facts['seed']} gives")
            fields = {name: np.asarray(values, float) for name, values in row.fields.items()}
            residual = family.residual({name: fields[name] for name in drawn}, fields)  # type: ignore[attr-defined]
            worst = max(worst, residual)
            if not residual <= limit * 1.01:
                faults.append(f"sample {row.index}: the residual is {residual:.1e}, more than {limit:.0e}")
    return Verified(count, len(chosen), worst, limit, tuple(faults))


def _same(stored: np.ndarray | None, drawn: np.ndarray, dtype: str) -> bool:
    """Whether an input is the one drawn, up to rounding (another version of NumPy may sum in another order)."""
    if stored is None or stored.shape != np.shape(drawn):
        return False
    scale = float(np.max(np.abs(drawn))) or 1.0
    return bool(np.max(np.abs(stored - drawn), initial=0.0) <= scale * (1e-5 if dtype == "float32" else 1e-9))
