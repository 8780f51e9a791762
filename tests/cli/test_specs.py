import json

import pytest
import typer

from unitscale.cli.specs import spec_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", 0.1),
        ("1e-3", 0.001),
        ("1E6", 1e6),
        (".5", 0.5),
        ("-2", -2),
        ("64", 64),
        ("true", True),
        ("null", None),
        ("", None),
        ("auto", "auto"),
        ("no", "no"),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("007", "007"),
        (".nan", ".nan"),
        ("[0.9, 0.95]", [0.9, 0.95]),
        ('"64"', "64"),
        ("a=b", "a=b"),
    ],
)
def test_an_override_means_what_it_looks_like(text, value):
    assert spec_of(None, [f"labels.x={text}"]) == {"labels": {"x": value}}


def test_an_override_lies_over_the_file(tmp_path):
    file = tmp_path / "spec.yaml"
    file.write_text("task: regression\nunits: {learning_rate: 1e-2, batch_size: 8}\n")

    spec = spec_of(str(file), ["units.learning_rate=0.1", "budget.steps=5"])

    assert spec == {"task": "regression", "units": {"learning_rate": 0.1, "batch_size": 8}, "budget": {"steps": 5}}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("spec.yaml", "task: regression\nunits:\n  learning_rate: 1e-3\n"),
        ("spec.toml", 'task = "regression"\n[units]\nlearning_rate = 1e-3\n'),
        ("spec.json", json.dumps({"task": "regression", "units": {"learning_rate": 1e-3}})),
    ],
)
def test_the_same_spec_in_every_format(tmp_path, name, text):
    (tmp_path / name).write_text(text)

    assert spec_of(str(tmp_path / name), []) == {"task": "regression", "units": {"learning_rate": 0.001}}


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("units.learning_rate", "is not path=value"),
        ("units..learning_rate=1", "is not path=value"),
        ("=1", "is not path=value"),
        ("units=[", "is not YAML"),
        ("task.name=x", "has no fields"),
    ],
)
def test_an_override_that_cannot_be_laid_is_named(override, complaint):
    with pytest.raises(typer.BadParameter, match=complaint):
        spec_of(None, ["task=regression", override])


@pytest.mark.parametrize(
    ("name", "text"), [("a.yaml", "task: [\n"), ("a.toml", "task ="), ("a.json", "{"), ("a.yaml", "- task\n")]
)
def test_a_file_that_holds_no_spec_is_named(tmp_path, name, text):
    (tmp_path / name).write_text(text)

    with pytest.raises(typer.BadParameter, match=name):
        spec_of(str(tmp_path / name), [])


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(typer.BadParameter, match=r"nowhere\.yaml: No such file"):
        spec_of("nowhere.yaml", [])


def test_nothing_at_all_is_no_spec():
    with pytest.raises(typer.BadParameter, match="task=regression"):
        spec_of(None, [])
