"""Events as pages and as streams that resume with nothing missed or repeated."""

import asyncio
import gc
import json
import threading

import pytest

from app.streaming.feed import BEGINNING, Feed, Round
from app.streaming.live import Live
from unitscale.wire.news import News
from unitscale.wire.store import Store, connect


@pytest.fixture
async def store_of_api(valkey):
    """The record that the API reads, for a test that runs a part of it by itself."""
    client = connect(valkey.url, 5)
    yield Store(client)
    await client.aclose()


def events(lines):
    """Server-sent events from lines, heartbeats left out."""
    event = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line:
            event[name] = value
        elif "data" in event:
            yield event["id"], event["event"], json.loads(event["data"])
            event = {}


def followed(api, job_id, after=None, most=None):
    """Events until the stream ends, or as many as asked for."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
    with api.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        seen = []
        for event in events(response.iter_lines()):
            seen.append(event)
            if most and len(seen) == most:
                break
        return seen


def rounds():
    """Shared reads of this loop that somebody still holds."""
    gc.collect()
    held = [thing for thing in gc.get_objects() if isinstance(thing, Round)]
    return sum(each.batch.get_loop() is asyncio.get_running_loop() for each in held)


def points(seen):
    """The curves of those events that carry points."""
    return [data["curves"] for _, kind, data in seen if kind == "points"]


def trained(worker, log=("hello",)):
    job = worker.claim()
    worker.advance(job, 2, train_loss=[(1, 2.0), (2, 1.0)])
    worker.log(job, *log)
    worker.publish(job, 2)
    worker.advance(job, 3, train_loss=[(3, 0.5)], val_loss=[(3, 0.7)])
    worker.succeed(job)
    return job


def test_the_past_is_told_in_order_and_ends(api, job, worker):
    trained(worker)

    seen = followed(api, job["id"])

    assert [kind for _, kind, _ in seen] == ["state", "state", "log", "checkpoint", "points", "state", "end"]
    assert seen[4][2] == {
        "curves": {
            "train_loss": {"step": [1, 2, 3], "value": [2.0, 1.0, 0.5]},
            "val_loss": {"step": [3], "value": [pytest.approx(0.7)]},
        },
        "last_step": 3,
    }
    assert seen[-1][2] == {"state": "succeeded"}


@pytest.mark.parametrize("place", range(6))
def test_a_reader_who_comes_back_misses_and_repeats_nothing(api, job, worker, place):
    trained(worker)
    whole = followed(api, job["id"])

    assert followed(api, job["id"], after=whole[place][0]) == whole[place + 1 :]


def test_the_present_arrives_as_it_happens(api, job, worker):
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(followed(api, job["id"])))
    reader.start()
    trained(worker)
    reader.join(10)

    assert [step for curves in points(seen) for step in curves.get("train_loss", {}).get("step", [])] == [1, 2, 3]
    assert [kind for _, kind, _ in seen].count("end") == 1
    assert seen[-1][1] == "end"


def test_points_dropped_and_trained_again_are_not_repeated(api, job, worker):
    claimed = worker.claim()
    worker.advance(claimed, 2, train_loss=[(1, 2.0), (2, 1.0)])
    [*_, (bookmark, _, _)] = followed(api, job["id"], most=3)
    worker.run(worker.attempts.release(claimed))
    again = worker.claim()
    worker.advance(again, 3, train_loss=[(1, 2.0), (2, 1.0), (3, 0.5)])
    worker.succeed(again)

    rest = followed(api, job["id"], after=bookmark)

    assert points(rest) == [{"train_loss": {"step": [3], "value": [0.5]}}]


def test_many_points_come_in_portions(api, job, worker):
    claimed = worker.claim()
    worker.advance(claimed, 25_000, train_loss=[(step, 0.0) for step in range(1, 25_001)], val_loss=[(25_000, 1.0)])
    worker.succeed(claimed)

    portions = [data for _, kind, data in followed(api, job["id"]) if kind == "points"]

    assert [portion["last_step"] for portion in portions] == [10_000, 20_000, 25_000]
    assert [step for p in portions for step in p["curves"]["train_loss"]["step"]] == list(range(1, 25_001))


def test_a_deleted_job_ends_its_streams(api, job, later):
    api.post(f"/v1/jobs/{job['id']}/pause")
    api.post(f"/v1/jobs/{job['id']}/cancel")

    assert followed(api, job["id"])[-1][1] == "end"


def test_a_page_holds_events_oldest_first(api, job, worker):
    trained(worker)

    first = api.get(f"/v1/jobs/{job['id']}/events?limit=3").json()
    rest = api.get(f"/v1/jobs/{job['id']}/events", params={"cursor": first["next_cursor"]}).json()

    assert [event["type"] for event in first["data"]] == ["state", "state", "log"]
    assert [event["type"] for event in rest["data"]] == ["checkpoint", "state"]
    assert (first["has_more"], rest["has_more"]) == (True, False)


def test_a_bookmark_of_another_kind_is_refused(api, job):
    response = api.get(f"/v1/jobs/{job['id']}/events", headers={"Accept": "text/event-stream", "Last-Event-ID": "x"})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "Last-Event-Id:"


def test_log_lines_come_in_pages_and_as_text(api, job, worker):
    trained(worker, log=("one", "two", "three"))

    path = f"/v1/jobs/{job['id']}/logs"
    first = api.get(f"{path}?limit=2").json()
    rest = api.get(path, params={"cursor": first["next_cursor"]}).json()

    assert [line["line"] for line in first["data"] + rest["data"]] == ["one", "two", "three"]
    assert api.get(path, headers={"Accept": "text/plain"}).text == "one\ntwo\nthree\n"


async def test_nothing_is_kept_of_a_job_whose_only_reader_left_early(api, job, store_of_api):
    feed = Feed(News(store_of_api), Live(store_of_api.redis))
    frames = feed.follow(job["id"], BEGINNING)

    await anext(frames)
    assert rounds() == 1
    await frames.aclose()

    assert rounds() == 0


@pytest.fixture
async def live(store_of_api):
    """What the API listens with, by itself."""
    live = Live(store_of_api.redis)
    listening = asyncio.create_task(live.run())
    yield live
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_only_what_someone_waits_for_is_heard_of(live, store_of_api):
    redis = store_of_api.redis

    with live.watch("watched") as topic:
        await until_heard_of(redis, b"live:", b"live:watched")
        news = topic.news
        await redis.publish("live:watched", "")
        await asyncio.wait_for(news.wait(), 1)

    await until_heard_of(redis, b"live:")


async def until_heard_of(redis, *channels) -> None:
    async with asyncio.timeout(5):
        while set(await redis.pubsub_channels()) != set(channels):  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.01)
