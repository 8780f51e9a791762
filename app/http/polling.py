"""The poll: what callers ask most, answered without what a route that takes parameters has to do first."""

import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response

from app.http.responses import raw
from app.http.routing import StrictRoute
from app.security import may
from app.services import Services

JOB_ID = re.compile(r"job_[0-9a-z]{20}")
may_read = may("read")


class PollRoute(StrictRoute):
    """`GET /jobs/{job_id}`: with nothing but an id and a key, FastAPI's solving of dependencies is most of the cost.

    Anything else about the request, and every error in it, is left to the route as it is declared.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def poll(request: Request) -> Response:
            job_id = request.path_params["job_id"]
            if request.scope["query_string"] or not JOB_ID.fullmatch(job_id):
                return await handle(request)
            services: Services = request.app.state.services
            caller = await may_read(request)
            return raw(await services.jobs.document(caller.project, job_id))

        return poll
