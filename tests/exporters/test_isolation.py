"""Work in processes of its own: what comes back, and what a crash leaves."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from fmnist_exporters import isolation
from fmnist_runtime.errors import ModelError, RejectedError


def end(step: str, how: int) -> None:
    isolation.note_step(step)
    os.kill(os.getpid(), how)


def reject(name: str) -> None:
    raise RejectedError(f"{name}: rejected")


def unsendable() -> None:
    class LocalError(Exception):
        pass

    raise LocalError("of a class that no other process has")


def server() -> str:
    """The process that this one's parent, which waits for its end, was forked off."""
    return Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1]


def linger() -> None:
    isolation.note_step(str(os.getpid()))
    signal.pause()


def hoard() -> int:
    """Take address space of more than the machine has memory, a gigabyte at a time, and touch none."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return len([np.empty(2**30, np.uint8) for _ in range(total // 2**30 + 2)])


def test_it_is_another_process_with_the_same_answer():
    images = np.arange(3_000_000, dtype=np.uint8)
    outcome = isolation.run((np.bincount, (images,)))
    np.testing.assert_array_equal(outcome.result(), np.bincount(images))
    assert outcome.peak_bytes > images.nbytes
    assert isolation.run((os.getpid, ())).result() != os.getpid()


def test_large_answers_come_whole():
    outcome = isolation.run((np.ones, ((1000, 8000),)))
    assert outcome.result().sum() == 8_000_000


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_crash_is_told_with_its_step_and_costs_no_other_work(how):
    work = [(end, ("quantising", how)), (abs, (-3,)), (abs, (-4,))]
    outcomes = dict(isolation.run_all(work, 2))
    assert str(outcomes[0].error) == f"the process was ended by {how.name} while quantising"
    assert isinstance(outcomes[0].error, ModelError)
    assert [outcomes[number].result() for number in (1, 2)] == [3, 4]


def test_a_process_that_leaves_early_is_told():
    assert str(isolation.run((os._exit, (3,))).error) == "the process ended with status 3"


def test_an_error_comes_back_as_what_it_is_with_its_traceback():
    with pytest.raises(RejectedError, match="name: rejected") as caught:
        isolation.run((reject, ("name",))).result()
    assert "in reject" in str(caught.value.__cause__)


def test_an_error_that_cannot_be_sent_is_told_in_words():
    error = isolation.run((unsendable, ())).error
    assert str(error) == "LocalError: of a class that no other process has"


def test_too_much_memory_ends_the_work_alone():
    assert hoard() > 2  # which nothing forbids in a process whose memory is not bounded
    error = isolation.run((hoard, ())).error
    assert isinstance(error, MemoryError)
    assert isolation.run((abs, (-1,))).result() == 1


def test_it_can_be_stopped_and_started_again():
    first = isolation.run((server, ())).result()
    assert isolation.run((server, ())).result() == first
    isolation.stop()
    isolation.start()
    assert isolation.run((server, ())).result() != first


def test_where_the_server_was_ended_another_is_started():
    first = int(isolation.run((server, ())).result())
    waiting = os.pidfd_open(first)
    os.kill(first, signal.SIGKILL)
    assert select.select([waiting], [], [], 60)[0]
    assert int(isolation.run((server, ())).result()) != first


def test_steps_are_told_as_they_are_taken():
    steps: list[str] = []
    isolation.run((isolation.note_step, ("calibrating",)), steps.append)
    assert steps == ["calibrating"]


def test_what_is_given_up_ends():
    """A process whose answer nobody wants any more, as after Ctrl-C, does not go on for minutes."""
    steps: list[str] = []

    def interrupt(step: str) -> None:
        steps.append(step)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        isolation.run((linger, ()), interrupt)
    with suppress(ProcessLookupError):  # it has ended already
        assert select.select([os.pidfd_open(int(steps[0]))], [], [], 60)[0], "it still runs"
