"""Checks of text: UTF-8 of any alphabet and size, or the line that is not."""

import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.pipe import Check
from worker.trainer.checks.check import check
from worker.trainer.data import uploaded

TEXT = "Im Anfang war das Wort.\n太初有道。\n" * 10
DOCUMENTS = [{"text": "Erstes — " * 10}, {"text": "二" * 60, "source": "x"}]


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    def run(content: bytes, ending: str = ".txt"):
        folder = tmp_path_factory.mktemp("text")
        (folder / "upload").write_bytes(content)
        return check(Check(dataset="ds_x", folder=str(folder), format=ending)), folder

    return run


def text_in(folder) -> str:
    tensors = uploaded.load(folder)
    return "".join(map(chr, tensors["alphabet"][tensors["tokens"].long()].tolist()))


def test_text_is_kept_as_it_is(checked):
    found, folder = checked(b"\xef\xbb\xbf" + TEXT.encode())

    assert text_in(folder) == TEXT
    assert (found.contents.rows, found.contents.characters) == (20, len(TEXT))
    assert sum(found.contents.splits.model_dump().values()) == len(TEXT)


def test_documents_are_joined(checked):
    lines = "\n".join(json.dumps(document, ensure_ascii=False) for document in DOCUMENTS)

    found, folder = checked(lines.encode(), ".jsonl")

    assert found.contents.rows == 2
    assert text_in(folder) == "".join(document["text"] + "\n\n" for document in DOCUMENTS)


@pytest.mark.parametrize(
    ("content", "ending", "why"),
    [
        (b"", ".txt", "empty"),
        (b" \n" * 200, ".txt", "empty"),
        (b"short", ".txt", "5 characters"),
        (b"a\n" * 3_000_000 + b"\xff" + b"b" * 100, ".txt", "Line 3000001 is not UTF-8: byte 0xff"),
        (b"a" * 200 + b"\xe5\xa4", ".txt", "Line 1 is not UTF-8"),
        (b'{"text": "x"}\n{"text": 3}\n', ".jsonl", "Line 2 must be"),
        (b'{"text": "x"}\n\n{"txt": "x"}\n', ".jsonl", "Line 3 must be"),
        (b'{"text": "x"}\n{"text": \n', ".jsonl", "Line 2 is no JSON"),
        (b'{"text": "\\ud800"}\n', ".jsonl", "Line 1 has half a character"),
        (b"[" * 100_000, ".jsonl", "Line 1 is no JSON"),
        (b'{"text": "\xff"}\n', ".jsonl", "Line 1 is no JSON"),
        (b"\n\n", ".jsonl", "empty"),
    ],
)
def test_what_is_no_text_is_named_by_its_line_and_leaves_nothing(checked, content, ending, why):
    found, folder = checked(content, ending)

    assert why in found.problem
    assert [file.name for file in folder.iterdir()] == ["upload"]


@settings(max_examples=60, deadline=None, database=None)
@given(st.text(min_size=100, max_size=400).filter(lambda text: text.strip() and not text.startswith("\ufeff")))
def test_any_text_comes_back(checked, text):
    assert text_in(checked(text.encode(errors="surrogatepass"))[1]) == text


def test_memory_stays_flat_over_a_large_text(checked):
    content = TEXT.encode() * 100_000
    tracemalloc.start()
    found, _ = checked(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found.contents.characters == len(TEXT) * 100_000
    assert peak < 2**24
