"""API keys: who may do what, for which project."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from unitscale.models.document import Answer, Document, Moment

Scope = Literal["read", "submit", "admin"]

INCLUDES: dict[Scope, frozenset[Scope]] = {
    "read": frozenset({"read"}),
    "submit": frozenset({"read", "submit"}),
    "admin": frozenset({"read", "submit", "admin"}),
}

OPERATORS = "default"
"""The project whose admins run the service: they see to every project's keys, other admins to their own's."""

Project = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$"), Field(examples=["vision"])]


class NewKey(Document):
    """A key to be made."""

    project: Project
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=3)] = ("submit",)


class Key(Answer):
    """A key, without its secret."""

    id: str
    project: str
    scopes: tuple[Scope, ...]
    created_at: Moment


class IssuedKey(Key):
    """A key just made: the only time that its secret is shown."""

    key: str
