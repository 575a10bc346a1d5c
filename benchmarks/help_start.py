"""Measure the time of `fmnist --help`, compared with an empty Typer app with the same verbs.

Whole processes run in turn, so that a slowdown of the machine affects both. Exits 1 if the limit is broken.
Writes results/help_start.json.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from claims import Claim, conclude
from processes import FMNIST, wall_time
from side_by_side import in_turn, milliseconds, ratio, report
from typer.main import get_command

from fmnist.cli.main import app

ROUNDS = 40
LIMIT = 1.3
OURS, EMPTY = "fmnist --help", "an empty Typer app"

EMPTY_APP = """
import typer

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
{verbs}
app()
"""
EMPTY_VERB = """
@app.command("{name}")
def {function}() -> None:
    '''{help}'''
"""


def empty_app() -> str:
    """Return the source of an app with our verbs' names and help, but empty functions."""
    verbs = [
        EMPTY_VERB.format(name=name, function=f"verb_{number}", help=command.help)
        for number, (name, command) in enumerate(get_command(app).commands.items())
    ]
    return EMPTY_APP.format(verbs="".join(verbs))


def main() -> None:
    """Measure, print and record; exit 1 if the limit is broken."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "empty.py"
        script.write_text(empty_app())
        commands = {
            OURS: [FMNIST, "--help"],
            EMPTY: [sys.executable, str(script), "--help"],
            "python -c pass": [sys.executable, "-c", "pass"],
        }
        times = in_turn({name: wall_time(command) for name, command in commands.items()}, ROUNDS)
    rows = [[name, f"{item.percentile(50) / 1e6:.1f}"] for name, item in times.items()]
    report(f"Whole processes ({ROUNDS} rounds)", ["", "p50 ms"], rows)
    claim = Claim(f"{OURS} ÷ {EMPTY}", ratio(times[OURS], times[EMPTY]), "times", LIMIT)
    conclude("help_start", [claim], {"ms": milliseconds(times)})


if __name__ == "__main__":
    main()
