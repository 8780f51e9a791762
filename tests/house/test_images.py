"""Facts about the images and the compose file, which tests cannot build here."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OURS = ("api", "worker", "worker-gpu")


def stage(name: str) -> str:
    """The lines of one stage."""
    found = re.search(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert found, f"there is no stage {name}"
    return found[1]


@pytest.mark.parametrize("name", ["api", "worker"])
def test_an_image_runs_as_an_ordinary_user(name: str):
    assert re.findall(r"^USER (\S+)", stage(name), re.MULTILINE) == ["10001"]


@pytest.mark.parametrize("name", ["api", "worker"])
def test_an_image_tells_whether_it_is_well(name: str):
    assert "HEALTHCHECK" in stage(name)


def test_no_secret_is_baked_in():
    assert not re.search(
        r"^(ARG|ENV)[^\n]*(KEY|TOKEN|PASSWORD|SECRET|REDIS_URL)", DOCKERFILE.replace("\\\n", " "), re.MULTILINE
    )


def test_only_named_files_enter_a_build():
    lines = (ROOT / ".dockerignore").read_text().split()
    assert "*" in lines
    assert not any(line.startswith("!") and line[1:] in {".", ".env", ".git"} for line in lines)


@pytest.mark.parametrize("name", OURS)
def test_a_container_can_change_nothing_but_its_data(name: str):
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["volumes"] == ["data:/var/lib/unitscale"]


def test_the_store_writes_before_it_answers_and_forgets_nothing():
    told = " ".join(SERVICES["redis"]["command"])
    assert "--appendonly yes --appendfsync always" in told
    assert "--maxmemory-policy noeviction" in told


def test_the_store_is_not_reached_from_outside():
    assert "ports" not in SERVICES["redis"]
    assert SERVICES["redis"]["networks"] == ["store"]


def test_the_worker_image_has_the_data_sets_that_must_be_brought():
    steps = stage("worker")
    assert "UNITSCALE_DATA_DIR=/opt/unitscale python -m worker.prefetch" in steps
    assert "UNITSCALE_LIBRARY_DIR=/opt/unitscale/cache" in steps
