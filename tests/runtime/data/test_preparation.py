"""Preparations: the published pipelines, and how a picture is fitted to a model."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from PIL import Image
from support import DATA

from fmnist_runtime.data.datasets import load_dataset
from fmnist_runtime.data.images import fit_picture
from fmnist_runtime.data.preparation import Preparation, parse_preparation


def prepared(pixels, preparation, shape=(28, 28)):
    return fit_picture(np.asarray(pixels, np.uint8), "picture", shape, preparation).pixels


def enlarged(image, size=280):
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


@pytest.mark.parametrize(
    "text", ["stretch", "pad,filter=bilinear", "crop,polarity=inverted,background=remove", "mnist,filter=box"]
)
def test_a_preparation_is_its_text(text):
    assert str(parse_preparation(text)) == text
    assert str(parse_preparation(f" {text.upper()} ")) == text
    assert parse_preparation("stretch,filter=lanczos,polarity=as-is") == Preparation()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "'' is not a preparation; there are stretch, pad, crop, mnist, fashion-mnist"),
        ("squash", "'squash' is not a preparation"),
        ("pad,filter=sinc", "'filter=sinc'; options are filter=nearest|box|bilinear|bicubic|lanczos"),
        ("pad,colour=red", "'colour=red'"),
        ("mnist,polarity=as-is", "but mnist decides that itself"),
    ],
)
def test_what_is_no_preparation_is_named(text, complaint):
    with pytest.raises(ValueError, match=complaint.replace("|", r"\|")):
        parse_preparation(text)


def test_proportions():
    """A white square in the middle of a wide grey picture."""
    wide = np.full((40, 80), 100, np.uint8)
    wide[12:32, 32:52] = 255
    stretched = prepared(wide, "stretch,filter=box", (20, 20))
    assert ((stretched == 255).sum(axis=1).max(), (stretched == 255).sum(axis=0).max()) == (5, 10)
    padded = prepared(wide, "pad,filter=box", (20, 20))
    assert ((padded == 255).sum(axis=1).max(), (padded == 255).sum(axis=0).max()) == (5, 5)
    assert (padded[:5] == 100).all()  # the colour of the border
    cropped = prepared(wide, "crop,filter=box", (20, 20))
    assert ((cropped == 255).sum(axis=1).max(), (cropped == 255).sum(axis=0).max()) == (10, 10)
    colour = prepared(np.repeat(wide[..., None], 3, axis=2), "pad,filter=box", (20, 20, 3))
    assert np.array_equal(colour, np.repeat(padded[..., None], 3, axis=2))


def test_an_uneven_background_becomes_white():
    light = np.linspace(120, 250, 100)[None] * np.linspace(0.8, 1, 100)[:, None]
    light[40:60, 40:60] *= 0.2
    kept, removed = prepared(light, "stretch"), prepared(light, "stretch,background=remove")
    assert kept[0, 0] < 110
    assert removed[:5].min() >= 250
    assert removed[13:15, 13:15].max() <= 56  # 0.2 of 255, and what the filter adds from around


def test_mnist_gives_its_own_images_back():
    """LeCun's description, and where the published images have their centre of mass: in pixel 14."""
    images = load_dataset("mnist", "test", DATA).images[:300]
    places = np.arange(28) + 0.5
    for image in images:
        again = prepared(255 - enlarged(image), "mnist")
        rows, columns = np.flatnonzero(again.any(axis=1)), np.flatnonzero(again.any(axis=0))
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
        mass = again.astype(float)
        for centre in (mass.sum(axis=1) @ places / mass.sum(), mass.sum(axis=0) @ places / mass.sum()):
            assert 14 <= centre < 15
        assert again.max() == 255
        # Enlarged, thinned by a threshold and reduced, an edge moves by half a pixel at most; strokes
        # cover a seventh of an image.
        assert np.abs(again.astype(int) - image).mean() < 255 / 7
    assert np.array_equal(prepared(255 - images[0], "mnist"), images[0])  # of the model's own size


def test_mnist_takes_either_polarity(t10k):
    image = load_dataset("mnist", "test", DATA).images[0]
    light, dark = (
        fit_picture(each, "digit", (28, 28), "mnist") for each in (enlarged(image), 255 - enlarged(image))
    )
    assert (light.inverted, dark.inverted) == (False, True)
    assert np.abs(light.pixels.astype(int) - dark.pixels).max() <= 8  # 255 / 254 of both, rounded


def test_an_empty_page_is_black():
    """Its noise is not made a digit."""
    page = np.random.default_rng(0).normal(200, 3, (400, 300)).clip(0, 255)
    assert prepared(page, "mnist").max() == 0
    assert prepared(page, "fashion-mnist").max() == 0


def test_fashion_mnist_fills_the_image(t10k):
    for image in t10k.images[:100]:
        picture = fit_picture(255 - enlarged(image), "garment", (28, 28), "fashion-mnist")
        assert picture.inverted
        rows, columns = np.flatnonzero(picture.pixels.any(axis=1)), np.flatnonzero(picture.pixels.any(axis=0))
        assert max(np.ptp(rows), np.ptp(columns)) + 1 >= 27
        padded = np.full((700, 420), 255, np.uint8)
        padded[200:480, 70:350] = 255 - enlarged(image)
        # A pixel of the enlarged picture more or less is a tenth of a pixel here.
        again = prepared(padded, "fashion-mnist").astype(int)
        assert np.abs(again - picture.pixels).mean() < 255 / 10


def test_crops_of_many_sizes():
    """Rounding puts a corner of the box out of one picture in twenty."""
    for width in range(20, 600, 23):
        for height in range(20, 600, 17):
            assert prepared(np.full((height, width), 9), "crop").shape == (28, 28)


def test_a_long_picture_is_searched_in_little_memory():
    """33 megapixels: as numbers of 64 bits, with six terms, they would take 1.6 GB."""
    tracemalloc.start()
    pixels = np.full((33_000, 1000), 200, np.uint8)
    pixels[16_000:16_400, 300:700] = 20
    for preparation in ("mnist", "fashion-mnist", "stretch,background=remove"):
        assert prepared(pixels, preparation).max() > 100
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The pixels themselves, and 2 million of them as some arrays of three float32 at once.
    assert peak < 33e6 + 2**21 * 12 * 8


@pytest.mark.parametrize(
    "preparation", ["stretch", "pad", "crop", "mnist", "fashion-mnist", "pad,background=remove"]
)
@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 3), (28, 29)])
def test_pictures_of_every_size(preparation, size):
    for shape in ((28, 28), (28, 28, 1), (20, 24, 3)):
        assert prepared(np.full(size, 200), preparation, shape).shape == shape


def test_pipelines_give_three_equal_channels(t10k):
    pixels = prepared(255 - enlarged(t10k.images[0]), "fashion-mnist", (32, 32, 3))
    assert (pixels == pixels[..., :1]).all()
    assert pixels.max() > 200
