"""What `fmnist parity` reports: tables for people, Markdown, JUnit XML for CI, and ``parity.json``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree

from fmnist.parity.layers import LayerDrift, LayersOfModel
from fmnist.parity.models import OTHER_MODEL, Candidate, ModelParity, shared_reference
from fmnist.parity.scores import ComparedScores
from fmnist.results.write import OPTIONAL, Inputs, Kept
from fmnist.text.tables import ABSENT, markdown, markdown_text, percent, points, printable, table
from fmnist_runtime.parity import Audit, Gate, Interval, Parity
from fmnist_runtime.parity.changes import CONFIDENT_MARGIN

_NAMED = 20
"""Images that a line names."""
_PAIRS = 10
"""Moves between classes that are shown; the most frequent."""
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot contain (https://www.w3.org/TR/xml/#charsets), which a file name may."""
Table = tuple[list[str], list[list[str]], int]
"""Header, rows, and how many columns are left-aligned."""


@dataclass(frozen=True)
class ParityInputs(Inputs):
    """The inputs of ``parity.json`` in a run directory."""

    gates: dict[str, Gate]
    """The gate of each artifact that can be exported, by ``FORMAT SCHEME``."""
    limits: dict[str, float]
    """Limits that the user named in place of those, by field of `Gate`."""


@dataclass(frozen=True)
class Split:
    """What all candidates were compared with, as far as it is the same for all."""

    name: str | None
    """Name of the original's file; None where each candidate has an original of its own."""
    sha256: str | None
    """SHA-256 of the same."""
    dataset: str
    """Name of the data set whose test split was scored."""
    dataset_digest: str
    """Digest of that split, as of `fmnist_runtime.data.datasets.Dataset`."""
    labels: tuple[str, ...]
    """Class names, by class index."""


@dataclass(frozen=True)
class ParityBody(Kept):
    """The content of ``parity.json``."""

    inputs: ParityInputs | None = field(default=None, kw_only=True, metadata=OPTIONAL)
    """What it was made from; there in what `fmnist run` wrote, and nowhere else."""
    reference: Split
    """What the artifacts were compared with."""
    candidates: list[Candidate]
    """The artifacts, in the order they were named."""
    layers: list[LayersOfModel] | None = field(default=None, kw_only=True, metadata=OPTIONAL)
    """With ``--layers`` alone: where each artifact drifts."""
    scores: tuple[ComparedScores, ComparedScores] | None = field(
        default=None, kw_only=True, metadata=OPTIONAL
    )
    """With ``--scores`` alone: the reference file, and the candidates'."""
    left_out: tuple[str, ...] | None = field(default=None, kw_only=True, metadata=OPTIONAL)
    """With ``--scores`` alone: models of the reference file that no candidate was compared with."""


def parity_body(results: Sequence[ModelParity]) -> ParityBody:
    """Return the content of ``parity.json``, without its optional parts."""
    split, shared = results[0].reference, shared_reference(results)
    reference = Split(
        name=shared.model if shared else None,
        sha256=shared.model_sha256 if shared else None,
        dataset=split.dataset,
        dataset_digest=split.dataset_digest,
        labels=split.labels,
    )
    return ParityBody(reference, [item.candidate for item in results])


def parity_text(results: Sequence[ModelParity], notes: Sequence[str] = ()) -> str:
    """Return tables for a terminal: all models, then the changes of those that failed, or of the only one.

    Notes are further remarks, one a line.
    """
    tables = [_verdicts(results), _answers(results), _probabilities(results), _numbers(results)]
    parts = [printable(_title(results)), *(table(*content) for content in tables)]
    for item in results:
        if item.candidate.changes.flips.images and (len(results) == 1 or not item.candidate.passed):
            parts += _where(item)
    lines = [printable(line) for line in (*_remarks(results), *notes)]
    return "\n\n".join([*parts, *(["\n".join(lines)] if lines else [])])


def parity_markdown(results: Sequence[ModelParity], notes: Sequence[str] = ()) -> str:
    """Return the verdicts in GitHub's Markdown; arguments as of `parity_text`."""
    failed = sum(not item.candidate.passed for item in results)
    verdict = f"{failed} of {len(results)} may not replace it" if failed else "each may replace it"
    title = f"### Parity: {verdict}"
    lines = [f"- {markdown_text(line)}" for line in (*_remarks(results), *notes)]
    against = markdown_text(_title(results))
    parts = [title, against, markdown(*_verdicts(results)), markdown(*_answers(results))]
    return "\n\n".join([*parts, *(["\n".join(lines)] if lines else [])]) + "\n"


