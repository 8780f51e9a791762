"""`unitscale fit`, against the service itself."""

import json

import pytest

from unitscale.cli.exits import ExitCode

SIZES, LENGTHS = (16, 24, 32), (20, 40, 80)
DECODER = {
    "task": "text-generation",
    "dataset": "grammar",
    "model": {"depth": 1, "context": 32, "head_size": 8},
    "units": {"parametrization": "u-mup", "learning_rate": 0.5, "batch_size": 8},
    "schedule": {"name": "cosine", "warmup_steps": 2},
}


def rows():
    grid = [(1e6 * 2**size, 1e8 * 2**length) for size in range(5) for length in range(4)]
    return [(n, d, 1.7 + 400 / n**0.34 + 2000 / d**0.37) for n, d in grid]


@pytest.fixture
def csv(tmp_path):
    """Points with a column that nobody asked for."""
    path = tmp_path / "runs.csv"
    path.write_text("name, parameters, tokens, loss\n" + "".join(f"run,{n},{d},{loss}\n" for n, d, loss in rows()))
    return str(path)


def test_points_of_a_table_are_fitted_and_shown(unitscale, csv):
    said = unitscale("fit", "--points", csv, "--flops", "1e17", "--at", "3e7,1e9", "--at", "1e9,1e9")

    assert said.exit_code == ExitCode.OK
    assert "L = E + A/N^α + B/D^β" in said.stdout
    assert "best N" in said.stdout
    assert "20 points" in said.stdout
    assert "extrapolation  predictions.at 1:" in said.stdout


@pytest.mark.parametrize("form", ["chinchilla", "kaplan"])
def test_json_lines_come_from_stdin_and_json_goes_out(unitscale, form):
    lines = "".join(json.dumps({"parameters": n, "tokens": d, "loss": loss}) + "\n" for n, d, loss in rows())

    said = unitscale("fit", "--points", "-", "--form", form, "--bootstrap", "0", "--json", stdin=lines)

    answer = json.loads(said.stdout)
    assert answer["form"] == form
    assert len(answer["points"]) == 20
    assert answer["intervals"] == {}


def test_jobs_are_fitted_by_their_ids(unitscale):
    specs = [
        {**DECODER, "model": {**DECODER["model"], "width": width}, "budget": {"steps": steps}}
        for width in SIZES
        for steps in LENGTHS
    ]
    ids = [unitscale("submit", "-", stdin=json.dumps(spec)).stdout.strip() for spec in specs]
    for job_id in ids:
        assert unitscale("watch", job_id).exit_code == ExitCode.OK

    answer = json.loads(unitscale("fit", "--jobs", ",".join(ids[:5]), "-j", ",".join(ids[5:]), "--json").stdout)

    assert [point["job"] for point in answer["points"]] == ids
    assert [point["tokens"] for point in answer["points"]] == [steps * 8 * 32 for steps in LENGTHS] * 3
    assert [point["parameters"] for point in answer["points"]] == sorted(p["parameters"] for p in answer["points"])
    assert len(answer["residuals"]) == 9
    assert answer["fit"].keys() == answer["intervals"].keys()
    assert {doubt["code"] for doubt in answer["warnings"]} >= {"too_few_points", "too_few_sizes"}
    assert "embeddings" in answer["counting"]


def test_a_job_that_is_not_there_is_named(unitscale):
    said = unitscale("fit", "--jobs", "job_06g1m2c8kq7v3x9t4b5n")

    assert said.exit_code == ExitCode.REFUSED
    assert "/jobs/0  There is no job job_06g1m2c8kq7v3x9t4b5n." in said.stderr


def test_too_few_points_are_refused_with_what_a_law_needs(unitscale):
    said = unitscale("fit", "--points", "-", stdin="parameters,tokens,loss\n1e6,1e8,3\n")

    assert said.exit_code == ExitCode.REFUSED
    assert "needs 6 points at the least" in said.stderr
    assert "unitscale fit --help" in said.stderr


@pytest.mark.parametrize(
    ("words", "stdin", "said"),
    [
        (("fit",), None, "give a file of points, or jobs"),
        (("fit", "--points", "-", "--jobs", "job_1"), "", "give a file of points, or jobs"),
        (("fit", "--points", "nowhere.csv"), None, "nowhere.csv cannot be read"),
        (("fit", "--points", "-"), "parameters,loss\n1,2\n", "no column tokens"),
        (("fit", "--points", "-"), "parameters,tokens,loss\n1e6,1e8,3\n1e6,,3\n", "line 3 has no number"),
        (("fit", "--points", "-"), '{"parameters": 1}\n', "line 1 is not an object with"),
        (("fit", "--points", "-", "--at", "1e9"), "parameters,tokens,loss\n1,1,1\n", "is not N,D"),
    ],
)
def test_what_cannot_be_read_is_a_usage_error_that_says_where(unitscale, words, stdin, said):
    done = unitscale(*words, stdin=stdin)

    assert done.exit_code == ExitCode.USAGE
    assert said in " ".join(done.stderr.replace("│", " ").split())
