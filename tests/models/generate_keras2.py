"""Make the small model of Keras 2, built like those of Teachable Machine; needs tf-keras, the tests do not.

Run from the repository's root, beside a TensorFlow: python tests/models/generate_keras2.py
"""

from pathlib import Path

import numpy as np
import tf_keras as keras
from tf_keras import layers


def main() -> None:
    image = keras.Input((8, 8, 3))
    features = layers.Conv2D(4, 3, padding="same", use_bias=False)(image)
    features = layers.ReLU(6.0)(layers.BatchNormalization()(features))
    deeper = layers.DepthwiseConv2D(3, padding="same")(features)
    base = keras.Model(image, layers.Add()([features, layers.BatchNormalization()(deeper)]))
    hidden = layers.Dense(5, activation="relu", input_shape=(4,))
    head = keras.Sequential([hidden, layers.Dense(3, use_bias=False, activation="softmax")])
    model = keras.Sequential([keras.Sequential([base, layers.GlobalAveragePooling2D()]), head])
    model.build((None, 8, 8, 3))
    random = np.random.default_rng(0)
    weights = []
    for weight, value in zip(model.weights, model.get_weights(), strict=True):
        is_variance = "variance" in weight.name
        new = random.uniform(0.2, 1.5, value.shape) if is_variance else random.normal(0, 0.7, value.shape)
        weights.append(new.astype(np.float32))
    model.set_weights(weights)
    model.save(Path(__file__).parent / "keras2.h5", include_optimizer=False)
    images = np.random.default_rng(1).integers(0, 256, (2, 8, 8, 3)).astype(np.float32) / 255
    print(model(images).numpy().tolist())


if __name__ == "__main__":
    main()
