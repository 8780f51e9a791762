"""Lanes of a group stay together where they can, and each could always go its own way."""

from worker.pipe import Points, Saved

MLP = {
    "dataset": "diabetes",
    "model": {"kind": "mlp", "width": 16, "depth": 1},
    "budget": {"steps": 3000},
    "checkpoint": {"every_seconds": 0.1},
}


def variants(count, **fields):
    return [{**MLP, "seed": seed, **fields} for seed in range(count)]


def saved_steps(record):
    return [message.step for message in record.said if isinstance(message, Saved)]


def test_lanes_are_saved_at_the_same_steps(train):
    often, seldom = {"every_seconds": 0.1}, {"every_seconds": 3600}
    records = train(*variants(2, checkpoint=often), *variants(2, checkpoint=seldom))

    steps = [saved_steps(record) for record in records]

    assert len(steps[0]) > 0
    assert steps == [steps[0]] * 4


def test_a_worker_that_leaves_stops_all_lanes_at_one_step(train):
    told = []

    def wish(message):
        if isinstance(message, Points) and message.job == "job1" and not told:
            return told.append(message) or "leave"
        return None

    records = train(*variants(4, checkpoint={"every_seconds": 3600}, budget={"steps": 10**6}), wish=wish)

    assert [record.stopped.why for record in records] == ["leave"] * 4
    assert len({record.saved.step for record in records}) == 1


def test_lanes_that_were_stopped_together_go_on_together_as_if_nothing_had_been(train):
    def wish(message):
        return "leave" if isinstance(message, Points) and message.step >= 500 else None

    specs = variants(3)
    whole = [train(spec)[0] for spec in specs]
    stopped = train(*specs, wish=wish)
    assert all(record.stopped for record in stopped)

    again = train(*(record.next_record() for record in stopped))

    assert [record.curves for record in again] == [record.curves for record in whole]


def test_lanes_that_were_saved_alone_go_on_together(train):
    """Also where one has a velocity and the other, without momentum, has none."""

    def at_once(message):
        return "pause" if message.say == "started" else None

    specs = [
        {**MLP, "optimizer": {"name": "sgd", "momentum": momentum}, "units": {"learning_rate": 0.01}}
        for momentum in (0.0, 0.9)
    ]
    whole = [train(spec)[0] for spec in specs]
    stopped = [train(spec, wish=at_once)[0] for spec in specs]
    assert [record.saved.step for record in stopped] == [1, 1]

    again = train(*(record.next_record() for record in stopped))

    assert [record.curves for record in again] == [record.curves for record in whole]
