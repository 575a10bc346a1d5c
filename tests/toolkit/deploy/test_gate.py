"""What breaks its gate on a device is not switched to, and what is in use there stays, and is named."""

from __future__ import annotations

import json

import pytest
from support.handmade import COMMAND, DRIFT, INSTALL, RESULTS, answering, drifting, handmade

from fmnist.deploy import transfer
from fmnist.results.write import schema
from fmnist_runtime.errors import DeviceError, RejectedError


def in_use(pi):
    return (pi / "fmnist" / "current").readlink().name


def versions(pi):
    return {path.name for path in (pi / "fmnist" / "versions").iterdir()}


def results(tiny):
    return {path.name for path in (tiny / "devices/pi").iterdir()}


def test_what_breaks_its_gate_is_not_switched_to(deploy, pi, tiny):
    first, second = handmade("first"), drifting()
    deploy(first)

    outcome = deploy(second)

    assert isinstance(outcome.error, RejectedError)
    assert outcome.failure == (
        f"pi: version {second.version} fails its gate there in 1 of 1 models; "
        f"version {first.version} stays in use there"
    )
    assert in_use(pi) == first.version
    assert not (pi / "fmnist" / "previous").is_symlink()


def test_the_results_of_what_broke_its_gate_come_back(deploy, pi, tiny):
    deploy(handmade("first"))

    outcome = deploy(drifting())

    assert results(tiny) == {"doctor.json", "eval.json", "parity.json"}  # and no times of the other version
    there = json.loads((tiny / "devices/pi/parity.json").read_bytes())
    assert there["candidates"] == DRIFT["candidates"]
    [row] = outcome.models
    assert (row.accuracy, row.p50_us) == (0.8746, None)
    assert row.failures == ("max_drop: accuracy fell by 1.00 points; 0.50 are allowed",)
    assert (outcome.outcome, outcome.already_there, outcome.log) == ("drifted", False, "")


def test_a_device_whose_first_version_breaks_its_gate_uses_none(deploy, pi):
    bundle = drifting()

    outcome = deploy(bundle)

    assert outcome.failure == (
        f"pi: version {bundle.version} fails its gate there in 1 of 1 models; no version is in use there"
    )
    assert not (pi / "fmnist" / "current").is_symlink()


def test_a_version_in_use_that_drifts_later_is_said_to_be_in_use(deploy, pi):
    script = '[ -e "$HOME/drift" ] || exec cat results/parity.json; cat "$HOME/drift"; exit 3'
    bundle = handmade(command=answering("parity", script))
    deploy(bundle)
    (pi / "drift").write_text(json.dumps({"schema": schema("parity"), **DRIFT}))

    outcome = deploy(bundle)

    assert outcome.already_there
    assert isinstance(outcome.error, RejectedError)
    assert outcome.failure == (
        f"pi: version {bundle.version} fails its gate there in 1 of 1 models; "
        "it is in use there until another is deployed"
    )
    assert in_use(pi) == bundle.version


def test_a_version_in_use_that_no_longer_verifies_is_said_to_be_in_use(deploy, pi):
    verify = '[ ! -e "$HOME/drift" ] || exit 3; exit 0'
    bundle = handmade(command=COMMAND.replace("exit 0", verify))
    deploy(bundle)
    (pi / "drift").touch()

    outcome = deploy(bundle)  # installs it once more, in place, as it does not work

    assert isinstance(outcome.error, RejectedError)
    assert outcome.failure == (
        f"pi: version {bundle.version} gives other answers there than where it was made; "
        "it is in use there until another is deployed"
    )
    assert in_use(pi) == bundle.version


def test_what_broke_its_gate_is_kept_until_the_next_deployment(deploy, pi):
    first, second, third, fourth = handmade("first"), drifting("2nd"), drifting("3rd"), handmade("fourth")
    deploy(first)
    deploy(second)
    assert versions(pi) == {first.version, second.version}

    deploy(third)
    assert versions(pi) == {first.version, third.version}

    deploy(fourth)
    assert versions(pi) == {first.version, fourth.version}
    assert (in_use(pi), (pi / "fmnist" / "previous").readlink().name) == (fourth.version, first.version)
    kept = {file.sha256 for bundle in (first, fourth) for file in bundle.files}
    assert {path.name for path in (pi / "fmnist" / "files").iterdir()} == kept


def test_what_broke_its_gate_is_tried_again_without_being_sent_or_installed_again(deploy, pi):
    bundle = drifting(install=f"{INSTALL}echo once >> ../../ran\n")
    deploy(bundle)

    outcome = deploy(bundle)

    assert isinstance(outcome.error, RejectedError)
    assert (outcome.sent_bytes, outcome.already_there) == (0, False)
    assert (pi / "fmnist" / "ran").read_text() == "once\n"


