"""Checks of CSV tables: what is read is what was written, and what cannot be used is refused by its row."""

import csv
import io
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unitscale.errors import BadDataset
from worker.trainer.checks.tables import check_table

NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False).filter(lambda number: abs(number) <= 1e38)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=8).map(
    lambda name: f"x{name.strip()}"
)


@pytest.fixture(scope="module")
def check(tmp_path_factory):
    file = tmp_path_factory.mktemp("tables") / "upload"

    def run(content: str | bytes, target: str | None = None):
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return check_table(file, target)

    return run


def table(rows=20, header="a,b,c", **changed):
    lines = [f"{n},{n * n},{2 * n}" for n in range(1, rows + 1)]
    for row, line in changed.items():
        lines[int(row[1:]) - 1] = line
    return "\n".join([header, *lines]) + "\n"


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
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    writer = csv.writer(text := io.StringIO(), quoting=quoting, lineterminator=end)
    writer.writerows([columns, *rows])

    arrays, contents = check(data.draw(st.sampled_from(["", "\ufeff"])) + text.getvalue())

    read = np.concatenate([arrays.inputs, arrays.targets], 1)
    assert sorted(map(tuple, read.tolist())) == sorted(rows)
    assert (*contents.columns, contents.target) == tuple(columns)
    assert sum(contents.splits.model_dump().values()) == contents.rows == len(rows)


@settings(max_examples=150, deadline=None, database=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode(errors="replace")))
def test_whatever_else_comes_is_refused_with_a_reason(check, content):
    with pytest.raises(BadDataset) as refused:
        check(content)

    assert refused.value.message.endswith(".")


@settings(max_examples=60, deadline=None, database=None)
@given(st.integers(1, 5000), st.sampled_from(["1,2", "1,2,3,4", "1,,3", "1,x,3", "1,nan,3", "1,inf,3", "1,3e38,3"]))
def test_a_bad_row_is_named_wherever_it_stands(check, row, line):
    with pytest.raises(BadDataset, match=rf"Row {row} \(line {row + 1}\)"):
        check(table(5000, **{f"r{row}": line}))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("a,b,c\n", "0 rows"),
        (table(9), "9 rows"),
        (table(header="1,2,3"), "header"),
        (table(header="a,a,b"), "'a' twice"),
        (table(header="a,\x1b[31mb,c"), "'\\x1b[31mb' has a character that cannot be seen"),
        (table().replace(",", ";"), "';'"),
        ("a\n" + "1\n" * 20, "one column"),
        (table().encode("utf-16"), "UTF-8"),
        (table(header="ä,b,c").encode("latin-1"), "UTF-8"),
        ("a,b\n" + "1,2\n" * 50, "nothing to learn"),
        ("a,b\n" + "1,2\n1,3\n" * 50, "Only 2 of its 100 rows differ"),
        (table(r3='1,"2,3'), "Row 3 (line 4) is no CSV: unexpected end of data"),
        (table(r3='1,"2"x,3'), "Row 3 (line 4) is no CSV: ',' expected"),
        (table(r3=f"1,{'2' * 140_000},3"), "Row 3 (line 4) is no CSV: field larger than field limit"),
        (table(r2='"1\n",,'), "Row 2 (line 3), column 'b': empty"),
        (table(r2="\n\n1,2"), "Row 2 (line 5) has 2 cells"),
        (table(header='a,"b,c'), "The header (line 1) is no CSV: unexpected end of data"),
        (table(5000, r4999="1,ä,3").encode("latin-1"), "Line 5000 is not UTF-8: byte 0xe4"),
        (table(5000, r4999="1,ä,3").replace("\n", "\r\n").encode("latin-1"), "Line 5000 is not UTF-8: byte 0xe4"),
        (table(r3="1,2_0,3"), "'2_0'"),
        (table(r3="1,0x10,3"), "'0x10'"),
        (table(r3="1, ,3"), "column 'b': empty"),
    ],
)
def test_what_cannot_be_used_says_why(check, content, why):
    with pytest.raises(BadDataset, match=re.escape(why)):
        check(content)


def test_a_line_without_end_does_not_fill_the_memory(check):
    with pytest.raises(BadDataset, match=r"Row 1 \(line 2\) is longer"):
        check("a,b\n" + "1" * 20_000_000)


def test_a_row_without_end_does_not_fill_the_memory(check):
    with pytest.raises(BadDataset, match=r"Row 1 \(line 2\) is longer"):
        check("a,b\n" + '"1\n",' * 4_000_000)


@pytest.fixture
def traced():
    """The most bytes that were held at once, when asked for."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def test_rows_wider_than_the_header_are_not_gathered(check, traced):
    with pytest.raises(BadDataset, match=r"Row 1 \(line 2\) has 200000 cells"):
        check("a,b\n" + ("10," * 199_999 + "10\n") * 8)

    assert traced() < 2**26


def test_wide_rows_are_gathered_by_their_length_and_not_by_their_number(check, traced):
    width = 2000
    rows = [",".join(str(10 + (n * n + place) % 89) for place in range(width)) for n in range(600)]

    _, contents = check("\n".join([",".join(f"x{place}" for place in range(width)), *rows]))

    assert contents.rows == 600
    assert traced() < 2**26


def test_the_target_is_the_column_that_was_named(check):
    arrays, contents = check(table(), "b")

    assert contents.columns == ("a", "c")
    np.testing.assert_array_equal(arrays.targets[:, 0], arrays.inputs[:, 0] ** 2)


def test_a_target_that_is_not_there_is_named(check):
    with pytest.raises(BadDataset, match="no target column 'price'; the columns are: a, b, c"):
        check(table(), "price")


def test_the_split_belongs_to_the_file_and_not_to_its_order(check):
    lines = table(200).splitlines()

    (one, splits), (other, _) = check(table(200)), check("\n".join([lines[0], *lines[:0:-1]]))

    np.testing.assert_array_equal(one.inputs, other.inputs)
    assert splits.splits.model_dump() == {"training": 140, "validation": 30, "test": 30}


def test_equal_rows_stand_on_one_side(check):
    rows = [f"{n % 40},{n % 40 * 2}" for n in range(1000)]

    arrays, contents = check("\n".join(["a,b", *rows]))

    ends = np.cumsum(list(contents.splits.model_dump().values()))[:-1]
    sides = [set(part[:, 0].tolist()) for part in np.split(arrays.inputs, ends)]
    assert sum(map(len, sides)) == 40
    assert all(sides)
