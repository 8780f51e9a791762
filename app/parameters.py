"""Query parameters that hold lists."""

from typing import Annotated

from fastapi import Depends, Query

ID = "job_[0-9a-z]{20}"
KEY = "[a-z][a-z0-9_./-]{0,63}"
MOST = 50


def several(pattern: str) -> str:
    """The pattern of up to 50 such words with commas between them."""
    return f"^{pattern}(,{pattern}){{0,{MOST - 1}}}$"


async def compared_jobs(
    jobs: Annotated[
        str,
        Query(
            pattern=several(ID),
            description=f"Ids of at most {MOST} jobs, with commas between them.",
            examples=["job_06g1m2c8kq7v3x9t4b5n,job_06g1m2c8kq7v3x9t4b5p"],
        ),
    ],
) -> list[str]:
    """The ids, each once."""
    return list(dict.fromkeys(jobs.split(",")))


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


ComparedJobs = Annotated[list[str], Depends(compared_jobs)]
CurveKeys = Annotated[list[str], Depends(curve_keys)]
