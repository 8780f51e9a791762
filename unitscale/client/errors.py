"""What can go wrong on the way to the service, before it has said anything.

* ClientError
  x Unreachable     (no answer, after every try)
  x NotUnderstood   (an answer, but not one of this API)
"""


class ClientError(Exception):
    """The service was not heard; `unitscale.errors` holds what it says."""


class Unreachable(ClientError):
    """Nothing answered at the address, however often it was tried."""

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(f"{url} does not answer: {cause}")
        self.url = url


class NotUnderstood(ClientError):
    """Something answered that is not this API, or a version of it that this client cannot read."""
