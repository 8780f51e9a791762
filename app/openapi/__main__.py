"""Prints the contract: `python -m app.openapi > docs/openapi.json`."""

import json
import sys

from pydantic import SecretStr

from app.main import create_app
from app.openapi.contract import document
from unitscale.wire.settings import Settings


def text() -> str:
    """The contract as the file in `docs/` has it."""
    app = create_app(Settings(api_key=SecretStr("unused")))
    return json.dumps(document(app), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
