"""Which units make the same run, however they are said: a default given or left out, `full` or the number it means.

Trials share the base's seed, so two of the same run would end with the same figures.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from unitscale.errors import Malformed, Unsupported
from unitscale.models.datasets import is_uploaded
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from unitscale.models.studies import StudySpec
from unitscale.models.trials import spec_of


def run_of(study: StudySpec, units: Mapping[str, Any]) -> str:
    """The same for units that make the same run."""
    try:
        spec = spec_of(study, units, study.base.seed)
    except Malformed:
        return json.dumps(units, sort_keys=True)
    return filled(spec).model_dump_json()


def new(
    study: StudySpec, proposed: Iterable[dict[str, Any]], tried: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Those of these that make a run that neither those tried nor one before it makes."""
    seen = {run_of(study, units) for units in tried}
    runs = dict[str, dict[str, Any]]()
    for units in proposed:
        runs.setdefault(run_of(study, units), units)
    return [units for run, units in runs.items() if run not in seen]


def filled(spec: JobSpec) -> JobSpec:
    """With the defaults of every installation. How large an uploaded data set is, and what only some workers have, is
    not known here: there what is said stays as it is."""
    if spec.init_from is not None:
        return spec
    own = is_uploaded(spec.dataset)
    try:
        found = resolve(spec.model_copy(update={"dataset": None}) if own else spec, "cuda")  # any device will do
    except Unsupported:
        return spec
    said = {"dataset": spec.dataset, "units": found.units.model_copy(update={"batch_size": spec.units.batch_size})}
    return found.model_copy(update=said) if own else found
