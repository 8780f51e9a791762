"""The start of a job: what a warm trainer does before the first step is told, everyone waits for."""

import json
import subprocess
import sys

from worker.pipe import Train

WATCHED = """
import json, sys, threading
from pathlib import Path

from worker.pipe import ORDER
from worker.trainer.main import warm_up
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.runs.group import train_group

order, library, seen = ORDER.validate_json(sys.stdin.readline()), Path(sys.argv[1]), []


class Ear:
    def send(self, message):
        seen.append(f"{message.say} with {threading.active_count()} threads")


warm_up()
sys.addaudithook(lambda event, _: seen.append(event) if event in ("import", "open") else None)
train_group(order, Ear(), Interrupt(), library)
print(json.dumps(seen))
"""
"""Trains in a warm process and tells what was imported, opened and said."""


def test_a_warm_trainer_imports_opens_and_starts_nothing_before_its_first_step_is_told(a_lane, library):
    spec = {"dataset": "linear", "units": {"batch_size": "full"}, "optimizer": {"name": "sgd"}, "budget": {"steps": 3}}
    order = Train(lanes=(a_lane(spec),)).model_dump_json()
    watched = [sys.executable, "-c", WATCHED, str(library)]

    ran = subprocess.run(
        watched, check=False, input=order, env={"UNITSCALE_CACHE_DIR": str(library)}, capture_output=True, text=True
    )

    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    assert seen[0] == "started with 1 threads"
    assert seen[-1] == "ended with 2 threads"
    assert "open" in seen
