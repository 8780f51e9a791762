"""What the demo draws, and what it holds the answers against.

numpy and the loader, which brings torch, are imported late: that takes seconds, and the service should start first.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from rich.columns import Columns
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from unitscale.cli.plots import plot
from unitscale.client import Client

HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def points(client: Client, job_id: str, key: str) -> list[tuple[int, float]]:
    """(step, value) of one curve."""
    curve = client.curves(job_id, [key]).curves[key]
    return [(step, value) for step, value in zip(curve.step, curve.value, strict=True) if value is not None]


def drawn(client: Client, job_id: str, width: int) -> Iterable[Text]:
    """The training loss over the steps, as lines that fit the terminal."""
    return [Text(line, style="cyan") for line in plot(points(client, job_id, "train_loss"), min(width, 100) - 12, 7)]


def table(*titles: str, first: Literal["left", "right"] = "right") -> Table:
    """An empty table; numbers stand on the right."""
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for place, title in enumerate(titles):
        made.add_column(title, justify="right" if place else first, no_wrap=True)
    return made


def beside(*tables: Table) -> Padding:
    """Tables next to each other."""
    return Padding(Columns(tables, padding=(0, 6)), (1, 0, 0, 0))


def pictures(images: Sequence[list[list[float]]], titles: Sequence[str]) -> Padding:
    """Images in characters, each with its title below."""
    return Padding(Columns([Text(f"{_picture(i)}\n{t}") for i, t in zip(images, titles, strict=True)]), (1, 0, 0, 0))


def number(value: float | None) -> str:
    """Four digits, or a dash."""
    return "–" if value is None else f"{value:.4f}"


def seconds(value: float | None) -> str:
    """A duration a person can read."""
    if value is None:
        return "–"
    return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.0f} ms"


def least_squares_r2() -> float:
    """R² on the diabetes test split of the exact least-squares answer to its training split."""
    import numpy as np

    train, _, test = _splits("diabetes")
    with_one = [np.c_[split.inputs.double().numpy(), np.ones(len(split.inputs))] for split in (train, test)]
    weights, *_ = np.linalg.lstsq(with_one[0], train.targets.double().numpy(), rcond=None)
    truth = test.targets.double().numpy()
    return float(1 - ((with_one[1] @ weights - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())


def some_digits(count: int) -> tuple[list[list[list[float]]], list[int]]:
    """Images of the test split, and what they show."""
    images, labels = _splits("digits").test
    return images[:count].tolist(), labels[:count].tolist()


def _splits(name: str) -> Any:
    from worker.trainer.catalog import DATASETS
    from worker.trainer.data.examples import cut

    dataset = DATASETS[name]
    return cut(**dataset.make(), validation=dataset.validation, test=dataset.test, fraction=1.0)


def _picture(image: list[list[float]]) -> str:
    middle = max(map(max, image)) / 2
    rows = [[pixel > middle for pixel in row] for row in image]
    return "\n".join(
        "".join(HALVES[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    )
