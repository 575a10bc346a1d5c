"""Bundles that install in a moment: their command prints prepared answers."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from typing import Any

from fmnist.bundle.contents import Bundle, BundleFile
from fmnist.devices.targets import Target
from fmnist.results.write import schema

COMMAND = """#!/bin/sh
case $1 in
    verify) exit 0 ;;
    *) cat "results/$1.json" ;;
esac
"""
INSTALL = """set -e
sha256sum --check --strict --quiet SHA256SUMS
mkdir -p .venv/bin
cp command .venv/bin/fmnist
chmod +x .venv/bin/fmnist
.venv/bin/fmnist verify
"""
MODEL = {"name": "model-int8.tflite", "format": "tflite", "scheme": "int8", "size_bytes": 118_000}
RESULTS: dict[str, Any] = {
    "doctor": {},
    "eval": {"models": [MODEL | {"accuracy": 0.8746}]},
    "parity": {
        "candidates": [
            {
                "name": MODEL["name"],
                "answers": {"accuracy_difference": -0.0003, "agreement": 0.9989},
                "breaches": [],
            }
        ]
    },
    "bench": {
        "models": [
            {"name": MODEL["name"], "p50_us": {"value": 12.5}, "p99_us": {"value": 31.4}, "verdict": "STABLE"}
        ]
    },
}

BREACH = {"gate": "max_drop", "certain": True, "text": "accuracy fell by 1.00 points; 0.50 are allowed"}
DRIFT = {"candidates": [candidate | {"breaches": [BREACH]} for candidate in RESULTS["parity"]["candidates"]]}
"""parity's result for an artifact that drifted from its original."""


def answering(kind: str, script: str) -> str:
    """Return a command that answers one verb with lines of ``sh``, and the others with prepared answers."""
    return COMMAND.replace("*)", f"{kind}) {script} ;;\n    *)")


def drifting(name: str = "drifting", install: str = INSTALL) -> Bundle:
    """Return a bundle whose artifact breaks its gate on the device; takes the arguments of `handmade`."""
    command = answering("parity", "cat results/parity.json; exit 3")
    return handmade(name, install=install, command=command, results=RESULTS | {"parity": DRIFT})


def handmade(
    name: str = "first",
    install: str = INSTALL,
    command: str = COMMAND,
    payload: int = 1000,
    installed_bytes: int = 100_000,
    results: Mapping[str, object] = RESULTS,
) -> Bundle:
    """Return a bundle, whose version is the digest of all of its content.

    Args:
        name: A text that differs between versions.
        install: Its ``install.sh``.
        command: The program that it installs as ``fmnist``.
        payload: Bytes of a file that is unique and incompressible.
        installed_bytes: The size that it declares.
        results: The command's answers.
    """
    contents = {
        "bundle.json": json.dumps({"installed_bytes": installed_bytes}).encode(),
        "command": command.encode(),
        "install.sh": install.encode(),
        "name": name.encode(),
        "payload": random.Random(payload).randbytes(payload),
        **{
            f"results/{kind}.json": json.dumps({"schema": schema(kind), **body}, indent=1).encode()
            for kind, body in results.items()
        },
    }
    sums = "".join(f"{hashlib.sha256(contents[key]).hexdigest()}  {key}\n" for key in sorted(contents))
    contents["SHA256SUMS"] = sums.encode()
    files = [BundleFile(key, contents[key], key == "install.sh") for key in sorted(contents)]
    return Bundle("handmade", Target("linux-x86_64", "3.11"), tuple(files), installed_bytes)
