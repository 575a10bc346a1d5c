"""A Keras file that cannot be loaded: the true reason in one line, and what mends it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import h5py
import keras
import pytest
from keras import layers

from fmnist_exporters.original.session import load_keras
from fmnist_runtime.errors import ModelError


def network(*first: object) -> keras.Model:
    return keras.Sequential(
        [keras.Input((28, 28, 1)), *first, layers.Conv2D(4, 3, strides=4), layers.Flatten(), layers.Dense(10)]
    )


class Halved(layers.Layer):
    """Known here, but not to whoever loads the file."""

    def call(self, inputs: object) -> object:
        return inputs / 2


def halved(values: object) -> object:
    return values / 2


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as refused:
        load_keras(path)
    text = str(refused.value)
    assert "\n" not in text
    assert len(text) < 400
    assert "safe_mode" not in text
    return text


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".hdf5"])
def test_a_class_of_ones_own_is_named(suffix, tmp_path):
    path = tmp_path / f"model{suffix}"
    network(keras.Sequential([keras.Input((28, 28, 1)), Halved()])).save(path)
    assert "'Halved', which is not of Keras: its code is not in the file" in refusal(path)


def test_a_function_of_ones_own_is_named(tmp_path):
    path = tmp_path / "model.keras"
    network(layers.Activation(halved)).save(path)
    assert "needs the function 'halved', which is not of Keras" in refusal(path)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_lambda_layer_is_not_run_and_what_to_write_instead_is_said(suffix, tmp_path):
    path = tmp_path / f"model{suffix}"
    network(layers.Lambda(lambda values: values / 2)).save(path)
    assert "holds a Lambda layer or function, which is Python code that is not run" in refusal(path)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"use_bias": true', '"use_bias": true, "novel": 3', "Conv2D of Keras .* does not take {'novel': 3}"),
        ('"class_name": "Conv2D"', '"class_name": "Conv2DNovel"', "Keras .* has no Conv2DNovel"),
    ],
)
def test_another_version_of_keras_is_named(old, new, reason, tmp_path):
    network().save(tmp_path / "whole.keras")
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(tmp_path / "whole.keras") as whole, zipfile.ZipFile(path, "w") as changed:
        for name in whole.namelist():
            content = whole.read(name)
            if name == "config.json":
                content = content.decode().replace(old, new).encode()
            if name == "metadata.json":
                content = json.dumps({**json.loads(content), "keras_version": "4.2.0"}).encode()
            changed.writestr(name, content)
    with pytest.raises(ModelError, match=f"was saved by Keras 4.2.0, and {reason}; load it with Keras 4.2.0"):
        load_keras(path)


def test_a_depthwise_layer_of_keras_2_is_read(tmp_path):
    """As Teachable Machine writes it: with the number of groups, which Keras 3 takes for a mistake."""
    path = tmp_path / "model.h5"
    network(layers.DepthwiseConv2D(3)).save(path)
    with h5py.File(path, "r+") as file:
        config = file.attrs["model_config"]
        assert '"depth_multiplier"' in config
        file.attrs["model_config"] = config.replace('"depth_multiplier"', '"groups": 1, "depth_multiplier"')
        file.attrs["keras_version"] = "2.15.0"
    assert type(load_keras(path).layers[0]) is layers.DepthwiseConv2D


def test_weights_alone_are_no_model(tmp_path):
    path = tmp_path / "model.weights.h5"
    network().save_weights(path)
    assert "holds no network, only weights if anything; save the whole model" in refusal(path)


def test_hdf5_is_a_suffix_of_keras(tmp_path):
    network().save(tmp_path / "model.h5")
    (tmp_path / "model.h5").rename(tmp_path / "model.hdf5")
    assert load_keras(tmp_path / "model.hdf5").count_params() == network().count_params()
