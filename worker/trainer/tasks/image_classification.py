"""Image classification: one of O classes from pixels.  K lanes, B batch, N images of H × W pixels, C channels."""

import base64
import io
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from unitscale.errors import WrongInput
from worker.trainer.assembly.prepared_data import PreparedData, standard
from worker.trainer.data.examples import Examples, Splits

PNG_WHITE = 255
PNG_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
"""How Pillow calls pixels of so many channels."""
EIGHT_BITS = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
"""What Pillow calls pixels of at most 8 bits a channel. What has more it would cut off at white."""


class ImageClassification:
    """Cross entropy on pixels of zero mean and unit variance."""

    def prepare(self, splits: Splits, facts: dict[str, Any]) -> PreparedData:
        images, standardized = _channels_first(splits.training.inputs), facts["standardized"]
        classes = int(max(split.targets.max() for split in splits)) + 1
        pixels = images.double()
        config = {
            "inputs": list(images.shape[1:]),
            "outputs": classes,
            "classes": list(facts.get("classes", range(classes))),
            "white": facts.get("white") or images.max().item(),
            "input_mean": [pixels.mean().item() if standardized else 0.0],
            "input_deviation": [(pixels.std(correction=0).item() or 1.0) if standardized else 1.0],
        }
        ready = (
            Examples(standard(_channels_first(split.inputs).float(), config, "input"), split.targets)
            for split in splits
        )
        return PreparedData(Splits(*ready), config)

    def losses(self, outputs: Tensor, targets: Tensor, width: int) -> Tensor:
        """Mean cross entropy of each lane.  (K, B, O), (K, B) → (K,), of which the first `width` outputs are real."""
        logits, labels = outputs[..., :width].reshape(-1, width), targets.reshape(-1)
        return functional.cross_entropy(logits, labels, reduction="none").view(targets.shape).mean(1)

    def reduce_outputs(self, outputs: Tensor, _targets: Tensor, _width: int) -> Tensor:
        return outputs

    def evaluation_losses(self, kept: Tensor, targets: Tensor, width: int) -> Tensor:
        return self.losses(kept, targets, width)

    def metrics(self, outputs: Tensor, targets: Tensor, _config: dict[str, Any]) -> dict[str, float]:
        return {"accuracy": (outputs.argmax(1) == targets).double().mean().item()}

    def artifacts(self, outputs: Tensor, targets: Tensor, config: dict[str, Any]) -> dict[str, Any]:
        """The confusion matrix on the test split: a row a true class, a column an answer."""
        classes = config["outputs"]
        pairs = torch.bincount(targets * classes + outputs.argmax(1), minlength=classes * classes)
        return {"confusion.json": {"classes": config["classes"], "matrix": pairs.view(classes, classes).tolist()}}

    def parse_inputs(self, inputs: tuple[Any, ...], config: dict[str, Any]) -> Tensor:
        """Images (N, C, H, W), standardized.

        Raises WrongInput, naming every input that is no image of the right size.
        """
        images = [_image(given, config["inputs"], config["white"]) for given in inputs]
        channels, height, width = config["inputs"]
        several = f" of {channels} channels" if channels > 1 else ""
        ways = "nested lists of numbers, or base64 PNG of 8 bits a channel"
        wrong = f"must be an image of {height} × {width} pixels{several}: {ways}"
        fields = tuple((f"/inputs/{place}", wrong) for place, image in enumerate(images) if image is None)
        if fields:
            raise WrongInput(f"Input {fields[0][0].rsplit('/', 1)[1]} {wrong}.", fields)
        return standard(torch.stack([image for image in images if image is not None]), config, "input")

    def format_outputs(self, outputs: Tensor, config: dict[str, Any]) -> list[dict[str, Any]]:
        classes = config["classes"]
        return [
            {
                "label": classes[int(row.argmax())],
                "probabilities": dict(zip(map(str, classes), row.tolist(), strict=True)),
            }
            for row in outputs.double().softmax(1)
        ]


def _channels_first(images: Tensor) -> Tensor:
    """(N, H, W) or (N, H, W, C)  →  (N, C, H, W)"""
    return images.unsqueeze(1) if images.dim() == 3 else images.permute(0, 3, 1, 2)


def _image(given: Any, shape: list[int], white: float) -> Tensor | None:
    """Pixels (C, H, W) in the range of the data set; None for what is no such image. One channel needs no axis."""
    try:
        pixels = _png(given, *shape) * white if isinstance(given, str) else torch.tensor(given).float()
        pixels = pixels.unsqueeze(2) if pixels.dim() == 2 else pixels
        pixels = pixels.permute(2, 0, 1)
    except Exception:  # whatever a decoder makes of foreign bytes, they are no image
        return None
    return pixels if list(pixels.shape) == shape and pixels.isfinite().all() else None


def _png(given: str, channels: int, height: int, width: int) -> Tensor:
    """Pixels (H, W, C) from 0 (black) to 1 (white) of a base64 PNG. Only one of the right size is decoded."""
    from PIL import Image  # noqa: PLC0415  most trainers never see a PNG

    with Image.open(io.BytesIO(base64.b64decode(given, validate=True)), formats=["PNG"]) as image:
        if image.size != (width, height) or image.mode not in EIGHT_BITS:
            raise ValueError(f"The image has {image.size} pixels of kind {image.mode}.")
        data = bytearray(image.convert(PNG_MODES[channels]).tobytes())
    return torch.frombuffer(data, dtype=torch.uint8).view(height, width, channels) / PNG_WHITE
