"""Label files of other people, as they are found with models and data sets."""

from __future__ import annotations

import json
import time

import pytest

from fmnist_runtime.data.labels import fit_labels, parse_labels, read_distinct_labels, read_labels
from fmnist_runtime.errors import DatasetError


@pytest.mark.parametrize(
    "content",
    [
        b"cat\ndog\n",
        b"cat\r\ndog\r\n\r\n\r\n",
        b"cat\rdog",
        b"\xef\xbb\xbfcat\ndog",
        "cat\r\ndog\r\n".encode("utf-16"),
        b"0 cat\n1 dog\n",  # Teachable Machine
        b"0\tcat\n1\tdog\n",
        b"0,cat\n1,dog\n",
        b"0. cat\n1. dog\n",
        b"1 dog\n0 cat\n",  # the number is the class's
        b"0: cat\n1: dog\n",
        b"n01440764 cat\nn02123045 dog\n",  # ImageNet's synset_words.txt
        b"0: 'cat',\n1: \"dog\",\n",
        b"{0: 'cat',\n 1: 'dog'}",  # imagenet1000_clsidx_to_labels.txt
        b"['cat', 'dog',]",
        b'["cat", "dog"]',
        b'{"0": ["n02123045", "cat"], "1": ["n02084071", "dog"]}',  # imagenet_class_index.json
        b'{"1": "dog", "0": "cat"}',
        b'{"cat": 0, "dog": 1}',  # class_indices of Keras
        b'{"model_type": "vit", "id2label": {"0": "cat", "1": "dog"}, "label2id": {"cat": 0, "dog": 1}}',
        b'{"labels": ["cat", "dog"]}',
        b"nc: 2\nnames:\n  0: cat\n  1: 'dog'\ntrain: images\n",  # Ultralytics
        b"names:\n- cat\n- dog\n",
        b"train: images\nnames: ['cat', 'dog']\nnc: 2\n",  # Roboflow
    ],
)
def test_the_same_two_names_in_every_form(content):
    labels = parse_labels(content, "labels.txt")
    assert labels.names == ("cat", "dog")
    assert labels.notes == ()


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"0\n1\n2\n", ("0", "1", "2")),  # MNIST's are numbers
        (b"0: 'tench, Tinca tinca',\n1: \"jack-o'-lantern\",\n", ("tench, Tinca tinca", "jack-o'-lantern")),
        (b"{0: 'it\\'s'}", ("it's",)),
        (b"7 up\ncola\n", ("7 up", "cola")),
        (b"1.5 l\n0.5 l\n", ("1.5 l", "0.5 l")),
        ("Käfer\n猫\n".encode(), ("Käfer", "猫")),
    ],
)
def test_what_belongs_to_a_name_stays(content, names):
    assert parse_labels(content, "labels.txt").names == names


def test_numbers_that_are_no_class_numbers_stay_and_are_told():
    labels = parse_labels(b"1 cat\n2 dog\n", "labels.txt")
    assert labels.names == ("1 cat", "2 dog")
    assert labels.notes == (
        "labels.txt: the numbers before the names do not start at 0, or leave some out; they stay in them",
    )


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"cat\n\ndog\n", r"labels.txt: line 2 is empty"),
        (b"\ncat\n", r"line 1 is empty"),
        (b"  \n", r"line 1 is empty"),
        (b"cat\nd\x00g\n", r"line 2 has the control character U\+0000"),
        (b"cat\ndog\nb\x1b[2J\n", r"line 3 has the control character U\+001B"),
        (b"cat\nd\xff\n", r"line 2 is not text; save the file as UTF-8"),
        (b"\x89PNG\r\n\x1a\n", r"line 1 is not text"),
        (b"\xff\xfe\x00", r"not text"),
        (b"cat\n" + b"d" * 501, r"class 1 is longer than 500 characters"),
        (b"{0: 'cat'\n 1: 'dog'}", r"line 1 is not a name in quotes with a comma"),
        (b"{0: 'cat',\n 1: dog}", r"line 2 is not a name in quotes with a comma"),
        (b"[" * 100_000, r"line 1 is not a name"),
        (b'{"1": "cat", "2": "dog"}', r"2 classes are named, but not class 0"),
        (b'{"0": "cat", "0": "dog"}', r"occurs twice"),
        (b'["cat", 1]', r"class 1 has a name that is not text"),
        (b'["cat", ""]', r"class 1 is empty"),
        (b'["cat", "d\\u001bg"]', r"class 1 .* control character"),
        (b'["cat", "\\ud800"]', r"class 1 .* control character"),
        (b"[]", r"names 0 classes"),
        (b"a\n" * 100_001, r"names 100,001 classes"),
    ],
)
def test_what_is_no_label_file_is_refused_with_its_line(content, complaint):
    with pytest.raises(DatasetError, match=complaint) as caught:
        parse_labels(content, "labels.txt")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("labels.txt: ")


def test_a_gigabyte_is_refused_without_being_read(tmp_path):
    path = tmp_path / "labels.txt"
    with path.open("wb") as file:
        file.write(b"cat\n")
        file.truncate(10**9)
    start = time.perf_counter()
    with pytest.raises(DatasetError, match=r"larger than 4,194,304 bytes"):
        read_labels(path)
    assert time.perf_counter() - start < 1  # reading 4 MB takes milliseconds, a gigabyte more than a second


def test_names_that_stand_twice_get_their_class_numbers(tmp_path):
    """As crane does in both public files of ImageNet's names: a bird, and a machine."""
    path = tmp_path / "labels.txt"
    path.write_text("crane\nheron\ncrane\n")
    labels = read_distinct_labels(path)
    assert labels.names == ("crane (0)", "heron", "crane (2)")
    assert labels.notes == (
        f"{path}: several classes have the label 'crane'; each gets its class number, as in 'crane (0)'",
    )
    assert fit_labels(["a", "a", "a (0)"]).names == ("a (0) (0)", "a (1)", "a (0)")


IMAGENET = tuple(f"name {index}" for index in range(1000))


def test_a_background_class_is_added_or_left_out_as_the_model_has_it():
    with_background = ("background", *IMAGENET)
    assert fit_labels(with_background, 1001) == fit_labels(with_background)
    assert fit_labels(with_background, 1001).names == with_background
    fewer = fit_labels(with_background, 1000)
    assert fewer.names == IMAGENET
    assert fewer.notes == ("the label 'background' is left out, as the model has 1,000 classes without it",)
    more = fit_labels(IMAGENET, 1001)
    assert more.names == with_background
    [note] = more.notes
    assert note.startswith("class 0 is called 'background', as the model has 1,001 classes")


def test_the_number_behind_a_name_is_that_of_the_model():
    names = [*IMAGENET[:998], "crane", "crane"]
    assert fit_labels(names, 1001).names[999:] == ("crane (999)", "crane (1000)")


@pytest.mark.parametrize(("count", "classes"), [(1000, 999), (9, 10), (10, 9), (1000, 1002)])
def test_any_other_number_of_names_is_refused_with_both_counts(count, classes):
    with pytest.raises(ValueError, match=rf"has {classes:,} classes, but there are {count:,} labels"):
        fit_labels([f"name {index}" for index in range(count)], classes)


def test_a_large_file_takes_little_time():
    names = [f"class {index}" for index in range(100_000)]
    start = time.process_time()
    assert parse_labels(json.dumps(names).encode(), "x").names == tuple(names)
    assert len(fit_labels(["same"] * 100_000).names) == 100_000
    assert time.process_time() - start < 5  # linear; a quadratic search would take minutes
