"""An accuracy-parity test in three lines, for pytest or any other runner."""

from __future__ import annotations

from pathlib import Path

from fmnist_runtime.parity.comparison import Parity
from fmnist_runtime.parity.gates import Gate
from fmnist_runtime.parity.models import compare_model


def assert_parity(
    model: Path | str,
    reference: Path | str,
    *,
    gate: Gate | None = None,
    data_dir: Path | None = None,
    input_range: str | None = None,
) -> Parity:
    """Fail unless a model may replace its original.

    Args:
        model: The artifact.
        reference: A ``reference.npz``, the original's scores.
        gate: The limits to hold it against; those of its scheme when None.
        data_dir: Folder that holds the data set, instead of the usual places.
        input_range: What pixels become, of a file that does not say it; see `fmnist_runtime.load`.

    Returns:
        The comparison, for further assertions.

    Raises:
        AssertionError: It broke a limit; each is named, and by how much.
        FmnistError: As of `compare_model`.
    """
    __tracebackhide__ = True  # pytest shows the line that calls, not this one
    parity = compare_model(model, reference, gate=gate, data_dir=data_dir, input_range=input_range)
    if not parity.passed:
        raise AssertionError("\n".join([f"{model} may not replace its original", *map(str, parity.breaches)]))
    return parity
