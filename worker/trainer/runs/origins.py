"""Origins: another job's weights, which a job starts from.  V vocabulary."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from unitscale.errors import Impossible
from worker.trainer.assembly.assemble import Assembly
from worker.trainer.data import vocabulary
from worker.trainer.engine import checkpoints
from worker.trainer.inference.sequences import VOCABULARY
from worker.trainer.runs import results
from worker.trainer.runs.run import Run

BY_TOKEN = ("embedding.weight", "readout.weight", "readout.bias")
"""Weights with a row for each token of the vocabulary, and maybe others behind them, where a model has them. The
readout of a model that points at tokens has fewer."""


def start(runs: Sequence[Run], assembly: Assembly) -> None:
    """Put the weights of their origins into the lanes that have one and no checkpoint yet; a run that goes on has them
    with its other state. Raises Impossible."""
    for run in runs:
        wanted = run.lane.spec.init_from
        if wanted is not None and run.lane.resume is None:
            if run.lane.origin is None or not Path(run.lane.origin).is_dir():
                raise Impossible(f"The weights of {wanted.job} that this job starts from are gone.")
            if wanted.optimizer == "reset":
                _inherit(run, Path(run.lane.origin), assembly)


def _inherit(run: Run, folder: Path, assembly: Assembly) -> None:
    own, there = assembly.learner.weights.read(run.place), load_file(folder / checkpoints.WEIGHTS)
    config = folder / results.CONFIG
    if config.exists():  # final weights, as plain layers have them; a checkpoint holds what the optimizer moves
        there = {name: weight / assembly.folds.get(name, 1.0) for name, weight in there.items()}
        there = _by_token(own, there, results.config_of(folder), assembly.config)
    if unlike := [name for name, weight in own.items() if name not in there or there[name].shape != weight.shape]:
        name = unlike[0]
        shapes = " and ".join(str(list(weights[name].shape)) if name in weights else "none" for weights in (there, own))
        raise Impossible(f"The origin's weights do not fit this data set: of {name}, shapes are {shapes}.")
    assembly.learner.weights.write(run.place, there)
    if assembly.module is not None:
        assembly.module.take(there if config.exists() else checkpoints.read(folder).optimizer)


def _by_token(
    own: Mapping[str, Tensor], there: dict[str, Tensor], origin: dict[str, Any], config: dict[str, Any]
) -> dict[str, Tensor]:
    """The origin's weights, the rows (V, …) of tokens put where this vocabulary has them; new ones keep their own."""
    before, now = _tokens(origin), _tokens(config)
    if before == now or not before or not now:
        return there
    places, moved = {token: place for place, token in enumerate(now)}, {}
    shared = [(places[token], place) for place, token in enumerate(before) if token in places]
    for name in (name for name in BY_TOKEN if name in own and len(own[name]) >= len(now)):
        others = [(len(now) + place, len(before) + place) for place in range(len(own[name]) - len(now))]
        to, of = torch.tensor(shared + others, dtype=torch.long).view(-1, 2).unbind(1)
        moved[name] = own[name].clone().index_copy_(0, to, there[name][of].to(own[name]))
    return {**there, **moved}


def _tokens(config: dict[str, Any]) -> list[str]:
    """What a model tells apart, in the order of its rows; nothing for one that reads no texts."""
    words = config.get(VOCABULARY) or config.get("tokenizer")
    return vocabulary.tokens_of(words) if words else list(config.get("alphabet", ""))
