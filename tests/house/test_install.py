"""The install steps that users and images take, in an environment of their own: slow, so one environment grows."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVER_PARTS = ("torch", "celery", "fastapi", "redis", "uvicorn")
STAGES = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text().replace("\\\n", " "), flags=re.MULTILINE)[1:]


class Place:
    """A folder laid out as an image is, with its own environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
        self._environment |= {"PATH": f"{folder}/venv/bin:{os.environ['PATH']}", "PIP_NO_COMPILE": "1"}
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)

    def run(self, *command: str, status: int = 0) -> str:
        """What the command says. Fails unless it ends as expected."""
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def follow(self, stage: str) -> None:
        """Copy and install as this stage of the Dockerfile does."""
        [lines] = [text.splitlines() for text in STAGES if text.splitlines()[0].endswith(f" AS {stage}")]
        for line in lines:
            if line.startswith("COPY "):
                self._copy(*shlex.split(line)[1:])
            elif found := re.search(r"^RUN .*?(pip install .*|python -m compileall .*)", line):
                self.run(*shlex.split(found[1]))

    def _copy(self, *paths: str) -> None:
        for source in paths[:-1]:
            target = self.folder / (Path(source).name if paths[-1] == "./" else paths[-1])
            target.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, target)

    def lacks(self, *packages: str) -> bool:
        """Whether none of these can be imported."""
        code = f"from importlib.util import find_spec; print(any(map(find_spec, {packages!r})))"
        return self.run("python", "-c", code).strip() == "False"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("install"))


@pytest.mark.timeout(300)
def test_the_wheel_alone_is_client_and_cli(place: Place):
    place.run("pip", "install", "-q", "-c", f"{ROOT}/constraints.txt", str(ROOT))

    assert "Usage" in place.run("unitscale", "--help")
    assert place.run("python", "-c", "import unitscale.client") == ""
    assert place.lacks(*SERVER_PARTS)


@pytest.mark.timeout(300)
def test_the_api_image_serves_without_torch(place: Place):
    place.follow("base")
    place.follow("api")

    assert place.run("python", "-c", "import app.main, app.analysis.scaling_laws.law") == ""
    assert place.lacks("torch", "sklearn", "scipy")


@pytest.mark.timeout(600)
@pytest.mark.skipif("CI" not in os.environ, reason="installs torch again; CI does")
def test_the_worker_image_trains_without_a_server(tmp_path: Path):
    place = Place(tmp_path)
    place.follow("base")
    place.follow("worker")

    assert place.run("python", "-c", "import worker.node, worker.trainer.main") == ""
    assert place.lacks("fastapi", "uvicorn")
