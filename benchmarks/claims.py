"""What a benchmark promises, and how it ends: print the claims, record them in results/, and judge them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from side_by_side import report

from fmnist.results.write import to_json, write_result

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Claim:
    """A promise, and its measured value."""

    text: str
    """The subject, such as ``one image: tflite int8 ÷ its bare engine``."""
    value: float
    """The measured value."""
    unit: str
    """Unit of the value and the limit: ``times``, ``µs``, ``MB``, ``%`` …"""
    limit: float
    """The promised limit."""
    at_least: bool = False
    """Whether the value must reach the limit; otherwise it must not exceed it."""

    @property
    def held(self) -> bool:
        """Whether the value keeps the limit."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def measured(self) -> str:
        """The value with its unit."""
        return f"{_number(self.value)} {self.unit}".rstrip()

    @property
    def promised(self) -> str:
        """The limit with its unit."""
        return f"{'at least' if self.at_least else 'at most'} {self.limit:,g} {self.unit}".rstrip()


@dataclass(frozen=True)
class Part:
    """Results of one part of a benchmark."""

    claims: list[Claim]
    """Its claims."""
    body: dict[str, object]
    """Its figures, for the JSON."""


def conclude(name: str, claims: Sequence[Claim], figures: Mapping[str, object]) -> NoReturn:
    """Print the claims, write ``results/NAME.json``, and exit: 1 if a claim is broken, otherwise 0.

    Args:
        name: The script's name.
        claims: The claims.
        figures: All measured figures.
    """
    rows = [
        [claim.text, claim.measured, claim.promised, "held" if claim.held else "BROKEN"] for claim in claims
    ]
    report("What was promised", ["claim", "measured", "promised", "verdict"], rows)
    body = {
        "measured": datetime.now(UTC).date().isoformat(),
        "claims": [{**asdict(claim), "held": claim.held} for claim in claims],
        **figures,
    }
    write_result(RESULTS / f"{name}.json", to_json(f"benchmark-{name.replace('_', '-')}", body))
    broken = [claim for claim in claims if not claim.held]
    reasons = [f"broken: {claim.text} is {claim.measured}, promised {claim.promised}" for claim in broken]
    print("\n" + ("\n".join(reasons) or "every limit is held"), flush=True)
    sys.exit(bool(broken))


def _number(value: float) -> str:
    """Format whole numbers without decimals, others with two decimals, or two digits if they are smaller."""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) >= 0.01 else f"{value:.2g}"
