from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image
from support import ROOT, TINY

from fmnist_runtime import load
from fmnist_runtime.data.images import decode_picture, fit_picture, image_shape, read_image, read_picture
from fmnist_runtime.errors import ImageError


def save(path, pixels, mode="L"):
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def test_an_image_of_the_models_size_keeps_its_pixels(tmp_path, t10k):
    """What training saw and what a device reads from a file are the same pixels."""
    for number in range(20):
        path = save(tmp_path / "image.png", t10k.images[number])
        assert np.array_equal(read_image(path, (28, 28)), t10k.images[number])


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA", "CMYK"])
def test_any_colour_mode(tmp_path, t10k, mode):
    path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    pixels = read_image(save(path, t10k.images[0], mode), (28, 28))
    # Grey weights of 0.299, 0.587 and 0.114, and CMYK's complements, each round once: off by one is allowed.
    assert np.abs(pixels.astype(int) - t10k.images[0]).max() <= 1


@pytest.mark.parametrize("factor", [2, 7, 20])
def test_any_size(tmp_path, t10k, factor):
    """Enlarged images are still recognised: all of the first 20 whose original is."""
    with load(TINY / "export" / "model-float32.tflite") as session:
        for image in t10k.images[:20]:
            large = Image.fromarray(image).resize((28 * factor, 28 * factor), Image.Resampling.NEAREST)
            large.save(tmp_path / "image.png")
            assert session.classify(read_image(tmp_path / "image.png", (28, 28))).label == (
                session.classify(image).label
            )


LIGHT_ON_DARK = "stretch,polarity=light-on-dark"


def test_dark_on_light_is_inverted_where_the_preparation_says_so(tmp_path, t10k):
    image = t10k.images[0]
    photograph = save(tmp_path / "photograph.png", 255 - image)
    for preparation in (LIGHT_ON_DARK, "mnist", "fashion-mnist"):
        assert np.array_equal(read_image(photograph, (28, 28), preparation), image)
    assert np.array_equal(read_image(photograph, (28, 28)), 255 - image)
    assert np.array_equal(read_image(save(tmp_path / "image.png", image), (28, 28), LIGHT_ON_DARK), image)
    assert np.array_equal(
        read_image(tmp_path / "image.png", (28, 28), "stretch,polarity=inverted"), 255 - image
    )


def test_a_photograph_in_colour_is_inverted_only_where_that_is_asked_for(tmp_path, t10k):
    """A model of three channels has learned colours; their complements are other ones."""
    photograph = np.full((28, 28, 3), (250, 240, 230), np.uint8)
    photograph[8:20, 8:20] = (200, 30, 10)
    path = save(tmp_path / "photograph.png", photograph, "RGB")
    for picture in (read_picture(path, (28, 28, 3)), fit_picture(photograph, "photograph", (28, 28, 3))):
        assert np.array_equal(picture.pixels, photograph)
        assert not picture.inverted
    assert np.array_equal(read_image(path, (28, 28, 3), "stretch,polarity=inverted"), 255 - photograph)
    assert not read_picture(path, (28, 28)).inverted
    assert read_picture(path, (28, 28, 1), LIGHT_ON_DARK).inverted


def test_transparent_is_background(tmp_path):
    pixels = np.full((28, 28, 4), 255, np.uint8)
    pixels[:14, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "image.png")
    read = read_image(tmp_path / "image.png", (28, 28))
    assert read[:14].max() == 0
    assert read[14:].min() == 255


def test_colour_models_get_colour(tmp_path):
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[..., 1] = 200
    Image.fromarray(pixels).save(tmp_path / "green.png")
    assert np.array_equal(read_image(tmp_path / "green.png", (8, 8, 3)), pixels)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("empty.png", b"", "is empty"),
        (
            "text.png",
            b"not a picture",
            "not an image of a format that is read; give a file in PNG, JPEG, GIF, BMP, TIFF, WebP or PPM",
        ),
        ("figure.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "is PostScript"),
        (
            "a.heic",
            b"\0\0\0\x28ftypheic\0\0\0\0mif1",
            "is a HEIC image, which is not read; convert it to PNG",
        ),
        ("a.jpg", b"\0\0\0\x20ftypavif\0\0\0\0avifmif1", "is an AVIF image, which is not read; convert it"),
        ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "is an SVG drawing, which is not read"),
        ("a.pdf", b"%PDF-1.7", "is a PDF document, which is not read"),
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
    read = read_image(tmp_path / "image.png", (28, 28), LIGHT_ON_DARK).astype(int)
    assert np.abs(read - t10k.images[0]).max() <= 1


