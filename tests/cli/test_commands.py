import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unitscale import __version__
from unitscale.cli.exits import MEANINGS, ExitCode
from unitscale.cli.main import app
from unitscale.cli.next_steps import NEXT_STEP
from unitscale.errors import BY_CODE

REPOSITORY = Path(__file__).parents[2]
NOBODY = ("--url", "http://127.0.0.1:9")
HEAVY = {"httpx2", "unitscale.client", "torch", "celery", "fastapi", "redis", "unitscale.wire"}


def unitscale(*words: str, stdin: str | None = None):
    return CliRunner().invoke(app, words, input=stdin, prog_name="unitscale")


def test_the_version_is_told():
    assert unitscale("--version").stdout == f"unitscale {__version__}\n"


def test_every_exit_code_stands_in_the_help():
    said = unitscale("--help").stdout

    assert all(f"{code.value}: {MEANINGS[code]}" in said for code in ExitCode)


def test_every_next_step_belongs_to_an_error():
    assert NEXT_STEP.keys() <= BY_CODE.keys()


@pytest.mark.parametrize("command", sorted({c.name or c.callback.__name__ for c in app.registered_commands}))
def test_every_command_explains_itself(command):
    said = unitscale(command, "--help")

    assert said.exit_code == ExitCode.OK
    assert f"unitscale {command} [OPTIONS]" in said.stdout


def test_a_service_that_is_away_has_its_own_exit_code():
    said = unitscale(*NOBODY, "ls")

    assert said.exit_code == ExitCode.UNREACHABLE
    assert "unitscale up" in said.stderr
    assert said.stdout == ""


@pytest.mark.parametrize(
    "words",
    [
        ("submit",),
        ("submit", "nowhere.yaml"),
        ("submit", "-o", "task"),
        ("ls", "--label", "team"),
        ("predict", "job_1", "nowhere.json"),
        ("predict", "job_1", "[[0.5]"),
        ("predict", "job_1", "--file", "nowhere.wav"),
        ("predict", "job_1", "[[0.5]]", "--file", __file__),
        ("--url", "localhost:8000", "ls"),
        ("--key-file", "/nowhere", "ls"),
        ("cook",),
    ],
)
def test_a_command_line_that_cannot_be_read_is_a_usage_error(words):
    assert unitscale(*words).exit_code == ExitCode.USAGE


def test_the_doctor_says_what_to_do_when_nobody_answers(tmp_path):
    said = unitscale(*NOBODY, "--data-dir", str(tmp_path), "doctor")

    assert said.exit_code == ExitCode.UNREACHABLE
    assert "unitscale up" in said.stdout


def test_the_doctor_finds_a_key_that_others_can_read(tmp_path):
    (tmp_path / "admin.key").write_text("secret")
    (tmp_path / "admin.key").chmod(0o644)

    said = unitscale(*NOBODY, "--data-dir", str(tmp_path), "doctor", "--json")

    [check] = [check for check in json.loads(said.stdout)["data"] if "admin.key" in check["detail"]]
    assert not check["ok"]
    assert check["advice"] == f"chmod 600 {tmp_path / 'admin.key'}"


def test_somebody_elses_app_is_neither_imported_nor_started(tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("raise SystemExit('imported')")

    started = run("-m", "unitscale.cli", "up", cwd=tmp_path)

    assert started.returncode == ExitCode.REFUSED
    assert "checkout" in started.stderr


def test_help_loads_nothing_heavy(tmp_path):
    loaded = run("-c", "import sys, unitscale.cli.main; print(*sys.modules)", cwd=tmp_path)

    assert HEAVY.isdisjoint(loaded.stdout.split())


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run([sys.executable, *words], cwd=cwd, env=environ, capture_output=True, text=True, check=False)


def test_help_waits_for_nothing_that_loads_slowly():
    loaded = "import sys, unitscale.cli.main; print(*{'pydantic', 'httpx2'} & {*sys.modules})"

    said = subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True, cwd=REPOSITORY)

    assert said.stdout.strip() == ""
