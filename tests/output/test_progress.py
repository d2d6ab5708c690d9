"""Reporters say enough, not too much, and never stop a run."""

import io
import re

import pytest
from rich.console import Console

from spinn.output.progress import PlainReporter, RichReporter, SilentReporter, describe, make_reporter
from spinn.training.reporting import Progress, Reporter


def progress(step: int, **changes: object) -> Progress:
    values: dict[str, object] = {
        "stage": "adam", "step": step, "total_steps": 2000, "loss": 1.5e-4, "error": 2e-3,
        "points_per_second": 1.3e8, "seconds_elapsed": 80.0, "seconds_left": 4.2,
    }  # fmt: skip
    return Progress(**{**values, **changes})  # type: ignore[arg-type]


def test_a_line_for_people() -> None:
    line = describe(progress(1000))
    assert line == "adam 1 000/2 000  loss 1.50e-04  error 2.00e-03  130 M pts/s  1 min 20 s  4.2 s left"


def test_what_is_not_known_is_left_out() -> None:
    line = describe(progress(7, total_steps=None, error=None, points_per_second=0.0, seconds_left=None))
    assert line == "adam 7  loss 1.50e-04  1 min 20 s"


def plain() -> tuple[PlainReporter, io.StringIO, list[float]]:
    stream, now = io.StringIO(), [0.0]
    return PlainReporter(stream, every=2.0, clock=lambda: now[0]), stream, now


def test_plain_lines_come_seldom_and_at_stage_ends() -> None:
    reporter, stream, now = plain()
    reporter.stage("adam", 100)
    for step in range(1, 101):
        now[0] = 0.1 * step
        reporter.update(progress(step))
    reporter.stage("lbfgs", None)
    reporter.update(progress(1, stage="lbfgs"))
    reporter.finish()
    reporter.finish()
    steps = [line.split("/")[0] for line in stream.getvalue().splitlines()]
    assert steps[0] == "adam 1"
    assert steps[-2:] == ["adam 100", "lbfgs 1"]
    assert 6 <= len(steps) <= 8
    assert len(steps) == len(set(steps))


def test_plain_messages_and_warnings() -> None:
    reporter, stream, _ = plain()
    reporter.message("recipe: linear")
    reporter.message("rolled back", "warning")
    assert stream.getvalue() == "recipe: linear\nwarning: rolled back\n"


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "full"), ValueError("closed file")])
def test_a_reader_that_went_away_does_not_stop_the_run(error: Exception) -> None:
    class Gone(io.StringIO):
        calls = 0

        def write(self, text: str) -> int:
            Gone.calls += 1
            raise error

    reporter = PlainReporter(Gone())
    reporter.message("a")
    reporter.message("b")
    reporter.finish()
    assert Gone.calls == 1


def rich() -> tuple[RichReporter, io.StringIO]:
    stream = io.StringIO()
    return RichReporter(Console(file=stream, force_terminal=True, width=120, color_system=None)), stream


def test_each_stage_leaves_its_last_state_on_the_terminal() -> None:
    reporter, stream = rich()
    reporter.stage("adam", 2000)
    for step in range(500, 2001, 500):
        reporter.update(progress(step))
    reporter.message("[not markup] rolled back", "warning")
    reporter.stage("lbfgs", None)
    reporter.update(progress(3, stage="lbfgs", total_steps=None))
    reporter.finish()
    reporter.finish()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "━" * 16 + " adam 2 000/2 000" in text
    assert "warning: [not markup] rolled back" in text
    assert text.rstrip().splitlines()[-1].strip().startswith("lbfgs 3")


def test_a_stage_without_a_step_leaves_no_line() -> None:
    reporter, stream = rich()
    reporter.stage("adam", 10)
    reporter.finish()
    assert "adam" not in stream.getvalue()


def test_a_narrow_terminal_cuts_the_line() -> None:
    stream = io.StringIO()
    reporter = RichReporter(Console(file=stream, force_terminal=True, width=40, color_system=None))
    reporter.stage("adam", 2000)
    reporter.update(progress(1000))
    reporter.finish()
    last = stream.getvalue().rstrip("\n").splitlines()[-1]
    assert "…" in last


def test_the_reporter_suits_the_stream() -> None:
    assert isinstance(make_reporter(quiet=True), SilentReporter)
    assert isinstance(make_reporter(stream=io.StringIO()), PlainReporter)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert isinstance(make_reporter(stream=Terminal()), RichReporter | PlainReporter)


def test_silence() -> None:
    reporter: Reporter = SilentReporter()
    reporter.stage("adam", 1)
    reporter.update(progress(1))
    reporter.message("a", "warning")
    reporter.finish()
