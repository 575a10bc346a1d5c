from __future__ import annotations

import os
import stat

import pytest

from fmnist_runtime.errors import OutputError
from fmnist_runtime.files import FileKind, require_writable, write_atomically


def test_new_content_or_old_never_half(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="No space left on device"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_folders_are_made_and_permissions_are_usual(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    write_atomically(path, b"content")
    (tmp_path / "usual").touch()
    assert path.read_bytes() == b"content"
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def test_a_folder_is_not_overwritten(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomically(tmp_path, b"content")


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomically(tmp_path / "file" / "below", b"content")


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("target")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_a_pipe_is_written_to_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(tmp_path / "pipe", b"content")
    assert os.read(reader, 100) == b"content"
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    os.close(reader)


def test_a_folder_that_takes_no_files_is_found_before_the_work(tmp_path):
    require_writable(tmp_path / "new" / "deep" / "result.json")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="takes no files"):
        require_writable(tmp_path / "file" / "below" / "result.json")


LETTER = FileKind(
    lambda path: path.read_bytes().startswith(b"Dear "),
    "is no letter",
    suffixes=(".txt", ".letter"),
    naming="letters are text",
)


@pytest.mark.parametrize("content", [b"Dear Sir", b"", None])
def test_a_file_of_its_kind_or_an_empty_one_may_be_replaced(tmp_path, content):
    if content is not None:
        (tmp_path / "one.TXT").write_bytes(content)
    require_writable(tmp_path / "one.TXT", LETTER)


def test_any_other_may_be_by_force_alone(tmp_path):
    path = tmp_path / "one.txt"
    path.write_bytes(b"eggs, milk")
    with pytest.raises(OutputError, match=r"one\.txt: is no letter; choose another file$"):
        require_writable(path, LETTER)
    with pytest.raises(OutputError, match=r"is no letter; burn it$"):
        require_writable(path, LETTER, remedy="burn it")
    require_writable(path, LETTER, force=True)


def test_neither_a_folder_nor_another_name_will_do(tmp_path):
    (tmp_path / "one.txt").mkdir()
    with pytest.raises(OutputError, match=r"one\.txt: is a directory; name a file in it$"):
        require_writable(tmp_path / "one.txt", LETTER, force=True)
    with pytest.raises(OutputError, match=r"letters are text; give a name that ends in \.txt$"):
        require_writable(tmp_path / "one.png", LETTER, force=True)
