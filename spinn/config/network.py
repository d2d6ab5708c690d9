"""Settings of the network: what each axis is expanded in, and how the axes are multiplied together."""

from typing import Literal

from pydantic import Field, model_validator

from spinn.config._types import Auto, Count, Positive, Section, Switch

FeatureName = Literal["mlp", "modified_mlp", "sine", "fourier_mlp", "fourier", "legendre"]


class Network(Section):
    """The unknowns as functions of the coordinates. Everything left out is chosen by the recipe."""

    kind: Literal["separable", "pointwise"] = Field(
        default="separable",
        description="separable: one small network (or classical basis) an axis, multiplied together on a tensor grid: "
        "N points an axis cost N evaluations and give N^d points. pointwise: one network of all coordinates at "
        "scattered points, as in an ordinary PINN; kept as the baseline.",
    )
    features: Auto | FeatureName | dict[str, FeatureName] = Field(
        default="auto",
        description="What an axis is expanded in; one name for all axes, or a mapping such as "
        "{t: legendre, x: fourier}. mlp (tanh network), modified_mlp (with the gates of Wang et al. 2021), sine "
        "(SIREN), fourier_mlp (sines and cosines into a network; exactly periodic), fourier and legendre (classical "
        "bases without a network; spectrally accurate where the solution is smooth).",
    )
    head: Literal["auto", "cp", "tucker", "tt"] = Field(
        default="auto",
        description="How axis features are combined. cp: a sum over rank of products (the SPINN paper). tucker: a "
        "core tensor over all pairs, which also holds solutions that a sum of products approaches only in the limit. "
        "tt: a tensor train, the form for five axes and more; for linear problems, by alternating least squares.",
    )
    rank: Auto | Literal["grow"] | Count | list[Count] = Field(
        default="auto",
        description="Number of products in the sum (cp; als grows up to it), or features an axis (tucker; a list gives "
        "one an axis, in the order of the PDE's coordinates), or the largest rank between axes (tt; auto: as the "
        "residual asks). More rank, more accuracy and memory: memory grows as points times rank. grow (tucker over "
        "fixed features): few combinations of the features of each axis, which the residual chooses, and as many as it "
        "asks for; for four or five axes with more modes than a core over all of them could have.",
    )
    width: Auto | Count = Field(default="auto", description="Neurons in each hidden layer of an axis network.")
    depth: Auto | Count = Field(default="auto", description="Hidden layers of an axis network.")
    modes: Auto | Count | dict[str, Count] = Field(
        default="auto",
        description="Highest wave number of fourier features, or polynomial degree of legendre features; one number, "
        "or one an axis as in {x: 16, t: 24}.",
    )
    map: Literal["none", "learned"] | dict[str, Literal["none", "learned"]] = Field(
        default="none",
        description="A change of the coordinate before it is expanded, for all axes or by axis as in {x: learned}. "
        "learned: where a classical basis with `modes: auto` does not resolve an axis, a smooth monotone map is fitted "
        "to the level's solution, and the next level has its polynomials or waves, and its points, in the mapped "
        "coordinate; elements follow where that does not do. none: elements alone.",
    )
    frequency: Auto | Positive = Field(
        default="auto",
        description="Highest angular frequency of the first layer of sine features over half the interval (omega_0 of "
        "SIREN), and the spread of fourier_mlp frequencies. Too low blurs fine detail, too high makes noise.",
    )
    embed: Auto | Switch = Field(
        default="auto",
        description="Build zero Dirichlet and periodic conditions into the network exactly, so that they need no "
        "loss term. auto: wherever the conditions allow it.",
    )
    trainable: Auto | Switch = Field(
        default="auto",
        description="Train the axis networks (true) or freeze them at their random start and train only how they are "
        "combined (false; a linear problem then becomes a least-squares problem).",
    )

    @model_validator(mode="after")
    def _only_cores_grow(self) -> "Network":
        """Ranks that grow are those of a Tucker core; what they need of other sections, the recipe checks."""
        names = set(self.features.values()) if isinstance(self.features, dict) else {self.features}
        beside = {
            f"head: {self.head}": self.head in ("auto", "tucker"),
            f"kind: {self.kind}": self.kind == "separable",
            "trainable: true": self.trainable is not True,
            "map: learned": "learned" not in (self.map.values() if isinstance(self.map, dict) else [self.map]),
            f"features: {', '.join(sorted(names))}": names <= {"auto", "fourier", "legendre"},
        }
        strange = [name for name, fits in beside.items() if not fits]
        if self.rank == "grow" and strange:
            raise ValueError(
                "expected a Tucker core (head: tucker) over fixed fourier or legendre features beside `rank: grow`, "
                f"got {' and '.join(strange)}; leave that out, or give rank a number"
            )
        return self
