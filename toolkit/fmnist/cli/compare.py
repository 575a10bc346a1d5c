"""`fmnist compare`."""

from pathlib import Path
from typing import Annotated

import typer

from fmnist.cli import options


def compare(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="JSON of fmnist bench to compare with.")],
    new: Annotated[
        list[Path], typer.Argument(metavar="NEW...", help="JSON of later benchmarks, or of other machines.")
    ],
    markdown: options.Markdown = None,
    json: options.Json = None,
) -> None:
    """Compare benchmarks: what is faster or slower.

    The old benchmark is compared with each new one. The table also shows what is unchanged, and what the
    measurements cannot decide.

    The exit code is 0 for every outcome. To fail on a slower model, use fmnist bench with --assert
    'p50<=1.05*baseline' and --baseline OLD, which exits with 3.
    """
    from fmnist.bench.compare import compare as compare_benchmarks
    from fmnist.bench.compare_report import comparison_markdown, comparison_text
    from fmnist.bench.record import read_benchmark
    from fmnist.cli.output import reporting_failure, require_apart, require_kept, show
    from fmnist.results.write import write_result

    require_apart(json, markdown)
    require_kept([old, *new], json, markdown)
    with reporting_failure("compare", markdown):
        comparison = compare_benchmarks(read_benchmark(old), *map(read_benchmark, new))
    if markdown:
        write_result(markdown, comparison_markdown(comparison))
    text = "" if str(markdown) == "-" else comparison_text(comparison)
    show(text, "compare", comparison, json)
