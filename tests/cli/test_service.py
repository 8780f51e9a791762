"""The command line against the service itself."""

import asyncio
import json
import wave
import zipfile

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from unitscale.cli.connection import Given, locate
from unitscale.cli.exits import ExitCode
from unitscale.client import AsyncClient
from unitscale.errors import IllegalTransition, Unauthorized

SHORT = ("-o", "task=regression", "-o", "budget.epochs=20")
LONG = ("-o", "task=image-classification", "-o", "budget.epochs=100000")


@pytest.fixture
def client(data_dir):
    with locate(Given(data_dir=data_dir), {}).client() as client:
        yield client


@pytest.fixture
def job_id(unitscale):
    """A job that has succeeded."""
    return json.loads(unitscale("submit", *SHORT, "--wait", "--json").stdout)["id"]


def test_a_job_submitted_and_waited_for_prints_its_result(unitscale):
    said = unitscale("submit", *SHORT, "-o", "name=first", "--wait", "--json")

    assert said.exit_code == ExitCode.OK
    assert json.loads(said.stdout)["state"] == "succeeded"
    assert "succeeded" in said.stderr


def test_without_waiting_only_the_id_is_on_stdout(unitscale, client):
    said = unitscale("submit", *SHORT)

    assert client.job(said.stdout.strip()).spec.budget.epochs == 20
    assert f"unitscale watch {said.stdout.strip()}" in said.stderr


def test_a_dry_run_prints_a_spec_that_can_be_submitted(unitscale):
    spec = unitscale("submit", *SHORT, "--dry-run").stdout

    assert unitscale("submit", "-", "--dry-run", stdin=spec).stdout == spec


def test_a_cancelled_job_has_its_own_exit_code(unitscale):
    job = unitscale("submit", *LONG).stdout.strip()
    unitscale("cancel", job)

    said = unitscale("watch", job)

    assert said.exit_code == ExitCode.ENDED_BADLY
    assert "cancelled" in said.stdout


def test_a_job_that_was_set_aside_can_be_called_off(unitscale):
    job = unitscale("submit", *LONG).stdout.strip()

    said = [unitscale(verb, job).exit_code for verb in ("pause", "cancel")]

    assert said == [ExitCode.OK, ExitCode.OK]


def test_a_trained_model_answers_one_line_an_input(unitscale, job_id):
    said = unitscale("predict", job_id, stdin="[[0.5], [1.5]]")

    assert len(said.stdout.splitlines()) == 2


def test_a_sentence_is_typed_as_it_is(unitscale):
    sizes = ("-o", "model.width=16", "-o", "model.depth=1", "-o", "model.context=16", "-o", "budget.steps=5")
    asked = ("-o", "task=text-generation", "-o", "dataset=grammar", *sizes, "--wait", "--json")
    job_id = json.loads(unitscale("submit", *asked).stdout)["id"]

    typed, listed = (
        unitscale("predict", job_id, words, "--temperature", "0", "--max-tokens", "8")
        for words in ("every dog" * 99, json.dumps(["every dog" * 99]))
    )

    assert typed.exit_code == ExitCode.OK, typed.stderr
    assert typed.stdout == listed.stdout


def test_a_model_is_served_in_the_formats_that_were_asked_for(unitscale, tmp_path):
    asked = ("-o", "task=regression", "-o", "budget.steps=5", "-o", "evaluation.formats=[fp32, int8]", "--wait")
    job_id = json.loads(unitscale("submit", *asked, "--json").stdout)["id"]

    shown, served, refused = (
        unitscale("show", job_id),
        unitscale("predict", job_id, "[[0.5]]", "--format", "int8"),
        unitscale("predict", job_id, "[[0.5]]", "--format", "bf16"),
    )

    assert "int8" in shown.stdout
    assert "examples/s" in shown.stdout
    assert len(served.stdout.splitlines()) == 1
    assert refused.exit_code == ExitCode.REFUSED
    assert "fp32, int8" in refused.stderr
    saved = unitscale("artifacts", job_id, "--save", str(tmp_path)).stdout.splitlines()
    assert str(tmp_path / "model-int8.safetensors") in saved
    assert load_file(tmp_path / "model-int8.safetensors")["0.weight"].dtype is torch.int8


@pytest.mark.parametrize(
    "option",
    [("--max-tokens", "5"), ("--beams", "2"), ("--temperature", "0"), ("--top-k", "3"), ("--seed", "1")],
    ids=lambda o: o[0],
)
def test_what_text_models_are_told_is_passed_on(unitscale, job_id, option):
    said = unitscale("predict", job_id, "[[0.5]]", *option)

    assert said.exit_code == ExitCode.REFUSED
    assert "/sampling" in said.stderr


