"""Answers in contexts: learnt from uploads, pointed at, and given as the text that stands there."""

import json
import random
from pathlib import Path

import pytest
import torch

from unitscale.errors import Unsupported
from unitscale.models.datasets import Dataset, DatasetState
from unitscale.models.formats import Format
from unitscale.models.predictions import Sampling
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec, Model, TaskName
from unitscale.models.units import Alphas, Parametrization
from worker.pipe import Ask, Check, Lane
from worker.trainer.assembly.blueprint import shapes_of
from worker.trainer.checks.check import check
from worker.trainer.data import passages, uploaded, vocabulary
from worker.trainer.data.passages import NOWHERE
from worker.trainer.data.vocabulary import PAD
from worker.trainer.evaluation.squad import graded
from worker.trainer.inference.predict import answer
from worker.trainer.models.encoder import Encoder
from worker.trainer.units.plan import Plan
from worker.trainer.units.tables import Table

NAMES = ["Ana", "Bo", "Cem", "Dora", "Emil", "Fay", "Gus", "Hana", "Ivo", "Jana", "Kai", "Lea"]
TOWNS = ["Lima", "Quito", "Oslo", "Cairo", "Perth", "Kyoto", "Turin", "Accra", "Lagos", "Porto", "Sofia", "Delhi"]
SPEC = {
    "task": "question-answering",
    "model": {"width": 64, "depth": 2, "head_size": 16, "context": 48},
    "budget": {"steps": 700},
    "evaluation": {"every_steps": 350},
}
BRIEF = {**SPEC, "budget": {"steps": 12}, "evaluation": {"every_steps": 4}}


