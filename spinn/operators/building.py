"""From the settings of a model and a layout to a model with random weights."""

from typing import Any

from jaxtyping import PRNGKeyArray

from spinn.config.learning import OperatorModel
from spinn.errors import SpinnError
from spinn.operators.deeponet import DeepONet, SeparableDeepONet
from spinn.operators.fno import FNO
from spinn.operators.layout import Layout


def build(settings: OperatorModel, layout: Layout, *, key: PRNGKeyArray) -> Any:
    """The model: called with inputs (batch, fields, *grid) and the nodes of the grid.

    **Raises:** SpinnError for settings that do not fit the layout.
    """
    inputs, outputs, axes = len(layout.inputs), len(layout.outputs), len(layout.axes)
    if settings.kind == "fno":
        modes = [settings.modes] * axes if isinstance(settings.modes, int) else settings.modes
        if len(modes) != axes or axes > 3:
            raise SpinnError(
                f"model.modes: expected a number for each of the axes {', '.join(layout.axes)} (one to three), got "
                f"{modes}; `frames: last` leaves time out"
            )
        return FNO(
            inputs, outputs, layout.periodic, width=settings.width, modes=modes, layers=settings.layers,
            rank=settings.rank, padding=settings.padding, key=key,
        )  # fmt: skip
    sizes = {"width": settings.width, "layers": settings.layers, "terms": settings.terms, "sensors": settings.sensors}
    if settings.kind == "deeponet":
        return DeepONet(inputs, outputs, axes, **sizes, key=key)
    return SeparableDeepONet(
        inputs, layout.outputs, layout.axes, layout.periodic, layout.vanishing, **sizes, frequency=settings.frequency,
        key=key,
    )  # fmt: skip
