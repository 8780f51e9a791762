"""Gradients found past torch's checks are torch's own, to the last bit."""

import torch

from worker.trainer.engine.gradients import gradients


def test_they_are_torchs_own():
    torch.manual_seed(0)
    x, w, b = torch.randn(3, 8, 5), torch.randn(3, 4, 5, requires_grad=True), torch.zeros(3, 4, requires_grad=True)
    ones = torch.ones(3)

    def losses():
        return torch.baddbmm(b.unsqueeze(1), x, w.mT).square().mean((1, 2))

    ours, theirs = gradients(losses(), (w, b), ones), torch.autograd.grad(losses(), (w, b), ones)

    assert all(torch.equal(mine, other) for mine, other in zip(ours, theirs, strict=True))
