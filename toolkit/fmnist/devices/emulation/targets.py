"""The processors that C models run on, and what compiles and runs programs for them."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from fmnist_runtime.errors import MissingExtraError, ModelError
from fmnist_runtime.native.compiler import run_compiler

HOST = "host"
"""This machine."""
_FOLDER = Path(__file__).parent
_FLAGS = ("-O2", "-std=gnu99", "-Wall", "-Wextra", "-Werror")
_ARM_PACKAGES = "gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm"


@dataclass(frozen=True)
class CheckedModel:
    """A C model that was read and checked."""

    path: Path
    """Where it was read, for messages."""
    name: str
    """Prefix of its names."""
    content: bytes
    """Its bytes, which alone are compiled: the file may have changed since."""

    def write(self, folder: Path) -> Path:
        """Write it into a folder."""
        place = folder / "model.c"
        place.write_bytes(self.content)
        return place


@dataclass(frozen=True)
class LinuxTarget:
    """A processor with Linux: static programs of the compiler of ziglang, run by QEMU."""

    name: str
    triple: str
    """Name of the compiler's target."""
    cpu: str
    """Name of its processor."""
    library: str
    """Name of the processor that its C library is for."""
    emulator: str
    """Name of QEMU's program."""

    def require(self) -> None:
        """Check that what it needs is installed.

        Raises:
            MissingExtraError: It is not.
        """
        _require_zig(self.name)
        _require_program(self.emulator, self.name, "qemu-user-static")

    def require_compiler(self) -> None:
        """Check that its compiler is installed; see `require`."""
        _require_zig(self.name)

    def build(self, model: CheckedModel, folder: Path, main: Path = _FOLDER / "linux.c") -> Path:
        """Compile a model with a main function in a folder, and return the program."""
        text, compiled, made = (folder / name for name in ("main.c", "main.o", "program"))
        text.write_text(_main(main, model, folder), encoding="ascii")
        compiler = [*_ZIG, "-target", self.triple]
        run_compiler(
            [*compiler, f"-mcpu={self.cpu}", *_FLAGS, "-c", str(text), "-o", str(compiled)], model.path
        )
        # The C library is compiled once for each processor, which takes a minute.
        link = [f"-mcpu={self.library}", "-static", "-s", str(compiled), "-o", str(made)]
        run_compiler([*compiler, *link], model.path)
        return made

    def command(self, program: Path) -> list[str]:
        """Return what runs a program."""
        return [self.emulator, str(program)]


@dataclass(frozen=True)
class CortexTarget:
    """A microcontroller without a system: a board that QEMU emulates."""

    name: str
    flags: tuple[str, ...]
    """Flags of the compiler for its processor."""
    machine: str
    """QEMU's name of the board."""
    flash: tuple[int, int]
    """Start and size of the board's flash, or of the memory that programs run from."""
    ram: tuple[int, int]
    """Start and size of the board's RAM."""
    clock_hz: int
    """Frequency of the board's timer."""

    def require(self) -> None:
        """Check that what it needs is installed; see `LinuxTarget.require`."""
        for program in (_GCC, _SIZE, _QEMU):
            _require_program(program, self.name, _ARM_PACKAGES)

    def build(self, model: CheckedModel, folder: Path, more: tuple[str, ...] = ()) -> Path:
        """Compile a model, and return the program.

        Args:
            model: The model.
            folder: Where the program is made.
            more: Further flags of the compiler.

        Raises:
            ModelError: It does not fit into the board's memory, or cannot be compiled.
        """
        main, made = folder / "main.c", folder / "program.elf"
        main.write_text(_main(_FOLDER / "cortex_m.c", model, folder), encoding="ascii")
        names = ("FLASH_START", "FLASH_SIZE", "RAM_START", "RAM_SIZE")
        memory = dict(zip(names, (*self.flash, *self.ram), strict=True))
        layout = (_FOLDER / "cortex_m.ld").read_text(encoding="ascii")
        for name, value in memory.items():
            layout = layout.replace(f"= {name}", f"= {value:#x}")
        (folder / "board.ld").write_text(layout, encoding="ascii")
        link = ("-nostartfiles", "-T", str(folder / "board.ld"), "-Wl,--gc-sections", "-ffunction-sections")
        try:
            flags = (*_FLAGS, *self.flags, *more, *link)
            run_compiler([_GCC, *flags, str(main), "-o", str(made), "-lm"], model.path)
        except ModelError as error:
            if "will not fit in region" in str(error) or "overflowed" in str(error):
                sizes = f"{self.flash[1] / 1e3:,.0f} kB of flash and {self.ram[1] / 1e3:,.0f} kB of RAM"
                raise ModelError(
                    f"{model.path}: does not fit into the emulated {self.machine}, {sizes}"
                ) from error
            raise
        return made

    def link_alone(self, model: CheckedModel, folder: Path, more: tuple[str, ...] = ()) -> Path:
        """Link the function that scores an image, and what it needs, alone; arguments as of `build`."""
        made = folder / "alone.elf"
        sections = (
            "-ffunction-sections",
            "-fdata-sections",
            "-Wl,--gc-sections",
            f"-Wl,-e,{model.name}_scores",
        )
        flags = (*_FLAGS, *self.flags, *more, "-nostartfiles", *sections)
        run_compiler([_GCC, *flags, str(model.write(folder)), "-o", str(made), "-lm"], model.path)
        return made

    def size_command(self, program: Path) -> list[str]:
        """Return what prints the sizes of a program's sections."""
        return [_SIZE, str(program)]

    def command(self, program: Path, counting: bool = False) -> list[str]:
        """Return what runs a program; with ``counting``, in a time in which each instruction takes 1 ns."""
        options = (
            "-nographic",
            "-monitor",
            "none",
            "-serial",
            "none",
            *(("-icount", "0") if counting else ()),
        )
        semihosting = ("-semihosting-config", "enable=on,target=native")
        return [_QEMU, "-M", self.machine, *options, *semihosting, "-kernel", str(program)]


