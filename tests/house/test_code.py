"""Facts about the whole code: its pages say what it holds, and its parts stay small."""

import ast
from pathlib import Path

import pytest

from unitscale import errors
from unitscale.wire import keys

ROOT = Path(__file__).parents[2]
ROOMS = ("unitscale", "app", "worker")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
MODULE_LINES = 400
FUNCTION_LINES = 40
ERRORS = [kind for kind in errors.descendants(errors.ServiceError) if kind.__module__ == errors.__name__]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_says_what_lives_there(path: Path):
    source = path.read_text()
    assert not source.strip() or ast.get_docstring(ast.parse(source)), f"{_name(path)} opens with no docstring"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_is_about_one_thing(path: Path):
    lines = len(path.read_text().splitlines())
    assert lines <= MODULE_LINES, f"{_name(path)} has {lines} lines: it has two subjects"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_function_fits_a_screen(path: Path):
    functions = (
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    long = [f"{f.name}, line {f.lineno}" for f in functions if (f.end_lineno or 0) - f.lineno >= FUNCTION_LINES]
    assert not long


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_stands_in_the_tree(kind: type[errors.ServiceError]):
    assert kind.__name__ in (errors.__doc__ or "").replace("(", " ").split()


def test_the_tree_of_errors_names_nothing_else():
    bullets = [
        line.split()[1] for line in (errors.__doc__ or "").splitlines() if line.strip()[:2] in {"* ", "x ", "+ "}
    ]
    assert set(bullets) == {kind.__name__ for kind in ERRORS} | {"ServiceError"}


@pytest.mark.parametrize("template", keys.TEMPLATES.values())
def test_every_redis_key_is_documented(template: str):
    assert template in _documented_keys()


def test_every_documented_redis_key_exists():
    assert _documented_keys() <= set(keys.TEMPLATES.values())


def _documented_keys() -> set[str]:
    return {line.split()[0] for line in (keys.__doc__ or "").splitlines() if line.startswith("    ")}
