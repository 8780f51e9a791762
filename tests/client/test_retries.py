import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unitscale.client.retries import Retries

REFUSED = httpx2.ConnectError("refused")
CUT = httpx2.ReadError("cut")
SURE = Retries(tries=5, first_seconds=0.25, chance=lambda: 1.0)


def busy(status: int = 503, retry_after: str | None = None) -> httpx2.Response:
    return httpx2.Response(status, headers={"Retry-After": retry_after} if retry_after else {})


@pytest.mark.parametrize("status", [200, 201, 400, 401, 403, 404, 409, 422, 500])
def test_an_answer_that_will_not_change_is_the_outcome(status):
    assert SURE.pause(httpx2.Response(status), 1, repeatable=True) is None


@pytest.mark.parametrize("outcome", [busy(503), busy(502), busy(504), busy(429, "1"), REFUSED, CUT])
def test_what_passes_is_waited_for(outcome):
    assert SURE.pause(outcome, 1, repeatable=True) is not None


def test_a_full_quota_is_not_waited_for():
    assert SURE.pause(busy(429), 1, repeatable=True) is None


def test_a_request_that_may_have_done_something_is_not_repeated():
    assert SURE.pause(CUT, 1, repeatable=False) is None


def test_a_request_that_was_never_sent_is_repeated():
    assert SURE.pause(REFUSED, 1, repeatable=False) is not None


def test_the_last_try_is_the_last():
    assert SURE.pause(REFUSED, 5, repeatable=True) is None


def test_waits_double():
    assert [SURE.backoff(tried) for tried in (1, 2, 3, 4)] == [0.25, 0.5, 1.0, 2.0]


def test_the_service_says_how_long_to_wait():
    assert SURE.pause(busy(503, "7"), 1, repeatable=True) == 7.0


def test_an_unreasonable_wait_is_not_waited():
    assert SURE.pause(busy(503, "3600"), 1, repeatable=True) is None


def test_a_date_in_retry_after_is_no_reason_to_stumble():
    assert SURE.pause(busy(503, "Wed, 21 Oct 2026 07:28:00 GMT"), 1, repeatable=True) == 0.25


@given(chance=st.floats(0, 1), tried=st.integers(1, 10_000))
def test_no_wait_is_longer_than_the_longest(chance, tried):
    assert 0 < Retries(chance=lambda: chance).backoff(tried) <= 30.0
