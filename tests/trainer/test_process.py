"""The trainer as a process: orders down, messages up."""

from pathlib import Path

from worker.pipe import Ask, Train
from worker.trainer.assembly.assemble import assemble


def test_a_line_is_learnt_over_the_pipe(a_trainer, a_lane, record_of):
    spec = {
        "dataset": "linear",
        "model": {"kind": "linear"},
        "units": {"learning_rate": 0.01, "batch_size": "full"},
        "optimizer": {"name": "sgd"},
        "budget": {"epochs": 600},
    }
    record, trainer = record_of(a_lane(spec)), a_trainer()

    trainer.tell(Train(lanes=(record.lane,)))
    kinds = [message.say for message in trainer.follow(record)]

    assert kinds[0] == "started"
    assert kinds[-1] == "ended"
    assert len(record.points("train_loss")) == 600
    assert abs(record.weights()["0.weight"].item() - 2) < 0.05
    assert abs(record.weights()["0.bias"].item() - 1) < 0.05
    assert trainer.wait() == 0


def test_the_end_of_stdin_ends_a_training_trainer(a_trainer, a_lane):
    trainer = a_trainer()
    trainer.tell(Train(lanes=(a_lane({"budget": {"epochs": 10**7}}),)))
    assert trainer.hear().say == "started"

    trainer.hang_up()

    assert trainer.wait() == 0


def test_asks_are_answered_until_there_is_something_to_train(a_trainer, a_lane, train, record_of):
    folder = str(Path(train({"dataset": "linear"})[0].lane.folder) / "artifacts")
    record, trainer = record_of(a_lane({})), a_trainer()

    trainer.tell(Ask(ask="one", folder=folder, inputs=(0.0, [1.0])))
    answered = trainer.hear()
    trainer.tell(Ask(ask="two", folder=folder, inputs=(0.0, "x")))
    refused = trainer.hear()
    trainer.tell(Train(lanes=(record.lane,)))

    assert [round(output) for output in answered.outputs] == [1, 3]
    assert refused.fields[0][0] == "/inputs/1"
    assert [message.say for message in trainer.follow(record)][-1] == "ended"


def test_a_fraction_of_the_data_is_the_first_part_of_all(a_lane, library):
    whole, part = (
        assemble([a_lane({"dataset": "diabetes", "data": {"fraction": fraction}}).spec], "cpu", library)
        for fraction in (1.0, 0.5)
    )

    assert (whole.batches.examples(10), part.batches.examples(5)) == (310, 155)
