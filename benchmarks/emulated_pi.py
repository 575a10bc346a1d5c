"""Install a run on emulated Raspberry Pis, and compare its scores with those on this machine.

Bundles a run with TFLite only for each version of Raspberry Pi OS, and with NumPy only for a 32-bit one.
Installs it without network by its own install.sh, and compares the scores for all 10,000 test images with
those of this machine. Takes a run as an argument, or trains one. Needs root and QEMU, like `make
emulated-pi`. Times and memory are those of the emulation, not of a board. Exits 1 if a limit is broken.
Writes results/emulated_pi.json.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from claims import Claim, conclude
from processes import FMNIST, output, peak_bytes
from side_by_side import report
from trained import DATA, ROOT, named_or_trained

sys.path.insert(0, str(ROOT / "tests"))

from arm64.emulated_pi import EmulatedPi

from fmnist.runs.run import Run
from fmnist_runtime.recorded import read_scores

BUNDLE_LIMIT_MB, INSTALLED_LIMIT_MB = 45, 250
FLOAT_LIMIT = 1e-5
"""For a probability: the allowed difference between a float32 artifact and its original."""
LEVELS_LIMIT, ROWS_LIMIT = 1, 100
"""For int8-full; see tests/arm64/test_same_answers.py for the reasons."""
LEVEL = 1 / 256
SYSTEMS = {
    "bookworm": ("--format", "tflite", "--platform", "linux-aarch64", "--python", "3.11"),
    "trixie": ("--format", "tflite", "--platform", "linux-aarch64", "--python", "3.13"),
    "bookworm-armhf": ("--platform", "any"),
}
"""Options of `fmnist bundle` for each system."""
FMNIST_THERE = "/home/pi/bundle/.venv/bin/fmnist"


def bring(run: Run, system: str, home: Path) -> dict[str, Any]:
    """Bundle a run, copy it into a home folder, and install it there."""
    archive = home / "bundle.tar.gz"
    command = [FMNIST, "bundle", str(run.folder), *SYSTEMS[system], "--data-dir", str(DATA)]
    output([*command, "--out", str(archive)])
    subprocess.run(["tar", "-xzf", archive, "-C", home], check=True)
    [folder] = (path for path in home.iterdir() if path.is_dir())
    folder.rename(home / "bundle")
    pi = EmulatedPi(system)
    subprocess.run(["chown", "--recursive", "1000:1000", home], check=True)
    begin = time.perf_counter()
    installed = pi.run("sh", "bundle/install.sh", home=home)
    seconds = time.perf_counter() - begin
    if installed.returncode:
        raise SystemExit(f"{system}: install.sh: exit {installed.returncode}\n{installed.stderr}")
    files = [path for path in (home / "bundle").rglob("*") if path.is_file() and not path.is_symlink()]
    return {
        "bundle_bytes": archive.stat().st_size,
        "installed_bytes": sum(path.stat().st_size for path in files),
        "install_s_emulated": seconds,
    }


def measure(run: Run, system: str, home: Path) -> dict[str, Any]:
    """Return sizes and times on a system, and each artifact's difference from this machine."""
    pi = EmulatedPi(system)
    found = bring(run, system, home)
    entering = [*pi.entering(home), "env", "--chdir=/home/pi/bundle", FMNIST_THERE]
    artifact = next((home / "bundle" / "runs").glob("*/export/model-float32.npz"), None) or next(
        (home / "bundle" / "runs").glob("*/export/model-int8.tflite")
    )
    begin = time.perf_counter()
    found["eval_peak_bytes_emulated"] = peak_bytes(
        [*entering, "eval", str(artifact.relative_to(home / "bundle"))]
    )
    found["eval_s_emulated"] = time.perf_counter() - begin
    output([*entering, "eval", "--scores", "scores.npz"])
    there = {
        model.scored.model: model.scored.scores for model in read_scores(home / "bundle/scores.npz").models
    }
    names = [str(run.exports / name) for name in there if name != run.model.name]
    kept = home / "here.npz"
    output([FMNIST, "eval", *names, "--data-dir", str(DATA), "--scores", str(kept)])
    here = {model.scored.model: model.scored.scores for model in read_scores(kept).models}
    return {**found, "artifacts": {name: difference(here[name], there[name]) for name in sorted(here)}}


def difference(here: np.ndarray, there: np.ndarray) -> dict[str, Any]:
    """Return the differences between two machines' probabilities."""
    apart = np.abs(here.astype(np.float64) - there)
    return {
        "images": len(here),
        "rows": int(apart.any(axis=1).sum()),
        "largest": float(apart.max()),
        "answers_changed": int((here.argmax(axis=1) != there.argmax(axis=1)).sum()),
    }


def claims(systems: dict[str, dict[str, Any]]) -> list[Claim]:
    """Return the claims for all systems."""
    tflite = [systems[name] for name in ("bookworm", "trixie")]
    apart = {
        f"{model}, {system}": item
        for system in systems
        for model, item in systems[system]["artifacts"].items()
    }
    full = [item for name, item in apart.items() if "int8-full" in name]
    others = [item for name, item in apart.items() if "int8-full" not in name]
    return [
        Claim(
            "predicted classes that change", max(item["answers_changed"] for item in apart.values()), "", 0
        ),
        Claim("int8-full: images whose scores differ", max(item["rows"] for item in full), "", ROWS_LIMIT),
        Claim(
            "int8-full: largest difference",
            max(item["largest"] for item in full) / LEVEL,
            "levels",
            LEVELS_LIMIT,
        ),
        Claim("all others: largest difference", max(item["largest"] for item in others), "", FLOAT_LIMIT),
        Claim("bundle size, TFLite, Python 3.13", tflite[1]["bundle_bytes"] / 1e6, "MB", BUNDLE_LIMIT_MB),
        Claim(
            "installed size, TFLite",
            max(item["installed_bytes"] for item in tflite) / 1e6,
            "MB",
            INSTALLED_LIMIT_MB,
        ),
    ]


def main() -> None:
    """Measure, print and record; exit 1 if a limit is broken."""
    systems = {}
    with named_or_trained() as run:
        for system in SYSTEMS:
            EmulatedPi(system).require()
            with tempfile.TemporaryDirectory() as folder:
                systems[system] = measure(run, system, Path(folder))

    rows = [
        [system, model, str(item["rows"]), f"{item['largest']:.2g}", str(item["answers_changed"])]
        for system, found in systems.items()
        for model, item in found["artifacts"].items()
    ]
    report("Beside this machine", ["system", "artifact", "rows", "largest", "answers changed"], rows)
    conclude("emulated_pi", claims(systems), {"systems": systems})


if __name__ == "__main__":
    main()
