"""Running the verbs on a device that has a new version, and bringing back their results."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from fmnist.deploy import transfer
from fmnist.deploy.ssh import Connection, Reply
from fmnist.results.read import DamageError
from fmnist.results.summary import SummaryRow, summarise
from fmnist.results.write import RESULT, schema
from fmnist.runs.run import DEVICE_RESULTS, Run
from fmnist_runtime.errors import DeviceError
from fmnist_runtime.files import require_writable, write_atomically

GATE_FAILED = 3
"""Exit code of a verb that found an artifact that may not replace its original."""
_UNSAFE = re.compile(r"[^\w.@+-]+", re.ASCII)


def results_folder(run: Run, host: str) -> Path:
    """Return the folder of a device's results in a run directory."""
    name = _UNSAFE.sub("_", host.removeprefix("ssh://")).lstrip(".") or "_"
    return run.folder / "devices" / name


def require_results_replaceable(run: Run, host: str) -> None:
    """Check, before anything is sent, that the results can be written.

    Raises:
        OutputError: They cannot, or files with their names are not ours.
    """
    for kind in DEVICE_RESULTS:
        require_writable(results_folder(run, host) / f"{kind}.json", RESULT)


class Measurement:
    """The results of the version that is installed on a device, verb by verb."""

    def __init__(self, connection: Connection, folder: Path, say: Callable[[str], None]) -> None:
        """Start without results; those of another version are removed from the folder.

        The device has installed the version. ``say`` is called with each line of the progress.
        """
        self._connection, self._folder, self._say = connection, folder, say
        self._results: dict[str, dict[str, Any]] = {}
        for kind in DEVICE_RESULTS:
            self._path(kind).unlink(missing_ok=True)

    def take(self, kind: str, options: Sequence[str] = ()) -> int:
        """Run a verb there, one of `DEVICE_RESULTS`, and keep its result.

        Returns:
            Its exit code: 3 when a gate failed, else 0.

        Raises:
            DeviceError: The verb failed there, or its answer is not a result of it.
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
        """Check whether the artifacts there may replace their original.

        Returns:
            A row for each artifact, with the gates that it broke.

        Raises:
            DeviceError: A verb failed there, or its result is damaged or lacks an artifact.
            OutputError: A result cannot be written.
        """
        self.take("doctor")
        self.take("eval")
        code = self.take("parity")
        rows = self.rows()
        if not rows:
            raise DeviceError("fmnist eval there has no results of a model")
        missing = [f"{row.format} {row.scheme}" for row in rows if row.difference is None]
        if missing:
            raise DeviceError(f"fmnist parity there has no results of {', '.join(missing)}")
        broken = any(row.failures for row in rows)
        if broken != (code == GATE_FAILED):
            found = "a broken gate" if broken else "no broken gate"
            raise DeviceError(f"fmnist parity exits with {code} there, and its result has {found}")
        return rows

    def rows(self) -> list[SummaryRow]:
        """Return a row for each artifact from the results so far; the original did not run there.

        Raises:
            DeviceError: A result is damaged.
        """
        try:
            rows = summarise(self._results)
        except DamageError as error:
            raise DeviceError(f"answers with a damaged result ({error})") from error
        return [row for row in rows if row.format != "keras"]

    def _path(self, kind: str) -> Path:
        return self._folder / f"{kind}.json"


def read_result(kind: str, content: bytes) -> dict[str, Any]:
    """Read a result that a device sent.

    Raises:
        DeviceError: It is not a result of that kind.
    """
    try:
        record = json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise DeviceError(f"fmnist {kind} there did not answer with JSON ({error})") from error
    if not isinstance(record, dict) or record.get("schema") != schema(kind):
        raise DeviceError(f"fmnist {kind} there answered with another result than {schema(kind)}")
    return record


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number of JSON")


def _last_line(reply: Reply) -> str:
    lines = reply.log.splitlines()[-1:] or [f"exit code {reply.code}"]
    return lines[0].removeprefix("fmnist: ")
