"""Masked language modelling: what stands behind a mask, from both sides."""

from pathlib import Path

import pytest
import torch

from worker.pipe import Ask
from worker.trainer.data.examples import Examples
from worker.trainer.inference.predict import answer
from worker.trainer.tasks.masked_language_modeling import NOT_ASKED, MaskedLanguageModeling

TASK = MaskedLanguageModeling()
MASKED = {
    "task": "masked-language-modeling",
    "dataset": "grammar",
    "model": {"width": 32, "depth": 1, "context": 32},
    "budget": {"steps": 50},
    "evaluation": {"every_steps": 20},
}


@pytest.fixture(scope="module")
def corrupted() -> tuple[torch.Tensor, Examples]:
    tokens = torch.randint(40, (2000, 40), generator=torch.Generator().manual_seed(1))
    return tokens, TASK.corrupted(Examples(tokens, tokens), torch.Generator().manual_seed(2), {"outputs": 41})


def test_as_many_tokens_are_asked_for_in_every_window(corrupted):
    tokens, (_, targets) = corrupted
    asked = targets != NOT_ASKED

    assert asked.sum(1).unique().tolist() == [6]
    assert torch.equal(targets[asked], tokens[asked])


def test_of_those_four_fifths_are_masked_and_a_tenth_is_another(corrupted):
    tokens, (inputs, targets) = corrupted
    asked = targets != NOT_ASKED
    masked, kept = inputs[asked] == 40, inputs[asked] == tokens[asked]

    assert masked.float().mean().item() == pytest.approx(0.8, abs=0.02)
    assert kept.float().mean().item() == pytest.approx(0.1 + 0.1 / 40, abs=0.02)
    assert torch.equal(inputs[~asked], tokens[~asked])


def test_an_untrained_guess_costs_the_logarithm_of_the_vocabulary(corrupted):
    _, (_, targets) = corrupted
    losses = TASK.losses(torch.zeros(2, *targets.shape, 48), targets.expand(2, -1, -1), 41)

    assert losses.tolist() == pytest.approx([torch.tensor(41.0).log().item()] * 2)


@pytest.mark.parametrize("parametrization", ["sp", "u-mup"])
def test_lanes_have_masks_of_their_own_seeds(train, parametrization):
    specs = [{**MASKED, "units": {"parametrization": parametrization}, "seed": seed} for seed in (0, 1)]

    together = train(*specs)

    for spec, lane in zip(specs, together, strict=True):
        assert lane.ended.result is not None, lane.ended.reason
        assert lane.curves == train(spec)[0].curves
    assert together[0].curves != together[1].curves


def test_a_resumed_run_masks_what_the_undisturbed_one_does(train):
    spec = {**MASKED, "units": {"micro_batch_size": 12}}
    [undisturbed] = train(spec)
    [stopped] = train(spec, wish=lambda message: "pause" if message.say == "points" else None)

    [resumed] = train(stopped.next_record())

    assert 0 < stopped.saved.step < 50
    assert resumed.curves == undisturbed.curves


def test_a_trained_encoder_fills_masks_from_both_sides(train):
    [record] = train({**MASKED, "budget": {"steps": 400}, "evaluation": {"every_steps": 400}})
    ask = Ask(ask="a", folder=str(Path(record.lane.folder) / "artifacts"), inputs=("the model repea[MASK]s .",))

    assert record.ended.result.metrics["accuracy"] > 0.5
    assert answer(ask).outputs == ("the model repeats .",)


@pytest.mark.parametrize(
    ("given", "why"),
    [(3, "must be a text"), ("the cat", "[MASK]"), ("[MASK]§", "'§'"), ("a" * 32 + "[MASK]", "33 characters")],
)
def test_what_cannot_be_filled_is_named(train, given, why):
    [record] = train({**MASKED, "budget": {"steps": 1}})
    answered = answer(Ask(ask="a", folder=str(Path(record.lane.folder) / "artifacts"), inputs=("[MASK]he", given)))

    assert answered.fields[0][0] == "/inputs/1"
    assert why in answered.problem


def test_pieces_are_masked_and_found_like_characters(train):
    spec = {**MASKED, "data": {"tokenizer": "bpe", "vocabulary": 400}, "budget": {"steps": 300}}
    [record] = train({**spec, "evaluation": {"every_steps": 300}})
    folder = Path(record.lane.folder) / "artifacts"
    ask = Ask(ask="a", folder=str(folder), inputs=("the model[MASK] .", "§[MASK] 太[MASK]"))
    filled, unseen = answer(ask).outputs

    assert "tokenizer.json" in {artifact.name for artifact in record.ended.artifacts}
    assert record.ended.result.metrics["accuracy"] > 0.3
    assert filled.startswith("the model ")
    assert filled.endswith(" .")
    assert unseen.startswith("§")
    assert "[MASK]" not in filled + unseen


def test_a_text_of_too_many_pieces_is_named(train):
    [record] = train({**MASKED, "data": {"tokenizer": "bpe", "vocabulary": 400}, "budget": {"steps": 1}})
    answered = answer(Ask(ask="a", folder=str(Path(record.lane.folder) / "artifacts"), inputs=("[MASK]" * 40,)))

    assert answered.fields == (("/inputs/0", "has 40 tokens; the model sees 32 at once"),)
