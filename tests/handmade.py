"""Bundles that are installed in a moment: a command that answers with what was written down."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping

from fmnist.bundle.contents import Bundle, BundleFile
from fmnist.devices.targets import Target
from fmnist.results import schema

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
RESULTS = {
    "doctor": {},
    "eval": {"models": [MODEL | {"accuracy": 0.8746}]},
    "parity": {
        "candidates": [
            {"name": MODEL["name"], "answers": {"accuracy_difference": -0.0003, "agreement": 0.9989}}
        ]
    },
    "bench": {
        "models": [
            {"name": MODEL["name"], "p50_us": {"value": 12.5}, "p99_us": {"value": 31.4}, "verdict": "STABLE"}
        ]
    },
}


def handmade(
    name: str = "first",
    install: str = INSTALL,
    command: str = COMMAND,
    payload: int = 1000,
    installed_bytes: int = 100_000,
    results: Mapping[str, object] = RESULTS,
) -> Bundle:
    """A bundle, whose version is that of all of its content.

    Args:
        name: Something that differs between versions.
        install: Its ``install.sh``.
        command: What that installs as ``fmnist``.
        payload: Bytes of a file that no other content equals, and that cannot be compressed.
        installed_bytes: What it says that it takes.
        results: What the command answers.
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
    return Bundle("handmade", Target("linux-x86_64", "3.11"), tuple(files))
