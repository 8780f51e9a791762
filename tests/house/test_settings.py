"""Every setting is documented, and nothing else is documented as one."""

import re
from pathlib import Path

import pytest

from unitscale.wire.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "settings.md").read_text()
ROWS = dict(re.findall(r"^\| `(UNITSCALE_[A-Z_]+)` \| ([^|]*) \|", PAGE, re.MULTILINE))


def _variable(setting: str) -> str:
    return f"UNITSCALE_{setting.upper()}"


@pytest.mark.parametrize("setting", Settings.model_fields)
def test_every_setting_is_documented(setting: str):
    assert _variable(setting) in ROWS


@pytest.mark.parametrize("setting", Settings.model_fields)
def test_its_default_is_the_documented_one(setting: str):
    default = Settings.model_fields[setting].default
    told = "unset" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"
    assert ROWS[_variable(setting)].strip() == told


@pytest.mark.parametrize("setting", Settings.model_fields)
def test_every_setting_says_what_it_is(setting: str):
    assert Settings.model_fields[setting].description


def test_the_page_names_no_setting_that_is_none():
    assert set(ROWS) == {_variable(setting) for setting in Settings.model_fields}
