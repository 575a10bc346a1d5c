"""The steps after training in a run directory: export, evaluate, compare, time, report."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fmnist.bench.configuration import Method, combine, harness
from fmnist.bench.measure import measure
from fmnist.bench.models import shared_split, with_baseline
from fmnist.bench.record import BenchInputs, Benchmark
from fmnist.export import Origin, export_model, plan_targets
from fmnist.models.open import Execution
from fmnist.models.select import Splits
from fmnist.parity.models import compare_models
from fmnist.parity.report import ParityBody, ParityInputs, parity_body
from fmnist.report.writing import write_report
from fmnist.results.read import DamageError, read_json
from fmnist.results.summary import FIGURES, SummaryRow, figure_cells, summarise, trust_notes, verdict_cell
from fmnist.results.write import RESULT, Inputs, Kept, plain, schema, to_json
from fmnist.runs.run import Run
from fmnist.scoring.evaluate import (
    EvaluationBody,
    evaluate_models,
    evaluate_original,
    evaluation_body,
    guessing,
)
from fmnist.text.progress import Progress, say
from fmnist.text.tables import size, table
from fmnist_exporters import isolation
from fmnist_exporters.recipes import RECIPES
from fmnist_runtime.errors import FmnistError, ResultError, UnsupportedError
from fmnist_runtime.files import require_writable, sha256_file, write_atomically
from fmnist_runtime.machine.environment import package_versions
from fmnist_runtime.parity.gates import FAIL

_IN_THE_WAY = "remove it, or --force replaces it"
"""Remedy for a foreign file in the place of a result; the pipeline cannot choose another place."""


@dataclass(frozen=True)
class Summary:
    """The result of all steps."""

    rows: tuple[SummaryRow, ...]
    """One for the original, then one for each artifact."""
    failures: tuple[FmnistError, ...]
    """Why steps could not be done."""
    report: Path | None
    """The report page; None if it could not be written."""


class Pipeline:
    """The steps of a run after training. A step that was done from the same inputs is kept."""

    def __init__(
        self,
        run: Run,
        data_dir: Path | None,
        threads: int,
        method: Method,
        force: bool,
        limits: Mapping[str, Any],
    ) -> None:
        """Work in the directory of a run with a trained model.

        Limits are fields of a gate that replace those of each scheme's own.
        """
        self._run, self._data_dir, self._how = run, data_dir, Execution(threads)
        self._method, self._force, self._limits = method, force, limits
        self._splits = Splits(None, data_dir)
        self._failures: list[FmnistError] = []

    def execute(self) -> Summary:
        """Do all steps; they fail independently."""
        self._export()
        gates = {f"{recipe.format} {recipe.scheme}": recipe.gate for recipe in RECIPES}
        limits, machine = dict(self._limits), platform.node()
        results = {
            "eval": self._step("eval", self._evaluate, Inputs),
            "parity": self._step("parity", self._compare, ParityInputs, gates=gates, limits=limits),
            "bench": self._step("bench", self._time, BenchInputs, method=self._method, machine=machine),
        }
        try:
            rows = summarise(results)
        except DamageError as error:
            rows, reason = [], f"{self._run.folder}: {error}; remove the damaged result and run it again"
            self._failures.append(ResultError(reason))
        report = self._report()
        return Summary(self._judged(rows), tuple(self._failures), report)

    def _export(self) -> None:
        model = self._run.model
        targets = plan_targets(model, list(RECIPES), None)
        progress = Progress("export", len(targets))
        try:
            exported = export_model(
                # Whether the model has learned something is judged at the end.
                Origin(model, data_dir=self._data_dir, limits=self._limits, allow_chance=True),
                targets,
                force=self._force,
                on_artifact=lambda a: progress.step(f"export: {a.path.name}{' (kept)' if a.kept else ''}"),
                on_step=progress.note,
            )
        except FmnistError as error:
            self._failures.append(error)
        else:
            for failure in exported.failures:
                if isinstance(
                    failure, UnsupportedError
                ):  # a format that cannot hold the model was not asked for
                    say(str(failure))
                else:
                    self._failures.append(failure)
        finally:
            isolation.stop()  # the next steps need no TensorFlow

    def _evaluate(self) -> EvaluationBody:
        artifacts = evaluate_models(self._run.artifacts(), self._splits, self._how)
        return evaluation_body([evaluate_original(self._run), *artifacts])

    def _compare(self) -> ParityBody:
        reference = self._run.recorded_scores()
        artifacts = self._run.artifacts()
        results = compare_models(
            artifacts, reference, self._splits, self._how, self._limits, require_same=True
        )
        return parity_body(results)

    def _time(self) -> Benchmark:
        artifacts = self._run.artifacts()
        if not artifacts:
            raise ResultError(f"{self._run.exports}: nothing was exported, so there is nothing to time")
        paths = with_baseline(artifacts)
        configurations = [*combine(paths, ["auto"], [self._how.threads], [1]), harness(1)]
        progress = Progress("bench", self._method.processes * len(configurations))
        images = shared_split(paths, self._splits).images
        benchmark = measure(configurations, images, self._method, progress.step)
        if benchmark.interrupted:
            raise KeyboardInterrupt
        self._failures += benchmark.errors
        return benchmark

    def _report(self) -> Path | None:
        try:
            require_writable(self._run.report, RESULT, self._force, _IN_THE_WAY)
            return write_report([self._run], self._splits, force=self._force)
        except FmnistError as error:
            self._failures.append(error)
            return None

    def _judged(self, rows: list[SummaryRow]) -> tuple[SummaryRow, ...]:
        """Return the rows; the original, the first, fails if it may be guessing."""
        if not rows:
            return ()
        [original, *artifacts] = rows
        doubt = guessing(evaluate_original(self._run).evaluation)
        if doubt:
            original = replace(original, failures=(f"guessing: {doubt}",), verdict=FAIL)
        return original, *artifacts

    def _step(
        self, kind: str, work: Callable[[], Kept], depends_on: type[Inputs], **settings: Any
    ) -> dict[str, Any]:
        """Return a result, kept or made now; empty if it cannot be made.

        Settings are the fields that the class of what it depends on adds to `Inputs`.
        """
        path = self._run.result(kind)
        try:
            require_writable(path, RESULT, self._force, _IN_THE_WAY)
            inputs = depends_on(
                packages=package_versions(),
                threads=self._how.threads,
                reference=sha256_file(self._run.reference),
                artifacts={path.name: sha256_file(path) for path in self._run.artifacts()},
                **settings,
            )
            record = _read_or_empty(path)
            same = record.get("schema") == schema(kind) and record.get("inputs") == plain(inputs)
            if same and not record.get("failures"):
                say(f"{kind}: kept")
                return record
            write_atomically(path, to_json(kind, replace(work(), inputs=inputs)).encode())
            say(f"{kind}: done")
            return read_json(path)
        except FmnistError as error:
            self._failures.append(error)
            return {}


def _read_or_empty(path: Path) -> dict[str, Any]:
    """Return a result of an earlier run; empty if it is missing or damaged."""
    try:
        return read_json(path)
    except ResultError:
        return {}


def summary_text(rows: Sequence[SummaryRow]) -> str:
    """Return a table of the models, and below it the gates they broke."""
    cells = [
        [row.format, row.scheme, verdict_cell(row), size(row.size_bytes), *figure_cells(row)] for row in rows
    ]
    failures = [f"{row.format} {row.scheme}: {failure}" for row in rows for failure in row.failures]
    lines = [table(["format", "scheme", "verdict", "size", *FIGURES], cells, left=3)]
    return "\n".join([*lines, *trust_notes(rows), *failures])
