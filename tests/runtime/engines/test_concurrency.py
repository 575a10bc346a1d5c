"""A session per thread is safe; a session between threads is refused, not corrupted."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from support import DATA, TINY

from fmnist_runtime import load
from fmnist_runtime.data.datasets import load_dataset
from fmnist_runtime.engines.base import BaseSession
from fmnist_runtime.engines.plan import Plan
from fmnist_runtime.errors import SessionBusyError

ARTIFACTS = sorted(path for path in (TINY / "export").iterdir() if path.suffix != ".json")
IMAGE = np.zeros((1, 28, 28), np.uint8)


def score_t10k(path: Path) -> bytes:
    """Scores of all 10,000 test images, by a session of its own."""
    images = load_dataset("fashion-mnist", "test", DATA).images
    with load(path) as session:
        return session.scores(images).tobytes()


@pytest.mark.parametrize("path", ARTIFACTS, ids=lambda path: path.name)
def test_eight_threads_with_a_session_each(path):
    alone = score_t10k(path)
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(score_t10k, [path] * 8)) == {alone}


def test_four_processes():
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as processes:
        for path in ARTIFACTS:
            assert set(processes.map(score_t10k, [path] * 4)) == {score_t10k(path)}


class Waiting(BaseSession):
    """A session whose engine does not answer before it is told to."""

    _engine = "waiting"

    def __init__(self) -> None:
        self.called, self.answer = threading.Event(), threading.Event()
        with load(TINY / "export" / "model-int8.tflite") as session:
            super().__init__(session.info, block=1)

    def _prepare(self, shape: tuple[int, ...]) -> Plan:
        def invoke() -> None:
            self.called.set()
            self.answer.wait()

        return Plan(lambda images: None, invoke, np.full((shape[0], 10), 0.1, np.float32))


def test_a_second_thread_is_refused():
    session = Waiting()
    with ThreadPoolExecutor(1) as other:
        answer = other.submit(session.scores, IMAGE)
        try:
            session.called.wait()
            for use in (lambda: session.scores(IMAGE), lambda: session.classify(IMAGE[0]), session.close):
                with pytest.raises(SessionBusyError, match="in use by another thread; load one for each"):
                    use()
        finally:
            session.answer.set()
        assert answer.result().tolist() == session.scores(IMAGE).tolist()


def test_threads_may_take_turns(t10k):
    with load(TINY / "export" / "model-int8.tflite") as session, ThreadPoolExecutor(1) as other:
        here = session.scores(t10k.images[:10])
        assert np.array_equal(other.submit(session.scores, t10k.images[:10]).result(), here)


def test_a_session_is_free_again_after_an_error(t10k):
    with load(TINY / "export" / "model-int8.tflite") as session:
        for _ in range(2):
            with pytest.raises(Exception, match="takes raw pixels, 0 to 255, as uint8"):
                session.scores(t10k.images[:1].astype(np.float32))
        assert session.classify(t10k.images[0]).label == "Ankle boot"


def test_a_session_is_free_again_after_an_interrupt():
    """Ctrl-C comes when any call returns. Here it comes at the first, second, … until all have returned."""
    with load(TINY / "export" / "model-int8.tflite") as session:
        expected = session.classify(IMAGE[0])
        for wanted in range(1000):
            returned = 0

            def interrupt(_frame, event, _argument, wanted=wanted):
                nonlocal returned
                if event == "c_return":
                    returned += 1
                    if returned > wanted:
                        raise KeyboardInterrupt

            sys.setprofile(interrupt)
            try:
                session.scores(IMAGE)
                break
            except KeyboardInterrupt:
                pass
            finally:
                sys.setprofile(None)
            assert session.classify(IMAGE[0]) == expected
        assert wanted > 3
