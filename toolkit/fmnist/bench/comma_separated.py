"""A benchmark as CSV: a row for each configuration, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from typing import Any

from fmnist.bench.body import PERCENTILES, key_of
from fmnist.bench.record import BenchmarkBody, Timed
from fmnist.text.tables import no_formula, printable

_COLUMNS = (
    # Files that begin so are ours, by `fmnist.results.write`.
    "model",
    "format",
    "scheme",
    "engine",
    "runner",
    "threads",
    "batch",
    "scenario",
    *(f"{key_of(name)[:-3]}{end}_us" for name in PERCENTILES for end in ("", "_low", "_high")),
    "max_us",
    *(f"images_per_second{end}" for end in ("", "_low", "_high")),
    "calls",
    "misses",
    "verdict",
    "reasons",
    "accuracy",
    "imports_us",
    "load_us",
    "first_us",
    "peak_memory_bytes",
    "size_bytes",
    "sha256",
)


def benchmark_csv(body: BenchmarkBody) -> str:
    """Figures in full precision, of the empty call, too; empty where there is none, or it is withheld.

    Args:
        body: As of `fmnist.bench.body.benchmark_body`.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for entry in (*body["models"], *filter(None, [body["harness"]])):
        writer.writerow(_row(entry) | {"scenario": body["method"].scenario})
    return text.getvalue()


def _row(entry: Timed) -> dict[str, Any]:
    """The entry with an interval in three cells, and text that no program takes for anything else."""
    row = {**vars(entry), "model": entry.name, "reasons": " | ".join(entry.reasons)}
    for key in [*map(key_of, PERCENTILES), "images_per_second"]:
        stem, unit = (key[:-3], "_us") if key.endswith("_us") else (key, "")
        found = row[key]
        row |= {key: found and found.value, f"{stem}_low{unit}": found and found.low}
        row[f"{stem}_high{unit}"] = found and found.high
    return {key: no_formula(printable(cell)) if isinstance(cell, str) else cell for key, cell in row.items()}
