"""Archives that lie: whatever reads a member unpacks no more of it than it declares."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from unitscale.errors import BadDataset
from unitscale.models.specs import TaskName
from worker.pipe import Check
from worker.trainer.checks.archives import archive, unpacked
from worker.trainer.checks.check import check

ZEROS = bytes(64 * 2**20)
DECLARED = 400
LOCAL, CENTRAL = (b"PK\3\4", 22), (b"PK\1\2", 24)
"""What a header begins with, and where in it the size stands."""


@pytest.fixture
def problem(tmp_path):
    """Why an archive is refused."""

    def run(content: bytes, task: TaskName, ending: str = ".zip"):
        (tmp_path / "upload").write_bytes(content)
        return check(Check(dataset="ds_x", folder=str(tmp_path), format=ending, task=task)).problem

    return run


def packed(members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w", how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def lying(members: dict[str, bytes]) -> bytes:
    """The first member declares fewer bytes than it has."""
    content = bytearray(packed(members))
    for mark, place in (LOCAL, CENTRAL):
        struct.pack_into("<I", content, content.index(mark) + place, DECLARED)
    return bytes(content)


def npy(array: np.ndarray) -> bytes:
    np.save(file := io.BytesIO(), array)
    return file.getvalue()


def small_images() -> bytes:
    """An array that has as many bytes as are declared, and zeros behind."""
    header = len(npy(np.zeros((34, 2, 4), np.uint8))) - 34 * 8
    assert header + 34 * 8 == DECLARED
    return npy(np.zeros((34, 2, 4), np.uint8)) + ZEROS


def png() -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(pixels).save(file := io.BytesIO(), "PNG")
    return file.getvalue()


ONE_TOKEN = Tokenizer(WordLevel({"a": 0}, unk_token="a")).to_str().encode()
LIARS = [
    ({"manifest.csv": ZEROS}, TaskName.SPEECH_RECOGNITION, ".zip"),
    ({"tokenizer.json": ZEROS, "a.bin": ZEROS[:400]}, TaskName.TEXT_GENERATION, ".zip"),
    ({"a.bin": ZEROS, "tokenizer.json": ONE_TOKEN}, TaskName.TEXT_GENERATION, ".zip"),
    ({"images.npy": small_images(), "labels.npy": npy(np.arange(34) % 2)}, TaskName.IMAGE_CLASSIFICATION, ".npz"),
    ({f"{n % 2}/{n}.png": png() for n in range(10)}, TaskName.IMAGE_CLASSIFICATION, ".zip"),
]


@pytest.mark.parametrize(("members", "task", "ending"), LIARS)
def test_a_member_that_unpacks_to_more_than_it_declares_is_refused_by_its_name(problem, members, task, ending):
    why = problem(lying(members), task, ending)

    assert why == f"'{next(iter(members))}' unpacks to more than the {DECLARED} bytes that it declares."


def test_no_more_is_unpacked_than_is_declared(problem):
    content = lying({"manifest.csv": ZEROS})
    tracemalloc.start()

    problem(content, TaskName.SPEECH_RECOGNITION)

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < len(ZEROS) // 8


def test_nothing_is_unpacked_behind_a_jump_over_the_end_that_is_declared(tmp_path):
    (tmp_path / "upload").write_bytes(lying({"a": ZEROS}))

    with archive(tmp_path / "upload") as (opened, [member]), unpacked(opened, member) as stream:
        stream.seek(10 * DECLARED)
        with pytest.raises(BadDataset, match="more than the 400 bytes"):
            stream.read()


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_cannot_be_unpacked_piece_by_piece_is_refused_by_its_name(problem, how):
    why = problem(packed({"manifest.csv": b"file,text\n"}, how), TaskName.SPEECH_RECOGNITION)

    assert why == f"'manifest.csv' is packed by method {how}; pack it again with 'deflate', or 'store' it."
