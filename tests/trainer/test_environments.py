"""What the processes that run a team's own code see of the worker's environment."""

import asyncio
import contextlib
from pathlib import Path

import psutil
import pytest

from worker.machine.survey import Survey
from worker.slot.spare import Nursery

SECRETS = {
    "AWS_ACCESS_KEY_ID": "someone",
    "AWS_SECRET_ACCESS_KEY": "a-secret",
    "AWS_SESSION_TOKEN": "a-token",
    "UNITSCALE_API_KEY": "us_admin",
    "UNITSCALE_REDIS_URL": "redis://:password@record",
}


@pytest.fixture(autouse=True)
def worker_with_secrets(monkeypatch):
    for name, value in {**SECRETS, "TEAM": "nlp"}.items():
        monkeypatch.setenv(name, value)


def seen(process: psutil.Process, cache: Path) -> set[str]:
    """The names it sees; what is no secret is there."""
    environment = process.environ()
    assert environment["TEAM"] == "nlp"
    assert environment["UNITSCALE_CACHE_DIR"] == str(cache)
    return set(environment)


async def surveyor() -> psutil.Process:
    """The process that a survey asks, as soon as it is there."""
    while True:
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                if "worker.trainer.process.abilities" in child.cmdline():
                    return child
        await asyncio.sleep(0.01)


async def test_a_trainer_sees_no_secret(tmp_path):
    nursery = Nursery(tmp_path)
    try:
        trainer = await nursery.trainer()

        assert not seen(psutil.Process(trainer.pid), tmp_path) & set(SECRETS)
        await trainer.gone()
        await trainer.log.read()
    finally:
        nursery.close()
        await asyncio.sleep(0.1)  # in which what is closed is taken apart


async def test_who_imports_plug_ins_to_find_out_what_they_bring_sees_no_secret(tmp_path):
    survey = asyncio.create_task(Survey(tmp_path, ["cpu:0"]).run())
    try:
        assert not seen(await surveyor(), tmp_path) & set(SECRETS)
    finally:
        survey.cancel()
        await asyncio.gather(survey, return_exceptions=True)
        await asyncio.sleep(0.1)  # in which what is closed is taken apart
