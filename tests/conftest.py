"""Fixtures for all tests: the real test images, the tiny committed run, and the command."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Generator
from functools import partial
from pathlib import Path

import pytest
from support import DATA, TINY, run_fmnist

from fmnist_runtime.data.datasets import Dataset, load_dataset


def pytest_configure() -> None:
    """Prepare the environment of the processes that tests start.

    Let Ctrl-C end them, even if a background shell made tests ignore it. Let them keep compiled modules, so
    that not every process compiles them again.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


SLOW = (
    "tests/arm64/",
    "tests/toolkit/docs/",
    "tests/exporters/",
    "tests/toolkit/test_",
    "tests/toolkit/bundle/",
)
"""The slowest tests. A worker runs a whole file, so a long one at the end would leave the others idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let slow files run first; ``make test`` keeps this order (--no-loadscope-reorder)."""
    ranks = {prefix: rank for rank, prefix in enumerate(SLOW)}
    items.sort(key=lambda item: next((ranks[p] for p in SLOW if item.nodeid.startswith(p)), len(SLOW)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With $FMNIST_SKIP_NOTHING, let a skipped test fail with the reason."""
    report = yield
    if report.skipped and os.environ.get("FMNIST_SKIP_NOTHING"):
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"no test may be skipped here: {reason}"
    return report


@pytest.fixture(scope="session")
def all_workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that all workers of pytest-xdist share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def t10k() -> Dataset:
    """The real 10,000 test images of Fashion-MNIST."""
    return load_dataset("fashion-mnist", "test", DATA)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A copy of the tiny run, at ``runs/tiny`` in the test's folder."""
    return Path(shutil.copytree(TINY, tmp_path / "runs" / "tiny"))


@pytest.fixture
def fmnist(tmp_path: Path) -> partial:
    """The command, run in the test's folder."""
    return partial(run_fmnist, tmp_path)
