"""Lists in pages: everything once, newest first, a bounded part of the record at a time."""

import pytest

from unitscale.errors import Malformed
from unitscale.models.datasets import DatasetForm
from unitscale.models.specs import JobSpec, TaskName
from unitscale.wire import listing
from unitscale.wire.campaigns import Campaigns
from unitscale.wire.datasets import Datasets, Upload, fresh_id
from unitscale.wire.intake import Intake
from unitscale.wire.jobs import Filter, Jobs
from unitscale.wire.listing import MOST_SCANNED
from unitscale.wire.workers import Workers


class Entries:
    """A listing of so many entries, of which some are kept; counts how many were looked at."""

    def __init__(self, store, keeps) -> None:
        self._store = store
        self._keeps = keeps
        self.looked_at = 0

    async def fill(self, count):
        pairs = (part for number in range(1, count + 1) for part in (number, number))
        await self._store.read(("ZADD", "all", *pairs))

    async def read(self, ids):
        self.looked_at += len(ids)
        return [int(i) if self._keeps(int(i)) else None for i in ids]

    async def page(self, limit, cursor=None):
        self.looked_at = 0
        return await listing.page(self._store, "all", self.read, limit, cursor)

    async def pages(self, limit):
        """All of them."""
        pages = [await self.page(limit)]
        while pages[-1].has_more:
            pages.append(await self.page(limit, pages[-1].next_cursor))
        return pages


@pytest.mark.parametrize("limit", [1, 2, 7, 200])
async def test_pages_hold_what_is_kept_once_newest_first(store, limit):
    entries = Entries(store, lambda number: number % 3 == 0)
    await entries.fill(30)

    pages = await entries.pages(limit)

    assert [number for page in pages for number in page.data] == list(range(30, 0, -3))
    assert all(len(page.data) == limit for page in pages[:-1])
    assert pages[-1].data
    assert pages[-1].next_cursor is None


async def test_a_page_of_everything_reads_one_entry_more(store):
    entries = Entries(store, lambda _: True)
    await entries.fill(100)

    assert (await entries.page(20)).has_more
    assert entries.looked_at == 21


async def test_a_page_that_keeps_little_looks_at_a_bounded_part_and_says_where_to_go_on(store):
    entries = Entries(store, lambda number: number == 1)
    await entries.fill(3 * MOST_SCANNED)

    first = await entries.page(50)

    assert (first.data, first.has_more) == ((), True)
    assert entries.looked_at <= MOST_SCANNED + listing.CHUNK
    assert [page.data for page in await entries.pages(50)] == [(), (), (1,)]


async def test_a_cursor_from_elsewhere_is_refused(store):
    with pytest.raises(Malformed):
        await Entries(store, lambda _: True).page(5, "bm8")


async def made_job(store):
    intake = Intake(Jobs(store, Workers(store)), Datasets(store), Workers(store), max_unfinished_jobs=50)
    job, _ = await intake.submit(JobSpec.model_validate({"task": "regression"}), "lab")
    return job.id


async def made_dataset(store):
    form = DatasetForm(task=TaskName.REGRESSION, name="x")
    dataset, _ = await Datasets(store).add("lab", Upload(fresh_id(), form, ".csv", 3, "00" * 32), None)
    return dataset.id


async def made_campaign(store):
    campaigns = Campaigns(store, Jobs(store, Workers(store)))
    held, _ = await campaigns.begin("lab", "sweep", {}, {}, (1, 1000), None)
    return held.id


LISTS = {
    "job": (made_job, lambda store, *at: Jobs(store, Workers(store)).page("lab", Filter(), *at)),
    "dataset": (made_dataset, lambda store, *at: Datasets(store).page("lab", *at)),
    "campaign": (
        made_campaign,
        lambda store, *at: Campaigns(store, Jobs(store, Workers(store))).page("lab", "sweep", *at),
    ),
}


@pytest.mark.parametrize("kind", LISTS)
async def test_what_goes_between_two_reads_ends_no_list_early(store, kind):
    make, page = LISTS[kind]
    ids = [await make(store) for _ in range(4)]
    await store.read(("DEL", f"{kind}:{ids[2]}"))  # still listed: as a reader sees it who came just before

    first = await page(store, 2, None)
    rest = await page(store, 2, first.next_cursor)

    assert [each.id for each in (*first.data, *rest.data)] == [ids[3], ids[1], ids[0]]
    assert (first.has_more, rest.has_more) == (True, False)
