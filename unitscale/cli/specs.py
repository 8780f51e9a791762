"""A job spec from a file and from `-o path=value`: YAML 1.2, TOML or JSON."""

import json
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import typer
import yaml

Tree = dict[str, object]


class Core(yaml.SafeLoader):
    """YAML 1.2's core schema. PyYAML's own is 1.1, where 1e-3 is a string, no is false and 12:30 is 750."""

    yaml_implicit_resolvers: dict[str, Any] = {}


_INTEGER = r"[-+]?(?:0|[1-9][0-9]*)"
_FLOAT = rf"(?:{_INTEGER}(?:\.[0-9]*)?|[-+]?\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", _INTEGER, list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
):
    Core.add_implicit_resolver(  # pyright: ignore[reportUnknownMemberType] - its stub has no types
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first
    )


def spec_of(source: str | None, overrides: Iterable[str]) -> Tree:
    """The spec in `source` (a path, `-` for stdin, or nothing), with each `path=value` laid over it.

    Raises BadParameter, naming the file or the override that cannot be read.
    """
    spec = _read(source) if source else {}
    for override in overrides:
        _lay(spec, override)
    if not spec:
        raise typer.BadParameter("give a spec file, or at least -o task=regression", param_hint="SPEC")
    return spec


def lists_of(axes: Iterable[str]) -> dict[str, list[object]]:
    """Field → values, of each `path=value,value`; a YAML list does as well. Raises BadParameter."""
    found: dict[str, list[object]] = {}
    for axis in axes:
        path, equals, text = axis.partition("=")
        if not equals or not path or not text:
            example = "units.learning_rate=0.01,0.1"
            raise typer.BadParameter(f"'{axis}' is not path=values, such as {example}", param_hint="-a")
        values = _value(axis, text if text.startswith("[") else f"[{text}]")
        found[path] = cast("list[object]", values)
    return found


def _read(source: str) -> Tree:
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
        tree = _parse(text, Path(source).suffix)
    except OSError as error:
        raise typer.BadParameter(f"{source}: {error.strerror}", param_hint="SPEC") from error
    except (ValueError, yaml.YAMLError) as error:
        raise typer.BadParameter(f"{source} cannot be read: {error}", param_hint="SPEC") from error
    if not isinstance(tree, dict):
        raise typer.BadParameter(f"{source} holds no spec: a spec is a mapping, such as `task: regression`")
    return cast("Tree", tree)


def _parse(text: str, suffix: str) -> object:
    if suffix == ".toml":
        return tomllib.loads(text)
    if suffix == ".json":
        return json.loads(text)
    return yaml.load(text, Loader=Core)  # noqa: S506 - Core is a SafeLoader


def _lay(spec: Tree, override: str) -> None:
    path, equals, text = override.partition("=")
    *parents, last = path.split(".")
    if not equals or not all((*parents, last)):
        raise typer.BadParameter(f"'{override}' is not path=value, such as units.learning_rate=0.1", param_hint="-o")
    branch = spec
    for name in parents:
        below = branch.setdefault(name, {})
        if not isinstance(below, dict):
            raise typer.BadParameter(f"'{path}': '{name}' is {below!r}, and has no fields", param_hint="-o")
        branch = cast("Tree", below)
    branch[last] = _value(override, text)


def _value(override: str, text: str) -> object:
    try:
        return _parse(text, "")
    except yaml.YAMLError as error:
        raise typer.BadParameter(f"the value of '{override}' is not YAML: {error}") from error
