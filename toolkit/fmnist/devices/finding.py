"""A finding about a machine, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "note", "problem"]
"""With a note, everything works. With a problem, something does not work, or not at full speed."""


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    name: str
    """What was checked."""
    found: str
    """What was found."""
    verdict: Verdict = "ok"
    """Whether there is a problem."""
    advice: str = ""
    """What to do, with the command to type; empty if nothing."""
