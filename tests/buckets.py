"""An object store to test against: moto's server, which can go away and come back with what it holds."""

import logging
import socket
from typing import Self

import boto3
from moto.server import ThreadedMotoServer

NAME = "unitscale-test"

logging.getLogger("werkzeug").setLevel(logging.ERROR)


class ObjectStore:
    """S3 on a port of its own, with one bucket."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self._port}"
        self.environment = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "someone",
            "AWS_SECRET_ACCESS_KEY": "a-secret-of-aws",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def __enter__(self) -> Self:
        self.come_back()
        self.client().create_bucket(Bucket=NAME)
        return self

    def __exit__(self, *_: object) -> None:
        self.go_away()

    def come_back(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
        self._server.start()

    def go_away(self) -> None:
        self._server.stop()

    def client(self):
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="someone",
            aws_secret_access_key="a-secret-of-aws",
        )

    def names(self, prefix: str = "") -> list[str]:
        """The keys of all objects."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=NAME, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]
