"""How long `fmnist --help` takes, beside an empty Typer app with the same verbs.

Whole processes, run in turn, so that whatever slows the machine slows both. Prints medians and the
median of the ratios pair by pair; writes results/help_start.json. Exit 1 when the ratio is above 1.3.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from typer.main import get_command

from fmnist.cli import app
from fmnist.results import to_json

PAIRS = 40
LIMIT = 1.3
RESULT = Path(__file__).parent / "results" / "help_start.json"

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
    """Source of an app with our verbs' names and help, and nothing behind them."""
    verbs = [
        EMPTY_VERB.format(name=name, function=f"verb_{number}", help=command.help)
        for number, (name, command) in enumerate(get_command(app).commands.items())
    ]
    return EMPTY_APP.format(verbs="".join(verbs))


def seconds(command: list[str]) -> float:
    """Wall time of a whole process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "empty.py"
        script.write_text(empty_app())
        commands = {
            "fmnist": [str(Path(sys.executable).parent / "fmnist"), "--help"],
            "empty Typer app": [sys.executable, str(script), "--help"],
            "python -c pass": [sys.executable, "-c", "pass"],
        }
        for command in commands.values():
            seconds(command)  # from the second run on, files are in the page cache for all
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(PAIRS):
            for name, command in commands.items():
                times[name].append(seconds(command))
    pairs = zip(times["fmnist"], times["empty Typer app"], strict=True)
    ratio = statistics.median(ours / empty for ours, empty in pairs)
    for name, values in times.items():
        print(f"{name:16} {1000 * statistics.median(values):7.1f} ms  (median of {PAIRS})")
    print(f"fmnist --help takes {ratio:.2f} times as long as an empty Typer app; {LIMIT} is allowed")
    body = {
        "ratio": ratio,
        "limit": LIMIT,
        "milliseconds": {
            name: [round(1000 * value, 2) for value in values] for name, values in times.items()
        },
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(to_json("benchmark-help-start", body))
    sys.exit(ratio > LIMIT)


if __name__ == "__main__":
    main()
