"""Training that goes on where it was left, and loses nothing. On a small data set of real images."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from support import DATA, TINY, run_fmnist

from fmnist.runs.history import read_history
from fmnist.runs.run import Run
from fmnist.runs.settings import PRESETS, TrainSettings
from fmnist.training.checkpoints import latest_checkpoint
from fmnist.training.loop import EpochLoop, epoch_order
from fmnist.training.networks import build_model
from fmnist.training.train import train
from fmnist_runtime.data.datasets import load_dataset
from fmnist_runtime.data.idx import idx_header
from fmnist_runtime.errors import DatasetError, TrainingStoppedError


def write_split(folder: Path, stem: str, images: np.ndarray, targets: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for kind, array in (("images-idx3", images), ("labels-idx1", targets)):
        (folder / f"{stem}-{kind}-ubyte").write_bytes(idx_header(array.shape) + array.tobytes())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 1,000 training and 200 test images of Fashion-MNIST as a data set of one's own."""
    folder = tmp_path_factory.mktemp("small")
    for split, stem, count in (("train", "train", 1000), ("test", "t10k", 200)):
        whole = load_dataset("fashion-mnist", split, DATA)
        write_split(folder, stem, whole.images[:count], whole.targets[:count])
    return folder


def settings(small: Path, epochs: int, **others: object) -> TrainSettings:
    return TrainSettings(dataset=str(small), hidden=(16,), epochs=epochs, **others)


def quietly(epoch: object) -> None:
    """Says nothing after an epoch."""


def weights(path: Path) -> list[np.ndarray]:
    model = keras.saving.load_model(path)
    return [np.asarray(variable) for variable in (*model.weights, *model.optimizer.variables)]


@pytest.mark.parametrize("batch_size", [32, 900, 7])
def test_an_epoch_is_keras_own_steps(small, batch_size):
    """`train_on_batch` on the same batches gives the same weights, bit for bit; the last batch is smaller."""
    chosen = settings(small, 1, dropout=0.0, batch_size=batch_size)
    training = load_dataset(str(small), "train")
    models = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        models.append(build_model(chosen, (28, 28), 10))
    EpochLoop(models[0], training, chosen).run(0)
    order = epoch_order(training.targets[:900], 0, 0)
    for start in range(0, 900, batch_size):
        batch = order[start : start + batch_size]
        models[1].train_on_batch(training.images[batch], training.targets[batch])
    for ours, theirs in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        assert np.array_equal(ours, theirs)


def test_an_epoch_sees_every_image_once_and_the_classes_evenly():
    targets = load_dataset("fashion-mnist", "train", DATA).targets[:54_000]
    order = epoch_order(targets, 3, 1)
    assert np.array_equal(np.sort(order), np.arange(54_000))
    assert not np.array_equal(order, epoch_order(targets, 3, 2))
    assert not np.array_equal(order, epoch_order(targets, 4, 1))
    # Each class has a tenth of the images, spread evenly: 100 of 1,000, give or take one at each end.
    for start in range(0, 54_000, 1000):
        assert np.abs(np.bincount(targets[order[start : start + 1000]]) - 100).max() <= 2


def test_without_validation_images_all_are_trained_on(tmp_path, small, fmnist):
    result = fmnist(
        "train", "--dataset", small, "--hidden", 8, "--epochs", 1, "--validation-split", 0, "--out", "run"
    )
    assert result.returncode == 0, result.stderr
    assert "val_" not in result.stderr
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    assert int(model.optimizer.iterations) == 32  # 1,000 images in batches of 32
    assert fmnist("plot", "history", "run").returncode == 0


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_5_and_5_epochs_are_10(tmp_path, small, dropout):
    """Bit for bit, optimizer and history included."""
    whole, parts = Run(tmp_path / "whole"), Run(tmp_path / "parts")
    train(settings(small, 10, dropout=dropout), whole, None, quietly)
    train(settings(small, 5, dropout=dropout), parts, None, quietly)
    halfway = weights(parts.model)
    start = latest_checkpoint(parts)
    train(settings(small, 10, dropout=dropout), parts, None, quietly, start)
    expected, found = weights(whole.model), weights(parts.model)
    assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(expected, halfway, strict=True))
    histories = [[row[1:5] for row in map(_row, read_history(run.history))] for run in (whole, parts)]
    assert histories[0] == histories[1]
    assert [epoch.epoch for epoch in read_history(parts.history)] == list(range(1, 11))