def _title(results: Sequence[ModelParity]) -> str:
    images, shared = results[0].candidate.answers.images, shared_reference(results)
    against = f"against {shared.model}" if shared else "each against the model of its name"
    return f"{against} on {images:,} test images of {results[0].reference.dataset}"


def _remarks(results: Sequence[ModelParity]) -> list[str]:
    """Return the broken gates, and the artifacts of another original."""
    models = [item.candidate for item in results]
    breaches = [f"{model.name}: {breach}" for model in models for breach in model.breaches]
    breaches += [
        f"{model.name}: {model.engine}: {model.identical_rows:,} of {model.answers.images:,} images have the "
        "scores of this machine, bit for bit"
        for model in models
        if model.identical_rows is not None
    ]
    return breaches + [f"{model.name}: {OTHER_MODEL}" for model in models if model.same_original is False]


def _verdicts(results: Sequence[ModelParity]) -> Table:
    header = ["model", "scheme", "verdict", "original", "accuracy", "points", "95% interval", "allowed"]
    header += ["McNemar p", "errors"]
    rows = []
    for item in results:
        answers = item.candidate.answers
        growth = answers.error_growth
        rows.append(
            [
                item.candidate.name,
                item.candidate.scheme,
                item.candidate.verdict,
                percent(answers.reference_accuracy),
                percent(answers.candidate_accuracy),
                points(answers.accuracy_difference),
                _interval(answers.accuracy_difference_interval, points),
                f"-{100 * item.candidate.gate.max_drop:.2f}",
                "<1e-99" if answers.mcnemar_p < 1e-99 else f"{answers.mcnemar_p:.2g}",
                ABSENT if growth is None else f"{100 * growth:+.1f}%",
            ]
        )
    return header, rows, 3


def _answers(results: Sequence[ModelParity]) -> Table:
    header = ["answers", "scheme", "agreement", "95% interval", "changed", "worse", "better"]
    header += ["wrong to wrong", "near ties", f"at margin ≥ {CONFIDENT_MARGIN}"]
    rows = []
    for item in results:
        answers, changes = item.candidate.answers, item.candidate.changes
        counts = (len(changes.flips.images), answers.worse, answers.better, answers.wrong_to_wrong)
        rows.append(
            [
                item.candidate.name,
                item.candidate.scheme,
                percent(answers.agreement),
                _interval(answers.agreement_interval, lambda share: f"{100 * share:.2f}"),
                *(f"{count:,}" for count in (*counts, changes.ties, len(changes.confident))),
            ]
        )
    return header, rows, 2


def _probabilities(results: Sequence[ModelParity]) -> Table:
    header = ["probabilities", "scheme", "max diff", "mean diff", "KL", "JS", "ECE", "change"]
    header += ["bootstrap 95%", "confidence"]
    rows = []
    for item in results:
        drift, calibration = item.candidate.probabilities, item.candidate.calibration
        figures = (
            drift.max_difference,
            drift.mean_difference,
            drift.kl_divergence_nats,
            drift.js_divergence_nats,
        )
        rows.append(
            [
                item.candidate.name,
                item.candidate.scheme,
                *(f"{figure:.2g}" for figure in figures),
                f"{calibration.candidate_ece:.4f}",
                _signed(calibration.ece_difference),
                _interval(calibration.ece_difference_interval, _signed),
                _signed(drift.confidence_drift),
            ]
        )
    return header, rows, 2


def _numbers(results: Sequence[ModelParity]) -> Table:
    header = ["scores", "scheme", "tied images", "zeros", "ones", "sum is not 1", "furthest", "levels"]
    audits, original = [], None
    for item in results:
        if item.reference is not original:
            original = item.reference
            audits.append(("the original", ABSENT, item.candidate.reference_audit))
        audits.append((item.candidate.name, item.candidate.scheme, item.candidate.audit))
    rows = [[name, scheme, *_audit(audit)] for name, scheme, audit in audits]
    return header, rows, 2


def _audit(audit: Audit) -> list[str]:
    shares = (audit.tie_share, audit.zero_share, audit.one_share)
    return [
        *(percent(share) for share in shares),
        f"{audit.off_sum:,}",
        f"{audit.max_sum_error:.2g}",
        f"{audit.levels:,}",
    ]


