"""What an answer looks like: as the query says, else as the caller accepts."""

from typing import Annotated, Literal

from fastapi import Depends, Header, Query

Form = Literal["json", "csv", "markdown"]
MEDIA_TYPES: dict[Form, str] = {"json": "application/json", "csv": "text/csv", "markdown": "text/markdown"}


async def form(
    format: Annotated[  # noqa: A002  the API's word
        Form | None, Query(description="What the answer looks like; by default as `Accept` says, else JSON.")
    ] = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Form:
    """The form of the answer."""
    return format or _accepted(accept)


def _accepted(accept: str) -> Form:
    for form, media_type in MEDIA_TYPES.items():
        if media_type in accept:
            return form
    return "json"


FormDep = Annotated[Form, Depends(form)]
