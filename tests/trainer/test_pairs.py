"""Pairs of texts: translations and answers, learnt from uploads, written again from what a model left."""

import json
import random
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from unitscale.models.datasets import Dataset, DatasetState
from unitscale.models.formats import Format
from unitscale.models.predictions import Sampling
from unitscale.models.resolution import resolve
from unitscale.models.specs import Data, InitFrom, JobSpec, Model, TaskName
from worker.pipe import Ask, Check, Lane
from worker.trainer.checks.check import check
from worker.trainer.data import pairs, rows, uploaded, vocabulary
from worker.trainer.data.vocabulary import END, PAD, START
from worker.trainer.deployment.writing import writing
from worker.trainer.engine.accumulation import Accumulation
from worker.trainer.evaluation.squad import graded
from worker.trainer.inference.beam_search import Responder
from worker.trainer.inference.predict import answer
from worker.trainer.layers.encoder_decoder import EncoderDecoder
from worker.trainer.tasks.translation import Translation

WORDS = {"one": "uno", "two": "dos", "three": "tres", "four": "四", "five": "五", "six": "seis", "seven": "siete"}
SMALL = {"width": 32, "depth": 1, "head_size": 16, "context": 16}
TRANSLATION = {
    "task": "translation",
    "model": SMALL,
    "units": {"batch_size": 64, "learning_rate": 0.005},
    "budget": {"steps": 250},
}


def counted(count: int) -> list[tuple[str, str]]:
    """Short lists of numbers in two languages."""
    draw = random.Random(0)  # noqa: S311  # no secret
    sources = [draw.choices(list(WORDS), k=draw.randint(1, 4)) for _ in range(count)]
    return [(" ".join(source), " ".join(WORDS[word] for word in source)) for source in sources]


@pytest.fixture(scope="session")
def upload(tmp_path_factory):
    """The folder of an upload, and what its check said."""

    def run(lines: list[str], task: str = "translation", ending: str = ".tsv"):
        folder = tmp_path_factory.mktemp("pairs")
        (folder / "upload").write_bytes("\n".join(lines).encode(errors="surrogatepass"))
        order = Check(dataset="ds_x", folder=str(folder), task=TaskName(task), format=ending)
        return folder, check(order)

    return run


@pytest.fixture(scope="session")
def numbers(upload):
    return upload(["\t".join(pair) for pair in counted(400)])


@pytest.fixture
def lane_on(tmp_path):
    """A lane that trains on an upload."""
    count = iter(range(1000))

    def make(spec: dict, folder: Path) -> Lane:
        contents = uploaded.contents_of(folder)
        known = {"id": "ds_06g1m2c8kq7v3x9t4b5n", "state": DatasetState.READY, "task": spec["task"], "name": "n"}
        dataset = Dataset.model_validate(
            {**known, "bytes": 1, "sha256": "00", "contents": contents, "created_at": "2026-01-01T00:00:00Z"}
        )
        resolved = resolve(JobSpec.model_validate({**spec, "dataset": dataset.id}), "cpu", dataset)
        job = f"job{next(count)}"
        return Lane(job=job, attempt=1, spec=resolved, folder=str(tmp_path / f"{job}-1"), dataset=str(folder))

    return make


@pytest.fixture
def learnt(train, record_of, lane_on, numbers):
    """A model that has learnt the numbers."""

    def run(**changes):
        return train(record_of(lane_on({**TRANSLATION, **changes}, numbers[0])))[0]

    return run


def ask(record, *inputs, **sampling):
    folder = str(Path(record.lane.folder) / "artifacts")
    return answer(Ask(ask="a", folder=folder, inputs=inputs, sampling=Sampling(**sampling) if sampling else None))


