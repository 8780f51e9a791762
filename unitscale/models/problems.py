"""What an error looks like: problem details, RFC 9457."""

from unitscale.models.document import Answer


class FieldProblem(Answer):
    """What is wrong with one field of the body, or of the query."""

    pointer: str
    """JSON pointer into the body as sent; `?name` for a query parameter, `Name:` for a header."""
    detail: str


class Problem(Answer):
    """An error: `type` is a stable word for programs."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldProblem, ...] = ()
    request_id: str | None = None
