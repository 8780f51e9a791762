"""The seed job as one writes it by hand: y = 2x + 1 + noise, 100 points, SGD at 0.01, 100 epochs, full batch.

python -m benchmarks.bare          trains once
python -m benchmarks.bare --warm   trains once for every line on stdin, and says its seconds
"""

import sys
import time

import torch
from torch import nn


def train() -> float:
    """Seconds of the loop."""
    torch.manual_seed(0)
    x = torch.rand(100, 1)
    y = 2 * x + 1 + 0.1 * torch.randn(100, 1)
    model, loss_of = nn.Linear(1, 1), nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    losses = []
    began = time.perf_counter()
    for _ in range(100):
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return time.perf_counter() - began


if __name__ == "__main__":
    if "--warm" in sys.argv:
        train()
        for _ in sys.stdin:
            print(train(), flush=True)
    else:
        train()