def _where(item: ModelParity) -> list[str]:
    """Return where one model's answers changed: by class, pair of classes, and the original's margin."""
    changes, name, labels = item.candidate.changes, item.candidate.name, item.reference.labels
    classes = [
        [
            labels[change.index],
            f"{change.images:,}",
            percent(change.reference_accuracy),
            percent(change.candidate_accuracy),
            f"{change.worse:,}",
            f"{change.better:,}",
        ]
        for change in changes.classes
    ]
    pairs = [
        [labels[pair.reference], labels[pair.candidate], f"{pair.images:,}"]
        for pair in changes.pairs[:_PAIRS]
    ]
    bands = [
        [f"{band.low:g} to {band.high:g}", f"{band.images:,}", f"{band.flips:,}"] for band in changes.margins
    ]
    parts = [
        f"where {printable(name)} changed",
        table(["true class", "images", "original", "accuracy", "worse", "better"], classes),
        table(["answered before", "answers now", "images"], pairs, left=2),
        table(["margin of the original", "images", "changed"], bands),
    ]
    if changes.confident:
        parts.append(
            f"changed at a margin of {CONFIDENT_MARGIN} or more: test images {_listed(item.candidate)}"
        )
    return parts


def _listed(parity: Parity) -> str:
    confident = parity.changes.confident
    more = f" and {len(confident) - _NAMED:,} more" if len(confident) > _NAMED else ""
    return ", ".join(map(str, confident[:_NAMED])) + more


def _interval(interval: Interval, form: Callable[[float], str]) -> str:
    return f"{form(interval.low)} to {form(interval.high)}"


def _signed(value: float) -> str:
    return f"{value:+z.4f}"  # z: no -0.0000


def junit_xml(results: Sequence[ModelParity]) -> str:
    """Return JUnit XML: a test suite for each model, with a test case for each limit of its gate.

    The layout is the one that Jenkins, GitLab and GitHub's actions read
    (https://github.com/testmoapp/junitxml).
    """
    root = ElementTree.Element("testsuites", name="fmnist parity")
    for item in results:
        breaches = {breach.gate: breach for breach in item.candidate.breaches}
        name, limits = _plain(item.candidate.name), _limits(item.candidate)
        suite = ElementTree.SubElement(
            root, "testsuite", name=name, tests=str(len(limits)), failures=str(len(breaches)), errors="0"
        )
        for gate in limits:
            case = ElementTree.SubElement(suite, "testcase", classname=name, name=gate)
            if gate in breaches:
                text = _plain(str(breaches[gate]))
                kind = "parity" if breaches[gate].certain else "too few images"
                ElementTree.SubElement(case, "failure", message=text, type=kind).text = text
        if item.candidate.same_original is False:
            ElementTree.SubElement(suite, "system-out").text = OTHER_MODEL
    for total in ("tests", "failures", "errors"):
        root.set(total, str(sum(int(suite.get(total, "0")) for suite in root)))
    ElementTree.indent(root)
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return content.decode() + "\n"


def _limits(parity: Parity) -> list[str]:
    """Return the limits that a model had to keep."""
    gate = parity.gate
    limits = ["max-drop", *(["min-accuracy"] if gate.min_accuracy else []), "min-agreement"]
    limits += ["max-difference"] if gate.max_difference is not None else []
    flips = (gate.max_confident_flips, gate.max_confident_share)
    return limits + (["max-confident-flips"] if flips != (None, None) else [])


def _plain(text: str) -> str:
    return _FORBIDDEN.sub("�", text)


def layers_text(drift: LayersOfModel) -> str:
    """Return one model's layers beside the original's, and the first that drifts."""
    rows = [[layer.layer, layer.kind, *_similarity(layer)] for layer in drift.layers]
    least = f"{drift.least_snr_db:g} dB is the least expected"
    verdict = "no layer drifts"
    for layer in drift.layers:
        if layer.layer == drift.first_drift and layer.similarity:
            snr = f"SNR {layer.similarity.snr_db:.1f} dB; {least}"
            verdict = f"first layer that drifts: {layer.layer} ({snr})"
    title = f"layers of {drift.name} on the first {drift.images} test images; {least}"
    header = ["layer", "kind", "SNR dB", "max diff", "cosine"]
    return "\n".join([title, "", table(header, rows, left=2), verdict])


def _similarity(layer: LayerDrift) -> list[str]:
    if layer.similarity is None:
        return ["fused", ABSENT, ABSENT]
    found = layer.similarity
    return [f"{found.snr_db:.1f}", f"{found.max_difference:.2g}", f"{found.cosine:.6f}"]
