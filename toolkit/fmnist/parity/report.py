"""What `fmnist parity` says, as tables for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fmnist.parity.models import OTHER_MODEL, ModelParity, shared_reference
from fmnist.text.tables import ABSENT, markdown, markdown_text, percent, points, printable, table
from fmnist_runtime.parity import Audit, Interval, Parity
from fmnist_runtime.parity.changes import CONFIDENT_MARGIN

_NAMED = 20
"""Images that a line names."""
_PAIRS = 10
"""Moves between classes that are shown; the most frequent."""
Table = tuple[list[str], list[list[str]], int]
"""Header, rows, and how many columns stand left."""


def parity_text(results: Sequence[ModelParity], notes: Sequence[str] = ()) -> str:
    """Tables for a terminal: all models, then where those changed of which there is something to say.

    Args:
        results: The models, at least one.
        notes: What else is to be said, in a line each.
    """
    tables = [_verdicts(results), _answers(results), _probabilities(results), _numbers(results)]
    parts = [printable(_title(results)), *(table(*content) for content in tables)]
    for item in results:
        if item.parity.changes.flips.images and (len(results) == 1 or not item.parity.passed):
            parts += _where(item)
    lines = [printable(line) for line in (*_breaches(results), *_others(results), *notes)]
    return "\n\n".join([*parts, *(["\n".join(lines)] if lines else [])])


def parity_markdown(results: Sequence[ModelParity], notes: Sequence[str] = ()) -> str:
    """The verdicts for a pull request, in GitHub's Markdown; arguments as of `parity_text`."""
    failed = sum(not item.parity.passed for item in results)
    verdict = f"{failed} of {len(results)} may not replace it" if failed else "each may replace it"
    title = f"### Parity: {verdict}"
    lines = [f"- {markdown_text(line)}" for line in (*_breaches(results), *_others(results), *notes)]
    against = markdown_text(_title(results))
    parts = [title, against, markdown(*_verdicts(results)), markdown(*_answers(results))]
    return "\n\n".join([*parts, *(["\n".join(lines)] if lines else [])]) + "\n"


def _title(results: Sequence[ModelParity]) -> str:
    images, shared = results[0].parity.answers.images, shared_reference(results)
    against = f"against {shared.model}" if shared else "each against the model of its name"
    return f"{against} on {images:,} test images of {results[0].reference.dataset}"


def _breaches(results: Sequence[ModelParity]) -> list[str]:
    return [f"{item.model.name}: {breach}" for item in results for breach in item.parity.breaches]


def _others(results: Sequence[ModelParity]) -> list[str]:
    return [f"{item.model.name}: {OTHER_MODEL}" for item in results if item.same_original is False]


def _verdicts(results: Sequence[ModelParity]) -> Table:
    header = ["model", "scheme", "verdict", "original", "accuracy", "points", "95% interval", "allowed"]
    header += ["McNemar p", "errors"]
    rows = []
    for item in results:
        answers = item.parity.answers
        growth = answers.error_growth
        rows.append(
            [
                item.model.name,
                item.model.scheme,
                item.parity.verdict,
                percent(answers.reference_accuracy),
                percent(answers.candidate_accuracy),
                points(answers.accuracy_difference),
                _interval(answers.accuracy_difference_interval, points),
                f"-{100 * item.parity.gate.max_drop:.2f}",
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
        answers, changes = item.parity.answers, item.parity.changes
        counts = (len(changes.flips.images), answers.worse, answers.better, answers.wrong_to_wrong)
        rows.append(
            [
                item.model.name,
                item.model.scheme,
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
        drift, calibration = item.parity.probabilities, item.parity.calibration
        figures = (
            drift.max_difference,
            drift.mean_difference,
            drift.kl_divergence_nats,
            drift.js_divergence_nats,
        )
        rows.append(
            [
                item.model.name,
                item.model.scheme,
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
            audits.append(("the original", ABSENT, item.parity.reference_audit))
        audits.append((item.model.name, item.model.scheme, item.parity.audit))
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
    """Where one model's answers changed: by class, between which, and how sure the original had been."""
    changes, name, labels = item.parity.changes, item.model.name, item.reference.labels
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
        parts.append(f"changed at a margin of {CONFIDENT_MARGIN} or more: test images {_listed(item.parity)}")
    return parts


def _listed(parity: Parity) -> str:
    confident = parity.changes.confident
    more = f" and {len(confident) - _NAMED:,} more" if len(confident) > _NAMED else ""
    return ", ".join(map(str, confident[:_NAMED])) + more


def _interval(interval: Interval, form: Callable[[float], str]) -> str:
    return f"{form(interval.low)} to {form(interval.high)}"


def _signed(value: float) -> str:
    return f"{value:+z.4f}"  # z: no -0.0000
