"""Compiles C that fmnist wrote into a library: once into the user's cache, or for a bundle."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from fmnist_runtime.data.datasets import cache_folder
from fmnist_runtime.errors import MissingExtraError, ModelError, OutputError
from fmnist_runtime.machine.processor import AMX, AVX512_VNNI, AVX_VNNI, DOT_PRODUCT, processor_features

_FLAGS = ("-O3", "-std=gnu99", "-ffp-contract=off", "-fno-math-errno", "-shared", "-fPIC", "-s")
_AVX512 = ("-mavx2", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512vnni")


class Variant(NamedTuple):
    """Instructions that a library may be compiled for. All give the same bits."""

    name: str
    """Their name, as `processor_features` gives it; empty for those that every processor has."""
    flags: tuple[str, ...]
    """Flags of the compiler."""


VARIANTS = {
    "x86_64": (
        Variant("", ()),
        Variant("AVX2", ("-mavx2",)),
        Variant(AVX_VNNI, ("-mavx2", "-mavxvnni")),
        Variant(AVX512_VNNI, _AVX512),
        Variant(AMX, (*_AVX512, "-mamx-tile", "-mamx-int8")),
    ),
    "aarch64": (
        Variant("", ()),
        Variant(DOT_PRODUCT, ("-mcpu=generic+dotprod",)),
        Variant("int8 matrix product", ("-mcpu=generic+dotprod+i8mm",)),
    ),
}
"""By machine, the fastest last; others have only the plain one."""
_DEVICES = {
    "aarch64": ("-target", "aarch64-linux-gnu.2.28"),
    "x86_64": ("-target", "x86_64-linux-gnu.2.28"),
    "armv7l": ("-target", "arm-linux-gnueabihf.2.28", "-mcpu=cortex_a7"),
    "armv6l": ("-target", "arm-linux-gnueabihf.2.28", "-mcpu=arm1176jzf_s"),
    "riscv64": ("-target", "riscv64-linux-gnu.2.28"),
}
"""By machine: the target of ziglang's compiler, with the oldest glibc that the engines' wheels take, too."""
_INSTALLED = Path(sys.prefix, "share", "fmnist", "native")
"""Where a bundle's install.sh puts libraries, beside our own code, which is trusted as much."""
_ZIG = (sys.executable, "-m", "ziglang", "cc")
_TIMEOUT_S = 600
_REASON = re.compile("error|will not fit|overflowed")
"""What a line says that tells why a compiler or linker fails."""


def usable_variants() -> list[Variant]:
    """Return the variants that this processor runs, the fastest last."""
    machine = platform.machine()
    found = {"", *processor_features(Path("/"), machine)}
    return [variant for variant in variants_of(machine) if variant.name in found]


def variants_of(machine: str) -> tuple[Variant, ...]:
    """Return the variants for a machine, as `platform.machine` names it."""
    return VARIANTS.get(machine, (Variant("", ()),))


def library_name(source: str, variant: Variant, machine: str) -> str:
    """Return the name of the library of a source for a machine in a bundle."""
    return f"{hashlib.sha256(repr((source, variant.flags, machine)).encode()).hexdigest()[:32]}.so"


def compile_for_device(source: str, variant: Variant, machine: str, name: object) -> bytes:
    """Return the library of a source for another machine.

    Raises:
        MissingExtraError: ziglang is not installed.
        ModelError: The compiler fails.
    """
    if find_spec("ziglang") is None:
        raise MissingExtraError(
            f"{name}: compiling for {machine} needs ziglang, which is not installed: "
            "pip install 'fmnist[native]'"
        )
    with tempfile.TemporaryDirectory(prefix="fmnist-") as work:
        text, made = Path(work, "model.c"), Path(work, "model.so")
        text.write_text(source, encoding="ascii")
        command = [*_ZIG, *_DEVICES[machine], *_FLAGS, *variant.flags, str(text), "-o", str(made)]
        run_compiler(command, name)
        return made.read_bytes()


def compile_library(source: str, variant: Variant, name: object) -> Path:
    """Return the shared library of a C source: one that was installed, one in the cache, or a new one.

    Args:
        source: C that is trusted.
        variant: The instructions.
        name: What it is of, for messages.

    Raises:
        MissingExtraError: There is no compiler.
        OutputError: The cache cannot be written.
        ModelError: The compiler fails.
    """
    installed = _INSTALLED / library_name(source, variant, platform.machine())
    if installed.is_file():
        return installed
    compiler, flags = find_compiler(), (*_FLAGS, *variant.flags)
    folder = cache_folder() / "native"
    key = hashlib.sha256(repr((source, compiler, flags, platform.machine())).encode()).hexdigest()[:32]
    library = folder / f"{key}.so"
    if library.is_file():
        return library
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            text, made = Path(work, "model.c"), Path(work, library.name)
            text.write_text(source, encoding="ascii")
            run_compiler([*compiler, *flags, str(text), "-o", str(made)], name)
            made.replace(library)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({error.strerror}); choose another place with $XDG_CACHE_HOME"
        ) from error
    return library


def run_compiler(command: Sequence[str], name: object) -> None:
    """Run a compiler; its caches lie in ours.

    Raises:
        ModelError: It fails.
    """
    caches = {key: str(cache_folder() / "zig") for key in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")}
    program = "ziglang" if list(command[:3]) == list(_ZIG[:3]) else Path(command[0]).name
    try:
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, **caches},
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{name}: takes {program} more than {_TIMEOUT_S} s to compile") from error
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if _REASON.search(line)] or [
            f"exit {result.returncode}"
        ]
        raise ModelError(f"{name}: cannot be compiled by {program} ({lines[0].strip()})")


@cache
def find_compiler() -> tuple[str, ...]:
    """Return the command of a C compiler: that of the package ziglang, or else the machine's.

    Raises:
        MissingExtraError: There is neither.
    """
    if find_spec("ziglang"):
        return (*_ZIG, "-mcpu=baseline")
    for name in ("cc", "gcc", "clang"):
        if found := shutil.which(name):
            return (found,)
    raise MissingExtraError(
        "running a .c model needs a compiler, and there is none: pip install 'fmnist[native]'"
    )
