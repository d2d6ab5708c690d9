"""`spinn check`: is a PDE or a YAML file sound, and does its exact solution solve it?"""

import argparse
from typing import Any, NamedTuple

from spinn.cli._printing import command, json_option, json_text

DESCRIPTION = """\
Check a PDE or a YAML file without solving anything: the definition, the settings, and, where an exact solution is
given, whether it satisfies the equation and every condition. Exit code 2 if something fails.

  spinn check ./my_pde.py:Beam          a PDE of your own: do this before the first long run
  spinn check beam.yaml                 the YAML file and its PDE
  spinn check heat --set pde.params.kappa=2
"""
TOLERANCE = 1e-8  # of relative residuals: rounding of high derivatives in float64 stays far below it


class Finding(NamedTuple):
    """One thing that was checked."""

    name: str
    passed: bool
    detail: str


def add(commands: Any) -> None:
    """Register the command."""
    parser = command(commands, "check", "check a PDE or a YAML file without solving", DESCRIPTION)
    parser.add_argument("what", metavar="PDE|FILE", help="a PDE's name, ./file.py:Class, or a YAML file")
    parser.add_argument("--set", dest="assignments", action="append", default=[], metavar="PATH=VALUE",
                        help="change one setting first, such as pde.params.nu=0.01")  # fmt: skip
    json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what was checked; 2 if anything failed."""
    findings = checks(arguments.what, arguments.assignments)
    passed = all(finding.passed for finding in findings)
    if arguments.json:
        print(json_text({"passed": passed, "checks": [finding._asdict() for finding in findings]}))
    else:
        width = max(len(finding.name) for finding in findings)
        for name, good, detail in findings:
            print(f"{'ok  ' if good else 'FAIL'}  {name.ljust(width)}  {detail}")
    return 0 if passed else 2


def checks(what: str, assignments: list[str]) -> list[Finding]:
    """All checks of a PDE or YAML file.

    **Raises:** SpinnError if it cannot be loaded or its definition is not sound.
    """
    from spinn.config import find, from_data, override, source_of
    from spinn.config.check_definition import check_definition
    from spinn.config.prepare import checked

    is_file = what.endswith((".yaml", ".yml"))
    source = source_of(find(what)) if is_file else from_data({"pde": what})
    config, pde = checked(override(source, assignments))
    orders = check_definition(pde)
    highest = ", ".join(f"{order} in {axis}" for axis, order in orders.items())
    found = [Finding("definition", True, f"derivatives up to order {highest}")]
    if is_file:
        found.append(Finding("settings", True, f"fit {config.pde.name}"))
    found += _time_conditions(pde, orders)
    if not pde.has_exact:
        other = (
            "; it makes its own reference" if pde.has_reference else "; add exact(self, ...) to have errors measured"
        )
        return [*found, Finding("exact solution", True, f"none is given, so nothing to compare{other}")]
    return [*found, *_exact(pde)]


def _time_conditions(pde: Any, orders: dict[str, int]) -> list[Finding]:
    """An equation of one unknown needs as many initial conditions as time derivatives, or has many solutions."""
    from spinn.pdes import Initial

    given = sum(isinstance(condition, Initial) for condition in pde.conditions())
    needed = orders.get("t", 0)
    if "t" not in pde.coordinates or len(pde.unknowns) > 1:
        return []
    detail = f"{given} for time derivatives up to order {needed}"
    if given < needed:
        detail += "; add Initial(...), with order=1 for the velocity, or the solution is not unique"
    return [Finding("initial conditions", given >= needed, detail)]


def _exact(pde: Any) -> list[Finding]:
    from spinn.pdes._consistency import check_exact

    sizes = check_exact(pde)
    return [
        Finding(f"exact solution in {name}", size <= TOLERANCE, f"relative residual {size:.1e}")
        for name, size in sizes.items()
    ]
