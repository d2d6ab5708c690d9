"""Numbers as people read them: `1.3e8` points a second is "130 M", eighty seconds "1 min 20 s"."""

import math

_PREFIXES = ((1e15, "e15"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def compact(value: float) -> str:
    """Three digits and a prefix: `130 M`, `1.30 k`, `12`."""
    if not math.isfinite(value):
        return "?"
    size = abs(value)
    for unit, prefix in _PREFIXES:
        if size >= 0.9995 * unit:  # what would round to 1000 of the smaller unit
            return f"{_three_digits(value / unit)} {prefix}"
    return _three_digits(value)


def _three_digits(value: float) -> str:
    if value == int(value) and abs(value) < 1000:
        return str(int(value))
    size = abs(value)
    return f"{value:.0f}" if size >= 99.95 else f"{value:.1f}" if size >= 9.995 else f"{value:.2f}"


def duration(seconds: float) -> str:
    """`850 ms`, `4.2 s`, `1 min 20 s`, `2 h 05 min`, `3 d 4 h`: two units at most."""
    if not math.isfinite(seconds) or seconds < 0:
        return "?"
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms" if seconds else "0 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


def scientific(value: float | None, digits: int = 2) -> str:
    """`1.23e-04`; a dash for what is not known, and NaN and infinities by name."""
    return "-" if value is None else f"{value:.{digits}e}"


def count(value: int) -> str:
    """`1 048 576`: thousands apart."""
    return f"{value:,}".replace(",", " ")
