"""Checks texts that come as tokens: a .zip of `.bin` files and the `tokenizer.json` that they were made with.

N tokens. Nothing is unpacked to disk but the tokens, as the file that trainers map into memory: memory stays flat.
"""

import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np

from unitscale.errors import BadDataset
from unitscale.models.datasets import Contents, Splits
from worker.trainer.checks.archives import archive, unpacked
from worker.trainer.checks.bounds import few
from worker.trainer.data import tokenizers

TOKENIZER = "tokenizer.json"
MOST_BYTES, MOST_RATIO = 2**40, 20
MOST_TOKENIZER_BYTES = 64 * 2**20
CHUNK_BYTES = 2**20
FEWEST_TOKENS = 100
EXAM, LONGEST_EXAM = 0.1, 200_000
"""Share of the tokens in each of validation and test, and the most there are: the last parts of the text."""
KEPT = ((2**8, "u1", "U8"), (2**15, "<i2", "I16"), (2**31, "<i4", "I32"))
"""Vocabularies up to this size are kept as this type, which the file's format calls so."""


def check_shards(file: Path, to: Path) -> Contents:
    """Prepares tokens in the order of their files' names. Raises BadDataset, naming the file and the token."""
    with archive(file, MOST_BYTES, MOST_RATIO) as (opened, members):
        shards, tokenizer = _parts(opened, members)
        length = sum(shard.file_size // _kind(shard).itemsize for shard in shards)
        if length < FEWEST_TOKENS:
            raise BadDataset(f"It has {length} tokens; at least {FEWEST_TOKENS} are needed.")
        tokenizers.check(tokenizer)
        size = tokenizers.size_of(tokenizer)
        with to.open("xb") as prepared:
            _write(prepared, _tokens(opened, shards, size), length, size, tokenizer)
    held_out = min(round(length * EXAM), LONGEST_EXAM)
    splits = Splits(training=length - 2 * held_out, validation=held_out, test=held_out)
    return Contents(rows=len(shards), splits=splits, tokens=length)


def _parts(opened: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo]) -> tuple[list[zipfile.ZipInfo], str]:
    """The files of tokens, and the tokenizer's JSON."""
    named = sorted((PurePosixPath(member.filename), member.filename, member) for member in members)
    shards = [member for path, _, member in named if path.suffix == ".bin" and "__MACOSX" not in path.parts]
    found = [member for path, _, member in named if path.name == TOKENIZER and "__MACOSX" not in path.parts]
    held = few([name[:200] for _, name, _ in named]) or "nothing"
    if not shards:
        raise BadDataset(f"There is no .bin file of tokens in it; it holds: {held}.")
    if len(found) != 1:
        raise BadDataset(f"There must be one {TOKENIZER}, with which the tokens were made; the archive holds: {held}.")
    if found[0].file_size > MOST_TOKENIZER_BYTES:
        raise BadDataset(f"{TOKENIZER} has {found[0].file_size:,} bytes; {MOST_TOKENIZER_BYTES:,} are the most.")
    try:
        tokenizer = unpacked(opened, found[0]).read().decode()
    except UnicodeDecodeError as error:
        raise BadDataset(f"{TOKENIZER} is not UTF-8.") from error
    return shards, tokenizer


def _kind(shard: zipfile.ZipInfo) -> np.dtype:
    """`<u4` where the name says so, as `train.u4.bin` does, else `<u2`."""
    kind = np.dtype("<u4" if shard.filename.endswith(".u4.bin") else "<u2")
    if shard.file_size % kind.itemsize:
        raise BadDataset(f"'{shard.filename[:200]}' has {shard.file_size:,} bytes, no multiple of {kind.itemsize}.")
    return kind


def _tokens(opened: zipfile.ZipFile, shards: Sequence[zipfile.ZipInfo], size: int) -> Iterator[np.ndarray]:
    for shard in shards:
        kind, before = _kind(shard), 0
        with unpacked(opened, shard) as stream:
            while data := stream.read(CHUNK_BYTES):
                tokens = np.frombuffer(data, kind)
                if (beyond := tokens >= size).any():
                    place = int(beyond.argmax())
                    where = f"Token {before + place + 1} of '{shard.filename[:200]}' is {tokens[place]}"
                    raise BadDataset(f"{where}; the tokenizer has {size:,}, from 0. (Files of <u4 end in .u4.bin.)")
                before += len(tokens)
                yield tokens


def _write(file: BinaryIO, tokens: Iterator[np.ndarray], length: int, size: int, tokenizer: str) -> None:
    """Tokens and tokenizer as safetensors, whose own writer would need all of them in memory at once."""
    _, kind, name = next(row for row in KEPT if size <= row[0])
    words, end = tokenizer.encode(), length * np.dtype(kind).itemsize
    tensors = {
        "tokens": {"dtype": name, "shape": [length], "data_offsets": [0, end]},
        "tokenizer": {"dtype": "U8", "shape": [len(words)], "data_offsets": [end, end + len(words)]},
    }
    header = json.dumps(tensors).encode()
    header += b" " * (-len(header) % 8)
    file.write(len(header).to_bytes(8, "little") + header)
    written = 0
    for part in tokens:
        written += len(part)
        file.write(part.astype(kind).tobytes())
    if written != length:
        raise BadDataset(f"Its files end after {written:,} tokens; the archive says that they have {length:,}.")
    file.write(words)
