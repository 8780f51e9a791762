"""Which units make the same run, however they are said: a default given or left out, `full` or the number it means.

Trials share the base's seed, so two of the same run would end with the same figures.
"""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from unitscale.errors import Malformed, Unsupported
from unitscale.models.datasets import is_uploaded
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from unitscale.models.studies import StudySpec
from unitscale.models.trials import spec_of


class Tried:
    """The runs that units made which were tried, or are about to be."""

    def __init__(self, study: StudySpec, units: Iterable[Mapping[str, Any]] = ()) -> None:
        self._study = study
        self._runs = {run_of(study, each) for each in units}

    def add(self, units: Mapping[str, Any]) -> None:
        """These are tried, too."""
        self._runs.add(run_of(self._study, units))

    def new(self, proposed: Iterable[dict[str, Any]], most: int) -> list[dict[str, Any]]:
        """The first of these, at most so many, that make a run which was not tried, each run once."""
        found = dict[str, dict[str, Any]]()
        for units in proposed if most > 0 else ():
            if (run := run_of(self._study, units)) not in self._runs:
                found.setdefault(run, units)
            if len(found) == most:
                break
        return list(found.values())


def run_of(study: StudySpec, units: Mapping[str, Any]) -> str:
    """The same for units that make the same run."""
    try:
        return _run_of(spec_of(study, units, study.base.seed).model_dump_json())
    except Malformed:
        return json.dumps(units, sort_keys=True)


@lru_cache(maxsize=4096)
def _run_of(spec: str) -> str:
    """Kept, since a study asks for that of each of its trials whenever it is advanced."""
    return blake2b(filled(JobSpec.model_validate_json(spec)).model_dump_json().encode(), digest_size=16).hexdigest()


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