def test_a_file_is_an_input(unitscale, tmp_path):
    short = ("-o", "task=image-classification", "-o", "budget.steps=3")
    job = json.loads(unitscale("submit", *short, "--wait", "--json").stdout)["id"]
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    files = ("--file", str(tmp_path / "black.png")) * 2

    said = unitscale("predict", job, *files)

    assert said.exit_code == ExitCode.OK
    assert len(said.stdout.splitlines()) == 2


def test_a_recording_is_an_input(unitscale, client, tmp_path):
    file = tmp_path / "a.wav"
    with wave.open(str(file), "wb") as opened:
        opened.setparams((1, 2, 8000, 0, "NONE", ""))
        opened.writeframes(bytes(range(250)) * 32)
    with zipfile.ZipFile(tmp_path / "said.zip", "w") as packed:
        packed.writestr(
            "manifest.csv", "file,text\n" + "".join(f"{n}.wav,{'a' * (n % 4 + 1)}{'b' * (n // 4)}\n" for n in range(12))
        )
        for n in range(12):
            packed.write(file, f"{n}.wav")
    dataset = client.checked(client.upload(tmp_path / "said.zip", "speech-recognition").id)
    asked = ("-o", "task=speech-recognition", "-o", f"dataset={dataset.id}", "-o", "model.width=16")
    submitted = unitscale("submit", *asked, "-o", "budget.steps=2", "--wait", "--json")
    assert submitted.exit_code == ExitCode.OK, submitted.stderr

    said = unitscale("predict", json.loads(submitted.stdout)["id"], "--file", str(file), "--json")

    assert said.exit_code == ExitCode.OK, said.stderr
    [transcript] = json.loads(said.stdout)["outputs"]
    assert set(transcript) <= {"a", "b"}


def test_masks_are_filled(unitscale):
    sizes = ("-o", "model.width=16", "-o", "model.depth=1", "-o", "model.context=16", "-o", "budget.steps=5")
    asked = ("-o", "task=masked-language-modeling", "-o", "dataset=grammar", *sizes, "--wait", "--json")
    job = json.loads(unitscale("submit", *asked).stdout)["id"]

    filled, refused = (unitscale("predict", job, words) for words in ("the s[MASK]all", "the small"))

    assert filled.exit_code == ExitCode.OK, filled.stderr
    assert (filled.stdout[:5], filled.stdout[6:]) == ("the s", "all\n")
    assert refused.exit_code == ExitCode.REFUSED
    assert "[MASK]" in refused.stderr


def test_a_refusal_says_what_is_wrong_and_where(unitscale):
    said = unitscale("submit", "-o", "task=regression", "-o", "units.learning_rate=-1")

    assert said.exit_code == ExitCode.REFUSED
    assert "/units/learning_rate" in said.stderr
    assert said.stdout == ""


def test_a_wrong_key_is_told_what_to_do(unitscale):
    said = unitscale("ls", UNITSCALE_API_KEY="wrong")

    assert said.exit_code == ExitCode.REFUSED
    assert "unitscale doctor" in said.stderr


def test_the_doctor_finds_nothing_wrong(unitscale):
    said = unitscale("doctor", "--json")

    assert [check["name"] for check in json.loads(said.stdout)["data"] if not check["ok"]] == []


@pytest.mark.parametrize("command", ["show", "compare", "logs", "artifacts", "curves", "watch"])
def test_an_ended_job_can_be_looked_at(unitscale, job_id, command):
    assert unitscale(command, job_id).exit_code == ExitCode.OK


@pytest.mark.parametrize(
    ("options", "begins"),
    [
        (("--json",), "{"),
        (("--csv",), "id,name,state,step,"),
        (("--csv", "--curve", "train_loss"), "job,key,step,value,min,max"),
        (("--markdown", "--to-loss", "1000"), "|"),
        (("--curve", "val_loss", "--smooth", "0.5", "--align", "time", "--sort=-val_loss"), "   id"),
    ],
)
def test_jobs_are_compared_in_every_form(unitscale, job_id, options, begins):
    said = unitscale("compare", job_id, *options)

    assert said.exit_code == ExitCode.OK, said.stderr
    assert said.stdout.startswith(begins)
    assert job_id in said.stdout


@pytest.mark.parametrize("label", ["lot=a", "lot:a"])
def test_jobs_are_listed_by_their_label(unitscale, label):
    job = unitscale("submit", *SHORT, "-o", "labels.lot=b").stdout.strip()

    assert unitscale("ls", "--label", label.replace("a", "b"), "--json").stdout.count(f'"id": "{job}"') == 1


@pytest.mark.parametrize("label", ["lot=a", "lot:a"])
def test_jobs_are_compared_by_their_label(unitscale, label):
    ids = [unitscale("submit", *SHORT, "-o", "labels.lot=a", "-o", f"seed={seed}").stdout.strip() for seed in (0, 1)]

    said, short = (unitscale("compare", "--label", label, "--limit", limit) for limit in ("100", "1"))

    assert all(job_id in said.stdout for job_id in ids)
    assert "--limit shows more" in short.stderr


