"""The least that uvicorn can do: it says hello.

python -m benchmarks.hello PORT
"""

import sys
from typing import Any

import uvicorn

BODY = b"hello"


async def hello(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    """Answer every request alike."""
    assert scope["type"] == "http"
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(BODY))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    uvicorn.run(
        hello,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
    )