def _ctrl_c_after(epochs: int) -> keras.callbacks.Callback:
    def press(epoch: int, logs: object) -> None:
        if epoch + 1 == epochs:
            raise KeyboardInterrupt

    return keras.callbacks.LambdaCallback(on_epoch_end=press)


def _row(epoch: object) -> tuple[float, ...]:
    return tuple(vars(epoch).values())


def test_the_best_preset_goes_on_alike(tmp_path, small):
    """Its learning rate follows the number of the epoch, too."""
    chosen = settings(small, 6, cosine_decay=True, label_smoothing=0.1)
    whole, parts = Run(tmp_path / "whole"), Run(tmp_path / "parts")
    train(chosen, whole, None, quietly)
    with pytest.raises(TrainingStoppedError, match="4 epochs are saved"):
        train(chosen, parts, None, quietly, callbacks=[_ctrl_c_after(4)])
    train(chosen, parts, None, quietly, latest_checkpoint(parts))
    assert all(np.array_equal(a, b) for a, b in zip(weights(whole.model), weights(parts.model), strict=True))


@pytest.mark.parametrize("verb", [["--resume", "run"], ["--out", "run"]], ids=["resume", "same again"])
def test_killed_after_the_last_epoch_it_is_only_finished(tmp_path, small, verb):
    """The state that a kill between the last checkpoint and train.json leaves."""
    run = Run(tmp_path / "run")
    train(settings(small, 2), run, None, quietly)
    whole = weights(run.model)
    for path in (run.model, run.history, run.reference, run.train_json):
        path.unlink()
    chosen = [] if "--resume" in verb else ["--dataset", small, "--hidden", 16, "--epochs", 2]
    result = run_fmnist(tmp_path, "train", *verb, *chosen)
    assert result.returncode == 0, result.stderr
    assert "continuing after epoch 2" in result.stderr
    assert "epoch  " not in result.stderr
    assert all(np.array_equal(a, b) for a, b in zip(whole, weights(run.model), strict=True))
    assert len(read_history(run.history)) == 2
    assert run_fmnist(tmp_path, "train", "--resume", "run").returncode == 1


def test_stopped_before_an_epoch_says_that_nothing_is_saved(tmp_path, small):
    def press(epoch: int, logs: object) -> None:
        raise KeyboardInterrupt

    stop = keras.callbacks.LambdaCallback(on_epoch_begin=press)
    with pytest.raises(TrainingStoppedError, match="nothing is saved"):
        train(settings(small, 2), Run(tmp_path / "run"), None, quietly, callbacks=[stop])


def test_another_trainings_leftovers_are_not_gone_on_with(tmp_path, small, tiny):
    """A file begins anew in a folder that held a run of another shape."""
    run = Run(tmp_path / "run")
    train(TrainSettings(dataset=str(small), hidden=(8,), epochs=7), run, None, quietly)
    result = run_fmnist(tmp_path, "train", "--resume", tiny / "model.keras", "--epochs", 6, "--out", "run")
    assert result.returncode == 0, result.stderr
    assert [path.name for path in run.checkpoints.iterdir()] == ["epoch-0006"]
    with np.load(run.initial_weights) as initial:
        assert initial["hidden_1/kernel"].shape == (784, 16)


def test_ctrl_c_in_numpy_is_ctrl_c(tmp_path, small):
    """C code turns the exception that comes while it runs into a SystemError, with that as its cause."""

    def press(epoch: int, logs: object = None) -> None:
        raise SystemError("__array__ returned a result with an exception set") from KeyboardInterrupt()

    stop = keras.callbacks.LambdaCallback(on_epoch_end=press)
    with pytest.raises(TrainingStoppedError, match="1 epochs are saved"):
        train(settings(small, 2), Run(tmp_path / "run"), None, quietly, callbacks=[stop])


