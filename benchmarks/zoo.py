"""Networks of many kinds, as other people build them, trained briefly from fixed seeds; and their images.

As a script, ``zoo.py FOLDER NAME…`` trains the named networks that are missing in a folder. The measuring
process then stays free of TensorFlow.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from trained import DATA

from fmnist_runtime.data.datasets import Split, file_names, load_dataset
from fmnist_runtime.data.idx import idx_header

if TYPE_CHECKING:
    import keras

GREY, SMALL, LARGE = "fashion-mnist", "data-32", "data-96"
"""Folders of images: Fashion-MNIST itself, and in colour at 32×32 and 96×96."""
IMAGES = {SMALL: (16_000, 5_000), LARGE: (4_000, 2_000)}
"""Training and test images of the generated folders. 16,000 leave 10,000 to check an export on."""
SPLITS: tuple[Split, Split] = ("train", "test")
ENLARGED = {SMALL: (1, 2), LARGE: (3, 6)}
"""Scale factor for the 28 pixels, and border on each side."""
MOMENTUM = 0.9
"""For batch normalisation. After the few hundred steps here, the applications' 0.99 and 0.999 would still
contain a part of the initial values."""
SHAPES = {GREY: (28, 28), SMALL: (32, 32, 3), LARGE: (96, 96, 3)}


@dataclass(frozen=True)
class Network:
    """A network and its training settings."""

    build: Callable[[], keras.Model]
    """Builds the untrained network, which takes raw pixels 0–255 and ends in probabilities."""
    data: str
    """Folder of its images."""
    images: int
    """Number of training images used, the first of the folder."""
    epochs: int
    """Number of epochs."""
    rate: float = 2e-3
    """Adam's initial learning rate; it falls to zero as a cosine."""


@contextmanager
def work_folder(named: Path | None) -> Iterator[Path]:
    """Yield the folder for networks and images: the named one, or a temporary one."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = (named or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        yield folder


def trained(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """Return the networks' files in a folder; train missing ones in a process of its own."""
    files = {name: folder / f"{name}.keras" for name in names}
    missing = [name for name, file in files.items() if not file.is_file()]
    if missing:
        subprocess.run([sys.executable, __file__, str(folder), *missing], check=True)
    return files


def data_folder(folder: Path, data: str) -> Path:
    """Return the folder with a network's images; make it in ``folder`` if it is missing."""
    if data == GREY:
        return DATA / GREY
    made = folder / data
    if not made.is_dir():
        draft = folder / f".{data}"
        draft.mkdir(parents=True, exist_ok=True)
        for number, (split, count) in enumerate(zip(SPLITS, IMAGES[data], strict=True), 1):
            grey = load_dataset(GREY, split, DATA)
            coloured = _coloured(grey.images[:count], number, *ENLARGED[data])
            for name, array in zip(file_names(split), (coloured, grey.targets[:count]), strict=True):
                (draft / name).write_bytes(idx_header(array) + array.tobytes())
        draft.rename(made)
    return made


def _coloured(images: NDArray[np.uint8], seed: int, factor: int, border: int) -> NDArray[np.uint8]:
    """Give each image a colour before a darker ground, enlarge it, and add a border.

    Args:
        images: uint8 ``[N, 28, 28]``.
        seed: Seed of the colours.
        factor: Scale factor.
        border: Pixels on each side.

    Returns:
        uint8 ``[N, 28·factor + 2·border, 28·factor + 2·border, 3]``.
    """
    random = np.random.default_rng(seed)
    ink, ground = random.uniform((0.4, 0), (1, 60), (len(images), 3, 2)).transpose(2, 0, 1)
    framed = np.pad(images.repeat(factor, 1).repeat(factor, 2), ((0, 0), (border, border), (border, border)))
    coloured = np.empty((*framed.shape, 3), np.uint8)
    for channel in range(3):
        pixels = framed * ink[:, channel, None, None].astype(np.float32)
        coloured[..., channel] = np.minimum(pixels + ground[:, channel, None, None], 255)
    return coloured


