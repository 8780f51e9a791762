"""Plain modules as the function of a lane of one.  B batch, O outputs."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from unitscale.errors import Impossible
from worker.trainer.engine.scales import Probe

HELD = "held."


class PlainModule:
    """A module that computes with weights from outside.

    Where gradients are wanted it is in training mode, else not: dropout and batch normalization do as they should. What
    it holds besides the weights that learn (buffers, frozen parameters) may change in place while it trains, and is
    part of its checkpoints, as is the state of the generators that it draws from.
    """

    def __init__(self, layers: nn.Module, device: str, kept: torch.dtype) -> None:
        self._layers = layers
        frozen = {name: each.detach() for name, each in layers.named_parameters() if not each.requires_grad}
        held = {**frozen, **dict(layers.named_buffers())}
        saved = layers.state_dict(keep_vars=True).keys()
        self._held = {name: _placed(tensor, device, kept) for name, tensor in held.items()}
        self.state = {f"{HELD}{name}": tensor.unsqueeze(0) for name, tensor in self._held.items()}
        """Name → (1, …), with the lane axis that everything in a checkpoint has."""
        self._saved = saved
        self.draws = not all(tensor.is_meta for tensor in layers.parameters())
        """Whether it may draw numbers; models of the catalog never do."""
        self._own: Mapping[str, Tensor] | None = None

    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Take these in, to compute with them whenever they are given: to hand them over in each step took a tenth
        of a small convnet's. Not for a team's own module, which may put others in the place of what it holds."""
        names = dict(self._layers.named_parameters()), dict(self._layers.named_buffers())
        found = {id(tensor): name for each in names for name, tensor in each.items()}
        taken = {**weights, **self._held}
        for module in self._layers.modules():
            for tensors in (module._parameters, module._buffers):  # noqa: SLF001  tied ones stand there more than once
                tensors.update({n: taken[found[id(t)]] for n, t in tensors.items() if t is not None})  # type: ignore[misc]
        self._own = weights

    def outputs(self, weights: Mapping[str, Tensor], inputs: Tensor, _parts: float = 1) -> Tensor:
        """(1, B, …) → (1, B, O)"""
        if self._own is None or self._layers.training is not torch.is_grad_enabled():
            self._layers.train(torch.is_grad_enabled())
        return self._computed(weights, inputs)

    def finished(self) -> dict[str, Tensor]:
        """What belongs into the model's file beside its weights."""
        held = {name: tensor.clone() for name, tensor in self._held.items() if name in self._saved}
        return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in held.items()}

    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Hold what another job's model held, as its file or its checkpoint names it."""
        for name, tensor in self._held.items():
            there = tensors.get(f"{HELD}{name}", tensors.get(name))
            if there is not None:
                tensor.copy_(there)

    def looked_at(self, probe: Probe, weights: Mapping[str, Tensor], inputs: Tensor, _parts: float = 1) -> Tensor:
        """The same seen by a probe, and without a trace: nothing a team's own module holds changes, nothing is drawn,
        though gradients are wanted. Models of the catalog hold and draw nothing; a GPU's GRU has gradients only in
        training."""
        self._layers.train(self._own is not None)
        with probe.hooked(self._layers):
            return self._computed(weights, inputs)

    def _computed(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        if weights is self._own:
            return self._layers(inputs[0]).unsqueeze(0)  # type: ignore[no-any-return]
        found: Tensor = functional_call(self._layers, {**weights, **self._held}, (inputs[0],))
        if found.shape[:1] != inputs.shape[1:2]:  # a loss would be taken all the same: one row beside every target
            many = f"{list(found.shape)} for a batch of {inputs.shape[1]:,} examples"
            raise Impossible(f"The model puts out {many}; it must be one row each.")
        return found.unsqueeze(0)


class Unfilled(TorchFunctionMode):
    """Leaves the tensors of new layers as they are: on the meta device, to fill them with nothing takes longer than to
    make them."""

    def __torch_function__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", None) == nn.init.__name__:
            return kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def draw_from(seed: int, device: str) -> None:
    """Start the generators that modules draw from. (`torch.manual_seed` looks for every kind of device there is, and
    notes for each where it was called from: that took a tenth of a job's start.)"""
    torch.default_generator.manual_seed(seed)
    if device.startswith("cuda"):
        torch.cuda.manual_seed_all(seed)


def drawn(device: str) -> dict[str, Tensor]:
    """The state of the generators that modules draw from."""
    states = {"cpu": torch.get_rng_state()}
    return states | {"cuda": torch.cuda.get_rng_state(device)} if device.startswith("cuda") else states


def draw_on(states: Mapping[str, Any], device: str) -> None:
    """Go on drawing where a checkpoint stood."""
    torch.set_rng_state(states["cpu"])
    if "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)


def load(layers: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Set what a model's file holds; a weight that stands in several places is there once. Raises KeyError."""
    saved = layers.state_dict(keep_vars=True).keys()
    own = {**dict(layers.named_parameters()), **{n: b for n, b in layers.named_buffers() if n in saved}}
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(tensors[name])


def _placed(tensor: Tensor, device: str, kept: torch.dtype) -> Tensor:
    return tensor.detach().clone().to(device, kept if tensor.is_floating_point() else None)
