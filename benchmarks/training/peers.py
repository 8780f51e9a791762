"""Other people's trainers at one work, in turns: python -m benchmarks.training.peers TRAINER WORK

They are no part of the environment that `make` builds: `pip install -r benchmarks/requirements.txt` brings them.
"""

import importlib.util
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.training.plain import Shuffled, loader, loss_of, model
from benchmarks.training.turns import Turns
from benchmarks.training.works import LONG, WORKS

PACKAGES = {"transformers": ("transformers", "accelerate"), "lightning": ("lightning",)}
NAMES = {"transformers": "HF Trainer", "lightning": "Lightning"}


def installed(trainer: str) -> bool:
    """Whether it can be measured here."""
    return all(importlib.util.find_spec(package) for package in PACKAGES[trainer])


def transformers(name: str) -> None:
    """HF Trainer, which logs at every step."""
    from transformers import Trainer, TrainerCallback, TrainingArguments  # noqa: PLC0415  either may be absent

    work, losses = WORKS[name], list[float]()
    spec, turns = work.resolved, Turns(work.steps, lambda _steps: losses)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model(spec)

        def forward(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
            outputs = self.inner(inputs)
            return {"loss": loss_of(spec, outputs, labels), "logits": outputs}

    class Told(TrainerCallback):
        def on_step_begin(self, *_args: Any, **_more: Any) -> None:
            turns.begin_step()

        def on_log(self, *_args: Any, logs: dict[str, float], **_more: Any) -> None:
            losses.append(logs.get("loss", float("nan")))

    class Ordered(Trainer):
        def _get_train_sampler(self, *_args: Any) -> Shuffled:
            return Shuffled(len(data), spec.seed)

    data = [{"inputs": inputs, "labels": targets} for inputs, targets in loader(spec).dataset]  # type: ignore[union-attr]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            max_steps=LONG,
            per_device_train_batch_size=int(spec.units.batch_size),
            learning_rate=float(spec.units.learning_rate),
            lr_scheduler_type="constant",
            max_grad_norm=0,
            optim="adamw_torch",
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            bf16=work.precision == "bf16-mixed",
        )
        Ordered(model=Network(), args=arguments, train_dataset=data, callbacks=[Told()]).train()  # type: ignore[arg-type]


def lightning(name: str) -> None:
    """Lightning, which logs at every step."""
    from lightning.pytorch import LightningModule, Trainer  # noqa: PLC0415  either may be absent
    from lightning.pytorch.loggers import CSVLogger  # noqa: PLC0415

    work, losses = WORKS[name], list[float]()
    spec, turns = work.resolved, Turns(work.steps, lambda _steps: losses)

    class Network(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model(spec)

        def training_step(self, batch: tuple[Tensor, Tensor], _number: int) -> Tensor:
            inputs, targets = batch
            loss = loss_of(spec, self.inner(inputs), targets)
            self.log("train_loss", loss)
            losses.append(loss.item())
            return loss

        def on_train_batch_start(self, _batch: Any, _number: int) -> None:
            turns.begin_step()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), lr=float(spec.units.learning_rate), weight_decay=0)

    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            accelerator="cpu",
            max_steps=LONG,
            log_every_n_steps=1,
            logger=CSVLogger(Path(folder)),
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            precision="bf16-mixed" if work.precision == "bf16-mixed" else "32-true",
        )
        trainer.fit(Network(), loader(spec))


TRAINERS = {"transformers": transformers, "lightning": lightning}

if __name__ == "__main__":
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    TRAINERS[sys.argv[1]](sys.argv[2])