def _train(folder: Path, name: str) -> None:
    """Train a network, and print its accuracy."""
    import keras

    network = NETWORKS[name]
    data = load_dataset(str(data_folder(folder, network.data)), "train")
    images, targets = data.images[: network.images], data.targets[: network.images]
    keras.utils.set_random_seed(0)
    model = network.build()
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = MOMENTUM
    steps = network.epochs * -(-network.images // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(network.rate, steps)
    # Without XLA: its convolutions on a CPU are several times slower.
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"], jit_compile=False)
    history = model.fit(images, targets, BATCH, network.epochs, verbose=0).history
    draft = folder / f".{name}.keras"
    model.save(draft)
    draft.rename(folder / f"{name}.keras")
    print(f"{name}: trained, {100 * history['accuracy'][-1]:.1f}% in its last epoch", file=sys.stderr)


BATCH = 64


def _dense() -> keras.Model:
    from keras import layers

    hidden = [layers.Dense(units, activation="relu") for units in (128, 64)]
    return _sequential(
        GREY, layers.Rescaling(1 / 255), layers.Flatten(), *hidden, layers.Dense(10, activation="softmax")
    )


def _cnn() -> keras.Model:
    """Batch normalisation follows the activation, so no converter can fold it into the convolution."""
    from keras import layers

    body = [layers.Rescaling(1 / 255), layers.Reshape((28, 28, 1))]
    for filters in (16, 32):
        body += [
            layers.Conv2D(filters, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
        ]
    return _sequential(GREY, *body, layers.Flatten(), layers.Dense(10, activation="softmax"))


def _separable() -> keras.Model:
    from keras import layers

    body = [layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False), *_normalised("relu")]
    for filters, strides in ((32, 1), (64, 2), (64, 1)):
        body.append(layers.SeparableConv2D(filters, 3, strides=strides, padding="same", use_bias=False))
        body += _normalised("relu")
    return _sequential(
        GREY,
        layers.Rescaling(1 / 127.5, offset=-1),
        layers.Reshape((28, 28, 1)),
        *body,
        layers.GlobalAveragePooling2D(),
        layers.Dense(10, activation="softmax"),
    )


def _squeeze_excite() -> keras.Model:
    """Convolutions with swish, each followed by a gate for every channel, with a residual connection."""
    from keras import layers

    def body(x: Any) -> Any:
        for filters in (24, 48):
            x = _chain(x, layers.Conv2D(filters, 3, strides=2, padding="same"), *_normalised("swish"))
            y = _chain(x, layers.Conv2D(filters, 3, padding="same"), *_normalised("swish"))
            gate = _chain(
                layers.GlobalAveragePooling2D(keepdims=True)(y),
                layers.Conv2D(filters // 4, 1, activation="swish"),
                layers.Conv2D(filters, 1, activation="sigmoid"),
            )
            x = layers.Add()([x, layers.Multiply()([y, gate])])
        return x

    return _pooled(SMALL, body)


def _hard_swish() -> keras.Model:
    """Like MobileNetV3: hard swish, depthwise convolutions, and gates with a hard sigmoid."""
    from keras import layers

    def body(x: Any) -> Any:
        x = _chain(x, layers.Conv2D(16, 3, padding="same", use_bias=False), *_normalised("hard_swish"))
        for filters in (24, 40, 64):
            x = _chain(x, layers.Conv2D(2 * filters, 1, use_bias=False), *_normalised("hard_swish"))
            depthwise = layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False)
            x = _chain(x, depthwise, *_normalised("hard_swish"))
            gate = layers.Conv2D(2 * filters, 1, activation="hard_sigmoid")
            x = layers.Multiply()([x, gate(layers.GlobalAveragePooling2D(keepdims=True)(x))])
            x = _chain(x, layers.Conv2D(filters, 1, use_bias=False), layers.BatchNormalization())
        return _chain(x, layers.Conv2D(128, 1, activation="hard_swish"))

    return _pooled(SMALL, body)


def _inception() -> keras.Model:
    """Concatenated branches with four receptive fields."""
    from keras import layers

    def conv(filters: int, size: int) -> Any:
        return layers.Conv2D(filters, size, padding="same", activation="relu")

    def body(x: Any) -> Any:
        x = _chain(x, layers.Conv2D(24, 3, strides=2, padding="same"), *_normalised("relu"))
        for width in (8, 16):
            branches = [
                conv(width, 1)(x),
                _chain(x, conv(width, 1), conv(2 * width, 3)),
                _chain(x, conv(width // 2, 1), conv(width, 5)),
                _chain(x, layers.MaxPooling2D(3, strides=1, padding="same"), conv(width, 1)),
            ]
            x = _chain(layers.Concatenate()(branches), layers.BatchNormalization(), layers.MaxPooling2D())
        return x

    return _pooled(SMALL, body)


def _mobilenet_v2(data: str) -> keras.Model:
    import keras

    base = keras.applications.MobileNetV2(SHAPES[data], alpha=0.35, include_top=False, weights=None)
    return _pooled(data, base)


def _mobilenet_v3() -> keras.Model:
    import keras

    base = keras.applications.MobileNetV3Small(SHAPES[SMALL], include_top=False, weights=None)
    return _pooled(SMALL, base, scaled=True)


def _efficientnet() -> keras.Model:
    import keras

    base = keras.applications.EfficientNetB0(False, weights=None, input_shape=SHAPES[SMALL])
    return _pooled(SMALL, base, scaled=True)


def _vit() -> keras.Model:
    """Sixteen patches of 7×7 pixels and two blocks of attention; a patch's position has its own bias."""
    from keras import layers

    image = layers.Input(SHAPES[GREY])
    x = _chain(image, layers.Rescaling(1 / 127.5, offset=-1), layers.Reshape((4, 7, 4, 7)))
    x = _chain(x, layers.Permute((1, 3, 2, 4)), layers.Reshape((16, 49)))
    x = layers.EinsumDense("bpx,xd->bpd", (16, 48), bias_axes="pd")(x)
    for _ in range(2):
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        x = layers.Add()([x, layers.MultiHeadAttention(4, 12)(y, y)])
        y = _chain(x, layers.LayerNormalization(epsilon=1e-6), layers.Dense(96, activation="gelu"))
        x = layers.Add()([x, layers.Dense(48)(y)])
    x = _chain(x, layers.LayerNormalization(epsilon=1e-6), layers.GlobalAveragePooling1D())
    return _model(image, layers.Dense(10, activation="softmax")(x))


def _recurrent(layer: str) -> keras.Model:
    """Read an image as a sequence of its 28 rows."""
    from keras import layers

    cells = getattr(layers, layer)(64)
    return _sequential(GREY, layers.Rescaling(1 / 255), cells, layers.Dense(10, activation="softmax"))


def _normalised(activation: str) -> list[Any]:
    """Return the layers that follow a convolution."""
    from keras import layers

    return [layers.BatchNormalization(), layers.Activation(activation)]


def _chain(x: Any, *steps: Any) -> Any:
    """Apply layers one after the other."""
    for step in steps:
        x = step(x)
    return x


def _pooled(data: str, body: Callable[[Any], Any], scaled: bool = False) -> keras.Model:
    """Build an image classifier: pixels to −1…1, unless the body scales them, and average pooling."""
    from keras import layers

    image = layers.Input(SHAPES[data])
    x = body(image if scaled else layers.Rescaling(1 / 127.5, offset=-1)(image))
    return _model(image, _chain(x, layers.GlobalAveragePooling2D(), layers.Dense(10, activation="softmax")))


def _sequential(data: str, *body: Any) -> keras.Model:
    import keras

    return keras.Sequential([keras.Input(SHAPES[data]), *body])


def _model(image: Any, scores: Any) -> keras.Model:
    import keras

    return keras.Model(image, scores)


NETWORKS = {
    "dense": Network(_dense, GREY, 20_000, 3),
    "cnn": Network(_cnn, GREY, 10_000, 3),
    "separable": Network(_separable, GREY, 10_000, 3, 5e-3),
    "squeeze-excite": Network(_squeeze_excite, SMALL, 8_000, 3),
    "hard-swish": Network(_hard_swish, SMALL, 8_000, 3, 5e-3),
    "inception": Network(_inception, SMALL, 8_000, 3),
    "mobilenetv2-32": Network(lambda: _mobilenet_v2(SMALL), SMALL, 16_000, 3, 4e-3),
    "mobilenetv2-96": Network(lambda: _mobilenet_v2(LARGE), LARGE, 4_000, 4),
    "mobilenetv3": Network(_mobilenet_v3, SMALL, 8_000, 4),
    "efficientnetb0": Network(_efficientnet, SMALL, 8_000, 3),
    "vit": Network(_vit, GREY, 20_000, 3),
    "lstm": Network(lambda: _recurrent("LSTM"), GREY, 10_000, 3, 5e-3),
    "gru": Network(lambda: _recurrent("GRU"), GREY, 10_000, 3, 5e-3),
}
"""The networks of the table, by name."""


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    for wanted in sys.argv[2:]:
        _train(Path(sys.argv[1]), wanted)
