"""The whole job in one run directory: train, export, evaluate, compare, time. Finished steps are kept."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fmnist.benchmark import benchmark_body, benchmark_models, with_baseline
from fmnist.drift import compare_models, parity_body
from fmnist.evaluation import evaluate_models, evaluate_reference, evaluation_body
from fmnist.exporting import export_model, plan_targets
from fmnist.models import Splits
from fmnist.progress import Progress, say
from fmnist.results import to_json
from fmnist.runs import Run, read_json, require_ours
from fmnist.settings import TrainSettings
from fmnist_exporters.recipes import RECIPES
from fmnist_runtime.datasets import load_dataset
from fmnist_runtime.environment import package_version
from fmnist_runtime.errors import OutputError, ResultError, needs_extra
from fmnist_runtime.files import sha256_file, write_atomically
from fmnist_runtime.latency import ROUNDS
from fmnist_runtime.reference import read_reference


@dataclass(frozen=True)
class SummaryRow:
    """One model's figures, from which a person decides."""

    format: str
    """``keras``, ``tflite`` or ``onnx``."""
    scheme: str
    """``original`` or a quantisation scheme."""
    size_bytes: int
    """Size of the file."""
    accuracy: float
    """Accuracy on the test split."""
    difference: float | None
    """Accuracy less that of the original; None for the original."""
    agreement: float | None
    """Share of images that it gives the same class as the original; None for the original."""
    p50_us: float | None
    """Median latency of one image in µs; None where it was not timed."""
    p99_us: float | None
    """99th percentile of the same."""
    failures: tuple[str, ...]
    """The gates it broke."""


@dataclass(frozen=True)
class Pipeline:
    """What every step needs to know."""

    run: Run
    settings: TrainSettings
    data_dir: Path | None
    threads: int
    samples: int
    force: bool

    def execute(self) -> list[SummaryRow]:
        """Do every step that is not done yet.

        Returns:
            A row for the original, then one for each artifact.

        Raises:
            FmnistError: A step could not be done; those before it are kept.
        """
        train_or_keep(self.run, self.settings, self.data_dir, self.force)
        self._export()
        splits = Splits(None, self.data_dir)
        return summarise(self._evaluate(splits), self._compare(splits), self._time(splits))

    def _export(self) -> None:
        targets = plan_targets(self.run.model, list(RECIPES), None)
        progress = Progress("export", len(targets))
        for artifact in export_model(self.run.model, targets, data_dir=self.data_dir, force=self.force):
            progress.step(f"export: {artifact.path.name}{' (kept)' if artifact.kept else ''}")

    def _evaluate(self, splits: Splits) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            original = evaluate_reference(self.run, read_reference(self.run.reference))
            artifacts = evaluate_models(self.run.artifacts(), splits, self.threads)
            return evaluation_body([original, *artifacts], self.threads)

        return self._step("eval", {}, work)

    def _compare(self, splits: Splits) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            reference = read_reference(self.run.reference)
            results = compare_models(
                self.run.artifacts(), reference, splits, self.threads, same_original=True
            )
            return parity_body(results, reference, self.threads)

        return self._step("parity", {}, work)

    def _time(self, splits: Splits) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            paths = with_baseline(self.run.artifacts())
            results = benchmark_models(
                paths, splits, self.threads, self.samples, Progress("bench", ROUNDS).step
            )
            return benchmark_body(results, self.threads)

        return self._step("bench", {"samples": self.samples, "machine": platform.node()}, work)

    def _step(
        self, kind: str, settings: dict[str, Any], work: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """A result that is there already, made from the same inputs; else made now and written."""
        inputs = {
            "fmnist": package_version(),
            "threads": self.threads,
            "reference": sha256_file(self.run.reference),
            "artifacts": {path.name: sha256_file(path) for path in self.run.artifacts()},
            **settings,
        }
        path = self.run.result(kind)
        if path.exists():
            record = read_json(path)
            if record.get("schema") != f"fmnist.{kind}/1" and not self.force:
                raise OutputError(f"{path}: exists and was not made by fmnist; --force replaces it")
            if record.get("inputs") == inputs:
                say(f"{kind}: kept")
                return record
        body = {"inputs": inputs, **work()}
        write_atomically(path, to_json(kind, body).encode())
        say(f"{kind}: done")
        return read_json(path)


def train_or_keep(run: Run, settings: TrainSettings, data_dir: Path | None, force: bool) -> None:
    """Train into a run directory, unless the same training has finished there already.

    Raises:
        OutputError: The folder holds something else than a run.
        FmnistError: The training could not be done.
    """
    require_ours(run.folder, force)
    if _is_trained(run, settings, data_dir):
        say(f"train: kept {run.model}")
        return
    with needs_extra("train", "training"):
        from fmnist.training import train
    progress = Progress("train", settings.epochs)
    result = train(
        settings,
        run,
        data_dir,
        lambda e: progress.step(
            f"epoch {e.epoch:2}/{settings.epochs}  loss {e.loss:.4f}  accuracy {e.accuracy:.4f}  "
            f"val_loss {e.val_loss:.4f}  val_accuracy {e.val_accuracy:.4f}  {e.seconds:.1f} s"
        ),
    )
    say(
        f"train: {run.model}, {result.parameters:,} weights, test accuracy {100 * result.test_accuracy:.2f} %"
    )


def _is_trained(run: Run, settings: TrainSettings, data_dir: Path | None) -> bool:
    try:
        record = run.training()
    except ResultError:
        return False
    files = run.model.is_file() and run.reference.is_file() and run.history.is_file()
    return (
        files
        and record["settings"] == asdict(settings)
        and record["model_sha256"] == sha256_file(run.model)
        and record["train_digest"] == load_dataset(settings.dataset, "train", data_dir).digest
        and record["test_digest"] == load_dataset(settings.dataset, "test", data_dir).digest
    )


def summarise(evaluation: dict[str, Any], parity: dict[str, Any], bench: dict[str, Any]) -> list[SummaryRow]:
    """One row a model from the three results."""
    compared = {entry["name"]: entry for entry in parity["candidates"]}
    timed = {entry["name"]: entry for entry in bench["models"]}
    rows = []
    for model in evaluation["models"]:
        candidate = compared.get(model["name"], {})
        latency = timed.get(model["name"], {})
        rows.append(
            SummaryRow(
                format=model["format"],
                scheme=model["scheme"],
                size_bytes=model["size_bytes"],
                accuracy=model["accuracy"],
                difference=candidate.get("accuracy_difference"),
                agreement=candidate.get("agreement"),
                p50_us=latency.get("p50_us"),
                p99_us=latency.get("p99_us"),
                failures=tuple(candidate.get("failures", ())),
            )
        )
    return rows
