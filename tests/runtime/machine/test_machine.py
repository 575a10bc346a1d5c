from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fmnist_runtime.machine.state import MachineState, busy_elsewhere, read_machine_state

CORE = 1
# A name with blanks and a parenthesis, as `exec -a` can give it; then fields 3 to 41.
STAT = f"77 (python3) (x y) R {' '.join('0' for _ in range(35))} {CORE} 0 0\n"
CPUINFO = (
    "processor\t: 0\ncpu MHz\t\t: 800.0\n\nprocessor\t: 1\nmodel name\t: Some CPU\ncpu MHz\t\t: 2596.122\n"
)
CPUFREQ = "sys/devices/system/cpu/cpu1/cpufreq"
ZONE = "sys/class/thermal/thermal_zone0"
STATE = MachineState(
    core=0,
    frequency_mhz=None,
    governor="",
    temperature_c=None,
    too_hot=False,
    throttled=None,
    busy_s=0,
    own_s=0,
    clock_s=0,
)


def machine(root: Path, **files: str) -> Path:
    """Files by their path, in which __ stands for /."""
    for path, text in files.items():
        write(root, path.replace("__", "/"), text)
    return root


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def zone(
    root: Path, temperature: int, trips: dict[int, str], bound: tuple[int, ...] = (), name: str = ZONE
) -> None:
    """A thermal zone: trip points are a temperature and a type each, and some have a cooling device."""
    write(root, f"{name}/temp", f"{temperature}\n")
    for number, (limit, kind) in enumerate(trips.items()):
        write(root, f"{name}/trip_point_{number}_temp", f"{limit}\n")
        write(root, f"{name}/trip_point_{number}_type", f"{kind}\n")
    for number, trip in enumerate(bound):
        write(root, f"{name}/cdev{number}_trip_point", f"{trip}\n")


def test_a_board_with_everything(tmp_path):
    machine(tmp_path, proc__self__stat=STAT, proc__cpuinfo=CPUINFO)
    write(tmp_path, f"{CPUFREQ}/scaling_cur_freq", "1500000\n")
    write(tmp_path, f"{CPUFREQ}/scaling_governor", "ondemand\n")
    write(tmp_path, "proc/stat", "cpu  1000 200 300 99999 5000 10 20 30 400 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n")
    zone(tmp_path, 48312, {85000: "passive"}, bound=(0,))
    zone(tmp_path, 52000, {}, name="sys/class/thermal/thermal_zone1")
    write(tmp_path, "sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n")
    before = time.monotonic()
    state = read_machine_state(tmp_path)
    assert state.frequency_mhz == 1500
    assert state.governor == "ondemand"
    assert state.temperature_c == 52
    assert not state.too_hot
    assert state.throttled == 0x50005
    assert state.busy_s == (1000 + 200 + 300 + 10 + 20 + 30) / os.sysconf("SC_CLK_TCK")
    assert 0 < state.own_s <= time.process_time()
    assert before <= state.clock_s <= time.monotonic()


def test_without_proc_and_sys_nothing_is_known(tmp_path):
    state = read_machine_state(tmp_path)
    assert replace(state, own_s=0, clock_s=0) == replace(STATE, busy_s=None)


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's own files")
def test_this_machine():
    before = read_machine_state()
    while time.process_time() < before.own_s + 0.05:
        pass
    after = read_machine_state()
    assert before.busy_s is None or after.busy_s is None or after.busy_s >= before.busy_s > 0
    assert (
        after.clock_s >= before.clock_s + 0.04
    )  # one thread cannot use more CPU than time; clocks tick apart
    assert after.own_s >= before.own_s + 0.05


def test_frequency_of_a_machine_without_cpufreq_is_that_of_the_same_core(tmp_path):
    state = read_machine_state(machine(tmp_path, proc__self__stat=STAT, proc__cpuinfo=CPUINFO))
    assert state.frequency_mhz == 2596.122
    assert state.governor == ""


@pytest.mark.parametrize(
    ("stat", "cpuinfo"),
    [
        ("", ""),
        ("77 (x", "processor : 0\n"),
        (STAT, "processor\t: 1\nBogoMIPS\t: 108.00\n"),
        (STAT, "\n\n:\n\n"),
    ],
)
def test_frequency_unknown(tmp_path, stat, cpuinfo):
    assert (
        read_machine_state(machine(tmp_path, proc__self__stat=stat, proc__cpuinfo=cpuinfo)).frequency_mhz
        is None
    )


