"""Parity results as a JUnit XML file, which CI systems show like tests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from fmnist.parity.models import OTHER_MODEL, ModelParity
from fmnist_runtime.parity import Parity

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold (https://www.w3.org/TR/xml/#charsets), which a file name may."""


def junit_xml(results: Sequence[ModelParity]) -> str:
    """One test suite for each model, and in it one test case for each limit of its gate.

    The layout is the one that Jenkins, GitLab and GitHub's actions read
    (https://github.com/testmoapp/junitxml).
    """
    root = ElementTree.Element("testsuites", name="fmnist parity")
    for item in results:
        breaches = {breach.gate: breach for breach in item.parity.breaches}
        name, limits = _plain(item.model.name), _limits(item.parity)
        suite = ElementTree.SubElement(
            root, "testsuite", name=name, tests=str(len(limits)), failures=str(len(breaches)), errors="0"
        )
        for gate in limits:
            case = ElementTree.SubElement(suite, "testcase", classname=name, name=gate)
            if gate in breaches:
                text = _plain(str(breaches[gate]))
                kind = "parity" if breaches[gate].certain else "too few images"
                ElementTree.SubElement(case, "failure", message=text, type=kind).text = text
        if item.same_original is False:
            ElementTree.SubElement(suite, "system-out").text = OTHER_MODEL
    for total in ("tests", "failures", "errors"):
        root.set(total, str(sum(int(suite.get(total, "0")) for suite in root)))
    ElementTree.indent(root)
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return content.decode() + "\n"


def _limits(parity: Parity) -> list[str]:
    """The limits that a model was held against."""
    gate = parity.gate
    limits = ["max-drop", "min-agreement"]
    limits += ["max-difference"] if gate.max_difference is not None else []
    flips = (gate.max_confident_flips, gate.max_confident_share)
    return limits + (["max-confident-flips"] if flips != (None, None) else [])


def _plain(text: str) -> str:
    return _FORBIDDEN.sub("�", text)
