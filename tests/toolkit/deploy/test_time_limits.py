"""Waiting for somebody who does not come, on the device's side."""

from __future__ import annotations

import os
import signal

import pytest

from fmnist.deploy.remote.store import DisconnectedError, time_limit


def test_silence_ends_what_waits_for_it():
    reading, writing = os.pipe()
    with pytest.raises(DisconnectedError), time_limit(1, DisconnectedError()):
        os.read(reading, 1)
    for descriptor in (reading, writing):
        os.close(descriptor)


def test_what_comes_in_time_is_taken():
    with time_limit(1, DisconnectedError()):
        pass
    assert signal.alarm(0) == 0  # seconds until an alarm would still ring
