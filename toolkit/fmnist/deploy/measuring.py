"""What a device finds of the version it has, brought back as JSON that is checked."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from fmnist.deploy.remote.session import LOCK
from fmnist.deploy.ssh import Reply, Ssh
from fmnist.results import require_replaceable, schema
from fmnist.runs import Run
from fmnist.summary import SummaryRow, summarise
from fmnist_runtime.errors import DeviceError
from fmnist_runtime.files import write_atomically

KINDS = ("doctor", "eval", "parity", "bench")
"""The verbs that are run on a device, in this order."""
_MAX_RESULT = 100_000_000
"""Bytes of a result; of a bench of eight artifacts for a minute it has some million."""
_MOST = 10**18
"""More than any figure here; an integer of JSON can be too large for arithmetic."""
_UNDISTURBED = (
    f"import fcntl, os, sys; lock = os.open('../../{LOCK}', os.O_RDONLY); fcntl.flock(lock, fcntl.LOCK_SH); "
    "os.set_inheritable(lock, True); os.execv(sys.argv[1], sys.argv[1:])"
)
"""Runs a command in a version's folder while no deployment installs or removes anything there, which would
falsify its times, or take away what it is about to load."""
_GATE_FAILED = 3
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
        require_replaceable(results_folder(run, host) / f"{kind}.json")


@dataclass(frozen=True)
class Device:
    """A version on a device."""

    ssh: Ssh
    """How it is reached."""
    host: str
    """Where it is."""
    version: str
    """The version that is measured."""
    say: Callable[[str], None]
    """Called with each line of its progress."""

    def measure(self, folder: Path, bench_options: Sequence[str]) -> list[SummaryRow]:
        """Run every verb there; the results of another version make way for its own.

        Args:
            folder: Where the results go, each as soon as it is there.
            bench_options: Options of ``fmnist bench``.

        Returns:
            A row for each artifact.

        Raises:
            DeviceError: A verb failed there, or answered what is no result of it.
            OutputError: A result cannot be written.
        """
        for kind in KINDS:
            (folder / f"{kind}.json").unlink(missing_ok=True)
        results = {}
        for kind in KINDS:
            self.say(kind)
            content, results[kind] = self._result(kind, bench_options if kind == "bench" else ())
            write_atomically(folder / f"{kind}.json", content)
        return rows_of(results)

    def _result(self, kind: str, options: Sequence[str]) -> tuple[bytes, dict[str, Any]]:
        command = [".venv/bin/fmnist", kind, "--json", "-", *options]
        words = shlex.join(["python3", "-I", "-c", _UNDISTURBED, *command])
        script = f'cd "$HOME/fmnist/versions/{self.version}" && exec {words}'

        def on_line(line: str) -> None:
            if line.startswith(f"{kind} "):  # progress, such as "bench 12 of 48"
                self.say(line)

        reply = self.ssh.run(self.host, script, _MAX_RESULT, on_line=on_line)
        if reply.code not in (0, _GATE_FAILED):
            raise DeviceError(f"fmnist {kind} fails there: {_last_line(reply)}")
        return reply.output, read_result(kind, reply.output)


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
        results: Those of eval, parity and bench, of the right schemas and otherwise unchecked.

    Raises:
        DeviceError: They are damaged.
    """
    try:
        rows = summarise(**{kind: results[kind] for kind in ("eval", "parity", "bench")})
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
