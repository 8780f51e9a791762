"""Speech: recordings become features, a model learns what is said in them, and tells what it hears."""

import base64
import hashlib
import io
import json
import wave
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from unitscale.models.datasets import Dataset
from unitscale.models.formats import Format
from unitscale.models.resolution import resolve
from unitscale.models.specs import InitFrom, JobSpec, TaskName
from worker.pipe import Ask, Check, Lane
from worker.trainer.checks.check import check
from worker.trainer.data import uploaded
from worker.trainer.data.mels import BANDS, FRAMES_A_SECOND, log_mels
from worker.trainer.data.recordings import FRAMES_A_LETTER, NOTHING, fits, laid, spelled
from worker.trainer.data.waves import samples
from worker.trainer.inference.predict import answer
from worker.trainer.models.speech_encoder import STRIDE, Listener
from worker.trainer.tasks.speech_recognition import SpeechRecognition

RATE = 8000
PITCHES = {"a": 400, "б": 900, "ü": 1600, "字": 2600}
"""Hertz of the tone that says a letter."""
SPEC = {
    "task": "speech-recognition",
    "model": {"width": 32, "depth": 1},
    "units": {"learning_rate": 0.01, "batch_size": 8},
    "budget": {"epochs": 25},
}


def tone(hertz: float, seconds: float = 0.2, rate: int = RATE) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def spoken(text: str, rate: int = RATE) -> np.ndarray:
    """A tone for each letter, and a pause behind it."""
    pause = np.zeros(rate // 20)
    return np.concatenate([part for letter in text for part in (tone(PITCHES[letter], rate=rate), pause)])


def wav(heard: np.ndarray, rate: int = RATE, width: int = 2, channels: int = 1) -> bytes:
    numbers = np.repeat(np.round(heard * (2 ** (8 * width - 1) - 1)).astype(np.int64), channels)
    data = (numbers + 128).astype("u1") if width == 1 else numbers.astype("<i8").view("u1").reshape(-1, 8)[:, :width]
    with wave.open(file := io.BytesIO(), "wb") as opened:
        opened.setnchannels(channels)
        opened.setsampwidth(width)
        opened.setframerate(rate)
        opened.writeframes(data.tobytes())
    return file.getvalue()


def texts(count: int) -> list[str]:
    draw = np.random.default_rng(0)
    return ["".join(draw.choice(list(PITCHES), draw.integers(2, 5))) for _ in range(count)]


def packed(members: dict[str, bytes]) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def manifest(said: list[str]) -> bytes:
    return "\n".join(["file,text", *(f"{n}.wav,{text}" for n, text in enumerate(said))]).encode()


def recordings(said: list[str], more: Mapping[str, bytes] = {}) -> bytes:
    files = {f"{n}.wav": wav(spoken(text)) for n, text in enumerate(said)}
    return packed({"manifest.csv": manifest(said), **files, **more})


@pytest.fixture
def checked(tmp_path):
    """Checks an archive; what was found, and the folder."""

    def run(content: bytes):
        sha256 = hashlib.sha256(content).hexdigest()
        folder = tmp_path / sha256
        folder.mkdir(exist_ok=True)
        (folder / "upload").write_bytes(content)
        order = Check(dataset="ds_x", folder=str(folder), format=".zip", task=TaskName.SPEECH_RECOGNITION)
        return check(order), folder

    return run


@pytest.fixture
def record(checked, record_of, tmp_path):
    """What is kept of a job that trains on an archive, before it does."""

    def make(content: bytes, **spec):
        found, folder = checked(content)
        assert found.problem is None
        dataset = Dataset.model_validate(
            {"id": "ds_" + "0" * 20, "state": "ready", "task": "speech-recognition", "name": "x", "bytes": 1}
            | {"sha256": "", "created_at": 0, "contents": found.contents}
        )
        resolved = resolve(JobSpec.model_validate({**SPEC, "dataset": dataset.id, **spec}), "cpu", dataset)
        return record_of(Lane(job="j", attempt=1, spec=resolved, folder=str(tmp_path / "j-1"), dataset=str(folder)))

    return make


def ask(record, *inputs, form="fp32"):
    return answer(Ask(ask="a", folder=str(Path(record.lane.folder) / "artifacts"), inputs=inputs, format=form))


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_a_tone_is_loudest_in_the_band_of_its_pitch(rate):
    """Bands are equally wide in mels, 1127 · ln(1 + f / 700), from 20 Hz to half the rate."""
    mels = 1127 * np.log1p(np.array([20, 1000, rate / 2]) / 700)
    band = round((mels[1] - mels[0]) / (mels[2] - mels[0]) * (BANDS + 1)) - 1

    features = log_mels(tone(1000, 1.0, rate), rate)

    assert features.shape == (FRAMES_A_SECOND, BANDS)
    assert set(features[5:-5].argmax(1)) <= {band - 1, band, band + 1}


def test_twice_as_loud_is_a_logarithm_of_four_more():
    features = [log_mels(loudness * tone(1000, 0.5), RATE)[10:-10].max(1) for loudness in (0.5, 1.0)]

    np.testing.assert_allclose(features[1] - features[0], np.log(4), atol=1e-3)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_a_recording_is_the_same_in_every_width_and_number_of_channels(width, channels):
    heard = samples(io.BytesIO(wav(spoken("aб"), width=width, channels=channels)), RATE)

    np.testing.assert_allclose(heard, spoken("aб"), atol=1.5 / 127 if width == 1 else 1e-4)


@pytest.mark.parametrize("rate", [11025, 16000, 22050, 44100, 48000])
def test_a_recording_at_another_rate_is_brought_to_the_one_asked_for(rate):
    heard = samples(io.BytesIO(wav(tone(900, 1.0, rate), rate)), RATE)

    assert abs(len(heard) - RATE) <= 1
    np.testing.assert_allclose(heard[500:7500], tone(900, 1.0)[500:7500], atol=0.01)


def test_equal_neighbours_need_a_pause_between_them():
    assert fits("ab", 2 * FRAMES_A_LETTER)
    assert not fits("aa", 2 * FRAMES_A_LETTER)
    assert FRAMES_A_LETTER == STRIDE


@pytest.fixture
def listener() -> Listener:
    torch.manual_seed(0)
    return Listener(BANDS, 16, 2, 5).eval()


def test_a_recording_is_heard_alike_beside_a_longer_one(listener):
    short, long = (laid(log_mels(spoken(text), RATE), 200) for text in ("aб", "aбü字aбü"))

    alone = listener(torch.from_numpy(short[None]))
    beside = listener(torch.from_numpy(np.stack([short, long])))[:1]

    torch.testing.assert_close(alone, beside[:, : alone.shape[1]], atol=1e-5, rtol=1e-5)
    assert (beside[:, alone.shape[1] :].argmax(-1) == 4).all()


def test_no_frame_is_lost_in_fewer_bits(listener):
    features = torch.from_numpy(laid(np.zeros((799, BANDS)), 900))[None]

    assert listener.bfloat16()(features.bfloat16()).shape[1] == -(-799 // FRAMES_A_LETTER)


def test_what_stands_behind_a_recording_changes_no_loss(listener):
    task, short = SpeechRecognition(), laid(log_mels(spoken("aб"), RATE), 200)
    targets = torch.from_numpy(spelled(["aб"], list(PITCHES)))[None]
    padded = torch.nn.functional.pad(targets, (0, 3), value=NOTHING)
    long = laid(log_mels(spoken("aбü字aбü"), RATE), 200)

    alone = task.losses(listener(torch.from_numpy(short[None]))[None], targets, 5)
    both = listener(torch.from_numpy(np.stack([short, long])))[None, :1]

    torch.testing.assert_close(alone, task.losses(both, padded, 5), atol=1e-5, rtol=1e-5)


def test_the_loss_is_the_sum_over_all_ways_to_say_a_text():
    """Three frames say "ab": aab, abb, ab-, a-b, -ab."""
    torch.manual_seed(1)
    outputs = torch.randn(1, 1, 3, 3)
    chances = outputs[0, 0].softmax(-1)
    ways = [(0, 0, 1), (0, 1, 1), (0, 1, 2), (0, 2, 1), (2, 0, 1)]
    expected = -torch.stack([chances[range(3), way].prod() for way in ways]).sum().log() / 2

    loss = SpeechRecognition().losses(outputs, torch.tensor([[[0, 1, NOTHING]]]), 3)

    torch.testing.assert_close(loss, expected[None])


def test_what_tones_spell_is_learnt_and_told(train, record):
    ended = train(record(recordings(texts(80))))[0]

    result = ended.ended.result
    assert result.metrics["cer"] < 0.1
    assert result.test_metrics["wer"] < 0.3
    loud = wav(spoken("ü字aб", 44100), 44100, channels=2)
    assert ask(ended, encoded(wav(spoken("aбü"))), encoded(loud)).outputs == ("aбü", "ü字aб")
    told = json.loads((Path(ended.lane.folder) / "artifacts" / "transcripts.json").read_text())
    assert len(told) >= 8
    assert sum(each["reference"] == each["hypothesis"] for each in told) >= 0.7 * len(told)


def test_the_documented_snippet_hears_the_same(train, record, documented, tmp_path):
    ended = train(record(recordings(texts(80))))[0]
    (tmp_path / "said.wav").write_bytes(said := wav(spoken("aбü字字a")))

    heard = documented(Path(ended.lane.folder) / "artifacts", "transcript", str(tmp_path / "said.wav"))

    assert heard == ask(ended, encoded(said)).outputs[0] != ""


def test_a_recording_is_heard_nearly_as_well_in_few_bits(train, record):
    ended = train(record(recordings(texts(80)), evaluation={"formats": list(Format)}))[0]

    fp32, *small = ended.ended.result.deployment

    assert fp32.metrics == pytest.approx(ended.ended.result.metrics, rel=1e-3)
    for form in small:
        assert form.examples_per_second > 0
        assert form.metrics == pytest.approx(fp32.metrics, abs=0.05)
        assert ask(ended, encoded(wav(spoken("aбü"))), form=form.format).outputs == ("aбü",)


def test_a_run_paused_twice_is_bitwise_the_undisturbed_run(train, record):
    content, spec = recordings(texts(30)), {"budget": {"epochs": 6}}

    def pausing(kind):
        return lambda message: "pause" if message.say == kind else None

    undisturbed = train(record(content, **spec))[0]
    once = train(record(content, **spec), wish=pausing("started"))[0]
    twice = train(once.next_record(), wish=pausing("points"))[0]
    resumed = train(twice.next_record())[0]

    assert once.saved.step < resumed.points("train_loss")["step"][-1]
    assert resumed.curves == undisturbed.curves
    assert all(torch.equal(tensor, resumed.weights()[name]) for name, tensor in undisturbed.weights().items())


@pytest.mark.parametrize(
    "spec",
    [
        {"units": {**SPEC["units"], "precision": "bf16-mixed"}},
        {"units": {**SPEC["units"], "precision": "bf16"}},
        {"batch_schedule": {"name": "ramp"}, "optimizer": {"name": "sgd"}, "units": {"batch_size": 8}},
        {"diagnostics": {"scales_every": 3, "noise_scale": True}, "data": {"fraction": 0.5}},
    ],
    ids=["bf16-mixed", "bf16", "ramp-sgd", "diagnostics"],
)
def test_other_units_train_too(train, record, spec):
    ended = train(record(recordings(texts(30)), **{"budget": {"epochs": 2}, **spec}))[0].ended

    assert ended.reason is None
    assert ended.result.train_loss < 10


def test_scales_of_every_layer_are_measured_and_change_nothing(train, record, scales_of):
    content, spec = recordings(texts(30)), {"budget": {"epochs": 2}}
    looked, alone = record(content, **spec, diagnostics={"scales_every": 3}), record(content, **spec)
    alone = type(alone)(alone.lane.model_copy(update={"folder": f"{alone.lane.folder}-alone"}))

    found = scales_of(train(looked)[0], train(alone)[0])

    layers, kinds = ("convolution", "recurrent", "readout"), ("activation", "activation_gradient")
    assert {f"rms.{kind}.{layer}" for kind in kinds for layer in layers} <= found.keys()
    assert {"rms.weight.readout", "rms.weight_gradient.recurrent.weight_hh_l0"} <= found.keys()


def test_parts_of_a_batch_give_the_losses_of_the_whole(train, record):
    content, spec = recordings(texts(30)), {"budget": {"epochs": 2}, "optimizer": {"clip_norm": None}}
    whole, parts = (
        train(record(content, units={**SPEC["units"], **size}, **spec))[0] for size in ({}, {"micro_batch_size": 3})
    )

    np.testing.assert_allclose(whole.points("train_loss")["value"], parts.points("train_loss")["value"], rtol=1e-3)


@pytest.mark.parametrize("wrong", [3, None, ["x"], "no base64!", encoded(b"no wave"), encoded(wav(np.zeros(170_000)))])
def test_what_is_no_recording_is_named(train, record, wrong):
    trained = train(record(recordings(texts(12)), budget={"steps": 1}))[0]

    answered = ask(trained, encoded(wav(spoken("a"))), wrong)

    assert answered.outputs is None
    assert [pointer for pointer, _ in answered.fields] == ["/inputs/1"]


def test_a_model_is_taught_on_other_letters(train, record):
    """The letters that both know are heard as before, wherever the alphabets have them."""
    origin = train(record(recordings(texts(80))))[0]
    few = [text.replace("б", "字").replace("ü", "a") for text in texts(40)]
    units = {**SPEC["units"], "learning_rate": 1e-12}
    later = record(recordings(few), units=units, budget={"steps": 1})
    folder = str(Path(origin.lane.folder) / "artifacts")
    spec = later.lane.spec.model_copy(update={"init_from": InitFrom(job="job_" + "0" * 20)})
    elsewhere = str(Path(later.lane.folder).with_name("later"))
    later.lane = later.lane.model_copy(update={"spec": spec, "origin": folder, "folder": elsewhere})

    assert train(later)[0].ended.result.metrics["cer"] < 0.1


def test_what_a_check_finds_is_what_was_said(checked):
    found, folder = checked(recordings(said := texts(20)))

    assert found.contents.rows == 20
    assert found.contents.rate == RATE
    assert found.contents.seconds == pytest.approx(sum(len(text) for text in said) * 0.25, abs=0.01)
    tensors = uploaded.load(folder)
    alphabet = "".join(map(chr, tensors["alphabet"].tolist()))
    assert alphabet == "".join(sorted(PITCHES))
    kept = {
        "".join(alphabet[letter] for letter in row if letter != NOTHING): int(frames)
        for row, frames in zip(tensors["targets"].tolist(), tensors["inputs"][..., -1].sum(1), strict=True)
    }
    assert kept == {text: 25 * len(text) for text in said}


def test_a_folder_around_other_columns_and_all_kinds_of_wav_are_ordinary(checked):
    kinds = [{"rate": 8000, "width": 1}, {"rate": 16000, "channels": 2}, {"rate": 44100, "width": 3}, {"rate": 22050}]
    files = {
        f"my set/clips/{n}.wav": wav(spoken("aбü"[: n % 3 + 1] + "字" * (n // 4), kind["rate"]), **kind)
        for n, kind in enumerate(kinds * 4)
    }
    rows = [f"{n},clips\\{n}.wav,  Ça\u0300  va {n} " for n in range(16)]
    listed = "\ufeff" + "\r\n".join(["speaker,file,text", *rows])
    found, folder = checked(packed({**files, "my set/manifest.csv": listed.encode(), "__MACOSX/manifest.csv": b""}))

    assert found.problem is None
    assert (found.contents.rows, found.contents.rate) == (16, 8000)
    letters = set(map(chr, uploaded.load(folder)["alphabet"].tolist()))
    assert letters == set("Çà va0123456789")


SAID = texts(12)


def listed(*rows: str) -> bytes:
    return recordings(SAID, {"manifest.csv": manifest(SAID) + b"\n" + "\n".join(rows).encode()})


def with_file(data: bytes, name: str = "0.wav") -> bytes:
    return recordings(SAID, {name: data})


FLOATS = wav(spoken("a")).replace(b"fmt \x10\0\0\0\x01", b"fmt \x10\0\0\0\x03")
LONG = with_file(wav(np.zeros(20 * RATE + RATE)))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (with_file(b"", "../x.wav"), "'../x.wav' escapes"),
        (with_file(b"", "/etc/x.wav"), "escapes"),
        (listed("../../etc/passwd,x"), "Row 13 (line 14): there is no file '../../etc/passwd'"),
        (listed("12.wav,ab"), "Row 13 (line 14): there is no file '12.wav'"),
        (listed(",ab"), "Row 13 (line 14): there is no file ''"),
        (listed("manifest.csv,ab"), "Row 13 (line 14): 'manifest.csv' is no WAV"),
        (listed("0.wav, \u3000 "), "Row 13 (line 14): the text is empty"),
        (with_file(manifest(["a" * 500, *SAID[1:]]), "manifest.csv"), "Row 1 (line 2): 'aaa"),
        (listed("3.wav,a"), "Row 13 (line 14): '3.wav' is the file of Row 4 (line 5), too; a file is named once"),
        (listed(".\\3.wav,a"), "Row 13 (line 14): '3.wav' is the file of Row 4 (line 5), too"),
        (listed("0.wav," + "a" + "\u0301\u0323" * 1000), "Row 13 (line 14): the text has 2,001 letters"),
        (listed("0.wav," + "e\u0302\u0301" * 666 + "a " * 2), "Row 13 (line 14): the text has 2,001 letters"),
        (listed("0.wav," + "a" * 5000), "Row 13 (line 14): the text has 5,000 letters"),
        (listed("0.wav"), "Row 13 (line 14) has 1 cells"),
        (listed('0.wav,"ab'), "Row 13 (line 14) is no CSV: unexpected end of data"),
        (with_file(b"file,text\n" + b"\xff", "manifest.csv"), "Line 2 of manifest.csv is not UTF-8: byte 0xff"),
        (with_file(b"", "manifest.csv"), "needs one column 'file'; its columns are: none"),
        (with_file(b"path,text\n0.wav,a", "manifest.csv"), "needs one column 'file'; its columns are: path, text"),
        (with_file(b"file,text\n0.wav,a", "manifest.csv"), "It names 1 recordings"),
        (with_file(b"file,text\n", "more/manifest.csv"), "There are 2 files manifest.csv"),
        (with_file(b"no wave"), "Row 1 (line 2): '0.wav' is no WAV"),
        (with_file(wav(spoken("ab".replace("b", "a")))[:30]), "Row 1 (line 2): '0.wav' is no WAV"),
        (with_file(wav(spoken("aaaa"))[:-2000]), "Row 1 (line 2): '0.wav' ends too early"),
        (with_file(FLOATS), "Row 1 (line 2): '0.wav' is no WAV file of PCM"),
        (
            with_file(wav(spoken("a")).replace(b"fmt \x10\0\0\0", b"fmt \x10\0\0\x7f")),
            "'0.wav' is no WAV file of PCM that can be read: it ends",
        ),
        (with_file(wav(np.zeros(0))), "Row 1 (line 2): '0.wav' is silent"),
        (with_file(wav(np.zeros(50))), "too many to be said in 0.01 s"),
        (LONG, "Row 1 (line 2): '0.wav' is 21.0 s long; 20 s are the most"),
        (with_file(wav(np.zeros(4000), 4000)), "has 4,000 samples a second"),
        (with_file(wav(np.zeros(4000), channels=9)), "has 9 channels"),
        (with_file(b"\0" * 200_000_000), "a bomb"),
        (recordings(SAID[:9]), "It names 9 recordings"),
        (recordings(SAID[:1] * 12), "Only 1 of its 12 rows differ"),
        (packed({"0.wav": b""}), "There is no manifest.csv in it"),
        (recordings(SAID)[:-30], "no zip archive"),
        (b"", "empty"),
    ],
)
def test_an_archive_that_cannot_be_used_says_why_and_leaves_nothing(checked, content, why):
    found, folder = checked(content)

    assert found.contents is None
    assert why in found.problem
    assert [file.name for file in folder.iterdir()] == ["upload"]


def test_a_member_that_was_damaged_is_named(checked):
    content = recordings(SAID)
    at = content.index(b"5.wav") + 25

    found, _ = checked(content[:at] + bytes(8) + content[at + 8 :])

    assert found.problem.startswith("Row 6 (line 7): '5.wav'")
