"""Lines of progress for things that are counted."""

import io

from spinn.output.counting import make_counter


def counted(steps, *, terminal=False):
    """What is told when so many of 10 are done after so many seconds."""
    now = [0.0]
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    tell = make_counter("samples", stream=stream, clock=lambda: now[0])
    for seconds, done in steps:
        now[0] = seconds
        tell(done, 10)
    return stream.getvalue()


def test_quick_things_are_not_told():
    assert counted([(0.5, 5), (1.0, 10)]) == ""


def test_slow_things_are_told_with_the_time_left():
    lines = counted([(1.0, 1), (4.0, 4), (5.0, 5), (10.0, 10)]).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("4/10 samples") and "6.0 s left" in lines[0]
    assert lines[1].startswith("10/10 samples")


def test_a_terminal_has_one_line():
    text = counted([(1.0, 1), (2.0, 2), (10.0, 10)], terminal=True)
    assert text.count("\r") == 3 and text.endswith("\n") and text.count("\n") == 1


def test_quiet_is_quiet():
    make_counter("samples", quiet=True)(1, 2)
