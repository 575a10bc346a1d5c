"""Settings of a training, and the presets; loading them does not load TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fmnist.datasets import DEFAULT_DATASET


@dataclass(frozen=True)
class TrainSettings:
    """Settings of a training; the defaults are the lecture's."""

    dataset: str = DEFAULT_DATASET
    """Name or folder of the data set."""
    epochs: int = 10
    """Passes over the training images."""
    batch_size: int = 32
    """Images per step of the optimizer."""
    network: str = "mlp"
    """``mlp``, the network of the lectures; ``cnn``, a small convolutional one; or ``FILE.py:FUNCTION``."""
    network_sha256: str = ""
    """SHA-256 of the function's file; empty without one."""
    hidden: tuple[int, ...] = (128,)
    """Units of each hidden layer of ``mlp``."""
    dropout: float = 0.2
    """Share of hidden units dropped in each training step; 0 for none."""
    validation_split: float = 0.1
    """Share of the training images, from the end, that is used for validation."""
    seed: int = 0
    """Seed of initial weights, shuffling and dropout."""
    activation: str = "relu"
    """Activation of the hidden layers, by Keras's name."""
    optimizer: str = "adam"
    """Optimizer, by Keras's name."""
    learning_rate: float = 0.001
    """Step size of the optimizer in the first epoch; the default is Adam's own."""
    cosine_decay: bool = False
    """Whether the learning rate falls to 0 over the epochs along half a cosine."""
    augment: tuple[str, ...] = ()
    """How training images are changed in each epoch: ``shift``, ``flip``, ``rotate``."""
    label_smoothing: float = 0.0
    """Share of each label's weight that is spread over all classes."""
    preparation: str = ""
    """How a picture becomes an image of the data set, by `fmnist_runtime.data.preparation`; empty if the data
    set itself says it, or nobody."""

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> TrainSettings:
        """Return the settings of a record; those that an older version did not have get their defaults.

        Raises:
            TypeError: The record has settings that this version does not have.
        """
        known = dict(record)
        known |= {name: tuple(record[name]) for name in ("hidden", "augment") if name in record}
        return cls(**known)


PRESETS: dict[str, TrainSettings] = {
    "lecture": TrainSettings(),
    # Chosen on the validation images, mean of two seeds each: 30, 40 and 60 epochs, batches of 32, 64 and
    # 128, dropout of 0.2 and 0.3, smoothing of 0, 0.05 and 0.1. Averaging the weights of the last 10 or 15
    # epochs, beside the decay or instead of it, gained nothing over this.
    "best": TrainSettings(epochs=40, cosine_decay=True, label_smoothing=0.1),
}
CNN = TrainSettings(
    network="cnn",
    hidden=(),
    epochs=20,
    batch_size=64,
    learning_rate=0.003,
    cosine_decay=True,
    augment=("shift",),
    label_smoothing=0.1,
)
"""Settings of ``--network cnn`` unless others are given."""
