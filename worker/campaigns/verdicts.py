"""What a transfer found, in words, and what it did not look at."""

from collections.abc import Sequence

from unitscale.models.specs import TaskName
from unitscale.models.transfers import STILL, AtValue, Axis, Parametrized, SeedInterval, TransferSpec
from unitscale.models.units import Parametrization

NAMES = {Parametrization.SP: "SP", Parametrization.MUP: "μP", Parametrization.UMUP: "u-μP"}
WORDS = {
    Axis.WIDTH: "the width",
    Axis.DEPTH: "the depth",
    Axis.BATCH_SIZE: "the batch size",
    Axis.TOKENS: "the number of tokens",
}


def verdict(spec: TransferSpec, found: Sequence[Parametrized]) -> str:
    """A few sentences for each parametrization, how they compare, and what was not tested."""
    untested = ", ".join(axis.value.replace("_", " ") for axis in Axis if axis is not spec.axis)
    parts = [_of_one(spec, each) for each in found]
    return " ".join([*parts, *_absolute(spec, found), *_doubt(spec, found), f"Not tested: {untested}."])


def _of_one(spec: TransferSpec, found: Parametrized) -> str:
    drift, name = found.drift_octaves_per_doubling, NAMES[found.parametrization]
    if drift is None:
        return f"No verdict on {name}: {_missing(spec, found)}."
    how = f"{_signed(drift)} octaves for each doubling of {WORDS[spec.axis]} ({_sureness(spec, found.drift_interval)})"
    return f"Under {name} the best learning rate {_moves(drift, found.drift_interval)}: {how}.{_cost(spec, found)}"


def _moves(drift: float, interval: SeedInterval | None) -> str:
    if interval is None:
        return f"seems to {'stay put' if abs(drift) <= STILL else 'fall' if drift < 0 else 'rise'}"
    low, high = _bounds(drift, interval)
    if low >= -STILL and high <= STILL:
        return "stays put"
    if low > STILL or high < -STILL:
        return "falls" if drift < 0 else "rises"
    if abs(drift) <= STILL:
        return "seems to stay put, but may move"
    return f"seems to {'fall' if drift < 0 else 'rise'}, but may stay put"


def _cost(spec: TransferSpec, found: Parametrized) -> str:
    gone = [each for each in found.values if each.vertex is None]
    without = f" Without {_listed(spec, gone)}, where {gone[0].why}." if gone else ""
    if found.penalty_nats is None:
        return without
    least, most = min(spec.given), max(spec.given)
    spread = f" ({_range(found.penalty_interval, 3)})" if found.penalty_interval else ""
    unit = "nats" if spec.base.task in set(TaskName) - {TaskName.REGRESSION} else "of loss"
    axis = _short(spec)
    return (
        f" The best rate at {axis} {least:,} costs {found.penalty_nats:.3f} {unit}{spread} at {axis} {most:,}.{without}"
    )


def _absolute(spec: TransferSpec, found: Sequence[Parametrized]) -> list[str]:
    """How low each gets where it is tuned: transfer alone promises no lower loss."""
    most = max(spec.given)
    losses = [(NAMES[each.parametrization], line.loss) for each in found for line in each.values if line.value == most]
    known = [f"{name} {loss:.3f}" for name, loss in losses if loss is not None]
    return [f"Tuned at {_short(spec)} {most:,}, the losses are: {', '.join(known)}."] if len(known) > 1 else []


def _doubt(spec: TransferSpec, found: Sequence[Parametrized]) -> list[str]:
    unsure = [each for each in found if each.drift_octaves_per_doubling is not None and not each.confirmed]
    if not unsure:
        return []
    ignored = " Tuned rates do not go by it." if spec.axis is Axis.WIDTH else ""
    if spec.seeds == 1:
        return [f"One seed confirms nothing: take two or more.{ignored}"]
    names = " and ".join(NAMES[each.parametrization] for each in unsure)
    return [f"Under {names} the seeds do not agree on it: take more of them.{ignored}"]


def _missing(spec: TransferSpec, found: Parametrized) -> str:
    gone = [each for each in found.values if each.vertex is None]
    return "; ".join(f"at {_short(spec)} {each.value:,} {each.why}" for each in gone)


def _listed(spec: TransferSpec, lines: Sequence[AtValue]) -> str:
    return f"{_short(spec)} " + ", ".join(f"{each.value:,}" for each in lines)


def _short(spec: TransferSpec) -> str:
    return spec.axis.value.replace("_", " ")


def _sureness(spec: TransferSpec, interval: SeedInterval | None) -> str:
    if interval is None:
        return "one seed, so no interval" if spec.seeds == 1 else f"{spec.seeds} seeds, no interval"
    return f"{_range(interval, 2)}, {spec.seeds} seeds"


def _range(interval: SeedInterval, digits: int) -> str:
    low, high = _bounds(0.0, interval)
    return f"95 %: {_signed(low, digits)} to {_signed(high, digits)}"


def _bounds(value: float, interval: SeedInterval | None) -> tuple[float, float]:
    if interval is None or interval.low is None or interval.high is None:
        return value, value
    return interval.low, interval.high


def _signed(value: float, digits: int = 2) -> str:
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "−")
