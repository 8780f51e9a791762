"""Checks of Parquet tables: what is read is what was written, and what cannot be used is refused by column and row."""

import shutil
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from unitscale.errors import BadDataset
from worker.pipe import Check
from worker.trainer.checks.check import check as check_folder
from worker.trainer.checks.columns import check_columns

NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False).filter(lambda number: abs(number) <= 1e38)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).map(lambda name: f"x{name}")
GOOD = {"a": list(range(20)), "b": [n * n for n in range(20)]}


@pytest.fixture(scope="module")
def check(tmp_path_factory):
    file = tmp_path_factory.mktemp("tables") / "upload"

    def run(table, target=None, **how):
        if isinstance(table, bytes):
            file.write_bytes(table)
        else:
            parquet.write_table(table if isinstance(table, pa.Table) else pa.table(table), file, **how)
        return check_columns(file, target)

    run.file = file
    return run


def of_folder(folder):
    return check_folder(Check(dataset="ds_x", folder=str(folder), format=".parquet"))


def with_row(row, value, rows=150_000):
    """A column in which one row holds something else."""
    column = [float(n) for n in range(rows)]
    column[row - 1] = value
    return {"a": range(rows), "b": pa.array(column, pa.float64())}


@settings(max_examples=60, deadline=None, database=None)
@given(st.data())
def test_what_is_read_is_what_was_written(check, data):
    columns = data.draw(st.lists(NAMES, min_size=2, max_size=4, unique=True))
    rows = data.draw(
        st.lists(st.tuples(*(NUMBERS for _ in columns)), min_size=10, max_size=40, unique=True).filter(
            lambda rows: (
                len({np.float32(row[-1]) + 0.0 for row in rows}) > 1
                and len({np.array(row, np.float32).tobytes() for row in rows}) >= 10
            )
        )
    )
    table = pa.table({name: [row[place] for row in rows] for place, name in enumerate(columns)})

    arrays, contents = check(table, row_group_size=data.draw(st.integers(1, 50)))

    read = np.concatenate([arrays.inputs, arrays.targets], 1)
    assert sorted(map(tuple, read.tolist())) == sorted(rows)
    assert (*contents.columns, contents.target) == tuple(columns)
    assert sum(contents.splits.model_dump().values()) == contents.rows == len(rows)


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
def test_numbers_of_every_kind_are_read(check, compression):
    kinds = {
        "whole": pa.array(range(20), pa.uint8()),
        "large": pa.array([2**40 + n for n in range(20)], pa.int64()),
        "half": pa.array(np.arange(20, dtype=np.float16)),
        "exact": pa.array([Decimal(n) / 4 for n in range(20)], pa.decimal128(9, 2)),
        "flag": pa.array([n % 2 == 0 for n in range(20)]),
        "a.b": pa.array(range(20), pa.float32()),
        "a": pa.array([n * 2 for n in range(20)]),
    }

    arrays, contents = check(kinds, "whole", compression=compression)

    order = np.argsort(arrays.targets[:, 0])
    expected = [[2.0**40 + n, n, n / 4, n % 2 == 0, n, 2 * n] for n in range(20)]
    assert contents.columns == ("large", "half", "exact", "flag", "a.b", "a")
    np.testing.assert_array_equal(arrays.inputs[order], np.array(expected, np.float32))


