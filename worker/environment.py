"""What a process that trains, or that looks at what can be trained, is told by its environment."""

import os
from pathlib import Path

SECRETS = ("UNITSCALE_API_KEY", "UNITSCALE_REDIS_URL", "AWS_")
"""Beginnings of names that trainers do not see: they run what teams bring, and read and write local folders alone."""


def of_trainers(cache_folder: Path) -> dict[str, str]:
    """This process's environment without its secrets, and with the folder where trainers keep data sets."""
    seen = {name: value for name, value in os.environ.items() if not name.startswith(SECRETS)}
    return {**seen, "UNITSCALE_CACHE_DIR": str(cache_folder)}
