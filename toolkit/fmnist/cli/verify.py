"""`fmnist verify`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmnist.cli import options

if TYPE_CHECKING:
    from fmnist_runtime import Session
    from fmnist_runtime.verify import Verification


def verify(
    artifacts: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[ARTIFACT]...", help="Artifacts, or a run. Default: the newest run.", show_default=False
        ),
    ] = None,
    threads: options.Threads = options.DEFAULT_THREADS,
    on: options.On = "host",
    json: options.Json = None,
) -> None:
    """Check that artifacts work on this machine.

    Each file must be intact, and must answer as it did where it was made. An artifact carries a few images
    with their scores, so no data set is needed. Exit 3 if one differs.
    """
    from fmnist.cli.output import fail, say_run_and_stale, show
    from fmnist.models.open import Execution, open_model
    from fmnist.models.select import select_artifacts
    from fmnist_runtime.errors import FmnistError
    from fmnist_runtime.verify import VerifiedArtifacts
    from fmnist_runtime.verify import verify as verify_artifact

    selection = select_artifacts(artifacts or [])
    say_run_and_stale(selection.run)
    results, failures = [], []

    def opened(path: Path, threads: int) -> "Session":
        return open_model(path, Execution(threads, target=on))

    for path in selection.paths:
        try:
            results.append(verify_artifact(path, threads, opened))
        except FmnistError as error:  # the others still get their verdict
            failures.append(error)
    if results:
        show(_text(results), "verify", VerifiedArtifacts(tuple(results)), json)
    fail(failures, gate_failed=not all(result.passed for result in results))


def _text(results: "list[Verification]") -> str:
    from fmnist.text.tables import ABSENT, table

    def figure(value: float | None) -> str:
        return ABSENT if value is None else f"{value:.2g}"

    rows = [
        [
            result.path.name,
            "verified" if result.passed else "DIFFERS",
            result.engine or ABSENT,
            str(result.images),
            figure(result.difference),
            figure(result.tolerance),
            figure(result.original_difference),
        ]
        for result in results
    ]
    header = ["artifact", "verdict", "engine", "images", "max diff", "allowed", "from original"]
    lines = [f"{result.path.name}: {failure}" for result in results for failure in result.failures]
    return "\n".join([table(header, rows, left=3), *lines])