def test_a_comparison_of_nothing_is_a_mistake_on_the_command_line(unitscale):
    assert unitscale("compare").exit_code == ExitCode.USAGE


@pytest.mark.parametrize("command", ["ls", "catalog", "workers", "keys ls"])
def test_what_surrounds_jobs_can_be_listed_as_json(unitscale, command):
    assert json.loads(unitscale(*command.split(), "--json").stdout)


def test_a_key_made_here_opens_its_project(unitscale):
    key = unitscale("keys", "create", "vision", "--scope", "read").stdout.strip()

    assert json.loads(unitscale("ls", "--json", UNITSCALE_API_KEY=key).stdout)["data"] == []


def test_every_event_of_a_job_is_a_line_of_json(unitscale, job_id):
    events = [json.loads(line) for line in unitscale("watch", job_id, "--json").stdout.splitlines()]

    assert events[-1]["type"] == "end"
    assert max(event["data"].get("last_step", 0) for event in events) == 80


def test_files_are_saved_whole(client, job_id, tmp_path):
    for artifact in client.artifacts(job_id):
        assert client.download(job_id, artifact.name, tmp_path).stat().st_size == artifact.bytes


def test_the_same_key_is_the_same_job(client):
    spec = {"task": "regression"}

    assert client.submit(spec, "once").id == client.submit(spec, "once").id


def test_what_has_ended_cannot_be_resumed(client, job_id):
    with pytest.raises(IllegalTransition):
        client.resume(job_id)


def test_curves_come_whole_as_csv(client, job_id):
    header, *rows = client.curves_csv(job_id, ["train_loss"]).splitlines()

    assert header == "attempt,step,time,key,value"
    assert len(rows) == 80


def test_the_client_awaited_follows_a_job_to_its_end(data_dir):
    here = locate(Given(data_dir=data_dir), {})

    async def run() -> str:
        async with AsyncClient(here.url, here.api_key) as client:
            job = await client.submit({"task": "regression", "budget": {"epochs": 20}})
            [state] = [event.data["state"] async for event in client.follow(job.id) if event.type == "end"]
            return state

    assert asyncio.run(run()) == "succeeded"


def test_without_a_key_nothing_is_told(data_dir):
    async def ask() -> None:
        async with AsyncClient(locate(Given(data_dir=data_dir), {}).url) as client:
            await client.jobs()

    with pytest.raises(Unauthorized):
        asyncio.run(ask())


@pytest.fixture
def table(tmp_path):
    """A CSV file: b = 2a."""
    file = tmp_path / "zahlen.csv"
    file.write_text("a,b\n" + "".join(f"{n},{2 * n}\n" for n in range(50)))
    return file


def test_a_file_uploaded_can_be_trained_on(unitscale, table):
    said = unitscale("data", "upload", str(table), "--task", "regression", "--name", "Zahlen")
    dataset = said.stdout.strip()
    job = unitscale("submit", *SHORT, "-o", f"dataset={dataset}", "--wait", "--json")

    assert said.exit_code == ExitCode.OK, said.stderr
    assert f"dataset={dataset}" in said.stderr
    assert json.loads(job.stdout)["state"] == "succeeded"
    assert "Zahlen" in unitscale("data", "ls").stdout
    assert "training 34" in unitscale("data", "show", dataset).stdout


def test_a_file_that_is_invalid_says_why_and_is_deleted(unitscale, table):
    table.write_text(table.read_text() + "1,2,3\n")

    said = unitscale("data", "upload", str(table), "--task", "regression", "--json")

    assert said.exit_code == ExitCode.ENDED_BADLY
    assert "Row 51 (line 52)" in said.stderr
    assert unitscale("data", "delete", json.loads(said.stdout)["id"]).exit_code == ExitCode.OK


def test_the_client_awaited_uploads_and_tells_how_far_it_is(data_dir, table):
    here, told = locate(Given(data_dir=data_dir), {}), []

    async def run() -> str:
        async with AsyncClient(here.url, here.api_key) as client:
            sent = await client.upload(table, "regression", progress=lambda *far: told.append(far))
            return (await client.checked(sent.id)).state

    assert asyncio.run(run()) == "ready"
    assert told[-1] == (table.stat().st_size, table.stat().st_size)


def test_what_a_submitted_job_waits_for_is_said_at_once(unitscale):
    said = unitscale("submit", *SHORT, "-o", "resources.device=cuda")

    assert "No connected worker has a slot of 1 cuda device(s)" in said.stderr
    unitscale("cancel", said.stdout.strip())


def test_an_uploaded_data_set_is_shown_by_its_id(unitscale, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("a,b\n" + "".join(f"{row},{2 * row}\n" for row in range(20)))
    dataset = unitscale("data", "upload", str(file), "--task", "regression").stdout.strip()

    assert "rows.csv" in unitscale("show", dataset).stdout
    assert unitscale("show", dataset, "--json").stdout == unitscale("data", "show", dataset, "--json").stdout
