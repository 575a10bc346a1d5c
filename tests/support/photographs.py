"""Photographs as a telephone takes them, and as a shop shows garments. They are drawn."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from fmnist_runtime.data.datasets import Dataset

_SIDES = 4000, 3000
"""12 megapixels."""
_DRAWN = 4
"""Pixels of a photograph for one that is drawn, in each direction."""
_TURNS = {1: 0, 3: 180, 6: 90, 8: 270}
"""By orientation of EXIF: how far the stored picture is turned, anticlockwise in degrees."""
_STROKES = {
    0: [[(5, 0), (1, 3), (1, 7), (5, 10), (9, 7), (9, 3), (5, 0)]],
    1: [[(3, 2), (6, 0), (6, 10)]],
    2: [[(1, 2), (4, 0), (8, 1), (8, 4), (1, 10), (9, 10)]],
    3: [[(1, 1), (5, 0), (9, 2), (5, 4.5), (9, 7), (5, 10), (1, 9)]],
    4: [[(6, 0), (1, 6.5), (9.5, 6.5)], [(7, 3.5), (7, 10)]],
    5: [[(9, 0), (2, 0), (1.5, 4.5), (6, 4), (9, 7), (6, 10), (1, 9)]],
    6: [[(8, 0), (3, 3), (1, 7), (4, 10), (8, 8.5), (7, 5.5), (2, 6)]],
    7: [[(1, 0), (9, 0), (4, 10)]],
    8: [[(5, 4.5), (1.5, 2), (5, 0), (8.5, 2), (1, 7.5), (5, 10), (9, 7.5), (5, 4.5)]],
    9: [[(8.5, 3), (5, 0), (1.5, 2.5), (4, 5), (8.5, 3), (8, 6), (6, 10)]],
}
"""Digits as lines of a pen, in tenths of their height."""


def pen(digit: int, random: np.random.Generator, size: int) -> Image.Image:
    """Draw a digit with a thin pen; returns its ink, 255 where there is ink."""
    ink = Image.new("L", (size, size))
    width = round(size * random.uniform(0.04, 0.09))
    slant = random.uniform(-0.1, 0.2)
    for line in _STROKES[digit]:
        points = [
            (size * (0.18 + 0.064 * x + slant * (0.5 - y / 10)), size * (0.1 + 0.08 * y))
            for x, y in np.array(line) + random.normal(0, 0.15, (len(line), 2))
        ]
        ImageDraw.Draw(ink).line(points, 255, width, joint="curve")
    return ink.filter(ImageFilter.GaussianBlur(width / 4))


def set_in_type(digit: int, slant: float, size: int) -> Image.Image:
    """Set a digit in Pillow's own typeface, upright or slanted."""
    ink = Image.new("L", (size, size))
    font = ImageFont.load_default(round(size * 0.8))
    ImageDraw.Draw(ink).text((size / 2, size / 2), str(digit), 255, font, anchor="mm")
    to_upright = (1, slant, -slant * size / 2, 0, 1, 0)
    return ink.transform(ink.size, Image.Transform.AFFINE, to_upright, Image.Resampling.BICUBIC)


def written(image: NDArray[np.uint8], size: int) -> Image.Image:
    """Enlarge a light digit on black, with the sharp edge of a pen."""
    large = Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)
    return large.point(lambda value: max(0, min(255, 4 * (value - 96))))


