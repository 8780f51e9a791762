"""The sweep: files of uploads that were placed and never recorded, because the process that took them in died, go."""

import asyncio
from asyncio import to_thread

import structlog

from unitscale.errors import StoreAway
from unitscale.wire.datasets import Datasets
from unitscale.wire.uploads import Uploads

EVERY_SECONDS = 3600.0

log = structlog.get_logger()


class Sweep:
    """Looks every hour. Any number of processes may: what has been removed is not there for the next."""

    def __init__(self, datasets: Datasets, uploads: Uploads) -> None:
        self._datasets = datasets
        self._uploads = uploads

    async def run(self) -> None:
        """Sweep for ever; what cannot be reached is looked at an hour later."""
        while True:
            try:
                await self.once()
            except StoreAway:
                log.info("the sweep waits for the record or the object store")
            except OSError as error:
                log.warning("the sweep could not look", error=repr(error))
            await asyncio.sleep(EVERY_SECONDS)

    async def once(self) -> None:
        """Remove what no record has asked for in a day. Raises StoreAway."""
        for dataset_id in await self._datasets.unknown(await to_thread(self._uploads.old)):
            if await to_thread(self._uploads.sweep, dataset_id):
                log.info("an upload that was never recorded is removed", dataset=dataset_id)
