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
    return {
        each.parametrization: Rule(octaves_per_doubling=drift, source=_source(held, asked, each))
        for each in found
        if (drift := each.drift_octaves_per_doubling) is not None
        and abs(drift) <= FARTHEST
        and (each.confirmed or unconfirmed)
    }


def _source(held: Held, asked: TransferSpec, found: Parametrized) -> str:
    if found.confirmed:
        return held.id
    return f"{held.id} ({'one seed' if asked.seeds == 1 else f'{asked.seeds} seeds'}, not confirmed)"
