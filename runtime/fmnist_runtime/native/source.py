"""Writes a network as one C99 file, and recognises such a file.

The file begins with a comment that lists the layers. Then follow declarations, the functions, one for each
kind of layer, and the constants. The comment at the end carries the network, the metadata and the seal:

    @fmnist.network BASE64
    @fmnist.artifact JSON
    @fmnist.sha256 HEXADECIMAL */

What `c_file` makes of the first two must equal the file, else somebody has changed it, and it is not compiled
here.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.artifact.container import C_END, C_MARKS, seal
from fmnist_runtime.artifact.metadata import Golden, parse_metadata
from fmnist_runtime.artifact.wrong_file import explain_wrong_file
from fmnist_runtime.errors import ModelError
from fmnist_runtime.native.check import check_network
from fmnist_runtime.native.kernels import (
    KERNELS,
    WINDOW,
    fast_source,
    kernel_source,
    packed,
    taps,
    used_functions,
)
from fmnist_runtime.native.network import Layer, Network, read_network

GENERATOR = 1
"""Version of what is written. It changes when the same network gives another file."""
PATCHES = 8
"""Places of a convolution that the engine's library gathers at once; see ``fast/begin.c``."""
GOLDEN_IMAGES = 3
"""Images of the self-test."""
_TYPES = {"uint8": "uint8_t", "int8": "int8_t", "int32": "int32_t", "float32": "float"}
_WIDTH = 110


def c_file(network_text: str, metadata_text: str) -> bytes:
    """Return a whole file.

    Args:
        network_text: The network, as `write_network` writes it.
        metadata_text: The metadata, in JSON.

    Raises:
        ValueError: The network does not fit together. So are KeyError and TypeError.
        ModelError: The metadata is damaged.
    """
    network, metadata = read_network(network_text), parse_metadata(metadata_text, Path("model.c"))
    check_network(network)
    golden = metadata.golden
    if golden is not None and golden.images[0].size != network.image.elements:
        raise ValueError("its golden images are of another size")
    if len(metadata.labels) != network.classes:
        raise ValueError(f"it has {network.classes} classes and {len(metadata.labels)} names")
    data = re.sub(r"[^ -)+-.0-~]", "_", f"{metadata.dataset}, {metadata.scheme}".lstrip(", "))
    text = c_source(network, metadata.labels, metadata.golden, f"{network.name}, {data}")
    held = metadata_text.replace("*", "\\u002a")  # the same JSON, which cannot end the comment
    lines = "\n".join(textwrap.wrap(network_text, _WIDTH))
    parts = [f"{text}\n/* Data for fmnist. Do not edit.".encode()]
    parts += [mark + part.encode() for mark, part in zip(C_MARKS, (lines, held, ""), strict=True)]
    content = b"".join(parts)
    return content + seal(content) + C_END


def read_c(content: bytes, path: Path) -> Network:
    """Return the network of a C file, if all of the file is what we make of it.

    Args:
        content: The file.
        path: Its name, for messages.

    Raises:
        ModelError: It is not, or is damaged.
    """
    places = [content.rfind(mark) for mark in C_MARKS]
    made = re.search(rb"written by fmnist \(generator (\d+)\)", content[:1000])
    if not 0 < places[0] < places[1] < places[2]:
        what = "is cut off; copy it again" if made else explain_wrong_file(path)
        stranger = "is not C that fmnist wrote, and only that is compiled here; make it with: "
        raise ModelError(f"{path}: {what or stranger + 'fmnist export MODEL --format c'}")
    if made and int(made[1]) != GENERATOR:
        raise ModelError(
            f"{path}: another version of fmnist wrote it (generator {int(made[1])}, this has {GENERATOR}); "
            "export it again, or compile it yourself"
        )
    try:
        network = network_in(content)
        same = c_file(*_data_in(content)) == content
    except ModelError as error:
        raise ModelError(str(error).replace("model.c", str(path), 1)) from error
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ModelError(f"{path}: its data is damaged ({error}); export it again") from error
    if not same:
        raise ModelError(
            f"{path}: somebody has changed it, and only C as fmnist writes it is compiled here; export it "
            "again, or compile it yourself"
        )
    return network


def network_in(content: bytes) -> Network:
    """Return the network that the last comment of a C file carries, without a check of anything else.

    Raises:
        ValueError: It is damaged. So are KeyError and TypeError.
    """
    return read_network(_data_in(content)[0])


