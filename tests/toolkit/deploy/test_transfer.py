"""What is sent to a device, what is kept there, and which version is in use."""

from __future__ import annotations

import fcntl
import json
from dataclasses import replace

import pytest
from support.handmade import INSTALL, handmade

from fmnist.bundle.contents import BundleFile
from fmnist_runtime.errors import DeviceError

COUNTED = f"{INSTALL}echo once >> ../../ran\n"


def total(bundle):
    return sum(file.size for file in bundle.files)


def in_use(pi):
    return (pi / "fmnist" / "current").readlink().name


def bytes_there(pi):
    return sum(path.stat().st_size for path in (pi / "fmnist" / "files").iterdir())


def wait_for_its_end(pi):
    """A device whose connection was lost keeps its lock until it has noticed, and kept what had come."""
    with (pi / "fmnist" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)


def test_a_version_is_sent_installed_and_measured(deploy, pi, tiny):
    bundle = handmade()

    outcome = deploy(bundle)

    assert outcome.failure is None
    assert (outcome.sent_bytes, outcome.already_there) == (total(bundle), False)
    assert in_use(pi) == bundle.version == outcome.version
    for file in bundle.files:
        with file.open() as content:
            assert (pi / "fmnist" / "current" / file.name).read_bytes() == content.read()
    [row] = outcome.models
    assert (row.accuracy, row.difference, row.agreement) == (0.8746, -0.0003, 0.9989)
    assert (row.p50_us, row.p99_us) == (12.5, 31.4)
    results = {path.name: json.loads(path.read_bytes())["schema"] for path in (tiny / "devices/pi").iterdir()}
    assert results == {
        "doctor.json": "fmnist.doctor/1",
        "eval.json": "fmnist.eval/1",
        "parity.json": "fmnist.parity/4",
        "bench.json": "fmnist.bench/2",
    }


def test_what_is_in_use_already_is_neither_sent_nor_installed_but_measured(deploy, pi, tiny):
    bundle = handmade(install=COUNTED)
    deploy(bundle)
    (tiny / "devices/pi/bench.json").unlink()

    outcome = deploy(bundle)

    assert outcome.failure is None
    assert (outcome.sent_bytes, outcome.already_there) == (0, True)
    assert (pi / "fmnist" / "ran").read_text() == "once\n"
    assert (tiny / "devices/pi/bench.json").is_file()


def test_of_a_new_version_only_what_changed_is_sent(deploy, pi):
    first, second = handmade("first", payload=100_000), handmade("second", payload=100_000)
    deploy(first)

    outcome = deploy(second)

    changed = {file.sha256: file.size for file in second.files}
    for file in first.files:
        changed.pop(file.sha256, None)
    assert outcome.sent_bytes == sum(changed.values()) < 1000
    assert in_use(pi) == second.version


def test_the_version_before_stays_and_older_ones_go(deploy, pi):
    bundles = [handmade(name, payload=payload) for name, payload in (("a", 1000), ("b", 2000), ("c", 3000))]
    for bundle in bundles:
        deploy(bundle)

    versions = {path.name for path in (pi / "fmnist" / "versions").iterdir()}
    assert versions == {bundles[1].version, bundles[2].version}
    assert (pi / "fmnist" / "previous").readlink().name == bundles[1].version
    kept = {file.sha256 for bundle in bundles[1:] for file in bundle.files}
    assert {path.name for path in (pi / "fmnist" / "files").iterdir()} == kept


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "artifact can no longer be read here (No such file or directory); try again"),
        (b"short", "artifact became shorter while it was sent; try again"),
        (b"x" * 1000, "artifact arrived damaged; the same command sends it again"),
    ],
    ids=["gone", "shorter", "another"],
)
def test_a_file_that_changes_here_in_the_meantime_is_not_used(deploy, pi, tmp_path, content, reason):
    path = tmp_path / "artifact"
    path.write_bytes(bytes(1000))
    artifact = BundleFile("artifact", path)
    bundle = handmade()
    bundle = replace(bundle, files=(artifact, *bundle.files))
    assert (artifact.size, len(artifact.sha256)) == (1000, 64)  # as they were when it was bundled
    path.unlink()
    if content is not None:
        path.write_bytes(content)

    outcome = deploy(bundle)

    assert reason in outcome.failure
    assert not (pi / "fmnist" / "current").exists()


