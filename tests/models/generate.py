"""Make the small trained model that the tests run on; needs the training stack, the tests do not.

Run from the repository's root: .venv/bin/python tests/models/generate.py
"""

import shutil
from pathlib import Path

from fmnist.export import Origin, export_model, plan_targets
from fmnist.runs.run import Run
from fmnist.runs.settings import TrainSettings
from fmnist.training.train import train
from fmnist_exporters.recipes import RECIPES

KEPT = {
    ("tflite", "float32"),
    ("tflite", "int8"),
    ("tflite", "int8-full"),
    ("onnx", "float32"),
    ("onnx", "int8"),
    ("npz", "float32"),
}


def main() -> None:
    run = Run(Path(__file__).parent / "tiny")
    train(TrainSettings(epochs=5, hidden=(16,)), run, Path("data"), on_epoch=print)
    shutil.rmtree(run.checkpoints)  # the tests that need one make their own
    recipes = [recipe for recipe in RECIPES if (recipe.format, recipe.scheme) in KEPT]
    origin = Origin(run.model, data_dir=Path("data"))
    export_model(origin, plan_targets(run.model, recipes, None), on_artifact=print)


if __name__ == "__main__":
    main()
