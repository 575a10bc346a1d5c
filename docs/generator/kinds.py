"""Every kind of result: its layout, what writes it, and where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fmnist.bench.compare import BenchmarkComparison
from fmnist.bench.record import Benchmark
from fmnist.bundle.contents import BundleDescription
from fmnist.datasets.inventory import DatasetVerification, Inventory
from fmnist.deploy.outcome import DeploymentBody
from fmnist.devices.doctor.diagnosis import Examination
from fmnist.models.inspect import Inspection
from fmnist.parity.report import ParityBody
from fmnist.predict.output import PredictionBody
from fmnist.results.summary import SummaryBody
from fmnist.results.write import schema
from fmnist.runs.run import ImportBody, TrainingBody
from fmnist.scoring.evaluate import EvaluationBody
from fmnist_exporters.manifest import Manifest
from fmnist_runtime.artifact.container import MANIFEST_SCHEMA
from fmnist_runtime.verify import VerifiedArtifacts


@dataclass(frozen=True)
class Kind:
    """A kind of result."""

    name: str
    """As in its schema, ``fmnist.NAME/VERSION``."""
    layout: Any
    """The type of its content."""
    verb: str
    """What writes it."""
    place: str
    """Where it lies, unless ``--json`` says it."""
    text: str
    """What it is."""
    schema: str
    """What its field ``schema`` says."""
    measured: bool = True
    """Whether it says where it was made."""


def _kind(name: str, layout: Any, verb: str, place: str, text: str) -> Kind:
    return Kind(name, layout, verb, place, text, schema(name))


_STEP = "`fmnist {0} --json FILE`; `fmnist run`, `fmnist deploy`"
_PLACES = "`RUN/{0}.json`, by `fmnist run`; `RUN/devices/HOST/{0}.json`, by `fmnist deploy`"
KINDS = (
    _kind(
        "import",
        ImportBody,
        "`fmnist import --dataset DATASET`",
        "`RUN/import.json`, which makes a folder a run",
        "Which model was imported, and how it is run.",
    ),
    _kind(
        "train",
        TrainingBody,
        "`fmnist train`, `fmnist run`",
        "`RUN/train.json`, which makes a folder a run",
        "What was trained, how, and what came of it.",
    ),
    _kind(
        "eval",
        EvaluationBody,
        _STEP.format("eval"),
        _PLACES.format("eval"),
        "Accuracy on the test images, over all and by class.",
    ),
    _kind(
        "parity",
        ParityBody,
        _STEP.format("parity"),
        _PLACES.format("parity"),
        "Whether artifacts may replace their original, and where they part from it.",
    ),
    _kind(
        "bench",
        Benchmark,
        _STEP.format("bench"),
        _PLACES.format("bench"),
        "How long inference takes, how sure that is, and every time that was measured.",
    ),
    _kind(
        "compare",
        BenchmarkComparison,
        "`fmnist compare --json FILE`",
        "",
        "What became faster or slower between benchmarks.",
    ),
    _kind(
        "verify",
        VerifiedArtifacts,
        "`fmnist verify --json FILE`",
        "",
        "Whether artifacts arrived whole and answer here as where they were made.",
    ),
    _kind(
        "run",
        SummaryBody,
        "`fmnist run --json FILE`",
        "",
        "The figures of all models of a run, from which a person decides.",
    ),
    _kind(
        "predict",
        PredictionBody,
        "`fmnist predict --json FILE`",
        "",
        "The most probable classes of images. A line of `--as jsonl` is an entry of `images`.",
    ),
    _kind(
        "inspect",
        Inspection,
        "`fmnist inspect --json FILE`",
        "",
        "What is in a model file, and what it says of itself.",
    ),
    _kind(
        "deploy",
        DeploymentBody,
        "`fmnist deploy --json FILE`",
        "",
        "What became of each device. All figures that were measured there are in `RUN/devices/HOST`.",
    ),
    _kind(
        "doctor",
        Examination,
        "`fmnist doctor --json FILE`",
        "",
        "What a machine is, what runs models on it, and what to do where something is amiss.",
    ),
    _kind("data", Inventory, "`fmnist data list --json FILE`", "", "Where the known data sets are."),
    _kind(
        "data-verify",
        DatasetVerification,
        "`fmnist data verify --json FILE`",
        "",
        "The files of data sets that were read whole and found good.",
    ),
    Kind(
        "manifest",
        Manifest,
        "`fmnist export`, `fmnist run`",
        "`RUN/export/manifest.json`",
        "The artifacts in a folder. It says nothing of the machine, so that it is the same from any.",
        MANIFEST_SCHEMA,
        measured=False,
    ),
    Kind(
        "bundle",
        BundleDescription,
        "`fmnist bundle`, `fmnist deploy`",
        "`bundle.json` in a bundle",
        "What a bundle is for, which its `install.sh` reads. It says nothing of the machine that made it.",
        "fmnist.bundle/1",
        measured=False,
    ),
)
"""All that verbs write and a program reads, in the order in which a run makes them."""
