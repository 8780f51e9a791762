import inspect

from unitscale.client import AsyncClient, Client


def verbs(client: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(verb)
        for name, verb in inspect.getmembers(client, inspect.isfunction)
        if not name.startswith("_")
    }


def test_both_colours_have_the_same_verbs_with_the_same_words():
    said = {name: list(signature.parameters.values()) for name, signature in verbs(Client).items()}
    awaited = {name: list(signature.parameters.values()) for name, signature in verbs(AsyncClient).items()}

    assert said == awaited


def test_both_colours_say_the_same_of_each_verb():
    for name in verbs(Client):
        assert inspect.getdoc(getattr(Client, name)) == inspect.getdoc(getattr(AsyncClient, name))
