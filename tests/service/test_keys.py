"""Every key that the running service has written is on the page of keys, of the type that stands there."""

import re

from unitscale.models.jobs import State
from unitscale.wire import keys

ROWS = re.findall(r"^    (\S+) +(hash|stream|set|zset|string|list) ", str(keys.__doc__), re.MULTILINE)
PAGE = [(re.compile(re.sub(r"\\\{\w+\\\}", r"[^:]+", re.escape(template))), kind) for template, kind in ROWS]


def test_no_key_is_missing_from_the_page(stack, client):
    job = client.wait(client.submit({"task": "regression"}, idempotency_key="once").id)
    assert job.state is State.SUCCEEDED

    written = {name.decode(): stack.redis.type(name).decode() for name in stack.redis.keys("*")}
    ours = {name: kind for name, kind in written.items() if not name.startswith(keys.CELERY_PREFIX)}

    strangers = {n: k for n, k in ours.items() if not any(page.fullmatch(n) and kind == k for page, kind in PAGE)}
    assert len(ours) > 10
    assert strangers == {}
