"""Learning-rate schedules by the names that the YAML file knows."""

from collections.abc import Callable

import optax

EXPONENTIAL_FLOOR = 1e-2  # an exponential schedule ends at this fraction of the learning rate
UNKNOWN_STEPS = 100_000  # what callers assume where a stage is ended by seconds or a tolerance
DEFAULT_WARMUP = 0.05  # fraction of the steps that `warmup_cosine` warms up over when no number is given


def _constant(rate: float, steps: int | None) -> optax.Schedule:
    return optax.constant_schedule(rate)


def _cosine(rate: float, steps: int | None) -> optax.Schedule:
    return optax.cosine_decay_schedule(rate, _needed("cosine", steps))


def _exponential(rate: float, steps: int | None) -> optax.Schedule:
    return optax.exponential_decay(rate, _needed("exponential", steps), EXPONENTIAL_FLOOR)


_DECAYS: dict[str, Callable[[float, int | None], optax.Schedule]] = {
    "constant": _constant,
    "cosine": _cosine,
    "exponential": _exponential,
    "warmup_cosine": _cosine,
}
SCHEDULES = tuple(_DECAYS)


def schedule(name: str, learning_rate: float, steps: int | None = None, warmup: int = 0) -> optax.Schedule:
    """The schedule called `name`: a function from the step number to the learning rate.

    `steps`: how many steps the stage has; all schedules but `constant` need it. `warmup`: steps over which the rate
    first rises linearly to `learning_rate` (none by default; a twentieth of the steps for `warmup_cosine`).
    By the end of the stage `cosine` falls to 0 and `exponential` to a hundredth of the rate.

    **Raises:** ValueError for an unknown name, a negative or too long warm-up, and a decay without `steps`.
    """
    if name not in _DECAYS:
        raise ValueError(f"unknown schedule '{name}'; the schedules are {', '.join(SCHEDULES)}")
    if name == "warmup_cosine" and warmup == 0:
        warmup = max(1, round(DEFAULT_WARMUP * _needed(name, steps)))
    if warmup < 0 or (steps is not None and warmup >= max(steps, 2)):
        raise ValueError(f"schedule '{name}': expected 0 <= warmup < {steps} steps, got {warmup}; shorten the warm-up")
    if warmup <= 1:
        return _DECAYS[name](learning_rate, steps)
    # From rate/warmup, not from 0 (such a step is wasted), to the full rate at the last step of the rise.
    rise = optax.linear_schedule(learning_rate / warmup, learning_rate, warmup - 1)
    decay = _DECAYS[name](learning_rate, None if steps is None else steps - warmup + 1)
    return optax.join_schedules([rise, decay], [warmup - 1])


def _needed(name: str, steps: int | None) -> int:
    if steps is None:
        raise ValueError(
            f"schedule '{name}' needs the stage's number of steps to decay over; give `steps`, or `schedule: constant`"
        )
    return max(steps, 1)
