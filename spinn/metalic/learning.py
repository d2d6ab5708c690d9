"""A policy from a YAML file: the protocol from start to end, and what it leaves in its folder."""

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np

from spinn.compilation import kept_programs
from spinn.config.check_definition import check_definition
from spinn.config.load_pde import load_pde, located
from spinn.config.metalic import MetalicConfig, validated_metalic
from spinn.config.source import Source
from spinn.errors import SpinnError
from spinn.evaluation import device_context
from spinn.files.atomic import write_json
from spinn.files.lock import locked
from spinn.metalic.family import ParametricFamily
from spinn.metalic.figure import draw_policy
from spinn.metalic.policy import Policy
from spinn.metalic.protocol import Protocol, Told, family_of

POLICY = "policy.json"
TOO_FEW = 10  # test problems below which an interval says nothing


@dataclasses.dataclass(frozen=True)
class Learned:
    """What a run leaves behind."""

    folder: Path
    policy: Policy
    summary: dict[str, Any]


def prepared(source: Source) -> tuple[MetalicConfig, ParametricFamily]:
    """The configuration and the family that settings describe. SpinnError with file and line for what is wrong."""
    config = validated_metalic(source)
    pde = load_pde(config.pde, source.base, places=source.places)
    check_definition(pde)
    config = config.model_copy(update={"pde": located(config.pde, source.base)})
    try:
        return config, family_of(config, pde)
    except SpinnError as error:
        place = source.place((str(error).partition(":")[0],))
        raise SpinnError(error.message, file=place.file, line=place.line) from None


def learn(
    config: MetalicConfig, family: ParametricFamily, folder: Path, *, resume: bool, plays: Told, tests: Told
) -> Learned:
    """Play, save after every batch, test, and write policy.json, summary.json and policy.png.

    **Raises:** SpinnError for a folder that holds a run already, unless `resume`, or one of other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / ".lock"), device_context("float32"), kept_programs():
        run = Protocol(config, family, folder)
        if (folder / "state.json").is_file() and not resume:
            raise SpinnError("a run is here already: go on with it by --resume, or choose another --out", file=folder)
        begun, before = time.perf_counter(), run.played if run.restore() else 0
        before = run.played if resume else before
        run.learn(plays)
        spent = time.perf_counter() - begun
        policy = Policy.learned(family, run.state.first, config.reward, config.faithful is not False)
        policy.save(folder / POLICY)
        tested = run.tested(tests) if config.test else {}
        seconds = {"plays": spent, "tests": time.perf_counter() - begun - spent}
    summary = {
        "pde": type(family.pde).__name__, "vary": {name: list(ends) for name, ends in family.ranges.items()},
        "plays": run.played, "plays_of_this_process": run.played - before, "reward": config.reward,
        "seconds": seconds, "test": {name: _described(values) for name, values in tested.items()},
        "said": said(tested), "choices": choices(policy),
    }  # fmt: skip
    write_json(folder / "summary.json", summary)
    draw_policy(policy, folder / "policy.png")
    return Learned(folder, policy, summary)


def choices(policy: Policy, count: int = 5) -> list[dict[str, Any]]:
    """What the policy takes along the diagonal of its ranges."""
    low, high = np.array(list(policy.ranges.values())).T
    found = []
    for share in np.linspace(0.0, 1.0, count):
        context = low + share * (high - low)
        arm = policy.arm(context)
        found.append({
            "parameters": dict(zip(policy.ranges, map(float, context), strict=True)),
            "conditions": [name for name, on in zip(policy.conditions, arm, strict=True) if on],
        })  # fmt: skip
    return found


def said(tested: dict[str, list[float]]) -> str:
    """One sentence on what was gained over all conditions at once, with a 95 % interval (bootstrap over problems)."""
    if len(tested.get("policy", ())) < 2:
        return "not tested"
    gained = np.array(tested["policy"]) - np.array(tested["all conditions"])
    rng = np.random.default_rng(0)
    means = np.mean(gained[rng.integers(len(gained), size=(2000, len(gained)))], 1)
    low, high = np.quantile(means, [0.025, 0.975])
    verdict = "better" if low > 0 else "worse" if high < 0 else "no different, as far as these problems tell"
    few = f" ({len(gained)} problems are few)" if len(gained) < TOO_FEW else ""
    return (
        f"against all conditions at once the policy gains {np.mean(gained):+.2f} digits [{low:+.2f}, {high:+.2f}] on "
        f"{len(gained)} new problems: {verdict}{few}"
    )


def _described(values: list[float]) -> dict[str, float]:
    return {"mean_reward": float(np.mean(values)), "worst": float(np.min(values)), "best": float(np.max(values))}