def test_scales_of_every_layer_are_measured_and_change_nothing(learnt, scales_of):
    """The embedding is asked for sources and for targets, and has the readout's weight."""
    brief = {"budget": {"steps": 6}}

    found = scales_of(learnt(**brief, diagnostics={"scales_every": 2}), learnt(**brief))

    blocks = ("encoder.0.attend.qkv", "decoder.0.ask.kv", "decoder.0.down")
    layers, kinds = (*blocks, "embedding", "embedding.2", "unembedding"), ("activation", "activation_gradient")
    assert {f"rms.{kind}.{layer}" for kind in kinds for layer in layers} <= found.keys()
    assert {f"rms.{kind}.{layer}" for kind in ("weight", "weight_gradient") for layer in blocks} <= found.keys()


@pytest.mark.parametrize("tokenizer", ["bpe", "characters"])
def test_numbers_are_translated(learnt, tokenizer):
    record = learnt(data={"tokenizer": tokenizer}, model={**SMALL, "context": 16 if tokenizer == "bpe" else 32})
    result = record.ended.result

    assert result.metrics["perplexity"] < 1.2
    assert result.metrics["bleu"] > 80
    assert result.test_metrics["chrf"] > 80
    assert ask(record, "seven one four").outputs == ("siete uno 四",)
    assert ask(record, "seven one four", beams=3).outputs == ("siete uno 四",)


def test_metrics_of_whole_texts_are_of_the_end_alone(learnt):
    record = learnt(budget={"steps": 4}, evaluation={"every_steps": 1})

    assert set(record.curves) == {"train_loss", "val_loss", "val_perplexity", "learning_rate"}
    assert set(record.ended.result.test_metrics) == {"perplexity", "bleu", "chrf"}


def test_a_trained_model_leaves_its_vocabulary_as_json(learnt):
    record = learnt(budget={"steps": 1})
    folder = Path(record.lane.folder) / "artifacts"

    assert {artifact.name for artifact in record.ended.artifacts} == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "translations.json",
    }
    assert "vocabulary" not in json.loads((folder / "config.json").read_text())
    assert json.loads((folder / "tokenizer.json").read_text())["model"]["type"] == "BPE"


def test_what_was_translated_at_the_end_is_left_beside_what_was_to_be(learnt):
    record = learnt()
    folder = Path(record.lane.folder) / "artifacts"

    rows = json.loads((folder / "translations.json").read_text())

    assert set(rows[0]) == {"source", "reference", "hypothesis"}
    assert all(row["reference"] == " ".join(WORDS[word] for word in row["source"].split()) for row in rows)
    graded = Translation().text_metrics(
        [row["hypothesis"] for row in rows], [(row["source"], [row["reference"]]) for row in rows]
    )
    assert graded == {name: record.ended.result.test_metrics[name] for name in graded}
    assert ask(record, *(row["source"] for row in rows)).outputs == tuple(row["hypothesis"] for row in rows)


@pytest.mark.parametrize("tokenizer", ["bpe", "characters"])
def test_the_documented_snippet_translates_the_same(learnt, documented, tokenizer):
    record = learnt(data={"tokenizer": tokenizer}, model={**SMALL, "depth": 2, "context": 20}, budget={"steps": 30})
    sources = ["seven one four", "<end> one", "two " * 30]

    found = documented(Path(record.lane.folder) / "artifacts", "written", sources, of_each=True)

    assert tuple(found) == ask(record, *sources).outputs


def test_a_run_in_small_parts_is_the_run_in_whole_batches(learnt):
    """Parts have more or fewer real tokens; their losses make the mean over all of them."""
    spec = {"budget": {"steps": 12}, "evaluation": {"every_steps": 3}}
    units = TRANSLATION["units"]

    whole, parts = learnt(**spec), learnt(**spec, units={**units, "micro_batch_size": 5})

    losses = [torch.tensor(record.points("train_loss")["value"].copy()) for record in (whole, parts)]
    torch.testing.assert_close(*losses, rtol=1e-4, atol=1e-5)
    assert whole.ended.result.val_loss == pytest.approx(parts.ended.result.val_loss, rel=1e-3)


