"""What the routes stand on, made once a process from the settings."""

import asyncio

from app.admin_key import Admission
from app.scaling_laws.processes import Fits
from app.streaming.feed import Feed
from app.streaming.live import Live
from unitscale.errors import StoreAway
from unitscale.wire.blobs import Blobs
from unitscale.wire.campaigns import Campaigns
from unitscale.wire.curves import PackedCurves
from unitscale.wire.datasets import Datasets
from unitscale.wire.events import Events
from unitscale.wire.intake import Intake
from unitscale.wire.jobs import Jobs
from unitscale.wire.keyring import Keyring
from unitscale.wire.news import News
from unitscale.wire.questions import Questions
from unitscale.wire.rules import Rules
from unitscale.wire.settings import Settings
from unitscale.wire.shelves import shelf_of
from unitscale.wire.store import Store, connect
from unitscale.wire.uploads import Uploads
from unitscale.wire.workers import Workers

STORE_SECONDS = 2.0
"""A round trip that takes longer is given up, so that a 503 comes within three seconds."""


CURVES_AT_ONCE = 2
"""Answers with curves that are built at the same time: a long one takes tens of megabytes meanwhile."""


class Services:
    """The record as this process sees it, and what it shares between its requests."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(connect(settings.store_url, min(STORE_SECONDS, settings.lease_seconds / 3)))
        self.workers = Workers(self.store)
        self.jobs = Jobs(self.store, self.workers)
        self.datasets = Datasets(self.store)
        shelf = shelf_of(settings)
        self.uploads = Uploads(settings.data_folder, shelf)
        self.campaigns = Campaigns(self.store, self.jobs)
        self.rules = Rules(self.campaigns)
        self.intake = Intake(self.jobs, self.datasets, self.workers, settings.max_unfinished_jobs, self.rules)
        self.curves = PackedCurves(self.store)
        self.events = Events(self.store)
        self.keyring = Keyring(self.store)
        self.questions = Questions(self.store)
        self.blobs = Blobs(settings.data_folder, shelf)
        self.live = Live(self.store.redis)
        self.feed = Feed(News(self.store), self.live)
        self.drawing = asyncio.Semaphore(CURVES_AT_ONCE)
        self.fits = Fits()
        self.admission = Admission(self.keyring, settings)

    async def check(self) -> None:
        """Raises StoreAway unless the record can be reached and has the admin's key."""
        await self.store.read(("PING",))
        if not self.admission.done:
            raise StoreAway("The record has just come back; the admin key is about to be there.")
