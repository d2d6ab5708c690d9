"""How far a run is."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Done:
    """Samples done (of all, and of those by this run), those that failed, and seconds of this run so far."""

    samples: int
    total: int
    now: int
    failed: int
    seconds: float

    @property
    def rate(self) -> float:
        """Samples a second of this run."""
        return self.now / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the present rate; None before there is one."""
        return (self.total - self.samples) / self.rate if self.rate > 0 else None
