"""The channel up to the supervisor: one JSON message a line, whole, whichever thread sends it."""

import os
import sys
import threading

from pydantic import BaseModel

from worker.pipe import Ended


class Channel:
    """Writes messages to a file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._turn = threading.Lock()

    def send(self, message: BaseModel) -> None:
        """What was printed comes before the word that a job has ended."""
        if isinstance(message, Ended):
            sys.stdout.flush()
            sys.stderr.flush()
        rest = memoryview(message.model_dump_json().encode() + b"\n")
        with self._turn:
            while rest:
                rest = rest[os.write(self.descriptor, rest) :]