def test_the_version_before_stays_when_it_drifts_as_it_is_deployed_again(deploy, pi):
    script = '[ -e "$HOME/drift" ] || exec cat results/parity.json; cat "$HOME/drift"; exit 3'
    first, second = handmade("first", command=answering("parity", script)), handmade("second")
    deploy(first)
    deploy(second)
    (pi / "drift").write_text(json.dumps({"schema": schema("parity"), **DRIFT}))

    outcome = deploy(first)

    assert outcome.failure.endswith(f"; version {second.version} stays in use there")
    assert (in_use(pi), (pi / "fmnist" / "previous").readlink().name) == (second.version, first.version)
    assert versions(pi) == {first.version, second.version}


def test_what_does_not_verify_is_measured_and_not_switched_to(deploy, pi, tiny):
    first, second = handmade("first"), handmade("second", install=f"{INSTALL}echo differs\nexit 3\n")
    deploy(first)

    outcome = deploy(second)

    assert isinstance(outcome.error, RejectedError)
    assert outcome.failure == (
        f"pi: version {second.version} gives other answers there than where it was made; "
        f"version {first.version} stays in use there"
    )
    assert outcome.log == "differs\n"
    assert in_use(pi) == first.version
    assert results(tiny) == {"doctor.json", "eval.json", "parity.json"}
    assert len(outcome.models) == 1


def test_what_does_not_verify_fails_its_gate_even_if_it_cannot_be_measured(deploy, pi, tiny):
    bundle = handmade(install="exit 3\n")

    outcome = deploy(bundle)

    assert isinstance(outcome.error, RejectedError)
    assert f"version {bundle.version} gives other answers there" in outcome.failure
    assert "(fmnist doctor fails there: " in outcome.failure
    assert outcome.failure.endswith("; no version is in use there")
    assert not (pi / "fmnist" / "current").is_symlink()


@pytest.mark.parametrize(
    ("code", "parity", "reason"),
    [
        (3, RESULTS["parity"], "exits with 3 there, and its result has no broken gate"),
        (0, DRIFT, "exits with 0 there, and its result has a broken gate"),
        (0, {"candidates": []}, "fmnist parity there has no results of tflite int8"),
    ],
    ids=["code alone", "result alone", "no model"],
)
def test_a_verdict_that_is_in_doubt_does_not_pass(deploy, pi, code, parity, reason):
    first = handmade("first")
    deploy(first)
    command = answering("parity", f"cat results/parity.json; exit {code}")

    outcome = deploy(handmade("second", command=command, results=RESULTS | {"parity": parity}))

    assert isinstance(outcome.error, DeviceError)
    assert reason in outcome.failure
    assert outcome.failure.endswith(f"; version {first.version} stays in use there")
    assert in_use(pi) == first.version


def test_no_model_at_all_does_not_pass(deploy, pi):
    nothing = RESULTS | {"eval": {"models": []}, "parity": {"candidates": []}}

    outcome = deploy(handmade(results=nothing))

    assert outcome.failure == "pi: fmnist eval there has no results of a model; no version is in use there"
    assert not (pi / "fmnist" / "current").is_symlink()


def test_a_connection_that_dies_before_the_switch_leaves_the_version_before_in_use(deploy, pi, network):
    first, second = handmade("first"), handmade("second", payload=2000)
    deploy(first)
    present = {file.sha256 for file in first.files}
    missing = sum(file.size for file in second.files if file.sha256 not in present)
    network.cut_after(len(transfer.request(second)) + len(b"go\n") + missing + 1)

    broken = deploy(second)

    assert broken.failure == (f"pi: the connection was lost; version {first.version} stays in use there")
    assert in_use(pi) == first.version

    again = deploy(second)

    assert again.failure is None
    assert again.sent_bytes == 0
    assert in_use(pi) == second.version


def test_a_verb_that_writes_without_end_is_ended(deploy, pi):
    outcome = deploy(handmade(command=answering("eval", "yes")))

    assert (
        outcome.failure
        == "pi: the output of a command of this version does not end; no version is in use there"
    )
    assert deploy(handmade()).failure is None  # it holds no lock


def test_a_version_whose_times_do_not_come_back_is_in_use(deploy, pi, tiny):
    deploy(handmade("first"))
    bundle = handmade("second", command=answering("bench", "echo 'the moon is full' >&2; exit 1"))

    outcome = deploy(bundle)

    assert outcome.failure == (
        f"pi: fmnist bench fails there: the moon is full; version {bundle.version} is in use there, "
        "but its results are not all here"
    )
    assert outcome.log.splitlines()[-1] == "the moon is full"
    assert in_use(pi) == bundle.version
    assert results(tiny) == {"doctor.json", "eval.json", "parity.json"}
    [row] = outcome.models
    assert (row.agreement, row.p50_us) == (0.9989, None)
