"""The figure of a policy: the rewards of its plays over each parameter, and which conditions it takes where."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from spinn.files.atomic import replacing
from spinn.metalic.policy import Policy

POINTS = 41


def draw_policy(policy: Policy, file: Path) -> None:
    """A column a parameter, the others at the middle of their ranges. SpinnError where the file cannot be written."""
    low, high = np.array(list(policy.ranges.values())).T
    figure = Figure(figsize=(4.5 * len(low), 5.5), layout="constrained")
    axes = figure.subplots(2, len(low), squeeze=False)
    for column, name in enumerate(policy.ranges):
        contexts = np.tile(0.5 * (low + high), (POINTS, 1))
        contexts[:, column] = np.linspace(low[column], high[column], POINTS)
        arms = np.stack([policy.arm(context) for context in contexts])
        played = policy.plays.contexts[:, column] * (high - low)[column] / np.sqrt(12.0) + 0.5 * (low + high)[column]
        axes[0, column].plot(played, policy.plays.rewards, ".", color="0.3")
        axes[0, column].set_ylabel("reward of a play (digits)")
        axes[1, column].imshow(
            arms.T, aspect="auto", origin="lower", cmap="Greys", vmin=0.0, vmax=1.5,
            extent=(low[column], high[column], -0.5, len(policy.conditions) - 0.5),
        )  # fmt: skip
        axes[1, column].set_yticks(range(len(policy.conditions)), policy.conditions)
        axes[1, column].set_xlabel(name)
    with replacing(file) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
