"""What a project's transfers measured: how the best learning rate moves with the width."""

from unitscale.models.campaigns import CampaignState
from unitscale.models.transfers import Axis, Parametrized, TransferResult, TransferSpec, Trials
from unitscale.models.tuned import Rule
from unitscale.models.units import Parametrization
from unitscale.wire.campaigns import Campaigns, Held

LOOKED_AT = 20
"""The newest transfers of a project."""
FARTHEST = 8.0


class Rules:
    """Reads rules from the record."""

    def __init__(self, campaigns: Campaigns) -> None:
        self._campaigns = campaigns

    async def measured(self, project: str, kind: str, optimizer: str) -> dict[Parametrization, Rule]:
        """By the newest transfer along the width of this kind of model and optimizer that confirms a drift for it."""
        page = await self._campaigns.page(project, "transfer", LOOKED_AT, None)
        rules: dict[Parametrization, Rule] = {}
        for held in page.data:
            for name, rule in rules_of(held, kind, optimizer, unconfirmed=False).items():
                rules.setdefault(name, rule)
        return rules

    async def of(self, project: str, transfer: str, kind: str, optimizer: str) -> dict[Parametrization, Rule]:
        """By this transfer, of a single seed too: it was named. Raises NotFound."""
        held = await self._campaigns.get(project, "transfer", transfer)
        return rules_of(held, kind, optimizer, unconfirmed=True)


def rules_of(held: Held, kind: str, optimizer: str, *, unconfirmed: bool) -> dict[Parametrization, Rule]:
    """Of a transfer that has ended well, along the width, of this kind of model and optimizer; else none."""
    if held.state is not CampaignState.SUCCEEDED or "result" not in held.document:
        return {}
    asked = TransferSpec.model_validate(held.requested)
    trials = Trials.model_validate(held.document)
    if asked.axis is not Axis.WIDTH or trials.model != kind or asked.base.optimizer.name != optimizer:
        return {}
    found = TransferResult.model_validate(held.document["result"]).parametrizations
    rules = {each.parametrization: _rule(held, asked, each) for each in found if each.confirmed or unconfirmed}
    return {name: rule for name, rule in rules.items() if rule is not None}


def _rule(held: Held, asked: TransferSpec, found: Parametrized) -> Rule | None:
    """A drift that cannot be told from none moves no rate: seeds that agree say so; others say nothing."""
    drift, interval, source = found.drift_octaves_per_doubling, found.drift_interval, _source(held, asked, found)
    if drift is None or abs(drift) > FARTHEST:
        return None
    if interval is not None and interval.holds_zero:
        still = f"{source}, where it stays put within its interval"
        return Rule(octaves_per_doubling=0.0, source=still) if found.confirmed else None
    return Rule(octaves_per_doubling=drift, source=source)


def _source(held: Held, asked: TransferSpec, found: Parametrized) -> str:
    if found.confirmed:
        return held.id
    return f"{held.id} ({'one seed' if asked.seeds == 1 else f'{asked.seeds} seeds'}, not confirmed)"
