"""C files: what they hold, and that only what fmnist wrote is compiled."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from support import TINY, run_fmnist
from support.c_models import (
    STRICT,
    dense_network,
    metadata_for,
    portable_scores,
    random_images,
    window,
    write_c_model,
)

from fmnist_runtime import load
from fmnist_runtime.artifact.container import C_END, seal
from fmnist_runtime.artifact.metadata import Golden
from fmnist_runtime.engines.native import NativeSession
from fmnist_runtime.engines.session_options import SessionOptions
from fmnist_runtime.errors import MissingExtraError, ModelError, OutputError
from fmnist_runtime.native import compiler
from fmnist_runtime.native.check import check_network
from fmnist_runtime.native.compiler import usable_variants
from fmnist_runtime.native.network import Layer, Network, NetworkTensor, read_network, write_network
from fmnist_runtime.native.source import GENERATOR, c_file, c_source

NETWORK = dense_network()


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """Libraries of these tests lie in a cache of their own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture
def model(tmp_path):
    return write_c_model(tmp_path / "made.c", NETWORK)


def resealed(content: bytes) -> bytes:
    """A changed file with a seal that fits."""
    body = content[: -len(C_END) - 64]
    return body + seal(body) + C_END


def test_a_network_survives_being_written():
    again = read_network(write_network(NETWORK))
    check_network(again)
    assert again.tensors == NETWORK.tensors
    for layer, other in zip(again.layers, NETWORK.layers, strict=True):
        assert replace(layer, arrays={}) == replace(other, arrays={})
        assert layer.arrays.keys() == other.arrays.keys()
        for name, array in layer.arrays.items():
            assert array.dtype == other.arrays[name].dtype
            assert np.array_equal(array, other.arrays[name])


def test_another_text_has_another_number():
    """If this fails, the same network gives another file: raise GENERATOR, to tell older files apart."""
    text = c_source(NETWORK, ["a"] * 5, None, "test")
    digests = {1: "18b6a9f7a70b157c"}
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == digests[GENERATOR]


@pytest.mark.parametrize("variant", usable_variants(), ids=lambda variant: variant.name or "plain")
def test_all_instructions_give_the_bits_of_the_portable_c(model, variant):
    images = random_images(NETWORK, 37)
    expected = portable_scores(NETWORK, images)
    with NativeSession(SessionOptions(model), variant) as session:
        assert session.scores(images).tobytes() == expected.tobytes()
        alone = np.concatenate([session.scores(image[np.newaxis]) for image in images])
        assert alone.tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", ["gcc", "clang"])
def test_a_compiler_has_nothing_to_warn_of_and_the_self_test_passes(model, tmp_path, name):
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    main = tmp_path / "main.c"
    main.write_text(
        f'#define MADE_DECLARE\n#include "{model}"\n#include <stdio.h>\n'
        "int main(void)\n{\n    static float scratch[MADE_SCRATCH(1)];\n"
        '    printf("%d %s\\n", (int)made_self_test(scratch), made_labels[4]);\n    return 0;\n}\n'
    )
    program = tmp_path / "program"
    subprocess.run([name, "-O2", *STRICT, model, main, "-o", program], check=True)
    assert subprocess.run([program], capture_output=True, text=True).stdout == "0 class 4\n"


def test_a_changed_golden_score_fails_the_self_test_and_verify(tmp_path):
    """The seal and the generator's text fit, but the file promises other answers."""
    images = random_images(NETWORK, 3)
    scores = portable_scores(NETWORK, images)
    other = scores[:, ::-1].copy()
    metadata = metadata_for(NETWORK, Golden(images, other, other, 1e-4))
    (tmp_path / "made.c").write_bytes(c_file(write_network(NETWORK), metadata.to_json()))
    result = run_fmnist(tmp_path, "verify", "made.c")
    assert result.returncode == 3
    assert "golden image 0: a probability differs by" in result.stdout


def test_labels_reach_the_c_whole(tmp_path):
    labels = ('a "quoted" \\ one', "T-shirt/*top", "Käse ??/ */", "%s*/*", "5")
    model = write_c_model(tmp_path / "made.c", NETWORK, labels)
    with load(model) as session:
        assert session.info.labels == labels
    program = tmp_path / "program"
    main = tmp_path / "main.c"
    main.write_text(
        f'#define MADE_DECLARE\n#include "{model}"\n#include <stdio.h>\n'
        "int main(void) { for (int i = 0; i < MADE_CLASSES; i++) puts(made_labels[i]); return 0; }\n"
    )
    subprocess.run(["cc", *STRICT, model, main, "-o", program], check=True)
    assert subprocess.run([program], capture_output=True).stdout.decode().splitlines() == list(labels)


