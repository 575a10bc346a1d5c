"""`fmnist data fetch` from servers on this machine, good and bad."""

from __future__ import annotations

import gzip
import resource
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support import DATA, run_fmnist

from fmnist.datasets import fetch as fetching
from fmnist.datasets.fetch import MIRRORS, fetch_dataset
from fmnist_runtime.data.datasets import KNOWN, load_dataset
from fmnist_runtime.data.idx import idx_sha256, read_idx
from fmnist_runtime.errors import MissingExtraError, OutputError

FILES = [f"{name}.gz" for name in KNOWN["mnist"].sha256]
FIRST = FILES[0]


class Handler(BaseHTTPRequestHandler):
    """The first part of the path says how to behave, the last which file of MNIST is wanted."""

    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        behaviour, name = self.path.strip("/").split("/")
        content = (DATA / "mnist" / name).read_bytes()
        length: int | None = len(content)
        headers: dict[str, str] = {}
        match behaviour:
            case "absent":
                self.send_error(404)
                return
            case "hung":
                self.server.ended.wait()
                return
            case "page":
                content = b"<!DOCTYPE html><title>Sign in to this network</title>"
                length = len(content)
            case "other":
                content = (DATA / "fashion-mnist" / name).read_bytes()
                length = len(content)
            case "cut":
                content = content[: len(content) // 2]
            case "cut-unannounced":
                content, length = content[: len(content) // 2], None
            case "huge":
                content, length = content + bytes(fetching.MAX_BYTES), None
            case "bomb":
                content = gzip.compress(b"\0\0\x08\3" + (2**10).to_bytes(4, "big") * 3, mtime=0)
                length = len(content)
            case "no-length":
                length = None
            case "unpacked":
                headers = {"Content-Encoding": "gzip"}
            case "odd-length":
                headers, length = {"Content-Length": "many"}, None
        self.send_response(200)
        for key, value in headers.items():
            self.send_header(key, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.ended = threading.Event()

    def handle_error(self, *_: object) -> None:
        """A client that hangs up in the middle is what some of these tests are about."""

    def url(self, behaviour: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{behaviour}/"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def closed() -> Iterator[str]:
    """An address where nobody listens: the port is taken, so that nobody else will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/mnist/"


@pytest.fixture
def fetch(tmp_path: Path) -> partial:
    """`fmnist` with an empty cache, no data anywhere, and no proxy before this machine."""
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "FMNIST_DATA": None, "no_proxy": "127.0.0.1"}
    (tmp_path / "empty").mkdir()
    return partial(run_fmnist, tmp_path / "empty", environment=environment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "fmnist" / "mnist"


def assert_published(folder: Path, names: list[str] = FILES) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    for name in names:
        assert (folder / name).read_bytes()[:2] == b"\x1f\x8b"
        assert idx_sha256(read_idx(folder / name)) == KNOWN["mnist"].sha256[name.removesuffix(".gz")]


def assert_fails(result, *complaints: str) -> None:
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("fmnist: ")
    assert result.stderr.count("\n") == 1
    for complaint in complaints:
        assert complaint in result.stderr


def assert_nothing_left(folder: Path) -> None:
    assert [path for path in folder.parent.parent.rglob("*") if not path.is_dir()] == []


def test_fetched_once_then_kept_and_found(tmp_path, server, fetch, folder, monkeypatch):
    result = fetch("data", "fetch", "mnist", "--mirror", server.url("good"))
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines() == [f"{name}: fetched from {server.url('good')}" for name in FILES]
    assert result.stdout.count(" fetched ") == 4
    assert sorted(server.asked) == sorted(f"/good/{name}" for name in FILES)
    assert_published(folder)

    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = fetch("data", "fetch", "mnist", "--mirror", server.url("good"))
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.count(" kept ") == 4
    assert len(server.asked) == 4
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert fetch("data", "fetch", "mnist", "--offline").stdout == again.stdout

    row = next(line for line in fetch("data", "list").stdout.splitlines() if line.startswith("mnist"))
    assert row.split()[1:4] == [str(folder), "60,000", "10,000"]
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.delenv("FMNIST_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert len(load_dataset("mnist", "test").images) == 10_000


REASONS = {
    "absent": "HTTP 404",
    "page": "is a web page, not an IDX file",
    "other": "is not the published file, sha256 c59f468a2f672dc8…",
    "cut": "bytes read, ",
    "cut-unannounced": "gzip stream is cut off or damaged",
    "huge": "sends more than 67 MB",
    "bomb": "header promises 1,073,741,824 bytes, more than any such data set has",
    "odd-length": "'many'",
}


@pytest.mark.parametrize("behaviour", REASONS)
def test_a_mirror_that_fails_is_passed_over(server, fetch, folder, behaviour):
    mirrors = ("--mirror", server.url(behaviour), "--mirror", server.url("good"))
    result = fetch("data", "fetch", "mnist", *mirrors)
    assert result.returncode == 0, result.stderr
    first, *others = result.stderr.splitlines()
    assert first.startswith(f"{FIRST}: fetched from {server.url('good')}, not from {server.url(behaviour)} (")
    assert REASONS[behaviour] in first
    assert others == [f"{name}: fetched from {server.url('good')}" for name in FILES[1:]]
    assert server.asked.count(f"/{behaviour}/{FIRST}") == 1
    assert_published(folder)


def test_a_mirror_that_is_not_there_is_passed_over(server, closed, fetch, folder):
    result = fetch("data", "fetch", "mnist", "--mirror", closed, "--mirror", server.url("good"))
    assert result.returncode == 0, result.stderr
    assert f"not from {closed} (Connection refused)" in result.stderr
    assert_published(folder)


def test_a_mirror_that_never_answers_is_passed_over(tmp_path, server, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(fetching, "_TIMEOUT_S", 0.5)
    files = fetch_dataset("mnist", tmp_path, [server.url("hung"), server.url("good")])
    assert {file.mirror for file in files} == {server.url("good")}
    assert_published(tmp_path / "mnist")


@pytest.mark.parametrize("behaviour", ["no-length", "unpacked"])
def test_other_ways_to_send_the_same(server, fetch, folder, behaviour):
    """`unpacked`: with Content-Encoding, as some servers have it for every .gz."""
    assert fetch("data", "fetch", "mnist", "--mirror", server.url(behaviour)).returncode == 0
    assert_published(folder)


def test_when_all_mirrors_fail(server, closed, fetch, folder):
    bad = [server.url(behaviour) for behaviour in ("absent", "page", "other", "cut")]
    mirrors = [word for mirror in (closed, *bad) for word in ("--mirror", mirror)]
    result = fetch("data", "fetch", "mnist", *mirrors)
    assert_fails(result, FIRST, "--mirror", "--data-dir", closed, "Connection refused", *bad, "HTTP 404")
    assert "apt install" not in result.stderr  # Debian has no package of MNIST
    assert len(server.asked) == len(bad)
    assert_nothing_left(folder)


def test_when_all_mirrors_fail_there_may_be_a_package(closed, fetch, folder):
    result = fetch("data", "fetch", "fashion-mnist", "--mirror", closed)
    assert_fails(result, closed, "Connection refused", "apt install dataset-fashion-mnist")
    assert_nothing_left(folder)


def test_what_was_fetched_before_a_failure_stays(server, fetch, folder):
    folder.mkdir(parents=True)
    for name in FILES[:2]:
        shutil.copy(DATA / "mnist" / name, folder)
    assert_fails(fetch("data", "fetch", "mnist", "--mirror", server.url("absent")), FILES[2])
    assert_published(folder, FILES[:2])
    result = fetch("data", "fetch", "mnist", "--offline")
    assert_fails(result, str(folder), f"{FILES[2]}, {FILES[3]} missing or damaged", "--offline", "--data-dir")
    assert FILES[0] not in result.stderr
    result = fetch("data", "fetch", "mnist", "--mirror", server.url("good"))
    assert [result.stdout.count(f" {state} ") for state in ("kept", "fetched")] == [2, 2]
    assert_published(folder)


def test_offline_uses_no_network(server, fetch, folder):
    result = fetch("data", "fetch", "mnist", "--offline", "--mirror", server.url("good"))
    assert_fails(result, *FILES)
    assert server.asked == []
    assert not folder.exists()


def test_a_damaged_file_is_replaced(tmp_path, server, fetch):
    folder = tmp_path / "mine" / "mnist"
    shutil.copytree(DATA / "mnist", folder)
    (folder / FIRST).write_bytes((folder / FIRST).read_bytes()[:100_000])
    arguments = ("data", "fetch", "mnist", "--data-dir", tmp_path / "mine")
    assert_fails(fetch(*arguments, "--offline"), f"{FIRST} missing or damaged")
    result = fetch(*arguments, "--mirror", server.url("good"))
    assert result.returncode == 0, result.stderr
    assert server.asked == [f"/good/{FIRST}"]
    assert_published(folder)


def test_somebody_elses_data_is_not_replaced(tmp_path, server, fetch):
    folder = tmp_path / "mnist"
    shutil.copytree(DATA / "fashion-mnist", folder)
    result = fetch("data", "fetch", "mnist", "--data-dir", tmp_path, "--mirror", server.url("good"))
    assert_fails(result, f"{folder / FIRST}: is not the published file of mnist; move it away")
    assert (folder / FIRST).read_bytes() == (DATA / "fashion-mnist" / FIRST).read_bytes()
    assert server.asked == []


def test_an_unknown_name(fetch):
    assert_fails(fetch("data", "fetch", "cifar"), "cifar: ", "known data sets are fashion-mnist, mnist")


def test_an_unwritable_destination(tmp_path, server, fetch):
    (tmp_path / "file").write_bytes(b"in the way")
    for destination in (tmp_path / "file", tmp_path / ("x" * 300)):
        arguments = ("--data-dir", destination, "--mirror", server.url("good"))
        assert_fails(fetch("data", "fetch", "mnist", *arguments), f"{destination}/mnist: cannot be written")
    assert server.asked == []
    assert (tmp_path / "file").read_bytes() == b"in the way"


def test_a_full_disk_is_not_the_mirrors_fault(tmp_path, server, monkeypatch):
    """A limit on the size of files stands in for it."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"mnist: cannot be written \(File too large\)"):
            fetch_dataset("mnist", tmp_path, [server.url("good"), server.url("no-length")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert server.asked == [f"/good/{FIRST}"]
    assert list((tmp_path / "mnist").iterdir()) == []


def test_without_pooch_the_extra_is_named(tmp_path, server, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(MissingExtraError, match=r"downloading needs pooch.*fmnist\[train\]"):
        fetch_dataset("mnist", tmp_path, [server.url("good")])


def test_a_mirror_that_is_no_address_is_wrong_usage(fetch):
    result = fetch("data", "fetch", "mnist", "--mirror", "/srv/mirror")
    assert result.returncode == 2
    assert "does not begin with http:// or https://" in result.stderr


def test_verbs_that_miss_a_data_set_name_the_command(tmp_path, fetch):
    assert "or run: fmnist data fetch mnist\n" in fetch("data", "verify", "mnist").stderr
    there = fetch("data", "verify", "mnist", "--data-dir", tmp_path / "my data").stderr
    assert f"or run: fmnist data fetch mnist --data-dir '{tmp_path / 'my data'}'\n" in there
    assert "fmnist data fetch NAME" in fetch("data", "verify").stderr
    assert "fetch" not in fetch("data", "verify", "cifar").stderr


def test_every_known_data_set_has_mirrors():
    assert set(MIRRORS) == set(KNOWN)
    assert all(url.startswith("http") and url.endswith("/") for urls in MIRRORS.values() for url in urls)
