"""Fields that were probably meant."""

import pytest

from unitscale.models.misspelt import ALIASES, meant
from unitscale.models.trials import is_field


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("units.learning_rat", "units.learning_rate"),
        ("learning_rate", "units.learning_rate"),
        ("optimizer.learning_rate", "units.learning_rate"),
        ("optimizer.lr", "units.learning_rate"),
        ("model.widht", "model.width"),
        ("bugdet", "budget"),
        ("units.batchsize", "units.batch_size"),
        ("units.learning_rate", None),
        ("labels.taem", None),
        ("xyzzy", None),
    ],
)
def test_a_field_that_there_is_not_suggests_one_that_there_is(path, field):
    assert meant(path) == field


@pytest.mark.parametrize("field", ALIASES.values())
def test_what_others_call_a_field_leads_to_one_that_there_is(field):
    assert is_field(field)
