"""Probing a machine that has only Python: the program to send, and how to read its answer."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime
from typing import Any

from fmnist.devices.matching import python_too_old
from fmnist.devices.targets import MIN_PYTHON
from fmnist.results.read import Part, read_record
from fmnist_runtime.errors import DeviceError
from fmnist_runtime.machine import environment, probe, processor
from fmnist_runtime.machine import state as machine
from fmnist_runtime.machine.probe import Probe

SCHEMA = "fmnist.probe/1"
_MODULES = (environment, machine, processor, probe)
"""The modules to send, each after those that it imports."""
# For any Python 3. The modules are string literals in it, as a Python that is too old for their syntax would
# otherwise refuse the whole program.
_PROGRAM = """\
import json, platform, sys
if sys.version_info < {min_python!r}:
    print(json.dumps({{"schema": {schema!r}, "python": platform.python_version()}}))
    sys.exit()
import dataclasses, types
package = sys.modules["fmnist_runtime"] = types.ModuleType("fmnist_runtime")
package.__path__ = []
for name, source in {sources}:
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
found = sys.modules["fmnist_runtime.machine.probe"].read_probe()
print(json.dumps({{"schema": {schema!r}, "probe": dataclasses.asdict(found)}}))
"""


def program() -> str:
    """Return a Python program, in ASCII, that prints a machine's probe as one line of JSON.

    Run it with ``python3 -I -`` from standard input; it writes no file. Without -I, a file such as types.py
    in the home folder would replace Python's own. A Python older than `MIN_PYTHON` prints only its version.
    """
    sources = [(module.__name__, inspect.getsource(module)) for module in _MODULES]
    return _PROGRAM.format(min_python=MIN_PYTHON, schema=SCHEMA, sources=ascii(sources))


def read_reply(text: str) -> Probe:
    """Read the probe from what a machine printed, perhaps among lines that a login prints.

    Raises:
        DeviceError: The text has no probe, or the machine's Python is too old.
    """
    for line in text.splitlines():
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(answer, dict) and answer.get("schema") == SCHEMA:
            return _read_answer(answer)
    raise DeviceError("it did not answer with a probe; log in and see whether this works: python3 --version")


def _read_answer(answer: dict[str, Any]) -> Probe:
    if "python" in answer:
        raise python_too_old(answer["python"])
    try:
        found = read_record(Probe, Part(answer)["probe"])
        datetime.fromisoformat(found.time_utc).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise DeviceError(f"it answered with a damaged probe ({error}); try again") from error
    return found
