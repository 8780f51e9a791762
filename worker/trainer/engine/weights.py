"""Weights: those of K lanes side by side.  K lanes, P numbers of one lane with its padding."""

import math
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import torch
from torch import Tensor

from worker.trainer.engine.padding import ROW, SIDE, up

Shapes = Mapping[str, tuple[int, ...]]
"""Name → shape of each weight of one lane, without padding."""


class Weights:
    """Every weight of K lanes in one (K, P) tensor: an update is a few kernels, however many layers there are.

    `leaves` are views of it that a model computes with: of laned models (K, O, I) and (K, 1, O), their sizes padded to
    multiples of `side`; of others, which are a lane of one and have no side, as the model shapes them. They alone take
    part in autograd; `values` may be changed freely.
    """

    def __init__(
        self, shapes: Shapes, lanes: int, side: int | None, device: str, dtype: torch.dtype = torch.float32
    ) -> None:
        self._shapes = shapes
        stored = {name: _padded(shape, side) if side else shape for name, shape in shapes.items()}
        self.real = {name: math.prod(shape) / math.prod(stored[name]) for name, shape in shapes.items()}
        """Name → how much of it is no padding."""
        self.parts = _parts(stored)
        """Name → its place in a row, with the padding that follows it."""
        self.values = torch.zeros(lanes, _row(stored), device=device, dtype=dtype)
        self.gradients = torch.zeros_like(self.values)
        self._stored, self._gradients = (self._views(rows, stored) for rows in (self.values, self.gradients))
        axis = _with_lane_axis if side else _lane_of_one
        self._gradient_leaves = [axis(view) for view in self._gradients.values()]
        self.named = {name: axis(view).detach().requires_grad_() for name, view in self._stored.items()}
        self.leaves = list(self.named.values())
        self._lent: list[Future[Any]] = []
        self.parameters = sum(math.prod(shape) for shape in shapes.values())

    def _views(self, rows: Tensor, stored: Shapes) -> dict[str, Tensor]:
        """Views (K, *shape) into rows (K, P)."""
        starts = {name: part.start for name, part in self.parts.items()}
        return {
            name: rows[:, starts[name] : starts[name] + math.prod(shape)].view(len(rows), *shape)
            for name, shape in stored.items()
        }

    def lend(self, reading: Future[Any]) -> None:
        """Let somebody read the weights, and the optimizer's state, for as long as losses and gradients take."""
        self._lent.append(reading)

    def take(self, gradients: tuple[Tensor, ...]) -> None:
        """Put the gradients of the leaves where the optimizer reads them, once nobody reads what it will change."""
        while self._lent:
            self._lent.pop().result()
        torch._foreach_copy_(self._gradient_leaves, gradients)

    def read(self, lane: int) -> dict[str, Tensor]:
        """A copy of one lane's weights, without padding."""
        return {name: view[_real(lane, self._shapes[name])].clone() for name, view in self._stored.items()}

    def fitted(self, row: Tensor) -> Tensor:
        """Numbers (P,) beside one lane's weights, as they stand here: those that an earlier version saved are padded to
        multiples of 8, whatever the model."""
        if row.dim() != 1 or row.shape == self.values.shape[1:]:
            return row
        saved = {name: _padded(shape, SIDE) for name, shape in self._shapes.items()}
        fitted = row.new_zeros(1, self.values.shape[1])
        there = self._views(fitted, {name: tuple(view.shape[1:]) for name, view in self._stored.items()})
        for name, part in _parts(saved).items():
            old = row[part][: math.prod(saved[name])].view(1, *saved[name])
            there[name][_real(0, self._shapes[name])] = old[_real(0, self._shapes[name])]
        return fitted[0]

    def write(self, lane: int, tensors: Mapping[str, Tensor]) -> None:
        """Set one lane's weights; the padding stays zero."""
        for name, view in self._stored.items():
            view[_real(lane, self._shapes[name])] = tensors[name].to(view.device)


def _padded(shape: tuple[int, ...], side: int) -> tuple[int, ...]:
    return tuple(up(size, side) for size in shape)


def _row(stored: Shapes) -> int:
    return sum(up(math.prod(shape), ROW) for shape in stored.values())


def _parts(stored: Shapes) -> dict[str, slice]:
    """Each starts at a multiple of 32 numbers."""
    parts, start = {}, 0
    for name, shape in stored.items():
        parts[name] = slice(start, start := start + up(math.prod(shape), ROW))
    return parts


def _real(lane: int, shape: tuple[int, ...]) -> tuple[int | slice, ...]:
    return (lane, *(slice(size) for size in shape))


def _with_lane_axis(view: Tensor) -> Tensor:
    return view.unsqueeze(1) if view.dim() == 2 else view


def _lane_of_one(view: Tensor) -> Tensor:
    return view[0]
