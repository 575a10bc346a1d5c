"""Versions on a device: what is sent, what is kept, what is in use."""

from __future__ import annotations

from handmade import handmade


def test_a_version_is_installed_and_measured(deploy, pi, tiny):
    bundle = handmade()

    outcome = deploy(bundle)

    assert outcome.failure is None
    assert outcome.sent_bytes == sum(file.size for file in bundle.files)
    assert (pi / "fmnist" / "current").readlink().name == bundle.version
    assert [row.accuracy for row in outcome.rows] == [0.8746]
