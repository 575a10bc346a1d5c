from dataclasses import dataclass

STABLE = "STABLE"


@dataclass(frozen=True)
class Trust:
    verdict: str
    reasons: tuple[str, ...]


def judge(medians, states):
    return Trust(STABLE, ())