def stories(count: int) -> list[dict[str, str]]:
    """Who lives where, and a question about one of them."""
    draw = random.Random(0)  # noqa: S311  # no secret
    found = []
    for _ in range(count):
        names, towns = draw.sample(NAMES, 3), draw.sample(TOWNS, 3)
        context = " ".join(f"{name} lives in {town}." for name, town in zip(names, towns, strict=True))
        asked = draw.randrange(3)
        found.append({"question": f"Where does {names[asked]} live?", "context": context, "answer": towns[asked]})
    return found


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The folder of an upload, and what its check said."""

    def run(rows: list[dict]):
        folder = tmp_path_factory.mktemp("spans")
        (folder / "upload").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        task = TaskName.QUESTION_ANSWERING
        return folder, check(Check(dataset="ds_x", folder=str(folder), task=task, format=".jsonl"))

    return run


@pytest.fixture(scope="module")
def lives(told):
    return told(stories(2000))[0]


@pytest.fixture
def record_on(record_of, tmp_path):
    """A job on an upload."""
    count = iter(range(1000))

    def make(spec: dict, folder: Path):
        contents = uploaded.contents_of(folder)
        known = {"id": "ds_06g1m2c8kq7v3x9t4b5n", "state": DatasetState.READY, "task": spec["task"], "name": "n"}
        dataset = Dataset.model_validate(
            {**known, "bytes": 1, "sha256": "00", "contents": contents, "created_at": "2026-01-01T00:00:00Z"}
        )
        resolved = resolve(JobSpec.model_validate({**spec, "dataset": dataset.id}), "cpu", dataset)
        job = f"job{next(count)}"
        return record_of(
            Lane(job=job, attempt=1, spec=resolved, folder=str(tmp_path / f"{job}-1"), dataset=str(folder))
        )

    return make


def ask(record, *inputs, form="fp32"):
    return answer(Ask(ask="a", folder=str(Path(record.lane.folder) / "artifacts"), inputs=inputs, format=form))


def test_answers_are_found_in_contexts_that_were_never_seen(train, record_on, lives):
    [record] = train(record_on(SPEC, lives))
    result = record.ended.result
    others = stories(2050)[2000:]

    assert result.test_metrics["exact_match"] >= 0.9
    assert result.metrics["f1"] >= 0.9
    found = ask(record, *({"question": each["question"], "context": each["context"]} for each in others)).outputs
    assert sum(text == each["answer"] for text, each in zip(found, others, strict=True)) >= 0.9 * len(others)


@pytest.mark.parametrize("parametrization", ["sp", "u-mup"])
def test_a_lane_is_bitwise_its_run_alone(train, record_on, lives, parametrization):
    specs = [{**BRIEF, "units": {"parametrization": parametrization}, "seed": seed} for seed in (0, 1)]

    together = train(*(record_on(spec, lives) for spec in specs))

    for spec, lane in zip(specs, together, strict=True):
        assert lane.ended.result is not None, lane.ended.reason
        assert lane.curves == train(record_on(spec, lives))[0].curves
    assert together[0].curves != together[1].curves


def test_a_run_paused_and_resumed_is_bitwise_the_undisturbed_run(train, record_on, lives):
    [undisturbed] = train(record_on(BRIEF, lives))
    [stopped] = train(record_on(BRIEF, lives), wish=lambda message: "pause" if message.say == "started" else None)

    [resumed] = train(stopped.next_record())

    assert 0 < stopped.saved.step < 12
    assert resumed.curves == undisturbed.curves
    assert all(torch.equal(tensor, resumed.weights()[name]) for name, tensor in undisturbed.weights().items())


def test_a_run_in_small_parts_is_the_run_in_whole_batches(train, record_on, told):
    """Though some answers were cut off, and are no part of the mean."""
    folder, _ = told(stories(100))
    spec = {**BRIEF, "model": {**SPEC["model"], "context": 16}}

    whole, parts = (
        train(record_on({**spec, "units": {"batch_size": 32, "micro_batch_size": size}}, folder))[0] for size in (32, 5)
    )

    losses = [torch.tensor(record.points("train_loss")["value"].copy()) for record in (whole, parts)]
    torch.testing.assert_close(*losses, rtol=1e-4, atol=1e-5)


def test_answers_are_graded_at_every_evaluation(train, record_on, lives):
    [record] = train(record_on(BRIEF, lives))

    assert record.points("val_exact_match")["step"].tolist() == [4, 8, 12]
    assert set(record.ended.result.test_metrics) == {"exact_match", "f1"}


def test_what_was_answered_at_the_end_is_left_beside_what_may_be(train, record_on, told):
    [record] = train(record_on(BRIEF, told(stories(1000))[0]))

    rows = json.loads((Path(record.lane.folder) / "artifacts" / "answers.json").read_text())

    assert set(rows[0]) == {"question", "answers", "prediction"}
    assert len(rows) == 150
    worth = graded([row["prediction"] for row in rows], [row["answers"] for row in rows])
    assert worth == pytest.approx({name: record.ended.result.test_metrics[name] for name in worth})
    assert all("?" in row["question"] and row["prediction"] for row in rows)


def test_every_answer_stands_in_its_context(train, record_on, lives):
    [record] = train(record_on(BRIEF, lives))
    contexts = ["Bo.", " \n 北京 🦜 naïve <pad> ", "a " * 500, "Ana lives in Lima.", "\u00a0x"]

    outputs = ask(record, *({"question": "Where? " * 20, "context": context} for context in contexts)).outputs

    assert all(isinstance(text, str) and text in context for text, context in zip(outputs, contexts, strict=True))


def test_padding_changes_nothing():
    torch.manual_seed(0)
    model = Model(kind="encoder", width=16, depth=2, head_size=8, context=16)
    encoder = Encoder()
    kinds = encoder.kinds(model, shapes_of(encoder.layers(model, (16, 40), 2)))
    weights = {name: torch.randn(1, *kind.shape) for name, kind in kinds.items()}
    function = encoder.lanes(Plan(model, kinds, Table(Parametrization.SP), (Alphas(),), torch.ones(())))
    tokens = torch.randint(3, 40, (1, 2, 9))
    padded = torch.cat((tokens, torch.full((1, 2, 7), PAD)), 2)

    torch.testing.assert_close(function.outputs(weights, padded)[:, :, :9], function.outputs(weights, tokens))


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ("Where?", "/inputs/1"),
        (None, "/inputs/1"),
        ({"question": "Where?"}, "/inputs/1/context"),
        ({"question": "Where?", "context": " "}, "/inputs/1/context"),
        ({"question": 3, "context": "There."}, "/inputs/1/question"),
        ({"question": "Where?", "context": "a" * 100_001}, "/inputs/1/context"),
        ({"question": "\ud800", "context": "There."}, "/inputs/1/question"),
        ({"question": "Where?", "context": "There.", "answer": "There"}, "/inputs/1/answer"),
    ],
)
def test_what_is_no_question_with_a_context_is_named(train, record_on, lives, given, pointer):
    [record] = train(record_on({**BRIEF, "budget": {"steps": 1}}, lives))

    answered = ask(record, {"question": "Where?", "context": "There."}, given)

    assert [field for field, _ in answered.fields] == [pointer]
    assert answered.problem.startswith("Input 1")


def test_a_model_that_points_takes_no_sampling(train, record_on, lives):
    [record] = train(record_on({**BRIEF, "budget": {"steps": 1}}, lives))
    folder = str(Path(record.lane.folder) / "artifacts")
    inputs = ({"question": "Where?", "context": "There."},)

    answered = answer(Ask(ask="a", folder=folder, inputs=inputs, sampling=Sampling(beams=2)))

    assert [field for field, _ in answered.fields] == ["/sampling"]


@pytest.mark.parametrize(
    ("text", "found"),
    [("Alfred met Al.", "Al"), ("3,400 or 400?", "400"), ("naïve Bo.", "Bo"), ("in 東京都庁", "東京"), ("no", "yes")],
)
def test_an_answer_is_looked_for_as_words_of_its_own(text, found):
    words = vocabulary.trained([text], "characters", 0)
    [passage] = passages.passages([("?", text)], words, 64)
    span = passage.span(["nothing", found])

    assert span == (NOWHERE, NOWHERE) if found == "yes" else passage.text(span) == found
    assert found != "Al" or passage.places[span[0] - passage.first][0] == text.rindex("Al")


def test_the_kind_of_model_follows_from_the_data(record_on, lives, told):
    plain, _ = told([{"question": str(n), "answer": "a"} for n in range(20)])
    bare = {"task": "question-answering"}

    assert record_on(bare, lives).lane.spec.model.kind == "encoder"
    assert record_on(bare, lives).lane.spec.model.context == 256
    assert record_on(bare, plain).lane.spec.model.kind == "encoder-decoder"


@pytest.mark.parametrize(
    ("model", "with_context", "pointer", "why"),
    [
        ({"kind": "encoder-decoder"}, True, "/model/kind", "choose encoder,"),
        ({"kind": "encoder"}, False, "/model/kind", "choose encoder-decoder"),
        ({"context": 4}, True, "/model/context", "at least 8"),
    ],
)
def test_a_model_that_does_not_fit_the_data_is_refused(record_on, lives, told, model, with_context, pointer, why):
    plain, _ = told([{"question": str(n), "answer": "a"} for n in range(20)])

    with pytest.raises(Unsupported) as refused:
        record_on({**SPEC, "model": model}, lives if with_context else plain)

    assert [field for field, _ in refused.value.fields] == [pointer]
    assert why in refused.value.message


def test_padding_changes_no_format_that_is_served(train, record_on, lives):
    """What a served model finds in whole batches, of rows of all lengths, is what it found as it was trained."""
    formats = [form.value for form in Format]
    spec = {**SPEC, "budget": {"steps": 400}, "evaluation": {"every_steps": 400, "formats": formats}}
    [record] = train(record_on(spec, lives))
    result = record.ended.result

    found = {each.format: each.metrics["exact_match"] for each in result.deployment}
    assert list(found) == formats
    assert result.test_metrics["exact_match"] > 0.6
    assert list(found.values()) == pytest.approx([result.test_metrics["exact_match"]] * 4, abs=0.05)
    asked = {"question": "Where does Bo live?", "context": "Ana lives in Lima. Bo lives in Quito."}
    assert {ask(record, asked, form=form).outputs for form in formats} == {("Quito",)}


def test_a_model_goes_on_with_contexts_of_other_words(train, record_on, lives, told):
    [origin] = train(record_on(BRIEF, lives))
    others = [{**row, "context": f"{row['context']} Zoë writes {n} odes."} for n, row in enumerate(stories(100))]
    record = record_on(
        {**BRIEF, "init_from": {"job": "job_06g1m2c8kq7v3x9t4b5n"}, "budget": {"steps": 1}}, told(others)[0]
    )
    record.lane = record.lane.model_copy(update={"origin": str(Path(origin.lane.folder) / "artifacts")})

    [continued] = train(record)

    assert continued.ended.result is not None, continued.ended.reason
    sizes = [each.weights()["embedding.weight"].shape[0] for each in (origin, continued)]
    assert sizes[0] != sizes[1]
    apart = (origin.weights()["readout.weight"] - continued.weights()["readout.weight"]).abs().max()
    assert apart <= 2 * continued.lane.spec.units.learning_rate