@pytest.mark.parametrize(
    ("temperature", "trips", "bound", "too_hot"),
    [
        (84999, {85000: "passive"}, (0,), False),
        (85000, {85000: "passive"}, (0,), True),
        (85000, {50000: "active", 85000: "passive", 110000: "critical"}, (0, 1, 1), True),
        (60000, {50000: "active", 85000: "passive", 110000: "critical"}, (0, 1, 1), False),  # a fan runs
        (85000, {80000: "passive"}, (), False),  # nothing is slowed down by it
        (60000, {0: "passive"}, (0,), False),  # never set
        (60000, {-32768000: "passive"}, (0,), False),
        (60000, {-273250: "hot"}, (), False),
        (96000, {95000: "hot"}, (), True),
    ],
)
def test_too_hot_is_when_linux_slows_the_processor_down(tmp_path, temperature, trips, bound, too_hot):
    zone(tmp_path, temperature, trips, bound)
    assert read_machine_state(tmp_path).too_hot is too_hot


def test_a_zone_that_is_off_has_no_temperature(tmp_path):
    zone(tmp_path, 0, {85000: "passive"}, bound=(0,))
    (tmp_path / ZONE / "temp").unlink()
    (tmp_path / ZONE / "temp").mkdir()  # reading it fails, as a driver does that has no answer
    state = read_machine_state(tmp_path)
    assert state.temperature_c is None
    assert not state.too_hot


@pytest.mark.parametrize("text", ["", "garbage", "85000 86000", "nan", "inf", "\0\xff"])
def test_nonsense_in_a_file_is_unknown(tmp_path, text):
    for path in (
        f"{CPUFREQ}/scaling_cur_freq",
        f"{ZONE}/temp",
        "proc/stat",
        "proc/self/stat",
        "proc/cpuinfo",
    ):
        write(tmp_path, path, text)
    write(tmp_path, "sys/devices/platform/soc/soc:firmware/get_throttled", text)
    state = read_machine_state(tmp_path)
    assert (state.frequency_mhz, state.temperature_c, state.throttled, state.busy_s) == (
        None,
        None,
        None,
        None,
    )


def test_a_pi_5_names_its_firmware_by_address(tmp_path):
    write(tmp_path, "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled", "0\n")
    assert read_machine_state(tmp_path).throttled == 0


@pytest.mark.skipif(os.name != "posix", reason="writes a shell script")
@pytest.mark.parametrize(
    ("script", "bits"),
    [
        ("echo throttled=0x50005", 0x50005),
        ("echo throttled=0x0", 0),
        ("echo Can\\'t open device file: /dev/vcio; exit 1", None),
        ("exit 1", None),
    ],
)
def test_the_firmwares_own_program_is_asked(tmp_path, monkeypatch, script, bits):
    program = tmp_path / "vcgencmd"
    program.write_text(f'#!/bin/sh\n[ "$*" = get_throttled ] || exit 2\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(
        "fmnist_runtime.machine.state._VCGENCMD_SECONDS", 60
    )  # where tests keep the machine busy
    assert read_machine_state().throttled == bits


@pytest.mark.skipif(os.name != "posix", reason="a program for another processor is an error of execve")
def test_a_program_that_cannot_be_run_tells_nothing(tmp_path, monkeypatch):
    (tmp_path / "vcgencmd").write_bytes(b"\x7fELF of some other processor")
    (tmp_path / "vcgencmd").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_machine_state().throttled is None


def window(elapsed: float, busy: float | None, own: float) -> tuple[MachineState, MachineState]:
    after = None if busy is None else 7 + busy
    return replace(STATE, busy_s=7, own_s=1, clock_s=3), replace(
        STATE, busy_s=after, own_s=1 + own, clock_s=3 + elapsed
    )


def test_cores_that_others_kept_busy():
    assert busy_elsewhere([window(0.5, 1.0, 0.5)]) == pytest.approx(1)
    assert busy_elsewhere([window(0.5, 1.0, 0.5), window(1.5, 1.5, 1.5)]) == pytest.approx(0.25)
    assert busy_elsewhere([window(0.5, 1.0, 1.0)]) == 0  # two threads of our own


def test_a_tick_too_few_in_one_window_makes_up_for_one_too_many_in_another():
    assert busy_elsewhere([window(0.5, 0.49, 0.5), window(0.5, 0.51, 0.5)]) == pytest.approx(0, abs=1e-12)
    assert busy_elsewhere([window(0.5, 0.49, 0.5)]) == 0


def test_unknown_load():
    assert busy_elsewhere([]) is None
    assert busy_elsewhere([window(0, 0, 0)]) is None
    assert busy_elsewhere([window(0.5, 0.5, 0.5), window(0.5, None, 0.5)]) is None


def test_a_sandbox_that_fills_proc_stat_with_zeros_tells_nothing(tmp_path):
    write(tmp_path, "proc/stat", "cpu  0 0 0 0 0 0 0 0 0 0\n")
    assert read_machine_state(tmp_path).busy_s is None
