"""What a run would take, told before it is made."""

import pytest

from spinn.engine import estimate

KEYS = {
    "recipe", "parameters", "collocation_points", "modes", "memory_bytes", "compile_seconds", "seconds_per_gradient",
    "seconds",
}  # fmt: skip


def test_everything_is_told(configure, decay):
    found = estimate(configure("trained"), decay())
    assert found.keys() == KEYS
    assert found["collocation_points"] == 8
    assert found["parameters"] == 18
    assert found["memory_bytes"] > 0
    assert found["compile_seconds"] > 0
    assert found["seconds"] == pytest.approx(100 * found["seconds_per_gradient"])


def test_windows_and_limits_count(configure, decay):
    found = estimate(configure("trained", windows=3, train=[{"optimizer": "adam", "seconds": 7.0}]), decay())
    assert found["seconds"] == pytest.approx(21.0)
    longest = {"optimizer": "adam", "steps": 10**9, "seconds": 5.0}
    assert estimate(configure("trained", train=[longest]), decay())["seconds"] == pytest.approx(5.0)


def test_a_tolerance_alone_has_no_estimate(configure, decay):
    found = estimate(configure("trained", train=[{"optimizer": "adam", "tolerance": 1e-3}]), decay())
    assert found["seconds"] is None


def test_the_first_level_of_growing_modes(configure, decay):
    found = estimate(configure(), decay())
    assert found["modes"] == {"t": 48}
    assert found["parameters"] == 48