@dataclass(frozen=True)
class WasmTarget:
    """A browser's virtual machine, run by wasmtime in this process."""

    name: str

    def require(self) -> None:
        """Check that what it needs is installed; see `LinuxTarget.require`."""
        _require_zig(self.name)
        if find_spec("wasmtime") is None:
            raise MissingExtraError(
                f"--on {self.name} needs wasmtime, which is not installed: pip install wasmtime"
            )

    def build(self, model: CheckedModel, folder: Path) -> Path:
        """Compile a model, and return the module, which has the model's functions."""
        made = folder / "model.wasm"
        exports = [f"-Wl,--export={model.name}_scores", "-Wl,--export=__heap_base", "-Wl,--no-entry"]
        flags = ("-target", "wasm32-freestanding", "-mcpu=generic+simd128", "-nostdlib", "-O2", "-std=gnu99")
        run_compiler([*_ZIG, *flags, *exports, str(model.write(folder)), "-o", str(made)], model.path)
        return made


Target = LinuxTarget | CortexTarget | WasmTarget

_ZIG = (sys.executable, "-m", "ziglang", "cc")
_GCC, _SIZE, _QEMU = "arm-none-eabi-gcc", "arm-none-eabi-size", "qemu-system-arm"
_M4 = ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")
_M7 = ("-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard")
_M33 = ("-mcpu=cortex-m33", "-mthumb", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard")
_MPS2_FLASH, _MPS2_RAM = (0, 0x400000), (0x20000000, 0x400000)
_TARGETS: tuple[Target, ...] = (
    LinuxTarget("aarch64", "aarch64-linux-musl", "generic", "generic", "qemu-aarch64-static"),
    LinuxTarget("armv7", "arm-linux-musleabihf", "cortex_a7", "arm1176jzf_s", "qemu-arm-static"),
    LinuxTarget("armv6", "arm-linux-musleabihf", "arm1176jzf_s", "arm1176jzf_s", "qemu-arm-static"),
    LinuxTarget("riscv64", "riscv64-linux-musl", "baseline_rv64", "baseline_rv64", "qemu-riscv64-static"),
    # The BBC micro:bit; the others are Arm's MPS2 boards (https://www.qemu.org/docs/master/system/arm/mps2.html).
    CortexTarget(
        "cortex-m0",
        ("-mcpu=cortex-m0", "-mthumb"),
        "microbit",
        (0, 0x40000),
        (0x20000000, 0x4000),
        16_000_000,
    ),
    CortexTarget(
        "cortex-m3", ("-mcpu=cortex-m3", "-mthumb"), "mps2-an385", _MPS2_FLASH, _MPS2_RAM, 25_000_000
    ),
    CortexTarget("cortex-m4", _M4, "mps2-an386", _MPS2_FLASH, _MPS2_RAM, 25_000_000),
    CortexTarget("cortex-m7", _M7, "mps2-an500", _MPS2_FLASH, _MPS2_RAM, 25_000_000),
    CortexTarget(
        "cortex-m33", _M33, "mps2-an505", (0x10000000, 0x400000), (0x38000000, 0x200000), 20_000_000
    ),
    WasmTarget("wasm"),
)
TARGETS = {target.name: target for target in _TARGETS}
"""By name."""
PROGRAMS = {
    "x86_64": LinuxTarget("x86_64", "x86_64-linux-musl", "baseline", "baseline", "qemu-x86_64-static"),
    **{target.name: target for target in _TARGETS if isinstance(target, LinuxTarget)},
}
"""Processors with Linux, by name."""


def _main(main: Path, model: CheckedModel, folder: Path) -> str:
    """Return the C of a program that includes a model, which is written into the same folder."""
    text = main.read_text(encoding="ascii")
    included = f'#include "{model.write(folder).name}"\n'
    return included + text.replace("NAME", model.name).replace("UPPER", model.name.upper())


def _require_zig(name: str) -> None:
    if find_spec("ziglang") is None:
        raise MissingExtraError(
            f"--on {name} needs ziglang, which is not installed: pip install 'fmnist[native]'"
        )


def _require_program(program: str, name: str, packages: str) -> None:
    if shutil.which(program) is None:
        raise MissingExtraError(
            f"--on {name} needs {program}, which is not installed: apt-get install {packages}"
        )