def _data_in(content: bytes) -> tuple[str, str]:
    """Return the texts of the network and of the metadata."""
    places = [content.rfind(mark) for mark in C_MARKS]
    starts = [place + len(mark) for place, mark in zip(places, C_MARKS, strict=True)]
    network, metadata = (content[start:end] for start, end in zip(starts, places[1:], strict=False))
    return network.replace(b"\n", b"").decode("ascii"), metadata.decode()


def c_source(network: Network, labels: Sequence[str], golden: Golden | None, title: str) -> str:
    """Return the C of a network, without the comment at the end.

    Args:
        network: A network that was checked.
        labels: Class names; empty to leave them out.
        golden: Golden samples for the self-test; None to leave it out.
        title: What the model is, for the first comment.
    """
    parts = [
        _head(network, title),
        _declarations(network, golden is not None, bool(labels)),
        _functions(network),
        _scores(network),
        _class(network),
    ]
    if golden is not None:
        parts.append(_self_test(network, golden))
    if labels:
        parts.append(_labels(network, labels))
    parts += [*_constants(network), "#endif\n"]
    return "\n".join(parts)


def library_source(network: Network, fast: bool) -> str:
    """Return the C of the library that the engine runs.

    It computes the same bits, with the instructions that it is compiled for, and weights in the order in
    which those read them.

    Args:
        network: A network that was checked.
        fast: Whether the library is compiled for other instructions than those that every processor has.
    """
    layers = []
    for layer in network.layers:
        arrays = dict(layer.arrays)
        if fast and layer.kernel in ("dense_u8", "conv_u8"):
            arrays["weights"] = packed(arrays["weights"], arrays["biases"].size)
        layers.append(replace(layer, arrays=arrays))
    arranged = replace(network, layers=tuple(layers))
    end = fast_source("end").replace("NAME", network.name).replace("UPPER", network.name.upper())
    parts = [
        _declarations(network, False, False),
        fast_source("begin"),
        _functions(arranged, True),
        _scores(network),
        end,
        *_constants(arranged),
        "#endif\n",
    ]
    return "\n".join(parts).replace("static const int8_t", "static const __attribute__((aligned(64))) int8_t")


def _head(network: Network, title: str) -> str:
    upper, name = network.name.upper(), network.name
    rows = [
        f" *   {number:3}  {_layer_text(network, layer)}" for number, layer in enumerate(network.layers, 1)
    ]
    image, classes = network.image, network.classes
    shape = " x ".join(map(str, image.shape))
    lines = "\n".join(rows)
    return f"""/* {title}: a neural network in C99, written by fmnist (generator {GENERATOR}).
 *
 * It takes an image of {shape} pixels, each a byte, and gives the probabilities of {classes} classes. It
 * needs no library and no heap, and it gives the same bits on every processor. To use it, compile this file,
 * and include it where you call it, after #define {upper}_DECLARE:
 *
 *     static float scratch[{upper}_SCRATCH(1)], scores[{upper}_CLASSES];
 *     {name}_scores(1, pixels, scratch, scores);
 *     puts({name}_labels[{name}_class(scores)]);
 *
 * Do not use -ffast-math, which changes the answers: {name}_self_test(scratch) would say so.
 *
 * The layers:
{lines}
 */
"""


def _layer_text(network: Network, layer: Layer) -> str:
    tensor = network.tensors[layer.output]
    shape = " x ".join(map(str, tensor.shape))
    note = layer.note.replace("×", "x").replace("→", "to")
    return f"{layer.kernel:18}{shape:>14} {tensor.kind:8}{note}".rstrip()


