"""An FNO of the package `neuraloperator` on a `.pt` file; prints a line of JSON. Run by `operators.py`, in any Python
that has `spinn-pde[neuraloperator]` or that package by itself: nothing of this library is imported here.
"""

import json
import sys
import time

import numpy as np
import torch
from neuralop.models import FNO


def main(file: str, settings: dict[str, float]) -> dict[str, float]:
    torch.manual_seed(0)
    torch.set_num_threads(int(settings["threads"]))
    data = torch.load(file, weights_only=True)
    x, y = data["x"][:, None].float(), data["y"][:, None].float()
    held = torch.tensor(settings["held_out"])
    rows = torch.tensor(np.setdiff1d(np.arange(len(x)), settings["held_out"]))
    mean, deviation, scale = x[rows].mean(), x[rows].std(), y[rows].std()
    modes, width, batch = int(settings["modes"]), int(settings["width"]), int(settings["batch"])
    model = FNO(
        n_modes=(2 * modes, 2 * modes), in_channels=1, out_channels=1, hidden_channels=width,
        n_layers=int(settings["layers"]),
    )  # fmt: skip
    steps = int(settings["epochs"]) * (len(rows) // batch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings["rate"], weight_decay=1e-4)
    warm = max(1, steps // 20)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda k: (k + 1) / warm if k < warm else 0.5 * (1 + np.cos(np.pi * (k - warm) / max(steps - warm, 1))),
    )

    def relative(found: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        axes = (1, 2, 3)
        return (((found - truth) ** 2).sum(axes) / (truth**2).sum(axes)).sqrt()

    seconds = []
    for _ in range(int(settings["epochs"])):
        began = time.perf_counter()
        for chosen in rows[torch.randperm(len(rows))][: len(rows) // batch * batch].split(batch):
            optimizer.zero_grad()
            found = model((x[chosen] - mean) / deviation) * scale
            relative(found, y[chosen]).mean().backward()
            optimizer.step()
            scheduler.step()
        seconds.append(time.perf_counter() - began)
    with torch.no_grad():
        errors = relative(model((x[held] - mean) / deviation) * scale, y[held])
    count = sum(one.numel() * (2 if one.is_complex() else 1) for one in model.parameters())
    return {"error": float(errors.mean()), "seconds": float(np.median(seconds)), "parameters": count}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], json.loads(sys.argv[2]))))