def test_no_changed_line_of_code_is_compiled(model, cache, tmp_path):
    """A thousand changes of one character, each with a seal that fits."""
    content = model.read_bytes()
    code = content.index(b"@fmnist.network")
    random = np.random.default_rng(0)
    before = sorted(cache.rglob("*.so"))
    refused = 0
    for place in random.choice(code, 1000, replace=False).tolist():
        other = random.choice([byte for byte in b' 09azAZ;{}()+-*/#"\\\n' if byte != content[place]])
        changed = tmp_path / "changed.c"
        changed.write_bytes(resealed(content[:place] + bytes([other]) + content[place + 1 :]))
        with pytest.raises(ModelError, match=r"^.*changed\.c: "):
            load(changed)
        refused += 1
    assert refused == 1000
    assert sorted(cache.rglob("*.so")) == before


def test_changed_data_is_refused_or_computed_as_it_says(model, tmp_path):
    """Whatever bytes the data has: one line, or a network that stays in bounds."""
    content = model.read_bytes()
    start = content.index(b"@fmnist.network")
    random = np.random.default_rng(0)
    refused = accepted = 0
    for place in random.integers(start, len(content) - 70, 300).tolist():
        changed = tmp_path / "changed.c"
        changed.write_bytes(
            resealed(content[:place] + bytes([random.integers(33, 127)]) + content[place + 1 :])
        )
        try:
            load(changed).close()
            accepted += 1
        except ModelError as error:
            refused += "\n" not in str(error)
    assert refused + accepted == 300
    assert refused > accepted > 0  # names of data sets and versions are not in the C


def test_a_byte_that_breaks_the_seal_says_so(model):
    content = bytearray(model.read_bytes())
    content[100] ^= 1
    model.write_bytes(content)
    with pytest.raises(ModelError, match="its bytes are not those it was sealed with; copy it again"):
        load(model)


def test_a_strangers_c_is_not_compiled(tmp_path, cache):
    stranger = tmp_path / "stranger.c"
    stranger.write_text('#include <stdlib.h>\nint main(void) { return system("touch /tmp/owned"); }\n')
    before = sorted(cache.rglob("*.so"))
    with pytest.raises(ModelError, match="is not C that fmnist wrote, and only that is compiled here"):
        load(stranger)
    assert sorted(cache.rglob("*.so")) == before


def test_a_file_that_is_cut_off_says_so(model):
    model.write_bytes(model.read_bytes()[:5000])
    with pytest.raises(ModelError, match=r"made\.c: is cut off; copy it again"):
        load(model)


def test_a_tflite_file_of_this_suffix_is_named(tmp_path):
    wrong = tmp_path / "wrong.c"
    wrong.write_bytes((TINY / "export" / "model-int8.tflite").read_bytes())
    with pytest.raises(ModelError, match=r"is a TFLite model; give it a name that ends in \.tflite"):
        load(wrong)


def test_another_generators_file_is_told_apart(model):
    mark = f"(generator {GENERATOR})".encode()
    model.write_bytes(resealed(model.read_bytes().replace(mark, b"(generator 999)", 1)))
    with pytest.raises(ModelError, match=r"another version of fmnist wrote it \(generator 999"):
        load(model)


CROOKED = {
    "more rows than there are": lambda layer: replace(layer, numbers={**layer.numbers, "rows": 2}),
    "units without weights": lambda layer: replace(layer, numbers={**layer.numbers, "units": 22}),
    "a negative size": lambda layer: replace(layer, numbers={**layer.numbers, "inputs": -63}),
    "a zero point beyond a byte": lambda layer: replace(layer, numbers={**layer.numbers, "zero_point": 256}),
    "limits in the wrong order": lambda layer: replace(layer, numbers={**layer.numbers, "low": 9, "high": 8}),
    "an input that nothing writes": lambda layer: replace(layer, inputs=(3,)),
    "an output that is the image": lambda layer: replace(layer, output=0),
    "another kernel": lambda layer: replace(layer, kernel="system"),
    "a number too many": lambda layer: replace(layer, numbers={**layer.numbers, "more": 1}),
    "weights of another type": lambda layer: replace(
        layer, arrays={**layer.arrays, "weights": layer.arrays["weights"].astype(np.float32)}
    ),
    "scales that are not finite": lambda layer: replace(
        layer, arrays={**layer.arrays, "scales": np.full_like(layer.arrays["scales"], np.inf)}
    ),
    "sums beyond 32 bits": lambda layer: replace(
        layer, arrays={**layer.arrays, "biases": np.full_like(layer.arrays["biases"], 2**31 - 1)}
    ),
    "a comment that ends": lambda layer: replace(layer, note="*/ int x; /*"),
}


