"""A study goes on until its target is reached or its budget spent; then the best are run again, and a winner named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from unitscale.errors import Malformed
from unitscale.models.campaigns import CampaignState, member_id
from unitscale.models.jobs import ENDED, Job, Reason
from unitscale.models.studies import Candidate, Iteration, Progress, StudySpec, Trial, TrialState
from unitscale.models.trials import spec_of, timed
from unitscale.wire.campaigns import Decision, Held
from worker.campaigns.search import importances, pruning
from worker.campaigns.search.asking import ask
from worker.campaigns.search.judging import candidates, front, medians, settled
from worker.campaigns.search.wording import summary

CONFIRMATION = "confirmation"
OVERTIME = Reason(code="over_budget", message="The study's seconds are over.")
REACHED = Reason(code="target_reached", message="Another trial of the study has reached its target.")


def watched(held: Held) -> Sequence[int]:
    """Places whose curves it decides by: of what runs, where a pruner looks at it."""
    if held.requested.get("pruner", "none") == "none":
        return ()
    return [trial.place for trial in Progress.model_validate(held.document).trials if not trial.settled]


def decide(held: Held, jobs: Mapping[int, Job], refused: Mapping[int, str]) -> Decision:
    """Take up what has ended; then wait, give trials up, ask for more, confirm the best, or name the winner."""
    return _Turn(held, jobs, refused).decision()


@dataclass
class _Turn:
    """One decision about one study."""

    held: Held
    jobs: Mapping[int, Job]
    refused: Mapping[int, str]

    def __post_init__(self) -> None:
        self.study = StudySpec.model_validate(self.held.requested)
        self.before = Progress.model_validate(self.held.document)
        self.hardware = self.before.hardware
        self.iterations = [
            each.model_copy(update={"trials": tuple(map(self._taken_up, each.trials))})
            for each in self.before.iterations
        ]
        self.trials = [trial for iteration in self.iterations for trial in iteration.trials]
        self.searched = [trial for trial in self.trials if trial.again is None]
        self.running = [trial for trial in self.trials if not trial.settled]
        self.found = candidates(self.study, self.trials)

    def decision(self) -> Decision:
        """What follows."""
        late = self._seconds_left() == 0
        searching = [trial for trial in self.running if trial.again is None]
        if searching and (late or self._hit()):
            return self._waiting(dict.fromkeys((trial.place for trial in searching), OVERTIME if late else REACHED))
        if self.running and not (self.study.asynchronous and len(self.running) == len(searching)):
            return self._on(None)
        return self._next(searching, open_=not late and len(self.searched) < self.study.budget.trials)

    def _next(self, searching: Sequence[Trial], *, open_: bool) -> Decision:
        """Nothing runs, or fewer trials than may."""
        unconfirmed = self._unconfirmed()
        if open_ and not (self._hit() and (unconfirmed or self._reaches(self.found[0]))):
            asked = self._asked(len(searching))
            if asked or searching:
                return self._on(asked)
        if searching:
            return self._on(None)
        return self._on(self._again(unconfirmed)) if unconfirmed else self._over()

    def _asked(self, searching: int) -> Iteration | None:
        at_a_time = 1 if timed(self.study) and self.hardware is None else self.study.parallel
        room = min(at_a_time - searching, self.study.budget.trials - len(self.searched))
        if room <= 0:
            return None
        asked = ask(self.study, self.searched, room)
        trials = [self._trial(place, units) for place, units in enumerate(asked.units, len(self.trials))]
        return self._iteration(self.study.sampler, asked.why, trials) if trials else None

    def _again(self, best: Sequence[Candidate]) -> Iteration:
        runs = [(each, run) for each in best for run in range(self.study.confirmation.seeds)]
        trials = [
            self._trial(place, each.units, again=each.place, run=run)
            for place, (each, run) in enumerate(runs, len(self.trials))
        ]
        why = f"The best are run again with fresh seeds: {len(best)} × {self.study.confirmation.seeds}."
        return self._iteration(CONFIRMATION, why, trials)

    def _trial(self, place: int, units: dict[str, object], again: int | None = None, run: int = 0) -> Trial:
        seed = self.study.base.seed if again is None else _fresh_seed(self.study, run)
        trial = Trial(place=place, job=member_id(self.held.id, place), units=units, seed=seed, again=again)
        try:
            spec_of(self.study, units, seed)
        except Malformed as error:
            note = " ".join(detail for _, detail in error.fields) or error.message
            return trial.model_copy(update={"state": TrialState.REFUSED, "feasible": False, "note": note})
        return trial

    def _iteration(self, asked_by: str, why: str, trials: Sequence[Trial]) -> Iteration:
        return Iteration(
            number=len(self.iterations), decided_at=self.held.read_at, asked_by=asked_by, why=why, trials=tuple(trials)
        )

    def _on(self, iteration: Iteration | None) -> Decision:
        """The study goes on, by these trials and those that run. None of which can be tried are over at once."""
        behind = pruning.behind(self.study, self.searched, self.held.curves)
        self.iterations += [iteration] if iteration else []
        decision = self._waiting(behind)
        done = iteration is not None and all(trial.settled for trial in iteration.trials)
        return replace(decision, again_seconds=0.0) if done else decision

    def _waiting(self, given_up: Mapping[int, Reason]) -> Decision:
        left, look = self._seconds_left(), pruning.LOOK_SECONDS if self.study.pruner != "none" else None
        moments = [seconds for seconds in (left, look) if seconds]
        return Decision(
            document=self._document(),
            heed_each=True,
            again_seconds=min(moments, default=None),
            call_off={member_id(self.held.id, place): reason for place, reason in given_up.items()},
        )

    def _over(self) -> Decision:
        winner = self._winner()
        if winner is None:
            reason = Reason(code="no_success", message=self._why_none())
            return Decision(document=self._document(), state=CampaignState.FAILED, reason=reason)
        return Decision(document=self._document(winner), state=CampaignState.SUCCEEDED)

    def _why_none(self) -> str:
        notes = [trial.note for trial in self.trials if trial.note]
        return f"None of its {len(self.searched)} trials counts. The last says: {notes[-1] if notes else 'nothing'}"

    def _document(self, winner: Candidate | None = None) -> dict[str, object]:
        progress = Progress(
            iterations=tuple(self._with_best(iteration) for iteration in self.iterations),
            best=winner or next(iter(self.found), None),
            winner=winner and winner.model_copy(update={"test_metrics": self._test_metrics(winner)}),
            runner_up=next((each for each in self._confirmed() if winner and each.place != winner.place), None),
            front=tuple(front(self.study, self.found)) if len(self.study.objectives) > 1 else (),
            importances=self._importances(over=winner is not None),
            reached=winner is not None and self._reaches(winner),
        )
        return progress.model_copy(update={"summary": summary(self.study, progress)}).model_dump(
            mode="json", exclude_defaults=True
        )

    def _importances(self, *, over: bool) -> dict[str, float]:
        """Told anew when a batch has ended, or as many trials as one holds."""
        before = sum(trial.settled for trial in self.before.trials if trial.again is None)
        batches = [ended // self.study.parallel for ended in (before, sum(t.settled for t in self.searched))]
        return importances.of(self.study, self.searched) if over or batches[1] > batches[0] else self.before.importances

    def _with_best(self, iteration: Iteration) -> Iteration:
        """The best when it was over is put down once, and stays; after a confirmation it is the best by medians."""
        if iteration.best is not None or not all(trial.settled for trial in iteration.trials):
            return iteration
        until = [trial for each in self.iterations[: iteration.number + 1] for trial in each.trials]
        found = candidates(self.study, until)
        confirmed = [each for each in found if each.confirmed] if iteration.asked_by == CONFIRMATION else []
        best = next(iter(confirmed or found), None)
        return iteration.model_copy(update={"best": best and best.place})

    def _test_metrics(self, winner: Candidate) -> dict[str, float | None]:
        places = [trial.place for trial in self.trials if trial.again == winner.place] or [winner.place]
        results = [job.result for place in places if (job := self.jobs.get(place)) and job.result]
        return medians([result.test_metrics for result in results])

    def _taken_up(self, trial: Trial) -> Trial:
        if trial.settled:
            return trial
        if trial.place in self.refused:
            why = self.refused[trial.place]
            return trial.model_copy(update={"state": TrialState.REFUSED, "feasible": False, "note": why})
        job = self.jobs.get(trial.place)
        if (job is None and trial.job in self.held.jobs) or (job is not None and job.state in ENDED):
            ended = settled(self.study, trial, job, self.hardware if timed(self.study) else None)
            self.hardware = self.hardware or ended.hardware
            return ended.model_copy(update={"curve": pruning.kept(self.held.curves.get(trial.place, ()))})
        return trial

    def _unconfirmed(self) -> list[Candidate]:
        """Of the best those that are to be run again: once after a search, and on where none of them has counted."""
        again = {trial.again for trial in self.trials}
        found = [each for each in self.found[: self.study.confirmation.best] if each.place not in again]
        searched_last = not self.iterations or self.iterations[-1].asked_by != CONFIRMATION
        return found if searched_last or not self._confirmed() else []

    def _confirmed(self) -> list[Candidate]:
        return [each for each in self.found if each.confirmed]

    def _winner(self) -> Candidate | None:
        """The best of those that were run again; the best of all where none was to be."""
        return next(iter(self._confirmed() or self.found), None)

    def _reaches(self, candidate: Candidate) -> bool:
        value = candidate.values.get(self.study.objectives[0].measure)
        return self.study.target is not None and value is not None and self.study.target.excess(value) <= 0

    def _hit(self) -> bool:
        return any(self._reaches(each) for each in self.found)

    def _seconds_left(self) -> float | None:
        limit = self.study.budget.max_seconds
        if limit is None:
            return None
        return max(0.0, limit - (self.held.read_at - self.held.times["created_at"]).total_seconds())


def _fresh_seed(study: StudySpec, run: int) -> int:
    """No trial's: the same for each of the best, so that they differ in their units alone."""
    digest = sha256(f"{study.seed} {study.base.seed} again {run}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