def test_a_run_paused_and_resumed_is_bitwise_the_undisturbed_run(train, learnt, record_of, lane_on, numbers):
    spec = {"budget": {"steps": 40}, "evaluation": {"every_steps": 15}}
    undisturbed = learnt(**spec)

    record = record_of(lane_on({**TRANSLATION, **spec}, numbers[0]))
    stopped = train(record, wish=lambda message: "pause" if message.say == "started" else None)[0]
    resumed = train(stopped.next_record())[0]

    assert stopped.saved.step < 40
    assert resumed.curves == undisturbed.curves
    assert all(torch.equal(tensor, resumed.weights()[name]) for name, tensor in undisturbed.weights().items())


def test_a_job_on_other_pairs_starts_with_the_tokens_it_shares(train, learnt, record_of, lane_on, upload):
    origin = Path(learnt().lane.folder) / "artifacts"
    other, _ = upload(["\t".join(pair) for pair in [*counted(300), *((f"new word {n}", "x") for n in range(5))]])
    still = {**TRANSLATION, "units": {"learning_rate": 1e-12}, "budget": {"steps": 1}}
    fresh, lane = train(record_of(lane_on(still, other)))[0], lane_on(still, other)
    started = lane.spec.model_copy(update={"init_from": InitFrom(job="job_01k00000000000000000")})

    [branched] = train(record_of(lane.model_copy(update={"spec": started, "origin": str(origin)})))

    assert branched.ended.result.metrics["perplexity"] < fresh.ended.result.metrics["perplexity"] / 20


@pytest.fixture
def layers() -> EncoderDecoder:
    torch.manual_seed(0)
    return EncoderDecoder(vocabulary=40, width=16, depth=2, head_size=8, longest=10)


def a_batch(lengths, longest=10):
    inputs = torch.full((len(lengths), 2 * longest), PAD)
    for row, (source, target) in enumerate(lengths):
        inputs[row, :source] = torch.randint(3, 40, (source,))
        inputs[row, longest : longest + target] = torch.tensor([START, *torch.randint(3, 40, (target - 1,)).tolist()])
    return inputs


def test_padding_and_neighbours_change_nothing(layers):
    inputs = a_batch([(4, 3), (9, 10), (1, 1)])

    together = layers(inputs).split([3, 10, 1])

    for row, logits in enumerate(together):
        torch.testing.assert_close(layers(inputs[row : row + 1]), logits, rtol=1e-4, atol=1e-5)


def test_what_is_written_is_the_likeliest_token_each_time(layers):
    """Step by step, with keys and values kept, the same as reading the whole text each time."""
    source = a_batch([(4, 1)])[:, :10]

    (written,) = Responder(layers).continued(source, Sampling())

    read, expected = [START], []
    for _ in range(10):
        inputs = torch.cat((source, torch.tensor([[*read, *[PAD] * (10 - len(read))]])), 1)
        logits = layers(inputs)[-1].index_fill(0, torch.tensor([PAD, START]), float("-inf"))
        expected.append(int(logits.argmax()))
        read.append(expected[-1])
    assert written == (expected[: expected.index(END)] if END in expected else expected)


def likelihood(layers, source, tokens) -> float:
    """Mean log-probability of a text and its end."""
    whole = [*tokens, END][:10]
    inputs = torch.cat((source, torch.tensor([[START, *whole[:-1], *[PAD] * (10 - len(whole))]])), 1)
    logits = layers(inputs).index_fill(1, torch.tensor([PAD, START]), float("-inf"))
    return -functional.cross_entropy(logits, torch.tensor(whole)).item()


