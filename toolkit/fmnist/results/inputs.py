"""What a result in a run directory was made from, by which `fmnist run` knows whether it can be kept."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from fmnist.bench.configuration import Method
from fmnist_runtime.parity.gates import Gate


class StepSettings(TypedDict, total=False):
    """What one step depends on besides."""

    gates: dict[str, Gate]
    """parity alone: the gate of each artifact that can be exported, by ``FORMAT SCHEME``."""
    limits: dict[str, float]
    """parity alone: limits that the user named in place of those, by field of `Gate`."""
    method: Method
    """bench alone: how models were timed."""
    machine: str
    """bench alone: the machine's name in its network."""


class Inputs(StepSettings):
    """All that a result depends on. It is made again when something of it has changed."""

    packages: dict[str, str]
    """Versions of our package and of the engines that were installed."""
    threads: int
    """Threads one inference may use."""
    reference: str
    """SHA-256 of the run's ``reference.npz``."""
    artifacts: dict[str, str]
    """SHA-256 of each artifact, by the name of its file."""


class Kept(TypedDict):
    """A result that `fmnist run` keeps in the run directory."""

    inputs: NotRequired[Inputs]
    """What it was made from; there in what `fmnist run` wrote, and nowhere else."""
