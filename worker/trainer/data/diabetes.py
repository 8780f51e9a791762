"""The data set `diabetes`: disease progression of 442 patients from 10 measurements."""

from torch import Tensor

from worker.trainer.data.bundled import shuffled, table

SEED = 20260102


def make() -> dict[str, Tensor]:
    """Measurements and progression as they were taken."""
    inputs = table("diabetes_data_raw.csv.gz", None).float()
    targets = table("diabetes_target.csv.gz", None).float()
    inputs, targets = shuffled(SEED, inputs, targets.unsqueeze(1))
    return {"inputs": inputs, "targets": targets}
