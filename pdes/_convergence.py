"""Refining a reference until two resolutions agree."""

import dataclasses
import warnings
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from spinn.pdes._reference import Reference

PROBES = 41  # points an axis on which two resolutions are compared


def relative_l2(values: Mapping[str, np.ndarray], truth: Mapping[str, np.ndarray]) -> float:
    """The largest relative L2 difference among the named arrays."""
    tiny = np.finfo(float).tiny  # a solution that vanishes
    return max(
        float(np.linalg.norm(values[name] - truth[name]) / max(np.linalg.norm(truth[name]), tiny)) for name in truth
    )


def converged(solve: Callable[[int], Reference], resolutions: Iterable[int], digits: float) -> Reference:
    """The first of `solve(n)` that agrees with the resolution before it to `digits`, else the last, with a warning.

    What it reports as `digits` is that agreement, which is the error of the coarser of the two: a safe figure for the
    finer one. It is measured on a uniform grid with PROBES points an axis.
    """
    coarse: Reference | None = None
    reached = 0.0
    for resolution in resolutions:
        fine = solve(resolution)
        if coarse is not None:
            probes = {axis: np.linspace(nodes[0], nodes[-1], PROBES) for axis, nodes in fine.axes.items()}
            difference = relative_l2(coarse.on_grid(probes), fine.on_grid(probes))
            reached = float(-np.log10(max(difference, 1e-16)))
            fine = dataclasses.replace(fine, digits=reached)
            if reached >= digits:
                return fine
        coarse = fine
    if coarse is None:
        raise ValueError("expected at least two resolutions, got none")
    warnings.warn(
        f"the reference solution agrees between its two finest resolutions to {reached:.1f} digits only, where "
        f"{digits:g} were wanted: errors below 1e-{reached:.0f} mean nothing against it",
        stacklevel=2,
    )
    return coarse
