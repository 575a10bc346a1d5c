"""The text of the program that runs on a device, where nothing of ours is yet."""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path

_PACKAGES = ("fmnist", "fmnist.deploy", "fmnist.deploy.remote")
_MODULES = ("patience", "store", "attended", "versions", "session")
"""In the order of their imports."""
_LOADER = """import sys, types
for name in {packages!r}:
    sys.modules[name] = types.ModuleType(name)
for name, source in {sources!r}:
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
module.main()
"""


def program() -> bytes:
    """Source of a program for Python 3.11 or newer that needs nothing but the standard library."""
    names = [f"{_PACKAGES[-1]}.{module}" for module in _MODULES]
    sources = tuple((name, _source(name)) for name in names)
    return _LOADER.format(packages=_PACKAGES, sources=sources).encode()


def start(content: bytes) -> str:
    """The line of ``sh`` that runs a program whose text comes first on standard input.

    Neither the length of a command line nor any shell's quotation marks matter to it then, nor files in the
    home folder that have names of Python's own modules (``-I``).
    """
    code = f"import sys; exec(sys.stdin.buffer.read({len(content)}))"
    return f"exec python3 -I -c {shlex.quote(code)}"


def _source(name: str) -> str:
    spec = importlib.util.find_spec(name)
    assert spec is not None  # they come with this module
    assert spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")
