"""What was counted, beside what was to be."""

from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass
class Report:
    """Rows of a table; one that misses its aim makes the whole a failure."""

    console: Console = field(default_factory=Console)
    rows: list[tuple[str, str, str, bool]] = field(default_factory=list[tuple[str, str, str, bool]])
    late: set[str] = field(default_factory=set[str])
    """Rows that miss their aim by the clock alone: a busy machine may be to blame."""

    def note(self, what: str, measured: str, aim: str, *, met: bool, timed: bool = False) -> None:
        """Put down one figure; `timed` when only the clock decides whether it is met."""
        self.rows.append((what, measured, aim, met))
        if timed and not met:
            self.late.add(what)
        self.console.print(f"  {'ok  ' if met else 'MISS'} {what}: {measured}  (aim: {aim})", highlight=False)

    def begin(self, title: str) -> None:
        """Say what is done now."""
        self.console.print(f"[bold]{title}[/bold]")

    def end(self) -> int:
        """Show the table; 0 when every aim was met."""
        table = Table("what", "measured", "aim", "met")
        for what, measured, aim, met in self.rows:
            table.add_row(what, measured, aim, "yes" if met else "[red]no[/red]")
        self.console.print(table)
        return 0 if all(met for *_, met in self.rows) else 1
