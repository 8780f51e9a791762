"""The whole service: a real Valkey, the API, and two nodes with real Celery workers and real trainers."""

import pytest

from benchmarks.chaos.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture
def client(stack):
    with stack.client() as caller:
        yield caller
