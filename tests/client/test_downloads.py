import httpx2
import pytest
from scripted import JOB_ID, Chunks, Script

from unitscale.client import Unreachable


def a_file(*chunks: bytes, breaks: bool = False) -> httpx2.Response:
    return httpx2.Response(200, stream=Chunks(*chunks, breaks=breaks))


def test_a_file_lands_under_its_name_in_a_folder(tmp_path):
    path = Script(a_file(b"we", b"ights")).client().download(JOB_ID, "model.safetensors", tmp_path)

    assert path == tmp_path / "model.safetensors"
    assert path.read_bytes() == b"weights"


def test_a_file_lands_where_it_is_told_to(tmp_path):
    path = Script(a_file(b"weights")).client().download(JOB_ID, "model.safetensors", tmp_path / "best")

    assert path == tmp_path / "best"


def test_a_name_cannot_leave_the_folder(tmp_path):
    path = Script(a_file(b"weights")).client().download(JOB_ID, "../../etc/passwd", tmp_path)

    assert path == tmp_path / "passwd"


def test_half_a_file_is_no_file(tmp_path):
    with pytest.raises(Unreachable):
        Script(a_file(b"we", breaks=True)).client().download(JOB_ID, "model.safetensors", tmp_path)

    assert list(tmp_path.iterdir()) == []