@pytest.mark.parametrize("name", ["files", "versions", "notes"])
def test_a_folder_of_that_name_that_is_somebodys_is_left_alone(deploy, pi, name):
    own = pi / "fmnist" / name / "my only copy"
    own.parent.mkdir(parents=True)
    own.write_text("of a thesis")

    outcome = deploy(handmade())

    assert outcome.failure == (
        f"pi: {pi / 'fmnist'} holds files that no deployment put there; rename it; nothing was sent"
    )
    assert own.read_text() == "of a thesis"
    assert [path.name for path in (pi / "fmnist").iterdir()] == [name]


def test_what_cannot_be_tidied_does_not_undo_what_is_in_use(deploy, pi):
    first, second, third = (handmade(name) for name in ("first", "second", "third"))
    deploy(first)
    (pi / "fmnist" / "files" / "a folder").mkdir()  # which no file of ours is
    manifest = pi / "fmnist" / "versions" / first.version / "SHA256SUMS"
    manifest.write_bytes(b"\n\xff\n" + manifest.read_bytes())

    for bundle in (second, third):
        outcome = deploy(bundle)
        assert outcome.failure is None
        assert in_use(pi) == bundle.version


def test_links_that_point_nowhere_count_for_none(deploy, pi):
    (pi / "fmnist").mkdir()
    (pi / "fmnist" / "lock").touch()
    for name in ("current", "previous"):
        (pi / "fmnist" / name).symlink_to("versions/gone")
    bundle = handmade()

    assert deploy(bundle).failure is None

    assert in_use(pi) == bundle.version


def test_a_connection_that_dies_on_the_way_costs_what_was_not_there_yet(deploy, pi, network):
    # ssh lets 2 MB go ahead of what the device has read, so of 5 MB it must have read something.
    bundle = handmade(payload=6_000_000)
    network.cut_after(5_000_000)

    broken = deploy(bundle)
    wait_for_its_end(pi)
    there = bytes_there(pi)

    assert "the connection was lost" in broken.failure
    assert "the same command sends the rest; no version is in use there" in broken.failure
    assert not (pi / "fmnist" / "current").exists()
    assert 0 < there < 5_000_000

    whole = deploy(bundle)

    assert whole.failure is None
    assert whole.sent_bytes == total(bundle) - there
    assert in_use(pi) == bundle.version


def test_a_version_that_cannot_be_installed_leaves_the_one_before_in_use(deploy, pi):
    first = handmade("first")
    deploy(first)
    second = handmade(
        "second", install="mkdir .venv\necho 'install.sh: the disk is made of cheese' >&2\nexit 1\n"
    )

    outcome = deploy(second)

    assert outcome.failure == (
        "pi: could not be installed (install.sh: the disk is made of cheese); "
        f"version {first.version} stays in use there"
    )
    assert outcome.log == "install.sh: the disk is made of cheese\n"
    assert in_use(pi) == first.version
    assert [path.name for path in (pi / "fmnist" / "versions").iterdir()] == [first.version]
    assert deploy(first).already_there


def test_an_installation_that_is_killed_there_is_said_to_be(deploy, pi):
    outcome = deploy(handmade(install="echo installing\nkill -9 $$\n"))

    assert outcome.failure == (
        "pi: could not be installed (ended by signal 9; has it too little memory?); "
        "no version is in use there"
    )


def test_files_of_the_users_own_in_the_folder_stay(deploy, pi):
    """What is not of a version is not tidied away."""
    assert deploy(handmade("zeroth")).failure is None
    own = [pi / "fmnist" / name for name in ("README.md", "files/notes", "versions/mine/notes", "files/a/b")]
    for path in own:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")

    assert deploy(handmade("first")).failure is None
    assert deploy(handmade("second")).failure is None

    assert [path.read_text() for path in own] == ["mine"] * len(own)