def _declarations(network: Network, tested: bool, named: bool) -> str:
    name, upper = network.name, network.name.upper()
    test = f"""
/* Returns 0 if the {GOLDEN_IMAGES} images of the self-test get their exact probabilities; else the number of
   the first that does not. The scratch is of {upper}_SCRATCH(1). */
int32_t {name}_self_test(float *scratch);
"""
    names = f"""
/* Names of the classes, in UTF-8. */
extern const char *const {name}_labels[{upper}_CLASSES];
"""
    return f"""#ifndef {upper}_H
#define {upper}_H
#include <stdint.h>

#define {upper}_PIXELS {network.image.elements}
#define {upper}_CLASSES {network.classes}
/* Number of floats that {name}_scores needs for so many images at once. */
#define {upper}_SCRATCH(images) ({scratch_floats(network)} * (images) + {patch_floats(network)})

/* Writes the probabilities of images, [images][{upper}_CLASSES], for pixels, [images][{upper}_PIXELS]. */
void {name}_scores(int32_t images, const uint8_t *pixels, float *scratch, float *scores);
/* Returns the number of the most probable class of one image. */
int32_t {name}_class(const float *scores);
{test if tested else ""}{names if named else ""}#endif

#ifndef {upper}_DECLARE
#ifdef __FAST_MATH__
#error "compile it without -ffast-math, which changes the answers"
#endif
#if defined __FLT_EVAL_METHOD__ && (__FLT_EVAL_METHOD__ == 1 || __FLT_EVAL_METHOD__ == 2)
#error "wider arithmetic of floats changes the answers; compile it with -msse2 -mfpmath=sse"
#endif
/* A product and a sum are rounded one after the other, also where a processor has an instruction for both. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#elif defined __GNUC__
#pragma GCC optimize("fp-contract=off")
#endif
"""


def _functions(network: Network, fast: bool = False) -> str:
    texts = [kernel_source(name, fast) for name in used_functions(network)]
    constants = "".join(
        f"static const {_TYPES[array.dtype.name]} {array_name}_{number}[{array.size}];\n"
        for number, array_name, array in _arrays(network)
    )
    return "\n".join([*texts, constants, *_windows(network)])


def _windows(network: Network) -> Iterator[str]:
    for number, layer in enumerate(network.layers, 1):
        if "{window}" in KERNELS[layer.kernel].call:
            values = ", ".join(str(layer.numbers[name]) for name in WINDOW)
            yield f"static const struct window window_{number} = {{{values}}};"


def _scores(network: Network) -> str:
    offsets, lines = _offsets(network), []
    for number, layer in enumerate(network.layers, 1):
        given: dict[str, str] = {"images": "images", "window": f"&window_{number}"}
        for place, index in enumerate(layer.inputs):
            given[f"in{place}"] = _pointer(network, index, offsets)
        given["b"] = given.get("in1", f"b_{number}")
        given["out"] = _pointer(network, layer.output, offsets)
        given["patch"] = "patch" if layer.kernel.endswith("f32") else "(uint8_t *)patch"
        given |= {name: str(value) for name, value in layer.numbers.items()}
        given |= {name: _real(value) for name, value in layer.reals.items()}
        given |= {name: f"{name}_{number}" for name in layer.arrays}
        call = KERNELS[layer.kernel].call.format_map(given)
        lines.append(f"    {layer.kernel}({call.replace(' * 1,', ',').replace(' + 0)', ')')});")
    patch = (
        f"    float *const patch = scratch + {scratch_floats(network)} * images;\n"
        if patch_floats(network)
        else ""
    )
    unused = "" if patch or max(offsets) >= 0 else "    (void)scratch;\n"
    body = "\n".join(_wrapped(line) for line in lines)
    return f"""
void {network.name}_scores(int32_t images, const uint8_t *pixels, float *scratch, float *scores)
{{
{patch}{unused}{body}
}}
"""


def _pointer(network: Network, index: int, offsets: Sequence[int]) -> str:
    if index == 0:
        return "pixels"
    if index == network.output:
        return "scores"
    place = f"scratch + {offsets[index]} * images" if offsets[index] else "scratch"
    if network.tensors[index].kind == "float32":
        return place
    return f"(uint8_t *)({place})" if offsets[index] else "(uint8_t *)scratch"


def _wrapped(line: str) -> str:
    """Break a call into lines."""
    if len(line) <= _WIDTH:
        return line
    indent = " " * (line.index("(") + 1)
    lines = [""]
    for part in re.split(r"(?<=,) ", line):
        if lines[-1] and len(lines[-1]) + len(part) + 1 > _WIDTH:
            lines.append(indent + part)
        else:
            lines[-1] = f"{lines[-1]} {part}" if lines[-1] else part
    return "\n".join(lines)