def test_the_names_that_pandas_gives_to_rows_are_no_column(check):
    _, contents = check(GOOD | {"__index_level_0__": list(range(20))})

    assert (contents.columns, contents.target) == (("a",), "b")


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (b"", "no Parquet"),
        (b"PAR1" + b"x" * 50 + b"PAR1", "no Parquet"),
        (b"a,b\n1,2\n", "no Parquet"),
        ({}, "no columns"),
        ({"a": range(20)}, "one column"),
        ({name: values[:9] for name, values in GOOD.items()}, "9 rows"),
        (GOOD | {"c": ["x"] * 20}, "'c' is of type string"),
        (GOOD | {"c": [[1]] * 20}, "'c' is of type list"),
        (GOOD | {"c": [{"d": 1}] * 20}, "'c' is of type struct"),
        (GOOD | {"c": pa.array(range(20), pa.timestamp("s"))}, "'c' is of type timestamp"),
        (GOOD | {"c": pa.nulls(20)}, "'c' is of type null"),
        (GOOD | {"x" * 201: range(20)}, "longer than 200"),
        ({"a": range(20), "b": [1.0] * 20}, "nothing to learn"),
        (pa.Table.from_arrays([pa.array(range(20))] * 2, ["a", "a"]), "'a' twice"),
        (with_row(130_001, None), "Row 130001, column 'b': empty"),
        (with_row(140_000, float("nan")), "Row 140000, column 'b': nan"),
        (with_row(1, -float("inf")), "Row 1, column 'b': -inf"),
        (with_row(65_537, 1e39), "Row 65537, column 'b': 1e\\+39"),
    ],
)
def test_what_cannot_be_used_says_why(check, table, why):
    with pytest.raises(BadDataset, match=why):
        check(table)


def test_a_target_that_is_not_there_is_named(check):
    with pytest.raises(BadDataset, match="no target column 'price'; the columns are: a, b"):
        check(GOOD, "price")


@settings(max_examples=300, deadline=None, database=None)
@given(st.data())
def test_a_damaged_file_is_refused_or_read_and_never_anything_else(check, data):
    shutil.rmtree(check.file.with_name("damaged"), ignore_errors=True)
    check.file.with_name("damaged").mkdir()
    parquet.write_table(pa.table(GOOD), check.file)
    content = bytearray(check.file.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (check.file.with_name("damaged") / "upload").write_bytes(content[: data.draw(st.integers(1, len(content)))])

    found = of_folder(check.file.with_name("damaged"))

    assert "could not be read" not in str(found.problem)  # which is said of what nobody thought of
    assert found.problem or found.contents.rows == 20
    assert (found.problem is None) == (check.file.with_name("damaged") / "prepared-1").exists()


@pytest.fixture
def pool():
    """The memory that Arrow takes while a test runs."""
    before = pa.default_memory_pool()
    pa.set_memory_pool(counting := pa.proxy_memory_pool(before))
    yield counting
    pa.set_memory_pool(before)


@pytest.mark.parametrize(
    ("chunks", "why"),
    [(4, "Row 1, column 'a': empty"), (128, r"unpacks to 2,147,483,648 bytes, [\d,]+ times its size: a bomb")],
)
def test_millions_of_nulls_take_no_memory(check, pool, chunks, why):
    chunk = pa.nulls(2**21, pa.float32())
    table = pa.table({name: pa.chunked_array([chunk] * chunks) for name in "ab"})
    parquet.write_table(table, check.file, compression="zstd")
    content = check.file.read_bytes()
    del chunk, table
    before = pool.max_memory()

    with pytest.raises(BadDataset, match=why):
        check(content)

    assert pool.max_memory() == before < 2**27


def test_few_numbers_may_be_packed_as_tightly_as_they_like(check):
    column = np.arange(2**18) // 2**14

    _, contents = check({"a": column, "b": column})

    assert check.file.stat().st_size * 200 < contents.rows * 2 * 4


def test_repeated_rows_are_a_bomb(check):
    column = pa.array([1.0, 2.0]).take(pa.array(np.arange(2**23) // 2**22))

    with pytest.raises(BadDataset, match="unpacks to 100,663,296 bytes"):
        check({"a": column, "b": column, "c": column})


def test_more_rows_than_there_is_room_for_are_refused_by_their_number(check):
    parquet.write_table(pa.table({"a": pa.nulls(2**20, pa.float32()), "b": pa.nulls(2**20, pa.float32())}), check.file)

    with pytest.raises(BadDataset, match="1,048,576 rows of 2 numbers need more than 8,388,607 bytes"):
        check_columns(check.file, None, most_bytes=2**23 - 1)
