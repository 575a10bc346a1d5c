"""All findings on one machine: this one, or one that sent a probe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fmnist.datasets import DEFAULT_DATASET
from fmnist.devices.doctor import hardware, software
from fmnist.devices.doctor.loading import Loading, Part
from fmnist.devices.finding import Finding
from fmnist.text.tables import table
from fmnist_runtime.data.datasets import find_files
from fmnist_runtime.errors import DatasetError, IdxError
from fmnist_runtime.machine.probe import Probe, read_probe


@dataclass(frozen=True)
class Examination:
    """This machine, and the findings on it."""

    probe: Probe
    """The machine's description and present state."""
    parts: list[Loading]
    """Whether the engines and the image reader load and work."""
    findings: tuple[Finding, ...]
    """What to know, and what to do."""

    @property
    def runners(self) -> list[str]:
        """Packages that can run models here, with versions."""
        return [part.package for part in self.parts if part.works and part.part != "images"]


def examine(parts: dict[Part, Loading]) -> Examination:
    """Examine this machine, on which these parts were loaded."""
    probe = read_probe()
    return Examination(probe, list(parts.values()), (*diagnose(probe, parts), _data_set(probe)))


def diagnose(probe: Probe, parts: Mapping[Part, Loading] | None = None) -> tuple[Finding, ...]:
    """Return the findings of a probe of this machine, or of another.

    If fmnist is not installed there, ``parts`` is None, and the findings say what can be.
    """
    findings = [
        hardware.board(probe),
        hardware.architecture(probe),
        hardware.processor(probe),
        hardware.features(probe),
        hardware.memory(probe),
        hardware.disk(probe),
        hardware.governor(probe),
        hardware.temperature(probe),
        hardware.power(probe),
        hardware.clock(probe),
        software.system(probe),
        software.python(probe),
    ]
    if parts is None:
        findings.append(software.wheels(probe))
    else:
        findings += [*software.engines(probe, parts), software.images(probe, parts["images"])]
    return tuple(finding for finding in findings if finding is not None)


def _data_set(probe: Probe) -> Finding:
    """Return whether the test images are there, which eval, parity and bench need."""
    try:
        images, _ = find_files(DEFAULT_DATASET, "test")
    except IdxError as error:
        return Finding("test images", "damaged", "problem", str(error))
    except DatasetError:
        fetch = f"fmnist data fetch {DEFAULT_DATASET}"
        command = f"sudo apt install dataset-{DEFAULT_DATASET}" if "debian" in probe.distribution else fetch
        return Finding(
            "test images", "not found", "note", f"give their folder with --data-dir, or: {command}"
        )
    return Finding("test images", f"{DEFAULT_DATASET} in {images.parent}")


def examination_text(examination: Examination) -> str:
    """Return a table of the findings, and below it what to do."""
    findings = examination.findings
    rows = [[finding.name, finding.verdict, finding.found] for finding in findings]
    lines = [f"{finding.name}: {finding.advice}" for finding in findings if finding.advice]
    runners = f"models run here on {', '.join(examination.runners)}"
    return "\n".join([table(["what", "verdict", "found"], rows, left=3), *lines, runners])
