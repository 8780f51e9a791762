"""The nursery's births and deaths, as a supervisor hears of them."""

import asyncio
import os
import signal
import time

import psutil

from worker.slot.spare import Nursery


def kill_the_next(mother, known):
    """Kill a trainer as soon as it is there, while nobody listens to the nursery, until it has told of both."""
    until = time.monotonic() + 30
    while not (born := set(mother.children()) - known):
        assert time.monotonic() < until
    for process in born:
        os.kill(process.pid, signal.SIGKILL)
    time.sleep(0.5)


async def test_a_trainer_that_dies_before_anybody_heard_of_its_birth_is_heard_of_all_the_same(tmp_path):
    nursery = Nursery(tmp_path)
    try:
        first = await nursery.trainer()
        mother = psutil.Process(first.pid).parent()
        asyncio.get_running_loop().call_soon(kill_the_next, mother, set(mother.children()))

        dead = await nursery.trainer()  # awaited as it is: it has asked for a trainer when it first waits

        assert os.WTERMSIG(await dead.gone()) == signal.SIGKILL
        await first.gone()
        for trainer in (first, dead):
            await trainer.log.read()
    finally:
        nursery.close()
        await asyncio.sleep(0.1)  # in which what is closed is taken apart
