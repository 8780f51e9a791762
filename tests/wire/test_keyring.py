"""API keys in the record: taken back once, by an admin who sees to them."""

import asyncio

import pytest

from unitscale.errors import NotFound, Unauthorized
from unitscale.models.keys import OPERATORS, NewKey
from unitscale.wire.keyring import Keyring


@pytest.fixture
def keyring(store):
    return Keyring(store)


async def made(keyring, project, scope="admin"):
    return await keyring.admit(f"us_{project}_{scope}", NewKey(project=project, scopes=(scope,)))


async def test_two_who_take_a_key_back_at_once_are_told_apart(keyring):
    admin, key = await made(keyring, OPERATORS), await made(keyring, "lab", "read")

    outcomes = await asyncio.gather(*(keyring.take_back(key.id, admin) for _ in range(2)), return_exceptions=True)

    assert sorted(type(outcome) for outcome in outcomes if outcome) == [NotFound]
    assert [each.id for each in await keyring.all(admin)] == [admin.id]
    with pytest.raises(Unauthorized):
        await keyring.owner("us_lab_read")


async def test_a_key_of_another_project_stays(keyring):
    admin, key = await made(keyring, "lab"), await made(keyring, "other", "read")

    with pytest.raises(NotFound):
        await keyring.take_back(key.id, admin)

    assert (await keyring.owner("us_other_read")).id == key.id
