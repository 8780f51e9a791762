"""Data sets that come with an image."""

from worker.machine.library import stock


def test_a_worker_takes_over_what_it_has_not(tmp_path):
    library, cache = tmp_path / "library", tmp_path / "cache"
    library.mkdir()
    cache.mkdir()
    for name in ("kjv-1.safetensors", "trivia-1.safetensors"):
        (library / name).write_text("of the image")
    (cache / "kjv-1.safetensors").write_text("of its own")

    stock(library, cache)

    assert {file.name: file.read_text() for file in cache.iterdir()} == {
        "kjv-1.safetensors": "of its own",
        "trivia-1.safetensors": "of the image",
    }


def test_an_installation_without_a_library_starts_as_well(tmp_path):
    stock(None, tmp_path / "cache")
    stock(tmp_path / "nowhere", tmp_path / "cache")

    assert not (tmp_path / "cache").exists()