def test_flattened_models_take_square_images(tmp_path, t10k):
    assert image_shape((784,)) == (28, 28)
    assert [image_shape(shape) for shape in ((28, 28), (8, 8, 3), (783,))] == [(28, 28), (8, 8, 3), (783,)]
    assert image_shape((1, 28, 28)) == (28, 28)  # as PyTorch has it


def test_a_model_that_takes_no_images_is_named(tmp_path, t10k):
    path = save(tmp_path / "image.png", t10k.images[0])
    with pytest.raises(ImageError, match=r"input of shape \(783,\)"):
        read_image(path, (783,))


def test_sixteen_bits_keep_their_shades(tmp_path, t10k):
    """257 maps 0–255 onto 0–65535; Pillow alone would clip all above 255 to white."""
    Image.fromarray(t10k.images[0].astype(np.uint16) * 257).save(tmp_path / "image.png")
    assert np.array_equal(read_image(tmp_path / "image.png", (28, 28)), t10k.images[0])


def test_a_photograph_is_turned_upright(tmp_path, t10k):
    """6 in the EXIF data means: turn by 90° clockwise to see it upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(t10k.images[0])).save(tmp_path / "image.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "image.png", (28, 28)), t10k.images[0])


def encode(image, form="PNG", **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def test_what_was_done_is_told(tmp_path, t10k):
    photograph = Image.fromarray(255 - t10k.images[0]).convert("RGB").resize((60, 40))
    picture = decode_picture(encode(photograph, "JPEG"), "photograph", (28, 28), LIGHT_ON_DARK)
    assert (picture.inverted, picture.width, picture.height, picture.mode) == (True, 60, 40, "RGB")
    picture = read_picture(save(tmp_path / "image.png", t10k.images[0]), (28, 28), LIGHT_ON_DARK)
    assert (picture.inverted, picture.width, picture.height, picture.mode) == (False, 28, 28, "L")
    assert np.array_equal(picture.pixels, t10k.images[0])


GARMENTS = range(0, 200)
BACKGROUNDS = {
    "white": (255, 255, 255),
    "cream": (240, 230, 200),
    "light grey": (150, 150, 150),
    "black": (0, 0, 0),
    "dark grey": (90, 90, 90),
    "navy": (20, 30, 90),
}


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("noise", [0, 25])
def test_light_on_dark_looks_at_the_border(t10k, background, noise):
    """A garment on plain and on noisy ground: dark on what is light, light on what is dark."""
    ground = np.array(BACKGROUNDS[background])
    is_light = ground @ (0.299, 0.587, 0.114) > 127.5
    shade = 0 if is_light else 255
    random = np.random.default_rng(0)
    for number in GARMENTS:
        alpha = np.pad(t10k.images[number] / 255, 14)[..., None]
        photograph = alpha * shade + (1 - alpha) * (ground + random.normal(0, noise, (56, 56, 1)))
        pixels = photograph.clip(0, 255).astype(np.uint8)
        assert fit_picture(pixels, "photograph", (28, 28), LIGHT_ON_DARK).inverted == is_light


def test_light_on_dark_leaves_every_test_image_as_it_is_and_turns_every_negative(t10k):
    for image in t10k.images:
        assert not fit_picture(image, "image", (28, 28), LIGHT_ON_DARK).inverted
        assert fit_picture(255 - image, "negative", (28, 28), LIGHT_ON_DARK).inverted


def test_pixels_are_fitted_as_files_are(t10k):
    large = np.kron(t10k.images[0], np.ones((11, 9), np.uint8))
    for pixels in (large, large[..., None], np.stack([large] * 3, axis=-1)):
        for shape in ((28, 28), (28, 28, 1), (20, 24, 3)):
            name = "image"
            expected = decode_picture(encode(Image.fromarray(pixels.squeeze())), name, shape).pixels
            assert np.array_equal(fit_picture(pixels, name, shape).pixels, expected)
    with pytest.raises(ImageError, match=r"pixels of shape \(28, 28, 2\)"):
        fit_picture(np.zeros((28, 28, 2), np.uint8), "image", (28, 28))


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 70_000)])
def test_very_small_and_very_long_images(size):
    pixels = decode_picture(encode(Image.new("L", size, 200)), "image", (28, 28)).pixels
    assert (pixels == 200).all()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_every_format(t10k, form):
    """Enlarged 30 times, so that JPEG is decoded smaller and others are averaged first."""
    large = Image.fromarray(np.kron(t10k.images[0], np.ones((30, 30), np.uint8)))
    options = {"lossless": True} if form == "WEBP" else {}
    pixels = decode_picture(encode(large, form, **options), form, (28, 28)).pixels
    plain = np.asarray(large.resize((28, 28), Image.Resampling.LANCZOS)).astype(int)
    # Averaging before resampling moves an edge of 255 by some hundredths: 16 of 256 at most.
    assert np.abs(pixels - plain).max() <= 16


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "I;16"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_in_every_mode(t10k, mode, orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(t10k.images[0])
    if mode == "I;16":
        image = Image.fromarray(t10k.images[0].astype(np.uint16) * 257)
    content = encode(image if mode == "I;16" else image.convert(mode), "PNG", exif=exif)
    with Image.open(io.BytesIO(encode(Image.fromarray(t10k.images[0]), "PNG", exif=exif))) as file:
        upright = np.asarray(ImageOps.exif_transpose(file)).astype(int)
    # A palette and grey from colour round once: off by one is allowed.
    assert np.abs(decode_picture(content, mode, (28, 28)).pixels - upright).max() <= 1


def test_transparency_of_every_kind_is_seen(t10k):
    """A colour that stands for transparent, and a palette whose first entry does: white under black."""
    half = np.full((28, 28), 255, np.uint8)
    half[:14] = 7
    for mode, options in (("L", {"transparency": 7}), ("P", {"transparency": 7})):
        image = Image.fromarray(half).convert(mode)
        pixels = decode_picture(encode(image, "PNG", **options), mode, (28, 28)).pixels
        assert pixels[:14].max() == 0
        assert pixels[14:].min() == 255


def test_floating_point_pixels_are_refused():
    with pytest.raises(ImageError, match="floating-point"):
        decode_picture(encode(Image.new("F", (28, 28)), "TIFF"), "image.tif", (28, 28))


def png_header(width, height):
    """A PNG in RGBA that says how large it is, and holds no pixels."""
    chunks = (b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0), b"IDAT", b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("width", "height"), [(5793, 5793), (10_000, 9000), (2**31 - 1, 2**31 - 1)])
def test_an_image_that_would_fill_the_memory_is_refused(width, height):
    """Just above our own limit, above the one at which Pillow warns, and above the one that it refuses."""
    with pytest.raises(ImageError, match="too large an image"):
        decode_picture(png_header(width, height), "bomb.png", (28, 28))


def test_a_large_photograph_is_read_in_little_memory(tmp_path):
    """48 megapixels would be 192 MB decoded; Pillow's own allocations are not told, so the process's are."""
    path = tmp_path / "photograph.jpg"
    content = encode(Image.new("RGB", (8000, 6000), (250, 250, 250)), "JPEG")
    path.write_bytes(content)
    # In a process of its own, as the peak of this one is that of what came before.
    code = f"""
