"""Why a host could not be talked to, from what ``ssh`` said of it, and what mends that."""

from __future__ import annotations

import shlex

_REASONS = (
    ("IDENTIFICATION HAS CHANGED", "is another machine than before, says its host key; if that is right, "
     "ssh {host} says which line of known_hosts to remove"),
    ("Host key verification failed", "is not known yet; look at its host key once: ssh {host}"),
    ("hostname contains invalid characters", "is no host that ssh can take; give it as in "
     "pi@raspberrypi.local"),
    ("usage: ssh ", "is no host that ssh can take; give it as in pi@raspberrypi.local"),
    ("Permission denied", "lets nobody in without a password; give it your key once: ssh-copy-id {host} "
     "(or unlock it: ssh-add)"),
    ("Too many authentication failures", "was offered too many keys; name the right one in ~/.ssh/config"),
    ("Could not resolve hostname", "there is no host of that name; check it, or give its address"),
    ("Connection refused", "refuses connections; is SSH switched on there? (sudo raspi-config)"),
    ("timed out", "does not answer; is it switched on, and in this network?"),
    ("No route to host", "cannot be reached; is it switched on, and in this network?"),
    ("Network is unreachable", "cannot be reached; is this machine in a network?"),
)  # fmt: skip
"""What stands in the words of OpenSSH, the first that fits."""


def refusal(host: str, code: int, log: str) -> str:
    """Why a command never began on a host.

    Args:
        host: What the user calls it.
        code: Exit code of ``ssh``.
        log: The last lines that it wrote to standard error.
    """
    for words, reason in _REASONS:
        if words in log:
            return reason.format(host=shlex.quote(host))
    last = log.strip().splitlines()[-1:] or [f"exit code {code}"]
    if code != 255:
        return f"runs no shell for us ({last[0]}); try: ssh {shlex.quote(host)} sh -c true"
    return f"ssh says: {last[0]}"
