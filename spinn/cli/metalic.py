"""`spinn metalic`: learn which interface conditions suit which parameters of a family."""

import argparse
from pathlib import Path
from typing import Any

from spinn.cli._printing import command, json_option, json_text

DESCRIPTION = """\
Learn what subdomains should agree on, for a family of problems: METALIC's bandit (Li et al., ICML 2023). It trains
small networks for random parameters with some of the interface conditions on, sees how well that went, and so learns a
policy: from the parameters to the conditions. No exact solutions are needed.

  spinn metalic burgers_family.yaml                  a file here, or else the shipped example of that name
  spinn metalic burgers_family.yaml --resume         go on after an interruption, to the same numbers
  spinn metalic burgers_family.yaml --set plays=100 --set rule=ucb

A family is a PDE, the parameters that vary, and the cuts:

  pde: burgers
  vary: {nu: [0.001, 0.05]}
  domains: {x: {strip: [-0.1, 0.1]}}
  faithful: single                                   the paper's own bandit; seq: an arm for Adam, another for L-BFGS

The folder gets policy.json (plays, hyper-parameters, arms, ranges), summary.json and policy.png. Use it for new
parameters: `interface: {policy: runs/metalic-burgers_family/policy.json}` in the file of `spinn solve`.
"""


def add(commands: Any) -> None:
    """Register the command."""
    parser = command(commands, "metalic", "learn interface conditions for a family of problems", DESCRIPTION)
    parser.add_argument("family", metavar="FILE", help="YAML file of a family, or a shipped example's name")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder (default: runs/metalic-NAME)")
    parser.add_argument("--plays", type=int, metavar="N", help="how many plays, warm-up included")
    parser.add_argument("--seed", type=int, help="seed of all random choices")
    parser.add_argument("--set", dest="assignments", action="append", default=[], metavar="PATH=VALUE",
                        help="change one setting, such as training.adam=500; may be repeated")  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    parser.add_argument("--quiet", action="store_true", help="no progress: errors and results only")
    json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Learn, and print what was learned."""
    from spinn.metalic.learning import learn, prepared
    from spinn.metalic.sources import family_source
    from spinn.output.counting import make_counter

    flags = {"plays": arguments.plays, "seed": arguments.seed}
    source = family_source(arguments.family, arguments.assignments, flags)
    config, family = prepared(source)
    folder = arguments.out or Path("runs") / f"metalic-{source.name}"
    found = learn(
        config, family, folder, resume=arguments.resume,
        plays=make_counter("plays", quiet=arguments.quiet), tests=make_counter("tests", quiet=arguments.quiet),
    )  # fmt: skip
    if arguments.json:
        print(json_text({**found.summary, "folder": found.folder}))
        return 0
    seconds = found.summary["seconds"]
    print(f"{found.summary['pde']}: {found.summary['plays']} plays, {seconds['plays']:.1f} s; tests "
          f"{seconds['tests']:.1f} s")  # fmt: skip
    for choice in found.summary["choices"]:
        where = ", ".join(f"{name} {value:.4g}" for name, value in choice["parameters"].items())
        print(f"  {where:<24} {', '.join(choice['conditions']) or 'none'}")
    print(f"  {found.summary['said']}")
    print(f"  policy  {found.folder / 'policy.json'}")
    return 0