import sys
from pathlib import Path
sys.path.append({str(ROOT / "tests")!r})
from fmnist_runtime.data.images import read_picture
from support import peak_memory
before = peak_memory()
assert read_picture(Path({str(path)!r}), (28, 28), {LIGHT_ON_DARK!r}).inverted
print(peak_memory() - before)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # Pillow itself takes 20 MB, an eighth of the size each way 1000 × 750 × 4 bytes.
    assert int(result.stdout) < 40_000_000


@pytest.mark.parametrize("kind", ["pipe", "device", "sparse"])
def test_what_could_be_read_for_ever_is_refused(tmp_path, kind):
    path = tmp_path / "image.png"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as file:
            file.truncate(2**31)
    with pytest.raises(ImageError, match=r"is larger than 134 MB|is a pipe or device, not a file"):
        read_image(path, (28, 28))


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damage_of_any_kind_is_one_error(t10k):
    """500 files with a few bytes changed: each is read, or refused as an image."""
    random = np.random.default_rng(0)
    image = Image.fromarray(t10k.images[0]).convert("RGB")
    contents = [encode(image, form) for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")]
    for number in range(500):
        content = bytearray(contents[number % len(contents)])
        for at in random.integers(0, min(len(content), 200), 4):
            content[at] = random.integers(0, 256)
        with suppress(ImageError):
            assert decode_picture(bytes(content), "image", (28, 28)).pixels.shape == (28, 28)


def test_a_real_avif_file_is_known_as_one(tmp_path):
    features = pytest.importorskip("PIL.features")
    if not features.check("avif"):
        pytest.skip("this Pillow writes no AVIF")
    Image.new("RGB", (9, 9)).save(tmp_path / "a.avif")
    with pytest.raises(ImageError, match="is an AVIF image"):
        read_image(tmp_path / "a.avif", (28, 28))
