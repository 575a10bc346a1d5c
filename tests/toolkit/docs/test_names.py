"""Every public class has a name of its own."""

from __future__ import annotations

import ast
from collections import defaultdict

from support import ROOT


def test_no_two_public_classes_have_the_same_name():
    places = defaultdict(list)
    for package in ("runtime", "exporters", "toolkit"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places[node.name].append(str(path.relative_to(ROOT)))
    assert places
    shared = {name: found for name, found in places.items() if len(found) > 1}
    assert not shared, f"rename all but one of: {shared}"
