"""The API said in Python.

    from unitscale.client import Client

    with Client("http://127.0.0.1:8000", api_key="...") as client:
        job = client.submit({"task": "regression", "units": {"learning_rate": 0.05}})
        for event in client.follow(job.id):
            print(event.type, event.data)
        print(client.wait(job.id).result)

`AsyncClient` has the same verbs, awaited. What the service refuses is raised as the errors of
`unitscale.errors`; `Unreachable` and `NotUnderstood` say that there was no answer, or none of ours.
"""

from unitscale.client.asynchronous import AsyncClient
from unitscale.client.errors import ClientError, NotUnderstood, Unreachable
from unitscale.client.retries import Retries
from unitscale.client.sync import Client

__all__ = ["AsyncClient", "Client", "ClientError", "NotUnderstood", "Retries", "Unreachable"]