def test_keras_callbacks_are_told_and_can_stop(tmp_path, small):
    class Watch(keras.callbacks.Callback):
        seen: list[tuple[int, set[str]]] = []  # noqa: RUF012 - one instance

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            self.seen.append((epoch, set(logs or ())))
            self.model.stop_training = epoch == 2

    watch = Watch()
    train(settings(small, 9), Run(tmp_path / "run"), None, quietly, callbacks=[watch])
    names = {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert watch.seen == [(0, names), (1, names), (2, names)]
    assert len(read_history(tmp_path / "run" / "history.csv")) == 3


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good(tmp_path, small):
    """Steps so large that the weights overflow, from a good state on."""
    run = Run(tmp_path / "run")
    train(settings(small, 2), run, None, quietly)
    good = weights(run.model)
    with pytest.raises(TrainingStoppedError, match=r"not a number in epoch 3; the checkpoint after epoch 2"):
        train(settings(small, 5, learning_rate=1e38), run, None, quietly, latest_checkpoint(run))
    start = latest_checkpoint(run)
    assert start is not None
    assert len(start.epochs) == 2
    assert all(np.array_equal(a, b) for a, b in zip(good, weights(start.model), strict=True))


def test_a_retraining_that_is_stopped_leaves_the_finished_one(tmp_path, small):
    run = Run(tmp_path / "run")
    train(settings(small, 1), run, None, quietly)
    before = {path: path.read_bytes() for path in run.folder.glob("*.*") if path.name != "initial.npz"}

    with pytest.raises(TrainingStoppedError):
        train(settings(small, 3, seed=7), run, None, quietly, callbacks=[_ctrl_c_after(1)])
    assert {path: path.read_bytes() for path in before} == before
    assert run.recorded_scores().scores.shape == (200, 10)


def test_the_weights_before_training_are_kept(tmp_path, small):
    run = Run(tmp_path / "run")
    train(settings(small, 1), run, None, quietly)
    with np.load(run.initial_weights) as initial:
        assert {name: initial[name].shape for name in initial.files} == {
            "hidden_1/kernel": (784, 16),
            "hidden_1/bias": (16,),
            "probabilities/kernel": (16, 10),
            "probabilities/bias": (10,),
        }
        trained = keras.saving.load_model(run.model).get_layer("hidden_1").get_weights()
        assert not np.array_equal(initial["hidden_1/kernel"], trained[0])


def test_another_data_set_is_not_gone_on_with(tmp_path, small):
    run = Run(tmp_path / "run")
    train(settings(small, 1), run, None, quietly)
    other = tmp_path / "other"
    shutil.copytree(small, other)
    images = load_dataset(str(small), "train").images
    write_split(other, "train", images[::-1], load_dataset(str(small), "train").targets)
    with pytest.raises(DatasetError, match="is not the data set that"):
        train(settings(other, 2), run, None, quietly, latest_checkpoint(run))


def start_training(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "fmnist", "train", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "FMNIST_DATA": str(DATA)},
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_epoch(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch "):
            return
    raise AssertionError("it ended before an epoch")


def test_killed_twenty_times_at_any_moment(tmp_path, small):
    """Epochs of a few milliseconds, so that many a kill comes while a checkpoint is being written."""
    moments = random.Random(0)
    run = Run(tmp_path / "run")
    process = start_training(
        tmp_path, "--dataset", small, "--hidden", 16, "--epochs", 9000, "--out", run.folder
    )
    done = 0
    for _ in range(20):
        wait_for_epoch(process)
        try:
            process.wait(timeout=moments.uniform(0, 0.5))
        except subprocess.TimeoutExpired:
            process.kill()
        assert process.wait() == -signal.SIGKILL
        start = latest_checkpoint(run)
        assert start is not None
        assert int(start.model.parent.name.removeprefix("epoch-")) == len(start.epochs) > done
        done = len(start.epochs)
        model = keras.saving.load_model(start.model)
        assert int(model.optimizer.iterations) == 29 * done  # 900 images in batches of 32
        process = start_training(tmp_path, "--resume", run.folder)
    process.kill()
    process.wait()
    final = latest_checkpoint(run)
    assert final is not None
    total = len(final.epochs) + 2
    result = run_fmnist(tmp_path, "train", "--resume", run.folder, "--epochs", total)
    assert result.returncode == 0, result.stderr
    assert [epoch.epoch for epoch in read_history(run.history)] == list(range(1, total + 1))
    assert [path.name for path in run.checkpoints.iterdir()] == [f"epoch-{total:04}"]


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path, small):
    process = start_training(tmp_path, "--dataset", small, "--hidden", 16, "--epochs", 9000, "--out", "run")
    wait_for_epoch(process)
    process.send_signal(signal.SIGINT)
    _, text = process.communicate()
    assert process.returncode == 1
    last = text.splitlines()[-1]
    start = latest_checkpoint(Run(tmp_path / "run"))
    assert start is not None
    saved = f"{len(start.epochs)} epochs are saved"
    assert last == f"fmnist: run: stopped; {saved}; continue with: fmnist train --resume run"
    assert "Traceback" not in text
    # The same training, asked for again, goes on, too.
    total = len(start.epochs) + 1
    resumed = run_fmnist(tmp_path, "train", "--resume", "run", "--epochs", total)
    assert f"continuing after epoch {total - 1}" in resumed.stderr
    assert resumed.returncode == 0


def test_a_file_is_gone_on_with_in_a_new_run(tmp_path, tiny):
    result = run_fmnist(tmp_path, "train", "--resume", tiny / "model.keras", "--epochs", 6)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "runs" / "fashion-mnist" / "model.keras").exists()
    history = read_history(tmp_path / "runs" / "fashion-mnist" / "history.csv")
    assert history[:5] == read_history(TINY / "history.csv")
    assert [epoch.epoch for epoch in history] == [1, 2, 3, 4, 5, 6]
    assert (tiny / "model.keras").read_bytes() == (TINY / "model.keras").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--epochs", 5], "has done 5 epochs; continue with --epochs"),
        ([], "has done 5 epochs; continue with --epochs"),
        (["--epochs", 9, "--hidden", 64], "was trained with hidden (16,), not (64,)"),
        (["--epochs", 9, "--dataset", "mnist"], "was trained with dataset fashion-mnist, not mnist"),
    ],
)
def test_what_cannot_be_gone_on_with(tiny, fmnist, arguments, complaint):
    result = fmnist("train", "--resume", tiny, *arguments)
    assert result.returncode == 1
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_model_for_other_images_is_not_gone_on_with(tmp_path, fmnist):
    model = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.save(tmp_path / "other.keras")
    result = fmnist("train", "--resume", "other.keras", "--epochs", 1)
    assert result.returncode == 1
    assert (
        "takes images of shape 8×8, but these are 28×28; name the data set it was trained on with --dataset"
        in result.stderr
    )
    assert "no such run or file" in fmnist("train", "--resume", "absent", "--epochs", 3).stderr


