"""Write the READMEs' tables of figures from results/. With ``--check``, exit 1 if they differ.

A table is between two comments with its name. Do not edit it by hand: readme_rows.py has the wording and the
JSON has the figures. The line below the table says when and on which machine they were measured.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from readme_rows import Row, answers, emulated, result, speed, training

from fmnist_runtime.files import write_atomically

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- {}: made by benchmarks/readme_table.py -->\n\n", "\n\n<!-- {}: end -->"
Table = tuple[Callable[[], list[Row]], tuple[str, ...]]
"""The function that makes the rows, and the names of the results that it uses."""
TABLES: dict[str, dict[str, Table]] = {
    "README.md": {
        "training": (training, ("training",)),
        "speed": (
            speed,
            (
                "runtime",
                "parity_cost",
                "beside_polygraphy",
                "harness_cost",
                "repeatability",
                "help_start",
                "predict_memory",
            ),
        ),
    },
    "runtime/README.md": {
        "answers": (answers, ("emulated_pi",)),
        "emulated": (emulated, ("emulated_pi",)),
    },
}
"""The tables by file and name."""


def origin(results: Sequence[dict[str, Any]]) -> str:
    """Return when and on which machine the results were measured."""
    days = sorted({item["measured"] for item in results})
    machines = {
        f"{place['cpu'] or place['machine']}, {place['cores']} cores, Python {place['python']}"
        for place in (item["environment"] for item in results)
    }
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return f"Measured {when}: {'; '.join(sorted(machines))}."


def markdown(rows: list[Row]) -> str:
    """Return the rows as a Markdown table; the first row is the header."""
    rows = [rows[0], ("---",) * len(rows[0]), *rows[1:]]
    return "\n".join(f"| {' | '.join(row)} |".replace("|  |", "| |") for row in rows)


def filled(path: Path, text: str, tables: dict[str, Table]) -> str:
    """Return a README's text with its tables made from the results."""
    for name, (rows, sources) in tables.items():
        begin, end = BEGIN.format(name), END.format(name)
        before, opened, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (opened and closed):
            raise SystemExit(f"{path}: the comments around the table {name} are missing")
        made = f"{markdown(rows())}\n\n{origin([result(source) for source in sources])}"
        text = before + begin + made + end + after
    return text


def main() -> None:
    """Write or check the tables."""
    for name, tables in TABLES.items():
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        made = filled(path, text, tables)
        if sys.argv[1:] != ["--check"]:
            write_atomically(path, made.encode())
        elif made != text:
            lines = text.splitlines()
            line = next((line for line in made.splitlines() if line not in lines), "a row to be removed")
            raise SystemExit(f"{path}: differs from the results; run benchmarks/readme_table.py for: {line}")


if __name__ == "__main__":
    main()
