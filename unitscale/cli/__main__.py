"""`python -m unitscale.cli`, where the entry point is not on PATH."""

from unitscale.cli.main import app

app(prog_name="unitscale")
