"""Whether this machine's node is alive: exit code 0 when it has lately described itself, for container health checks.

python -m worker.health
"""

import asyncio
import socket
import sys

from unitscale.wire.settings import Settings
from unitscale.wire.store import Store, connect
from unitscale.wire.workers import Workers

TIMEOUT_SECONDS = 3.0


async def alive(workers: Workers, host: str) -> bool:
    """Whether a node of this host was heard of in the last seconds. Raises StoreAway."""
    return any(worker.id.rpartition("-")[0] == host for worker in await workers.present())


async def _ask(settings: Settings) -> bool:
    redis = connect(settings.store_url, TIMEOUT_SECONDS)
    try:
        return await alive(Workers(Store(redis)), socket.gethostname())
    finally:
        await redis.aclose()


if __name__ == "__main__":
    sys.exit(
        0 if asyncio.run(_ask(Settings.of_environment())) else "No node of this machine has described itself lately."
    )