def test_beams_find_what_is_likelier_than_the_likeliest_token_each_time(layers):
    layers.embedding.weight.data *= 0.1  # so that many things are nearly as likely
    sources = a_batch([(length, 1) for length in range(1, 10)])[:, :10]
    responder = Responder(layers)

    greedy, beams = (responder.continued(sources, Sampling(beams=count)) for count in (1, 8))

    chances = [
        [likelihood(layers, source[None], tokens) for source, tokens in zip(sources, written, strict=True)]
        for written in (greedy, beams)
    ]
    assert sum(chances[1]) > sum(chances[0])
    alone = [responder.continued(source[None], Sampling(beams=8))[0] for source in sources]
    assert alone == beams


def test_drawn_answers_follow_from_the_seed(learnt):
    record = learnt(budget={"steps": 5})

    one, same, other = (ask(record, "one", "two", temperature=2.0, seed=seed).outputs for seed in (1, 1, 2))

    assert one == same != other


@pytest.mark.parametrize("wrong", [3, None, ["one"], "one \ud800", "a" * 20_001])
def test_what_is_no_text_is_named(learnt, wrong):
    answered = ask(learnt(budget={"steps": 1}), "one", wrong)

    assert [pointer for pointer, _ in answered.fields] == ["/inputs/1"]


def test_any_text_can_be_asked(learnt):
    outputs = ask(learnt(budget={"steps": 1}), "", "<pad><start><end>", "🦜 naïve \n\t 中文" * 30).outputs

    assert all(isinstance(output, str) for output in outputs)


TEXTS = ["one  two\n", "naïve 🦜", "太初有道", "<pad> <end>", "", " "]


@pytest.mark.parametrize("kind", ["bpe", "characters"])
def test_texts_come_back_from_their_tokens(kind):
    words = vocabulary.trained(TEXTS, kind, 400)
    tokens = list(vocabulary.encoded(words, TEXTS))

    assert vocabulary.decoded(words, tokens) == TEXTS
    assert min(token for row in tokens for token in row) > END
    assert max(token for row in tokens for token in row) < vocabulary.size_of(words)


def test_the_same_texts_make_the_same_vocabulary():
    texts = [text for pair in counted(500) for text in pair]

    assert len({vocabulary.trained(texts, "bpe", 350) for _ in range(5)}) == 1


def test_a_vocabulary_is_made_from_the_training_split_alone(numbers):
    tensors, contents = uploaded.load(numbers[0]), numbers[1].contents
    spec = JobSpec(task=TaskName.TRANSLATION, model=Model(context=16), data=Data(vocabulary=350))
    count = contents.splits.training
    texts = [text for row in rows.unpacked(tensors, 0, count) for text in row]

    words = pairs.words_of(pairs.tokenized(tensors, spec, count))

    assert words == vocabulary.trained(texts, "bpe", 350)
    assert words != vocabulary.trained(texts[:40], "bpe", 350)


def test_what_is_too_long_is_cut_and_has_no_end(upload):
    folder, _ = upload([f"{'a b ' * 20}{number}\t{'c d ' * 20}{number}" for number in range(20)])
    spec = JobSpec(task=TaskName.TRANSLATION, model=Model(context=8))

    ready = pairs.tokenized(uploaded.load(folder), spec, 20)

    assert ready["inputs"].shape == (20, 16)
    assert (ready["inputs"][:, 7] == END).all()
    assert (ready["targets"] >= 3).all()


def test_exams_share_no_source_with_training():
    draws = [(f"s{number % 50}" if number % 3 else f"t{number}", str(number)) for number in range(300)]

    final = pairs.ordered(draws, 1, 40)

    assert sorted(final) == sorted(draws)
    assert not {source for source, _ in final[-40:]} & {source for source, _ in final[:-40]}
    assert final == pairs.ordered(reversed(draws), 1, 40) != pairs.ordered(draws, 2, 40)


