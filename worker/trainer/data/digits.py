"""The data set `digits`: 1,797 handwritten digits of 8 × 8 grey pixels from 0 to 16."""

from torch import Tensor

from worker.trainer.data.bundled import shuffled, table

SEED = 20260103


def make() -> dict[str, Tensor]:
    """Pixels as they are, and the digits."""
    rows = table("digits.csv.gz", ",")
    inputs, targets = shuffled(SEED, rows[:, :-1].float().unflatten(1, (8, 8)), rows[:, -1].long())
    return {"inputs": inputs, "targets": targets}
