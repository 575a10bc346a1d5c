"""What is found of a machine, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "note", "problem"]
"""With a note everything works; a problem keeps something from working, or from its full speed."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    """What was looked at."""
    found: str
    """What was found."""
    verdict: Verdict = "ok"
    """Whether it is as it should be."""
    advice: str = ""
    """What to do, with the command to type; empty when all is well."""
