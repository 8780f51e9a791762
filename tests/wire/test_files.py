"""Files that lie in their place whole or not at all."""

import errno
import os

import pytest

from unitscale.wire.files import linked, put_first


def no_links(known, place):
    """A file system without hard links."""
    raise OSError(errno.EPERM, "Operation not permitted", str(place))


@pytest.fixture
def part(tmp_path):
    part = tmp_path / ".part"
    part.write_text("second")
    return part


@pytest.mark.parametrize("link", [os.link, no_links])
def test_a_whole_file_comes_to_an_empty_place(tmp_path, part, link):
    put_first(part, tmp_path / "key", link)

    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"key": "second"}


@pytest.mark.parametrize("link", [os.link, no_links])
def test_who_comes_second_changes_nothing(tmp_path, part, link):
    (tmp_path / "key").write_text("first")

    put_first(part, tmp_path / "key", link)

    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"key": "first"}


def test_where_there_are_no_links_that_is_told(tmp_path, part):
    assert not linked(part, tmp_path / "other", no_links)
    assert not linked(tmp_path / "nothing", tmp_path / "other")
    assert linked(part, tmp_path / "other")