def layer_of(kernel, inputs, output, numbers, reals=None, arrays=None):
    return Layer(kernel, inputs, output, numbers, reals or {}, arrays or {})


IMAGE, REAL = NetworkTensor((8,), "uint8"), NetworkTensor((8,), "float32")
TABLE = np.arange(256, dtype=np.uint8)
AS_FLOAT = layer_of("float_f32", (1,), 2, {"length": 8, "zero_point": 0}, {"scale": 1.0})
SMUGGLED = {
    "an integer as a pointer": layer_of("lookup_u8", (0,), 1, {"length": 8, "table": 4096}),
    "a real as a size": layer_of(
        "pixels_u8", (0,), 1, {"length": 8}, {"channels": 2.0**24}, {"table": TABLE}
    ),
    "a real as a division by 0": layer_of(
        "pixels_u8", (0,), 1, {"length": 8}, {"channels": 0.0}, {"table": TABLE}
    ),
    "a part of what is read": layer_of("copy_u8", (0,), 1, {"rows": 1, "length": 8, "step": 9, "offset": 0}),
    "a copy that does not begin": layer_of(
        "copy_u8", (0,), 1, {"rows": 4, "length": 2, "step": 2, "offset": 1}
    ),
    "what it writes": layer_of("lookup_u8", (1,), 1, {"length": 8}, {}, {"table": TABLE}),
}


@pytest.mark.parametrize("layer", SMUGGLED.values(), ids=SMUGGLED.keys())
def test_what_would_leave_an_array_is_refused(layer):
    tensors = (IMAGE, NetworkTensor((8,), "uint8"), REAL)
    good = layer_of("lookup_u8", (0,), 1, {"length": 8}, {}, {"table": TABLE})
    check_network(Network("made", tensors, (good, AS_FLOAT)))
    with pytest.raises(ValueError, match=r"layer [12] \(\w+\) does not fit"):
        check_network(Network("made", tensors, (layer, AS_FLOAT)))


def test_a_real_beyond_float32_is_refused():
    layer = layer_of("float_f32", (0,), 1, {"length": 8, "zero_point": 0}, {"scale": 1e300})
    with pytest.raises(ValueError, match=r"its scale is 1e\+300"):
        check_network(Network("made", (IMAGE, REAL), (layer,)))


def test_filters_that_move_beyond_an_integer_are_refused():
    size = window((8, 1, 1), (4, 1), (1, 1), stride_y=2**22, dilation_y=1)
    far = {**size, "out_height": 2**12}
    tensors = (NetworkTensor((8, 1, 1), "uint8"), NetworkTensor((2**12, 1, 1), "uint8"), REAL)
    layer = layer_of("pad_u8", (0,), 1, {**far, "empty": 0})
    with pytest.raises(ValueError, match="its filters move too far"):
        check_network(Network("made", tensors, (layer,)))


def test_layers_are_counted():
    tensors = (IMAGE, *[REAL] * 400)
    layers = [layer_of("float_f32", (0,), 1, {"length": 8, "zero_point": 0}, {"scale": 1.0})]
    layers += [layer_of("tanh_f32", (n,), n + 1, {"length": 8}) for n in range(1, 300)]
    with pytest.raises(ValueError, match="not 1 to 256 layers"):
        check_network(Network("made", tensors, tuple(layers)))


def test_a_shape_of_many_dimensions_takes_no_time():
    many = replace(NETWORK, tensors=(NetworkTensor((1,) * 100_000, "uint8"), *NETWORK.tensors[1:]))
    with pytest.raises(ValueError, match="an array of 100,000 dimensions"):
        read_network(write_network(many))


def test_golden_images_of_another_size_are_refused():
    images = np.zeros((3, 4), np.uint8)
    scores = np.full((3, NETWORK.classes), 0.2, np.float32)
    metadata = metadata_for(NETWORK, Golden(images, scores, scores, 1e-4))
    with pytest.raises(ValueError, match="its golden images are of another size"):
        c_file(write_network(NETWORK), metadata.to_json())


