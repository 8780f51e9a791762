"""The loop that one writes by hand, at one work, in turns: python -m benchmarks.training.bare WORK"""

import sys

import torch

from benchmarks.training.plain import epochs, loader, loss_of, model
from benchmarks.training.turns import Turns
from benchmarks.training.works import WORKS


def main(name: str) -> None:
    """DataLoader, AdamW, autocast where fewer bits are asked for, `.item()` at every step."""
    torch.set_num_threads(1)
    work, losses = WORKS[name], list[float]()
    spec, turns = work.resolved, Turns(work.steps, lambda _steps: losses)
    network = model(spec)
    optimizer = torch.optim.AdamW(network.parameters(), lr=float(spec.units.learning_rate), weight_decay=0)
    for inputs, targets in turns.of(epochs(loader(spec))):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=work.precision == "bf16-mixed"):
            loss = loss_of(spec, network(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())


if __name__ == "__main__":
    main(sys.argv[1])