def test_a_model_that_ends_in_logits_is_not_gone_on_with(tmp_path, fmnist):
    """Its loss would be taken of logits as if they were probabilities."""
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.save(tmp_path / "logits.keras")
    result = fmnist("train", "--resume", "logits.keras", "--epochs", 1)
    assert result.returncode == 1
    assert "logits.keras: ends in logits; training goes on with a model that ends in softmax" in result.stderr


def test_presets_are_a_start_that_options_change(tmp_path, small, fmnist):
    start = ("train", "--preset", "best", "--dataset", small)
    network = ("--hidden", "24,12", "--activation", "tanh", "--optimizer", "nadam", "--learning-rate", 0.002)
    result = fmnist(*start, *network, "--epochs", 2, "--out", "run")
    assert result.returncode == 0, result.stderr
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert [(layer.units, layer.activation.__name__) for layer in dense] == [
        (24, "tanh"),
        (12, "tanh"),
        (10, "softmax"),
    ]
    assert type(model.optimizer).__name__ == "Nadam"
    recorded = TrainSettings.from_record(Run(tmp_path / "run").training()["settings"])
    assert (recorded.hidden, recorded.learning_rate) == ((24, 12), 0.002)
    assert recorded.epochs == 2
    assert recorded.label_smoothing == PRESETS["best"].label_smoothing > 0
    refused = fmnist("train", "--resume", "run", "--epochs", 3)
    assert "its learning rate has fallen to 0 at epoch 2" in refused.stderr
    assert fmnist("train", "--preset", "worst").returncode == 2
    wrong = fmnist("train", "--hidden", "24,twelve")
    assert wrong.returncode == 2
    assert "'twelve' is not a number of units from 1 to 16,384." in wrong.stderr
    assert fmnist("train", "--resume", "run", "--preset", "best").returncode == 2


def test_a_full_disk_is_found_before_training(tmp_path, small):
    """In a file system of 6 MB, of which a network with 784·256 weights leaves no room for a checkpoint."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], check=False).returncode:
        pytest.skip("mounting a small file system takes root")
    try:
        result = run_fmnist(tmp_path, "train", "--dataset", small, "--hidden", 256, "--out", disk / "run")
        assert result.returncode == 1
        assert re.search(r"disk/run: \d\.\d MB are free, training needs 12\.2 MB", result.stderr)
        assert not any((disk / "run").iterdir())
    finally:
        subprocess.run(["umount", disk], check=True)