@pytest.mark.parametrize("name", ["golden", "weights", "images_of", "window", "best_name", "upper"])
def test_any_name_compiles(name, tmp_path):
    """Names of the model, of constants and of placeholders do not meet."""
    model = write_c_model(tmp_path / "model.c", replace(NETWORK, name=name))
    subprocess.run(["cc", *STRICT, "-c", model, "-o", tmp_path / "model.o"], check=True)
    with load(model) as session:
        assert session.scores(random_images(NETWORK, 2)).shape == (2, 5)


def test_wider_arithmetic_is_refused_by_the_compiler(model, tmp_path):
    """An x86 processor without SSE computes in 80 bits."""
    command = ["cc", "-m32", "-mfpmath=387", "-fsyntax-only", model]
    result = subprocess.run(command, capture_output=True, text=True)
    if platform.machine() != "x86_64" or "sorry" in result.stderr or "stdint" in result.stderr:
        command = ["cc", "-D__FLT_EVAL_METHOD__=2", "-fsyntax-only", model]
        result = subprocess.run(command, capture_output=True, text=True)
    assert "wider arithmetic of floats changes the answers" in result.stderr


@pytest.mark.parametrize("change", CROOKED.values(), ids=CROOKED.keys())
def test_a_network_that_leaves_its_bounds_is_refused(change):
    crooked = replace(NETWORK, layers=(change(NETWORK.layers[0]), *NETWORK.layers[1:]))
    with pytest.raises(ValueError, match=r"does not fit|sizes|layer 1"):
        check_network(crooked)


@pytest.mark.parametrize("name", ["a b", "int x;", "", "Made", "x" * 61, "a-b"])
def test_a_name_that_is_none_in_c_is_refused(name):
    with pytest.raises(ValueError, match="it has no name"):
        check_network(replace(NETWORK, name=name))


def test_the_data_is_no_bomb():
    text = write_network(NETWORK)
    huge = replace(NETWORK, tensors=(NetworkTensor((2**16, 2**16), "uint8"), *NETWORK.tensors[1:]))
    with pytest.raises(ValueError, match="a tensor of uint8"):
        check_network(huge)
    with pytest.raises(ValueError, match=r"cannot be decompressed|cut off"):
        read_network(text[: len(text) // 8 * 4])


def test_without_a_compiler_one_line_says_what_to_install(model, monkeypatch):
    monkeypatch.setattr(compiler, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "/nowhere")
    compiler.find_compiler.cache_clear()
    try:
        with pytest.raises(MissingExtraError, match=r"needs a compiler.*pip install 'fmnist\[native\]'"):
            load(model)
    finally:
        compiler.find_compiler.cache_clear()


def test_a_cache_that_cannot_be_written_is_named(model, monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    with pytest.raises(
        OutputError, match=r"cannot be written .*; choose another place with \$XDG_CACHE_HOME"
    ):
        load(model)


def test_a_library_is_made_once(model, cache):
    with load(model):
        pass
    made = {path: path.stat().st_mtime_ns for path in cache.rglob("*.so")}
    with load(model) as session:
        assert session.info.engine.startswith("native")
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.so")} == made


def test_its_metadata_is_found_without_compiling(model):
    record = json.loads(model.read_bytes().split(b"@fmnist.artifact ")[1].split(b"\n@fmnist")[0])
    assert record["format"] == "c"
    assert len(record["golden"]["original"]) == 3


def test_numbers_that_are_none_become_the_least():
    """The square of 3e38 is infinite, and infinity less infinity is no number: no such float is converted."""
    layer = Layer("quantize_u8", (1,), 2, {"length": 4, "zero_point": 7}, {"factor": 1.0})
    image, real = NetworkTensor((4,), "uint8"), NetworkTensor((4,), "float32")
    large = np.full(1, 3e38, np.float32)
    limits = {"low": -float(np.finfo(np.float32).max), "high": float(np.finfo(np.float32).max)}
    own = {"length": 4, "period": 1, "b_step": 0}
    layers = (
        Layer("float_f32", (0,), 3, {"length": 4, "zero_point": 0}, {"scale": 1.0}),
        Layer("mul_f32", (3,), 1, own, limits, {"b": large}),
        layer,
        Layer("float_f32", (2,), 4, {"length": 4, "zero_point": 7}, {"scale": 1.0}),
    )
    tensors = (image, real, NetworkTensor((4,), "uint8", 1.0, 7), real, real)
    network = replace(NETWORK, tensors=tensors, layers=layers)
    check_network(network)
    flags = ("-O1", "-fsanitize=undefined", "-fno-sanitize-recover", "-static-libubsan")
    scores = portable_scores(network, np.array([[0, 1, 2, 255]], np.uint8), flags=flags)
    assert scores.tolist() == [[0.0, 248.0, 248.0, 248.0]]
