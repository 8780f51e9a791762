import pytest
import typer

from unitscale.cli.connection import Given, locate


@pytest.fixture
def left_behind(tmp_path):
    """What a local service leaves in its data directory."""
    (tmp_path / "url").write_text("http://127.0.0.1:9123\n")
    (tmp_path / "admin.key").write_text("local\n")
    return tmp_path


def test_a_local_service_is_found_by_what_it_left(left_behind):
    here = locate(Given(data_dir=left_behind), {})

    assert (here.url, here.api_key) == ("http://127.0.0.1:9123", "local")


def test_with_nothing_given_the_default_is_asked_without_a_key(tmp_path):
    here = locate(Given(data_dir=tmp_path), {})

    assert (here.url, here.api_key) == ("http://127.0.0.1:8000", None)


def test_the_environment_goes_before_what_was_left(left_behind):
    environ = {
        "UNITSCALE_DATA_DIR": str(left_behind),
        "UNITSCALE_URL": "http://gpu:8000",
        "UNITSCALE_API_KEY": "ours",
    }

    here = locate(Given(), environ)

    assert (here.url, here.api_key) == ("http://gpu:8000", "ours")


def test_options_go_before_the_environment(tmp_path):
    (tmp_path / "key").write_text("filed\n")
    environ = {"UNITSCALE_URL": "http://gpu:8000", "UNITSCALE_API_KEY": "ours"}

    here = locate(Given(url="http://lab:1", key_file=tmp_path / "key"), environ)

    assert (here.url, here.api_key) == ("http://lab:1", "filed")


def test_the_local_admin_key_is_never_sent_elsewhere(left_behind):
    assert locate(Given(url="https://unitscale.example", data_dir=left_behind), {}).api_key is None


def test_a_key_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(typer.BadParameter, match="No such file"):
        locate(Given(key_file=tmp_path / "key"), {})


def test_a_hint_can_be_copied(tmp_path):
    here = locate(Given(url="http://gpu:8000", data_dir=tmp_path), {})

    assert here.command("watch job_1") == f"unitscale --url http://gpu:8000 --data-dir {tmp_path} watch job_1"
