"""What the training loop sees of a problem: pure functions of parameters, and nothing of PDEs."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from jaxtyping import PRNGKeyArray

from spinn.optim.coupling import Coupling

Params = Any
Context = Any  # whatever the functions need besides: the frozen part of the network, the batch, an earlier window


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """`loss(params, context, scales) -> (value, parts)` and `blocks(params, context, scales)` are traceable.

    `draw(key)` makes the context for a set of collocation points; `error(params)` is the relative L2 error where the
    truth is known cheaply, else None; `points` counts the collocation points of one evaluation. `normal`: blocks of
    J^T J where the parameters are a core, those that are `kept`; or `root`: the change of variables that they stand for
    (see `gauss_newton_step`). `grows(params, loss)`: whether more modes would follow
    here anyway (or this many do not help), so that the last digits are not worth their cost. `linear`: whether the
    blocks are, in the parameters. `matrix`: all of J^T J, for any parameters.
    `scales`: of blocks, to start from; one where none is given. `mixed`: whether linear solves work in float32.
    `batches(step, count)`: where every step sees other samples, in place of `draw`: the contexts of `count` steps from
    `step` on, stacked along a first axis of all arrays; `longest`: of how many, at most.
    """

    loss: Callable[[Params, Context, Mapping[str, Any]], tuple[Any, dict[str, Any]]]
    blocks: Callable[[Params, Context, Mapping[str, Any]], dict[str, Any]]
    draw: Callable[[PRNGKeyArray], Context]
    error: Callable[[Params], float | None]
    points: int
    names: tuple[str, ...]
    normal: Callable[[Params, Context, Mapping[str, Any]], Any] | None = None
    kept: Coupling | None = None
    root: Callable[[Params, Context, Mapping[str, Any]], Any] | None = None
    linear: bool = False
    grows: Callable[[Params, float], bool] = lambda params, loss: False
    matrix: Callable[[Params, Context, Mapping[str, Any]], Any] | None = None
    scales: Mapping[str, float] = dataclasses.field(default_factory=dict)
    mixed: bool = False
    batches: Callable[[int, int], Context] | None = None
    longest: int | None = None