def telephone(draw: Callable[[int], Image.Image], random: np.random.Generator) -> bytes:
    """Return a JPEG of 12 megapixels: ink on paper in uneven light, noisy, off the centre, turned by EXIF."""
    long, short = (side // _DRAWN for side in _SIDES)
    upright = (short, long) if random.random() < 0.7 else (long, short)
    size = int(random.integers(short // 3, 2 * short // 3))
    ink = draw(size).rotate(random.uniform(-8, 8), Image.Resampling.BICUBIC)
    page = Image.new("L", upright)
    left, top = (int(random.integers(25, side - size - 25)) for side in upright)
    page.paste(ink, (left, top))
    share = np.asarray(page, np.float32)[..., None] / 255
    paper = random.uniform(0.78, 1) * random.uniform(0.96, 1.04, 3)
    colour = random.uniform(0.05, 0.35, 3)
    lit = 240 * _light(upright, random)[..., None] * (share * colour + (1 - share) * paper)
    large = Image.fromarray(lit.clip(0, 255).astype(np.uint8)).resize(
        (upright[0] * _DRAWN, upright[1] * _DRAWN), Image.Resampling.BICUBIC
    )
    noise = np.tile(random.normal(0, 6, (500, 500, 3)).astype(np.int16), (8, 8, 1))
    pixels = np.asarray(large, np.int16)
    noisy = (pixels + noise[: pixels.shape[0], : pixels.shape[1]]).clip(0, 255).astype(np.uint8)
    orientation = int(random.choice(list(_TURNS)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return _jpeg(Image.fromarray(noisy).rotate(_TURNS[orientation], expand=True), exif=exif)


def _light(size: tuple[int, int], random: np.random.Generator) -> NDArray[np.float32]:
    """Return the light on a page, from 0 to 1: falling to one side and to the corners, with a soft shadow."""
    y, x = np.linspace(-0.5, 0.5, size[1])[:, None], np.linspace(-0.5, 0.5, size[0])[None]
    angle, at = random.uniform(0, 2 * np.pi), random.uniform(-0.5, 0.5, 2)
    light = 1 - random.uniform(0.1, 0.45) * (0.5 + 0.7 * (x * np.cos(angle) + y * np.sin(angle)))
    light *= 1 - random.uniform(0, 0.5) * (x**2 + y**2)
    shadow = ((x - at[0]) ** 2 + (y - at[1]) ** 2) / random.uniform(0.05, 0.3)
    light *= 1 - random.uniform(0, 0.35) * np.exp(-shadow)
    return np.asarray(light, np.float32)


BACKGROUNDS = {
    "white square": ((400, 400), (255, 255, 255)),
    "off-white portrait": ((400, 600), (247, 244, 238)),
    "light grey": ((400, 400), (200, 200, 200)),
    "cream landscape": ((600, 400), (236, 226, 200)),
}


def shop(garment: NDArray[np.uint8], background: str) -> bytes:
    """Return a JPEG of a garment, light on black in the data set, on a background, as a shop shows it."""
    size, colour = BACKGROUNDS[background]
    side = int(0.9 * min(size))
    light = np.asarray(Image.fromarray(garment).resize((side, side), Image.Resampling.BICUBIC), np.float32)
    mask = Image.fromarray((garment > 8).astype(np.uint8) * 255).resize(
        (side, side), Image.Resampling.BICUBIC
    )
    cover = np.asarray(mask, np.float32)[..., None] / 255
    picture = np.empty((size[1], size[0], 3), np.float32)
    picture[:] = colour
    top, left = (size[1] - side) // 2, (size[0] - side) // 2
    part = picture[top : top + side, left : left + side]
    part[:] = cover * (255 - light[..., None]) + (1 - cover) * part
    return _jpeg(Image.fromarray(picture.clip(0, 255).astype(np.uint8)))


def _jpeg(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=88, **options)
    return file.getvalue()


THEIR_CLASSES = {"bag": 8, "boot": 9, "trouser": 1}
"""Classes of Fashion-MNIST by the names of folders."""


def write_photographs(folder: Path, garments: Dataset, count: int = 200) -> None:
    """Write so many JPEG files, dark on light, of each of three classes, into a folder for each."""
    for label, target in THEIR_CLASSES.items():
        (folder / label).mkdir(parents=True)
        for number, pixels in enumerate(garments.images[garments.targets == target][:count]):
            large = Image.fromarray(255 - pixels).resize((56, 84)).convert("RGB")
            large.save(folder / label / f"{number}.jpg", quality=90)


def train_theirs(photographs: Path, *files: Path) -> None:
    """Save a Keras model as somebody else has it: of pixels 0-1 and 32x24x3, ending in logits."""
    import keras

    paths = sorted(photographs.glob("*/*.jpg"))
    small = (Image.open(path).resize((24, 32), Image.Resampling.LANCZOS) for path in paths)
    images = np.stack([np.asarray(image) for image in small])
    labels = sorted(THEIR_CLASSES)
    targets = np.array([labels.index(path.parent.name) for path in paths])
    keras.utils.set_random_seed(0)
    layers = [keras.layers.AveragePooling2D(4), keras.layers.Flatten(), keras.layers.Dense(len(labels))]
    model = keras.Sequential([keras.Input((32, 24, 3)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(images / 255, targets, epochs=15, verbose=0)
    for file in files:
        model.save(file)