@pytest.mark.parametrize("name", ["current", "previous"])
@pytest.mark.parametrize("folder", [True, False])
def test_what_has_the_name_of_a_link_is_not_replaced(deploy, pi, name, folder):
    path = pi / "fmnist" / name
    (path if folder else path.parent).mkdir(parents=True)
    if not folder:
        path.write_text("mine")

    outcome = deploy(handmade())

    assert outcome.failure == (f"pi: {path} exists and is not from fmnist; rename it; nothing was sent")
    assert path.is_dir() or path.read_text() == "mine"


def test_a_file_in_place_of_the_folder(deploy, pi):
    (pi / "fmnist").write_text("mine")

    outcome = deploy(handmade())

    assert outcome.failure == (f"pi: {pi / 'fmnist'} exists and is not a folder; rename it; nothing was sent")
    assert (pi / "fmnist").read_text() == "mine"


def test_what_needs_more_room_than_there_is_is_not_even_sent(deploy, pi):
    outcome = deploy(handmade(installed_bytes=10**15))

    assert "pi: no space: needs 1000000000.00 MB, " in outcome.failure
    assert outcome.failure.endswith(" is free; delete what is not needed there; nothing was sent")
    assert outcome.sent_bytes == bytes_there(pi) == 0


def test_a_file_that_was_changed_on_the_device_is_sent_again(deploy, pi):
    bundle = handmade(payload=50_000)
    deploy(bundle)
    (pi / "fmnist" / "current" / "payload").write_bytes(b"x" * 50_000)

    outcome = deploy(bundle)

    assert outcome.failure is None
    assert (outcome.sent_bytes, outcome.already_there) == (50_000, False)
    [payload] = (file for file in bundle.files if file.name == "payload")
    assert (pi / "fmnist" / "current" / "payload").read_bytes() == payload.content


def test_a_version_that_no_longer_works_is_installed_again(deploy, pi):
    bundle = handmade()
    deploy(bundle)
    (pi / "fmnist" / "current" / ".venv" / "bin" / "fmnist").write_text("#!/bin/sh\nexit 1\n")

    outcome = deploy(bundle)

    assert outcome.failure is None
    assert (outcome.sent_bytes, outcome.already_there) == (0, False)
    assert deploy(bundle).already_there


def test_a_result_that_cannot_be_replaced_is_found_before_anything_is_sent(deploy, pi, tiny):
    (tiny / "devices/pi").mkdir(parents=True)
    (tiny / "devices/pi/eval.json").write_text("my own notes")

    with pytest.raises(Exception, match="exists and is not a result of fmnist"):
        deploy(handmade())

    assert not (pi / "fmnist").exists()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ('#!/bin/sh\n[ "$1" = verify ] || echo "fmnist: the moon is full" >&2 && [ "$1" = verify ]\n',
         "fmnist doctor fails there: the moon is full"),
        ('#!/bin/sh\n[ "$1" = verify ] || echo "[[[["\n', "fmnist doctor there did not answer with JSON"),
        ('#!/bin/sh\n[ "$1" = verify ] || echo "{}"\n', "another result than fmnist.doctor/1"),
    ],
)  # fmt: skip
def test_what_is_no_result_is_not_brought_back(deploy, pi, tiny, command, reason):
    bundle = handmade(command=command)

    outcome = deploy(bundle)

    assert isinstance(outcome.error, DeviceError)
    assert reason in outcome.failure
    assert outcome.failure.endswith("; no version is in use there")
    assert not (pi / "fmnist" / "current").exists()
    assert not list((tiny / "devices").glob("*/*"))


@pytest.mark.parametrize("accuracy", ["'87%'", None, [1], pytest.param(10**400, id="huge")])
def test_figures_that_are_none_are_refused(deploy, pi, accuracy):
    from support.handmade import MODEL, RESULTS

    outcome = deploy(handmade(results=RESULTS | {"eval": {"models": [MODEL | {"accuracy": accuracy}]}}))

    assert "answers with a damaged result" in outcome.failure
    assert outcome.models == ()
