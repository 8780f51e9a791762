"""Query parameters that hold lists."""

from typing import Annotated

from fastapi import Depends, Query

KEY = "[a-z][a-z0-9_./-]{0,63}"
MOST = 50


def several(pattern: str) -> str:
    """The pattern of up to 50 such words with commas between them."""
    return f"^{pattern}(,{pattern}){{0,{MOST - 1}}}$"


async def drawn_keys(
    keys: Annotated[
        str | None,
        Query(
            pattern=several(KEY),
            description="Names of curves to lay side by side, with commas between them; none by default.",
            examples=["train_loss,val_loss"],
        ),
    ] = None,
) -> list[str]:
    """The names, each once."""
    return list(dict.fromkeys(keys.split(","))) if keys else []


async def curve_keys(
    keys: Annotated[
        str | None,
        Query(
            pattern=several(KEY),
            description="Names of curves, with commas between them; all by default.",
            examples=["train_loss,val_loss"],
        ),
    ] = None,
) -> list[str]:
    """The names, each once; none for all."""
    return list(dict.fromkeys(keys.split(","))) if keys else []


DrawnKeys = Annotated[list[str], Depends(drawn_keys)]
CurveKeys = Annotated[list[str], Depends(curve_keys)]