def test_a_mean_over_terms_is_found_in_parts():
    torch.manual_seed(0)
    task, weight = Translation(), torch.randn(6, 7, requires_grad=True)
    inputs, targets = torch.randn(1, 8, 5, 6), torch.randint(-1, 7, (1, 8, 5))

    def losses(batch, _parts=1):
        return task.losses(batch[0] @ weight, batch[1], 7)

    whole = losses((inputs, targets))
    total, (gradient,) = Accumulation(losses, 3, terms=task.terms)((inputs, targets), [weight], torch.ones(1))

    torch.testing.assert_close(total, whole.detach())
    torch.testing.assert_close(gradient, torch.autograd.grad(whole, weight, torch.ones(1))[0])


def test_questions_are_learnt_by_heart_and_graded_by_any_answer(train, record_of, lane_on, upload):
    lines = [
        json.dumps({"question": f"{source}?", "answer": target, "answers": [target.upper(), "x"]})
        for source, target in counted(200)
    ]
    folder, found = upload(lines, "question-answering", ".jsonl")
    record = train(record_of(lane_on({**TRANSLATION, "task": "question-answering"}, folder)))[0]

    assert found.contents.with_context is False
    assert record.ended.result.metrics["exact_match"] > 0.7
    assert record.ended.result.test_metrics["f1"] > 0.7
    assert ask(record, "two five?").outputs == ("dos 五",)
    rows = json.loads((Path(record.lane.folder) / "artifacts" / "answers.json").read_text())
    assert set(rows[0]) == {"question", "answers", "prediction"}
    worth = graded([row["prediction"] for row in rows], [row["answers"] for row in rows])
    assert worth == {name: record.ended.result.test_metrics[name] for name in worth}


def test_a_model_that_writes_is_worth_nearly_as_much_in_few_bits(train, record_of, lane_on, numbers):
    asked = {"evaluation": {"formats": list(Format)}}
    record = train(record_of(lane_on(TRANSLATION | asked, numbers[0])))[0]
    folder = str(Path(record.lane.folder) / "artifacts")

    fp32, *small = record.ended.result.deployment

    assert fp32.metrics == pytest.approx(record.ended.result.metrics, rel=1e-3)
    for form in small:
        assert form.metrics == pytest.approx(fp32.metrics, rel=0.1)
        answered = answer(Ask(ask="a", folder=folder, inputs=("two five",), format=form.format))
        assert answered.outputs == ("dos 五",)


def test_a_model_that_writes_says_how_fast_it_does(train, record_of, lane_on, numbers):
    brief = {"evaluation": {"formats": list(Format)}, "budget": {"steps": 2}}
    record = train(record_of(lane_on(TRANSLATION | brief, numbers[0])))[0]

    for form in record.ended.result.deployment:
        assert form.examples_per_second > 0
        assert form.first_token_ms > 0
        assert form.decode_tokens_per_second > 0


def test_what_is_timed_is_what_is_written(layers):
    source = a_batch([(9, 1)])[:, :10]
    timed = writing(layers, source)

    said = timed.first()
    tokens = [said[0].item()]
    for _ in range(6):
        said = timed.further(*said)
        tokens.append(said[0].item())

    read = torch.cat((timed.source, torch.full((1, 10 - 5), PAD), torch.tensor([[START, *tokens[:6], *[PAD] * 3]])), 1)
    assert layers(read).argmax(1).tolist() == tokens


@pytest.mark.parametrize(
    ("written", "answers", "exact_match", "f1"),
    [
        ("The Beatles.", ["beatles"], 1, 1),
        ("the cat sat", ["a cat", "dog"], 0, 2 / 3),
        ("", ["x"], 0, 0),
        ("北京市", ["北京"], 0, 0.8),
        ("", ["the"], 1, 1),
    ],
)
def test_answers_are_graded_as_squad_does(written, answers, exact_match, f1):
    assert graded([written], [answers]) == pytest.approx({"exact_match": exact_match, "f1": f1})


def test_chinese_is_graded_by_characters():
    graded = Translation().text_metrics(["删除所有迷你图"], [("Delete all sparklines", ["删除所有的迷你图"])])

    assert graded["bleu"] > 40
