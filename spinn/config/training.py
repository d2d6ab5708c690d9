"""Settings of training: where the residual is measured, how it is weighed, and the stages that minimise it."""

from typing import Literal

from pydantic import Field, model_validator

from spinn.config._types import Auto, Count, Natural, NonNegative, PointCount, Positive, Section

OptimizerName = Literal["adam", "adamw", "soap", "lbfgs", "gauss_newton", "levenberg_marquardt", "polish", "als"]


class Sampling(Section):
    """Collocation points: where the residual of the equation is measured."""

    points_per_axis: Auto | PointCount | dict[str, PointCount] = Field(
        default="auto",
        description="Points an axis, one number or a mapping such as {t: 64, x: 128}. A separable network sees the "
        "product of all axes: 64 an axis in three axes are 262,144 points. A pointwise network draws that many.",
    )
    rule: Literal["auto", "gauss", "uniform", "random"] = Field(
        default="auto",
        description="gauss: fixed Gauss-Legendre points, the most accurate for smooth solutions. uniform: equally "
        "spaced. random: drawn uniformly an axis, anew every `resample_every` steps (the SPINN paper).",
    )
    resample_every: Natural = Field(
        default=0, description="Steps between new draws of random points; 0 keeps the first draw."
    )
    slabs: Auto | Count = Field(
        default="auto",
        description="Sweep the grid in this many slabs along the first axis, each computed again for the gradient: "
        "memory falls by that factor, time rises by about a third. auto: as few as memory allows.",
    )


class Loss(Section):
    """How the residuals of the equation and of the conditions are weighed against each other."""

    weights: dict[str, NonNegative] = Field(
        default_factory=dict,
        description="Factor of a residual's mean square in the loss, by name, as in {initial_u: 10, residual: 1}. "
        "`spinn show PDE` lists the names. Names left out count 1 (or what the PDE's condition says); but where a "
        "fixed basis is solved for, an equation much weaker than the others of a system is scaled up to them.",
    )
    weighting: Literal["fixed", "gradient_norm"] = Field(
        default="fixed",
        description="fixed: weights stay as given. gradient_norm: rescaled during training so that every term's "
        "gradient has the same norm (Wang et al. 2021).",
    )
    causal: NonNegative = Field(
        default=0.0,
        description="Causality parameter epsilon of Wang et al. 2022: residuals at later times count only once the "
        "earlier ones are small. 0 turns it off; 1 to 100 is usual for long or chaotic problems.",
    )
    norm: Literal["auto", "grid", "gram", "qr"] = Field(
        default="auto",
        description="How a linear residual's norm is computed. grid: on every point. qr: exactly, from compressed axis "
        "factors, at a cost that does not grow with the grid. gram: as qr, faster but with half the digits "
        "(float64 only).",
    )


class Stage(Section):
    """One stage of training. It starts where the last one ended and stops at the first limit that is reached."""

    optimizer: OptimizerName = Field(
        description="adam, adamw: robust first steps. soap: Adam in Shampoo's eigenbasis, fewer steps for more work a "
        "step. lbfgs: smooth problems, no learning rate to choose. gauss_newton: least squares by damped "
        "linearisation; by far the most accurate where the parameters are few thousands. "
        "levenberg_marquardt: damped least squares in all parameters of trained networks, up to a few thousand. "
        "polish: freezes trained axis networks and solves for a core over all of their features, by gauss_newton; "
        "further axis networks are trained on what is left of the residual. als: alternating least "
        "squares for linear problems under a tt or cp head, a step a sweep over all axes; takes many axes.",
    )
    steps: Count | None = Field(default=None, description="Stop after this many steps.")
    seconds: Positive | None = Field(default=None, description="Stop after this many seconds of training.")
    tolerance: Positive | None = Field(
        default=None, description="Stop when the square root of the loss falls below this number, such as 1e-9."
    )
    learning_rate: Auto | Positive = Field(
        default="auto", description="Step size of adam, adamw and soap (usually 1e-4 to 1e-2); others ignore it."
    )
    schedule: Literal["constant", "cosine", "exponential", "warmup_cosine"] = Field(
        default="constant", description="How the learning rate changes over the stage's steps."
    )
    warmup: Natural = Field(default=0, description="Steps over which warmup_cosine raises the learning rate from zero.")
    weight_decay: NonNegative = Field(default=0.0, description="Decay of the parameters at each adamw step.")

    @model_validator(mode="after")
    def _stops(self) -> "Stage":
        if self.steps is None and self.seconds is None and self.tolerance is None:
            raise ValueError("expected at least one of steps, seconds or tolerance, got none: the stage would not end")
        return self
