from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support import TINY

from fmnist_runtime import load
from fmnist_runtime.errors import ImageError
from fmnist_runtime.images import image_shape, read_image


def save(path, pixels, mode="L"):
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def test_an_image_of_the_models_size_keeps_its_pixels(tmp_path, t10k):
    """What training saw and what a device reads from a file are the same pixels."""
    for number in range(20):
        path = save(tmp_path / "image.png", t10k.images[number])
        assert np.array_equal(read_image(path, (28, 28), "never"), t10k.images[number])


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA", "CMYK"])
def test_any_colour_mode(tmp_path, t10k, mode):
    path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    pixels = read_image(save(path, t10k.images[0], mode), (28, 28), "never")
    # Grey weights of 0.299, 0.587 and 0.114, and CMYK's complements, each round once: off by one is allowed.
    assert np.abs(pixels.astype(int) - t10k.images[0]).max() <= 1


@pytest.mark.parametrize("factor", [2, 7, 20])
def test_any_size(tmp_path, t10k, factor):
    """Enlarged images are still recognised: all of the first 20 whose original is."""
    with load(TINY / "export" / "model-float32.tflite") as session:
        for image in t10k.images[:20]:
            large = Image.fromarray(image).resize((28 * factor, 28 * factor), Image.Resampling.NEAREST)
            large.save(tmp_path / "image.png")
            assert session.classify(read_image(tmp_path / "image.png", (28, 28), "never")).label == (
                session.classify(image).label
            )


def test_dark_on_light_is_inverted(tmp_path, t10k):
    image = t10k.images[0]
    photograph = save(tmp_path / "photograph.png", 255 - image)
    assert np.array_equal(read_image(photograph, (28, 28)), image)
    assert np.array_equal(read_image(photograph, (28, 28), "never"), 255 - image)
    assert np.array_equal(read_image(save(tmp_path / "image.png", image), (28, 28)), image)
    assert np.array_equal(read_image(tmp_path / "image.png", (28, 28), "always"), 255 - image)


def test_transparent_is_background(tmp_path):
    pixels = np.full((28, 28, 4), 255, np.uint8)
    pixels[:14, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "image.png")
    read = read_image(tmp_path / "image.png", (28, 28), "never")
    assert read[:14].max() == 0
    assert read[14:].min() == 255


def test_colour_models_get_colour(tmp_path):
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[..., 1] = 200
    Image.fromarray(pixels).save(tmp_path / "green.png")
    assert np.array_equal(read_image(tmp_path / "green.png", (8, 8, 3), "never"), pixels)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("empty.png", b"", "is empty"),
        ("text.png", b"not a picture", "not an image"),
        ("model.jpg", (TINY / "export" / "model-int8.tflite").read_bytes(), "not an image"),
    ],
)
def test_what_is_no_image_is_named(tmp_path, name, content, complaint):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match=complaint):
        read_image(tmp_path / name, (28, 28))


def test_a_cut_off_image_is_named(tmp_path, t10k):
    path = save(tmp_path / "image.png", np.tile(t10k.images[0], (20, 20)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match="cut off"):
        read_image(path, (28, 28))


def test_a_dark_object_on_transparent_ground_is_seen(tmp_path, t10k):
    """On black it would vanish; on white it is a photograph, and inverted like one."""
    pixels = np.zeros((28, 28, 4), np.uint8)
    pixels[..., 3] = t10k.images[0]
    Image.fromarray(pixels).save(tmp_path / "image.png")
    # Blending 0 with 255 by alpha rounds once: off by one is allowed.
    read = read_image(tmp_path / "image.png", (28, 28)).astype(int)
    assert np.abs(read - t10k.images[0]).max() <= 1


def test_flattened_models_take_square_images(tmp_path, t10k):
    assert image_shape((784,)) == (28, 28)
    assert [image_shape(shape) for shape in ((28, 28), (8, 8, 3), (783,))] == [(28, 28), (8, 8, 3), (783,)]


def test_a_model_that_takes_no_images_is_named(tmp_path, t10k):
    path = save(tmp_path / "image.png", t10k.images[0])
    with pytest.raises(ImageError, match=r"input of shape \(783,\)"):
        read_image(path, (783,))


def test_sixteen_bits_keep_their_shades(tmp_path, t10k):
    """257 maps 0–255 onto 0–65535; Pillow alone would clip all above 255 to white."""
    Image.fromarray(t10k.images[0].astype(np.uint16) * 257).save(tmp_path / "image.png")
    assert np.array_equal(read_image(tmp_path / "image.png", (28, 28), "never"), t10k.images[0])


def test_a_photograph_is_turned_upright(tmp_path, t10k):
    """6 in the EXIF data means: turn by 90° clockwise to see it upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(t10k.images[0])).save(tmp_path / "image.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "image.png", (28, 28), "never"), t10k.images[0])
