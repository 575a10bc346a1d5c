"""Probing a machine that has Python and nothing of ours: the program to send, and what it answers."""

from __future__ import annotations

import inspect
import json
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from fmnist.devices.matching import python_too_old
from fmnist.devices.targets import MIN_PYTHON
from fmnist_runtime.errors import DeviceError
from fmnist_runtime.machine import environment, probe, processor
from fmnist_runtime.machine import state as machine
from fmnist_runtime.machine.probe import Probe

SCHEMA = "fmnist.probe/1"
_MOST = 10**18
"""More than any number of a machine, in bytes or kHz; larger ones are too large for arithmetic."""
_MODULES = (environment, machine, processor, probe)
"""In the order in which they need each other."""
# In the syntax and with the library of any Python 3. The modules stand in it as texts, as a Python that is
# too old for them would refuse the whole program otherwise.
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
    """A Python program, in ASCII, that prints a machine's probe as one line of JSON.

    It is meant for ``python3 -I -`` with the program on standard input, and writes no file; without -I a file
    such as types.py in the home folder would take the place of Python's own. A Python that is older than
    `MIN_PYTHON` answers with its version alone.
    """
    sources = [(module.__name__, inspect.getsource(module)) for module in _MODULES]
    return _PROGRAM.format(min_python=MIN_PYTHON, schema=SCHEMA, sources=ascii(sources))


def read_reply(text: str) -> Probe:
    """The probe that a machine answered with.

    Args:
        text: What the program printed, and before or after it perhaps what a login prints.

    Raises:
        DeviceError: There is no probe in it, or the machine's Python is too old.
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
        found: Probe = _converted(answer["probe"], Probe, "probe")
        datetime.fromisoformat(found.time_utc).astimezone(UTC)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DeviceError(f"it answered with a damaged probe ({error}); try again") from error
    return found


def _converted(value: Any, kind: Any, name: str) -> Any:
    """A value from JSON as the type that a dataclass says of it.

    Raises:
        TypeError: It is of another type.
        KeyError: A field is missing.
        ValueError: It is a number that no machine has.
    """
    if is_dataclass(kind) and isinstance(kind, type) and isinstance(value, dict):
        hints = get_type_hints(kind)
        return kind(**{f.name: _converted(value[f.name], hints[f.name], f.name) for f in fields(kind)})
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        [known] = (argument for argument in arguments if argument is not type(None))
        return None if value is None else _converted(value, known, name)
    if origin is tuple and isinstance(value, list):
        return tuple(_converted(item, arguments[0], name) for item in value)
    if origin is dict and isinstance(value, dict):
        return {key: _converted(item, arguments[1], name) for key, item in value.items()}
    if type(value) is int and abs(value) > _MOST:
        raise ValueError(f"{name} is beyond all reason")
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is kind:
        return value
    raise TypeError(f"{name} is {value!r}")
