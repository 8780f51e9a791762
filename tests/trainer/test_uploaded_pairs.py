"""Checks of pairs: every row a source and a target, or the line that is not."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unitscale.models.specs import TaskName
from worker.pipe import Check
from worker.trainer.checks.check import check
from worker.trainer.data import rows, uploaded

TSV = "".join(f"one {number}\tuno {number}\n" for number in range(20)).encode()
LINE = b'{"source": "a", "target": "b"}\n'
ASKED = b'{"question": "a", "answer": "b"}\n'


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    def run(content: bytes, task: str = "translation", ending: str = ".jsonl"):
        folder = tmp_path_factory.mktemp("pairs")
        (folder / "upload").write_bytes(content)
        order = Check(dataset="ds_x", folder=str(folder), task=TaskName(task), format=ending)
        return check(order), folder

    return run


def rows_in(folder) -> list[tuple[str, ...]]:
    tensors = uploaded.load(folder)
    return list(rows.unpacked(tensors, 0, len(tensors["ends"])))


def test_cells_divided_by_tabs_are_kept(checked):
    found, folder = checked(b"\xef\xbb\xbf" + TSV.replace(b"\n", b"\r\n"), ending=".tsv")

    assert sorted(rows_in(folder)) == sorted((f"one {number}", f"uno {number}") for number in range(20))
    assert found.contents.splits.sizes == (14, 3, 3)
    assert found.contents.with_context is False


def test_equal_sources_stand_on_one_side(checked):
    lines = [json.dumps({"source": f"S{number % 15}", "target": str(number)}) for number in range(60)]

    found, folder = checked("\n".join(lines).encode())

    training, validation, _ = found.contents.splits.sizes
    sources = [source for source, _ in rows_in(folder)]
    sides = [sources[:training], sources[training : training + validation], sources[training + validation :]]
    assert all(sides)
    assert not set(sides[0]) & set(sides[1]) | set(sides[1]) & set(sides[2]) | set(sides[0]) & set(sides[2])


def test_answers_and_contexts_are_kept(checked):
    lines = [
        json.dumps({"question": f"q{n}", "answer": "a", "answers": ["b", "a"], "context": f"c a {n}", "id": n})
        for n in range(10)
    ]

    found, folder = checked("\n".join(lines).encode(), "question-answering")

    assert found.contents.with_context is True
    assert min(rows_in(folder)) == ("q0", '["a", "b"]', "c a 0")


@pytest.mark.parametrize(
    ("content", "task", "ending", "why"),
    [
        (b"", "translation", ".tsv", "empty"),
        (b"\n\n", "translation", ".tsv", "Only 0 of its 0"),
        (TSV + b"one\n", "translation", ".tsv", "Line 21 has 1 cells"),
        (TSV + b"one\ttwo\tthree\n", "translation", ".tsv", "Line 21 has 3 cells"),
        (TSV + b"one\t\n", "translation", ".tsv", "Line 21: 'target' must be there"),
        (TSV + b"on\xff\tx\n", "translation", ".tsv", "Line 21 is not UTF-8: byte 0xff"),
        (b"a\tb\n" * 50, "translation", ".tsv", "Only 1 of its 50"),
        (LINE + b'{"source": "a"}\n', "translation", ".jsonl", "Line 2: 'target'"),
        (LINE + b'\n{"source": 3, "target": "b"}\n', "translation", ".jsonl", "Line 3: 'source'"),
        (LINE + b"[1]\n", "translation", ".jsonl", "Line 2 must be an object"),
        (LINE + b'{"source": \n', "translation", ".jsonl", "Line 2 is no JSON"),
        (b"[" * 100_000, "translation", ".jsonl", "Line 1 is no JSON"),
        (b'{"source": "\\ud800", "target": "b"}\n', "translation", ".jsonl", "Line 1: 'source' has half a character"),
        (b"a" * 5_000_000, "translation", ".tsv", "Line 1 is longer"),
        (b"a" * 20_001 + b"\tb\n", "translation", ".tsv", "Line 1: 'source' has 20,001 characters"),
        (ASKED + b'{"question": "a"}\n', "question-answering", ".jsonl", "Line 2: 'answer'"),
        (
            ASKED + b'{"question": "a", "answers": []}\n',
            "question-answering",
            ".jsonl",
            "Line 2: 'answers' must be a list",
        ),
        (
            ASKED + b'{"question": "a", "answers": [1]}\n',
            "question-answering",
            ".jsonl",
            "Line 2: 'answers' must be there",
        ),
        (
            ASKED + b'{"question": "a", "answer": "b", "context": "b c"}\n',
            "question-answering",
            ".jsonl",
            "Line 2 has a 'context', unlike",
        ),
        (
            b'{"question": "a", "answer": "b", "context": "a b"}\n{"question": "a", "answer": "b", "context": "B"}\n',
            "question-answering",
            ".jsonl",
            "Line 2: no answer stands in its 'context'",
        ),
        (
            b'{"question": "a", "answer": "b", "context": "a b"}\n' * 20,
            "question-answering",
            ".jsonl",
            "Only 1 of its 20 contexts differ",
        ),
    ],
)
def test_what_are_no_pairs_is_named_by_its_line_and_leaves_nothing(checked, content, task, ending, why):
    found, folder = checked(content, task, ending)

    assert why in found.problem
    assert [file.name for file in folder.iterdir()] == ["upload"]


TEXT = st.text(min_size=1, max_size=30).map(str.strip).filter(bool)


@settings(max_examples=40, deadline=None, database=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=10, max_size=30, unique_by=lambda pair: pair[0].casefold()))
def test_any_pairs_come_back(checked, pairs):
    lines = [json.dumps({"source": source, "target": target}) for source, target in pairs]

    _, folder = checked("\n".join(lines).encode())

    assert sorted(rows_in(folder)) == sorted(pairs)
