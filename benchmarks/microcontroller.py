"""Memory and instructions of the default network on microcontrollers, beside emlearn's C of the same network.

The programs are compiled with the same flags and run in QEMU, which counts instructions, not time. Exits 1 if
a limit is broken. Writes results/microcontroller.json.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import emlearn_code
import numpy as np
from claims import Claim, conclude
from side_by_side import report
from trained import DATA, artifacts, named_or_trained

from fmnist.devices.emulation.footprint import Footprint, measure_footprint
from fmnist.devices.emulation.targets import TARGETS, CheckedModel, CortexTarget
from fmnist_runtime.data.datasets import load_dataset

MEASURED = ("cortex-m0", "cortex-m4", "cortex-m7")
FLASH_LIMIT, RAM_LIMIT = 110.0, 2.0
EMLEARN = """
#include <stdint.h>
#include <math.h>
#include "theirs.h"
#define MODEL_PIXELS 784
#define MODEL_CLASSES 10
#define MODEL_SCRATCH(images) 784
void model_scores(int32_t images, const uint8_t *pixels, float *scratch, float *scores);
void model_scores(int32_t images, const uint8_t *pixels, float *scratch, float *scores)
{
    (void)images;
    for (int i = 0; i < 784; i++) scratch[i] = pixels[i];
    eml_net_predict_proba(&theirs, scratch, 784, scores, 10);
}
static int32_t model_self_test(float *scratch) { (void)scratch; return 0; }
"""


def main() -> None:
    """Measure, print and record; exit 1 if a limit is broken."""
    image = load_dataset("fashion-mnist", "test", DATA).images[0]
    figures: dict[str, dict[str, dict[str, int]]] = {}
    with named_or_trained() as run:
        files = artifacts(run)
        for name in MEASURED:
            figures[name] = {
                recipe: _record(measure_footprint(files[recipe], name))
                for recipe in ("c int8", "c float32")
                if name != "cortex-m0" or recipe == "c int8"  # the board has 256 kB of flash
            }
            if emlearn_code.available() and name != "cortex-m0":
                figures[name]["emlearn float32"] = _emlearn(files["npz float32"], name, image.tobytes())
    rows = [
        [name, model, *(f"{found[key]:,}" for key in ("flash", "ram", "stack", "instructions"))]
        for name, models in figures.items()
        for model, found in models.items()
    ]
    header = ["on", "model", "flash bytes", "RAM bytes", "stack bytes", "instructions"]
    report("One image on microcontrollers", header, rows)
    ours = figures["cortex-m4"]["c int8"]
    claims = [
        Claim("int8 on cortex-m4: flash", ours["flash"] / 1e3, "kB", FLASH_LIMIT),
        Claim(
            "int8 on cortex-m4: RAM and stack besides the image",
            (ours["ram"] + ours["stack"]) / 1e3,
            "kB",
            RAM_LIMIT,
        ),
    ]
    theirs = figures["cortex-m4"].get("emlearn float32")
    if theirs:
        text = "float32 on cortex-m4: instructions ÷ emlearn's"
        mine = figures["cortex-m4"]["c float32"]["instructions"]
        claims.append(Claim(text, mine / theirs["instructions"], "times", 1.0))
    conclude("microcontroller", claims, {"models": figures})


def _record(footprint: Footprint) -> dict[str, int]:
    return {name: value for name, value in vars(footprint).items() if name != "target"}


def _emlearn(npz: Path, name: str, image: bytes) -> dict[str, int]:
    """Return the figures of emlearn's C, which keeps its buffers in RAM of its own."""
    target = TARGETS[name]
    assert isinstance(target, CortexTarget)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        headers = emlearn_code.write(npz, folder / "theirs.h")
        model = CheckedModel(folder / "model.c", "model", EMLEARN.encode())
        include = f"-I{headers}"
        alone = target.link_alone(model, folder, (include, "-w"))
        command = target.size_command(alone)
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        text, data, bss, *_ = map(int, printed.splitlines()[1].split()[:3])
        program = target.build(model, folder, (include, "-w"))
        (folder / "images").write_bytes(image)
        subprocess.run(
            target.command(program, counting=True), cwd=folder, stdin=subprocess.DEVNULL, check=True
        )
        stack, ticks, _ = map(int, np.fromfile(folder / "cost", "<u4"))
    ram = data + bss + 4 * (784 + 10)
    return {
        "flash": text + data,
        "ram": ram,
        "stack": stack,
        "instructions": ticks * (10**9 // target.clock_hz),
    }


if __name__ == "__main__":
    main()
