"""What a device finds of the version it has, brought back as JSON that is checked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from fmnist.deploy import transfer
from fmnist.deploy.ssh import Connection, Reply
from fmnist.results.summary import SummaryRow, summarise
from fmnist.results.write import RESULT, schema
from fmnist.runs.run import Run
from fmnist_runtime.errors import DeviceError
from fmnist_runtime.files import require_writable, write_atomically

KINDS = ("doctor", "eval", "parity", "bench")
"""The verbs that are run on a device, in this order."""
_MOST = 10**18
"""More than any figure here; an integer of JSON can be too large for arithmetic."""
GATE_FAILED = 3
"""Exit code of a verb that found that an artifact may not replace its original."""
_UNSAFE = re.compile(r"[^\w.@+-]+", re.ASCII)


def results_folder(run: Run, host: str) -> Path:
    """Where a device's results are in a run directory."""
    name = _UNSAFE.sub("_", host.removeprefix("ssh://")).lstrip(".") or "_"
    return run.folder / "devices" / name


def require_results_replaceable(run: Run, host: str) -> None:
    """Check, before anything is sent, that the results can be written.

    Raises:
        OutputError: They cannot, or there are files of their names that are not ours.
    """
    for kind in KINDS:
        require_writable(results_folder(run, host) / f"{kind}.json", RESULT)


class Measurement:
    """What a device finds of the version that is installed there, verb by verb."""

    def __init__(self, connection: Connection, folder: Path, say: Callable[[str], None]) -> None:
        """Begin with none; the results of another version make way.

        Args:
            connection: To a device that has installed the version.
            folder: Where the results go, each as soon as it is there.
            say: Called with each line of the progress.
        """
        self._connection, self._folder, self._say = connection, folder, say
        self._results: dict[str, dict[str, Any]] = {}
        for kind in KINDS:
            self._path(kind).unlink(missing_ok=True)

    def take(self, kind: str, options: Sequence[str] = ()) -> int:
        """Run a verb there, and keep its result.

        Args:
            kind: One of `KINDS`.
            options: Its options.

        Returns:
            Its exit code: 3 when a gate failed, else 0.

        Raises:
            DeviceError: The verb failed there, or answered what is no result of it.
            OutputError: The result cannot be written.
        """
        self._say(kind)
        reply = transfer.run(self._connection, [kind, "--json", "-", *options])
        if reply.code not in (0, GATE_FAILED):
            raise DeviceError(f"fmnist {kind} fails there: {_last_line(reply)}")
        self._results[kind] = read_result(kind, reply.output)
        write_atomically(self._path(kind), reply.output)
        return reply.code

    def prove(self) -> list[SummaryRow]:
        """Find whether the artifacts there may replace their original.

        Returns:
            A row for each artifact, with the gates that it broke.

        Raises:
            DeviceError: A verb failed there, or its result is damaged or says nothing of an artifact.
            OutputError: A result cannot be written.
        """
        self.take("doctor")
        self.take("eval")
        code = self.take("parity")
        rows = self.rows()
        if not rows:
            raise DeviceError("fmnist eval there tells of no model")
        untold = [f"{row.format} {row.scheme}" for row in rows if row.difference is None]
        if untold:
            raise DeviceError(f"fmnist parity there does not tell of {', '.join(untold)}")
        broken = any(row.failures for row in rows)
        if broken != (code == GATE_FAILED):
            found = "a broken gate" if broken else "no broken gate"
            raise DeviceError(f"fmnist parity exits with {code} there, and its result has {found}")
        return rows

    def rows(self) -> list[SummaryRow]:
        """A row for each artifact, of the results that are here; fails as `rows_of`."""
        return rows_of(self._results)

    def _path(self, kind: str) -> Path:
        return self._folder / f"{kind}.json"


def read_result(kind: str, content: bytes) -> dict[str, Any]:
    """A result that a device sent.

    Raises:
        DeviceError: It is none of that kind.
    """
    try:
        record = json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise DeviceError(f"fmnist {kind} there did not answer with JSON ({error})") from error
    if not isinstance(record, dict) or record.get("schema") != schema(kind):
        raise DeviceError(f"fmnist {kind} there answered with another result than {schema(kind)}")
    return record


def rows_of(results: dict[str, dict[str, Any]]) -> list[SummaryRow]:
    """A row for each artifact, without the original, which did not run there.

    Args:
        results: Those of eval, parity and bench that are here, of the right schemas and otherwise unchecked.

    Raises:
        DeviceError: They are damaged.
    """
    try:
        rows = summarise(**{kind: results.get(kind, {}) for kind in ("eval", "parity", "bench")})
    except (KeyError, TypeError, AttributeError) as error:
        raise DeviceError(f"answers with a damaged result ({error!r})") from error
    for row in rows:
        texts = (row.format, row.scheme, row.trust or "")
        figures = [row.size_bytes, row.accuracy, *_given(row)]
        if not all(isinstance(text, str) for text in texts) or not all(map(_is_figure, figures)):
            raise DeviceError("answers with a damaged result; a figure of a model is none")
    return [row for row in rows if row.format != "keras"]


def _given(row: SummaryRow) -> list[float]:
    optional = (row.difference, row.agreement, row.p50_us, row.p99_us)
    return [figure for figure in optional if figure is not None]


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float) and -_MOST <= value <= _MOST  # nor is NaN


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no figure")


def _last_line(reply: Reply) -> str:
    lines = reply.log.splitlines()[-1:] or [f"exit code {reply.code}"]
    return lines[0].removeprefix("fmnist: ")
