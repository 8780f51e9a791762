"""A form with one file, read as it arrives: fields into memory, the file to its sink. Memory stays flat."""

from collections.abc import Callable
from pathlib import PurePath

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from unitscale.errors import Malformed

LONGEST_FIELD_BYTES = 8192
MOST_PARTS = 16
FILE = "file"


class Form:
    """The parts of a form, as far as they have come. `file_data` holds what of the file has not been taken yet."""

    def __init__(self, content_type: str, fields: frozenset[str], admit: Callable[[str], None]) -> None:
        self.fields: dict[str, str] = {}
        self.file_name: str | None = None
        self.file_data = bytearray()
        self.whole = False
        self._known, self._admit = fields, admit
        self._parser = _parser(content_type, self)
        self._header = b""
        self._disposition = b""
        self._part = ""
        self._text = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes. Raises Malformed."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise broken(str(error)) from error

    def begin(self) -> None:
        self._disposition, self._header = b"", b""
        if len(self.fields) + (self.file_name is not None) >= MOST_PARTS:
            raise broken("it has too many parts")

    def name_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end].lower()

    def read_header(self, data: bytes, start: int, end: int) -> None:
        if self._header == b"content-disposition":
            self._disposition += data[start:end]

    def end_header(self) -> None:
        self._header = b""

    def open_part(self) -> None:
        """All headers of a part are here: it is the file, or a field that is known."""
        _, options = parse_options_header(self._disposition)
        self._part, self._text = _decoded(options.get(b"name", b""), ""), bytearray()
        if self._part in self.fields or (self._part == FILE and self.file_name is not None):
            raise _wrong(self._part, "is there twice")
        if self._part == FILE:
            self._open_file(options.get(b"filename"))
        elif self._part not in self._known:
            raise _wrong(self._part, "There is no such field here.")

    def _open_file(self, name: bytes | None) -> None:
        if not name:
            raise _wrong(FILE, "must be a file, with the name that it has")
        self.file_name = PurePath(_decoded(name, FILE).replace("\\", "/")).name[:200]
        self._admit(self.file_name)

    def read_part(self, data: bytes, start: int, end: int) -> None:
        if self._part == FILE:
            self.file_data += memoryview(data)[start:end]
            return
        self._text += memoryview(data)[start:end]
        if len(self._text) > LONGEST_FIELD_BYTES:
            raise _wrong(self._part, f"is longer than {LONGEST_FIELD_BYTES} bytes")

    def end_part(self) -> None:
        if self._part != FILE:
            self.fields[self._part] = _decoded(bytes(self._text), self._part)

    def end(self) -> None:
        self.whole = True


def broken(why: str) -> Malformed:
    """The error of a body that is no form."""
    return Malformed(f"The body is no whole multipart form: {why}.", (("", f"This is no whole form: {why}."),))


def _wrong(field: str, detail: str) -> Malformed:
    pointer = "/" + field[:100].replace("~", "~0").replace("/", "~1")
    return Malformed(f"{pointer}: {detail}", ((pointer, detail),))


def _decoded(raw: bytes, field: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise _wrong(field, "must be UTF-8") from error


def _parser(content_type: str, form: Form) -> MultipartParser:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise broken("its Content-Type is not multipart/form-data with a boundary")
    callbacks = {
        "on_part_begin": form.begin,
        "on_header_field": form.name_header,
        "on_header_value": form.read_header,
        "on_header_end": form.end_header,
        "on_headers_finished": form.open_part,
        "on_part_data": form.read_part,
        "on_part_end": form.end_part,
        "on_end": form.end,
    }
    try:
        return MultipartParser(options[b"boundary"], callbacks)  # pyright: ignore[reportArgumentType]  # a TypedDict
    except FormParserError as error:
        raise broken(str(error)) from error