def _offsets(network: Network) -> list[int]:
    """Return where each tensor lies in the scratch, in floats for one image; -1 for those that do not.

    A tensor takes the first gap that is free from the layer that writes it to the last that reads it.
    """
    last_read = {index: number for number, layer in enumerate(network.layers) for index in layer.inputs}
    offsets = [-1] * len(network.tensors)
    held: list[tuple[int, int, int]] = []  # offset, end, last layer that reads it
    for number, layer in enumerate(network.layers):
        index = layer.output
        if index == network.output or offsets[index] >= 0:
            continue
        held = sorted(entry for entry in held if entry[2] >= number)
        size, place = -(-network.tensors[index].size // 4), 0
        for start, end, _ in held:
            if start - place >= size:
                break
            place = max(place, end)
        offsets[index] = place
        held.append((place, place + size, last_read.get(index, number)))
    return offsets


def scratch_floats(network: Network) -> int:
    """Return the floats of scratch that each image needs."""
    ends = [
        offset + -(-tensor.size // 4)
        for offset, tensor in zip(_offsets(network), network.tensors, strict=True)
        if offset >= 0
    ]
    return max(ends, default=0)


def patch_floats(network: Network, patches: int = 1) -> int:
    """Return the floats of scratch for what filters see at some places."""
    sizes = [
        taps(layer) * (4 if layer.kernel.endswith("f32") else 1) * patches
        for layer in network.layers
        if "{patch}" in KERNELS[layer.kernel].call
    ]
    return -(-max(sizes, default=0) // 4)


def _class(network: Network) -> str:
    return f"""int32_t {network.name}_class(const float *scores)
{{
    int32_t best = 0;
    for (int32_t i = 1; i < {network.classes}; i++)
        if (scores[i] > scores[best]) best = i;
    return best;
}}
"""


def _self_test(network: Network, golden: Golden) -> str:
    images, scores = golden.images[:GOLDEN_IMAGES], golden.artifact[:GOLDEN_IMAGES]
    pixels, classes = network.image.elements, network.classes
    return f"""static const uint8_t images_of_test[{len(images)} * {pixels}];
static const float scores_of_test[{len(images)} * {classes}];

int32_t {network.name}_self_test(float *scratch)
{{
    float scores[{classes}];
    for (int32_t image = 0; image < {len(images)}; image++) {{
        {network.name}_scores(1, images_of_test + {pixels} * image, scratch, scores);
        for (int32_t i = 0; i < {classes}; i++) {{
            const float golden = scores_of_test[{classes} * image + i];
            if (!(scores[i] >= golden && scores[i] <= golden)) return image + 1;
        }}
    }}
    return 0;
}}

{_constant("images_of_test", images.reshape(-1))}
{_constant("scores_of_test", scores.astype(np.float32).reshape(-1))}"""


def _labels(network: Network, labels: Sequence[str]) -> str:
    names = ",\n".join(f"    {_text(label)}" for label in labels)
    return f"const char *const {network.name}_labels[{len(labels)}] = {{\n{names}\n}};\n"


def _text(label: str) -> str:
    """Return a label as a string in C. What is no plain letter is written in octal."""
    plain = re.compile(rb"[ !#-;=@-\[\]-~]")
    return '"' + "".join(chr(c) if plain.match(bytes([c])) else f"\\{c:03o}" for c in label.encode()) + '"'


def _constants(network: Network) -> Iterator[str]:
    for number, name, array in _arrays(network):
        yield _constant(f"{name}_{number}", array.reshape(-1))


def _arrays(network: Network) -> Iterator[tuple[int, str, NDArray[Any]]]:
    """Yield each constant with the number of its layer and its name."""
    for number, layer in enumerate(network.layers, 1):
        for name, array in layer.arrays.items():
            yield number, name, array


def _constant(name: str, values: NDArray[Any]) -> str:
    texts = (
        [_real(value) for value in values.tolist()]
        if values.dtype == np.float32
        else map(str, values.tolist())
    )
    lines, line = [], "   "
    for text in texts:
        if len(line) + len(text) + 2 > _WIDTH:
            lines.append(line)
            line = "   "
        line += f" {text},"
    lines.append(line)
    body = "\n".join(lines)
    return f"static const {_TYPES[values.dtype.name]} {name}[{values.size}] = {{\n{body}\n}};\n"


def _real(value: float) -> str:
    """Return a float32 in C, exactly."""
    text = float(value).hex()
    return f"{re.sub(r'0+p', 'p', text).replace('.p', '.0p')}f"
