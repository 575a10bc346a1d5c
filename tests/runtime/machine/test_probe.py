from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.machines import ALPINE, CONTAINER, MASKED, N100, PI3_32_BIT, PI4, PI5, PI_ZERO, ZERO2W, read

from fmnist_runtime.machine.probe import read_probe

CPUINFO = "proc/cpuinfo"


def with_files(machine, **files):
    """A machine with other files, in whose names __ stands for /."""
    changed = {name.replace("__", "/"): text for name, text in files.items()}
    return replace(machine, files={**machine.files, **changed})


def test_a_raspberry_pi_5(tmp_path):
    probe = read(PI5, tmp_path)
    assert probe.environment.machine == "aarch64"
    assert probe.environment.cpu == probe.board == "Raspberry Pi 5 Model B Rev 1.0"
    assert probe.environment.governor == probe.state.governor == "ondemand"
    assert probe.environment.memory_bytes == 8256048 * 1024
    assert probe.processor == "Cortex-A76"
    assert probe.features == ("NEON", "dot product", "fp16 arithmetic")
    assert probe.frequency_max_mhz == 2400
    assert probe.state.frequency_mhz == 1500
    assert probe.state.temperature_c == 48.3
    assert probe.state.throttled == 0
    assert probe.operating_system == "Debian GNU/Linux 12 (bookworm)"
    assert probe.distribution == ("debian",)
    assert probe.memory_available_bytes == 7263920 * 1024
    assert probe.swap_bytes == 524272 * 1024
    assert probe.clock_synchronised is True


@pytest.mark.parametrize(
    ("machine", "processor", "features"),
    [
        (PI4, "Cortex-A72", ("NEON",)),
        (ZERO2W, "Cortex-A53", ("NEON",)),
        (PI3_32_BIT, "Cortex-A53", ("NEON",)),
        (PI_ZERO, "ARM1176", ()),
        (N100, "Intel(R) N100", ("AVX2", "fp16 conversion", "AVX-VNNI")),
        (CONTAINER, "AMD EPYC 7B12", ("AVX2", "fp16 conversion")),
        (ALPINE, "Cortex-A76", ("NEON", "dot product", "fp16 arithmetic")),
        (MASKED, "", ()),
    ],
)
def test_processors(tmp_path, machine, processor, features):
    probe = read(machine, tmp_path)
    assert probe.processor == processor
    assert probe.features == features


def test_cores_of_two_kinds_can_do_what_both_can(tmp_path):
    big, little = PI5.files[CPUINFO], PI4.files[CPUINFO]
    probe = read(with_files(PI5, proc__cpuinfo=f"{little}\n{big}"), tmp_path)
    assert probe.processor == "Cortex-A72 + Cortex-A76"
    assert probe.features == ("NEON",)


def test_a_core_of_no_known_number_is_told_by_it(tmp_path):
    text = PI5.files[CPUINFO].replace("0xd0b", "0xfff")
    assert read(with_files(PI5, proc__cpuinfo=text), tmp_path).processor == "part 0xfff of implementer 0x41"


def test_in_emulation_the_host_is_not_described_as_the_machine(tmp_path):
    """qemu-user shows the host's own /proc/cpuinfo."""
    probe = read(replace(N100, machine="aarch64"), tmp_path)
    assert probe.processor == ""
    assert probe.features == ()


def test_a_derived_distribution_names_what_it_is_derived_from(tmp_path):
    assert read(PI3_32_BIT, tmp_path).distribution == ("raspbian", "debian")


def test_os_release_may_lie_in_usr_lib(tmp_path):
    files = {"usr/lib/os-release": PI4.files["etc/os-release"]}
    assert read(replace(MASKED, files=files), tmp_path).operating_system == "Debian GNU/Linux 13 (trixie)"


def test_a_clock_that_is_yet_to_be_set(tmp_path):
    assert read(PI4, tmp_path).clock_synchronised is False


def test_what_cannot_be_read_is_unknown_and_no_error(tmp_path):
    probe = read(MASKED, tmp_path / "nothing")
    assert probe.environment.cpu == probe.environment.governor == probe.board == ""
    assert probe.environment.memory_bytes == 0
    assert probe.state.temperature_c is probe.state.throttled is probe.state.frequency_mhz is None
    assert probe.frequency_max_mhz is probe.memory_available_bytes is probe.swap_bytes is None
    assert probe.clock_synchronised is None
    assert probe.operating_system == ""
    assert probe.distribution == ()


@pytest.mark.parametrize(
    "text", ["", "\0\xff", "::\n\n:\n", "MemTotal: kB\nMemAvailable: -1 kB\nx", "=\n==\n"]
)
def test_nonsense_in_the_files_is_unknown_too(tmp_path, text):
    probe = read(replace(PI5, files=dict.fromkeys(PI5.files, text)), tmp_path)
    assert probe.environment.memory_bytes == 0
    assert probe.processor == ""
    assert probe.frequency_max_mhz is None
    assert probe.distribution == ()


def test_musl_is_told_by_its_loader(tmp_path, monkeypatch):
    """Where os.confstr knows no GNU libc, as on Alpine."""

    def unknown(_name):
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "confstr", unknown)
    assert read(MASKED, tmp_path).libc == ""
    loader = tmp_path / "lib" / "ld-musl-aarch64.so.1"
    loader.parent.mkdir()
    loader.write_text("")
    assert read_probe(tmp_path).libc == "musl"  # it cannot be run
    loader.write_text("#!/bin/sh\nprintf 'musl libc (aarch64)\\nVersion 1.2.5\\nUsage: x\\n' >&2\nexit 1\n")
    loader.chmod(0o755)
    assert read_probe(tmp_path).libc == "musl 1.2.5"


def test_a_home_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "nobody" / "home"))
    free = read_probe(tmp_path).free_bytes
    assert free is not None
    assert free > 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's own files")
def test_this_machine():
    probe = read_probe()
    assert probe.bits == 64
    assert probe.environment.memory_bytes >= (probe.memory_available_bytes or 0) > 0
    assert abs((datetime.fromisoformat(probe.time_utc) - datetime.now(UTC)).total_seconds()) < 60
    assert probe.libc.startswith(("glibc 2.", "musl 1."))
    assert probe.has_venv
