"""The pages of docs/ that are made from the code. Writes them; with ``--check``, exits 1 where they differ.

docs/reference/ is made as a whole: the verbs from the command's own help, the results and their schemas from
the types that the functions return which make them. Of docs/explanation/statistics.md only the tables are,
between two comments with their name, from the runtime's own functions and from benchmarks/results/.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from json_schema import document_schema
from kinds import KINDS
from results_page import results_page
from statistics_tables import filled
from verbs_page import verbs_page

from fmnist_runtime.files import write_atomically

DOCS = Path(__file__).parent.parent
REFERENCE, STATISTICS = DOCS / "reference", DOCS / "explanation" / "statistics.md"


def pages() -> dict[Path, str]:
    """Every file with what is to be in it."""
    schemas = {kind.name: document_schema(kind) for kind in KINDS}
    made = {
        REFERENCE / "verbs.md": verbs_page(),
        REFERENCE / "results.md": results_page(schemas),
        STATISTICS: filled(STATISTICS.read_text(encoding="utf-8")),
    }
    for name, schema in schemas.items():
        path = REFERENCE / "schemas" / f"{name}.schema.json"
        made[path] = json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
    return made


def main() -> None:
    """Write the files, or check them; a schema of a kind that is no more is removed."""
    made = pages()
    old = set((REFERENCE / "schemas").glob("*.json")) - set(made)
    differing = [path for path, text in made.items() if not path.is_file() or path.read_text("utf-8") != text]
    if sys.argv[1:] == ["--check"]:
        if wrong := sorted({*old, *differing}):
            names = ", ".join(str(path.relative_to(DOCS.parent)) for path in wrong)
            raise SystemExit(f"not as the code is: {names}; run: make docs")
        return
    for path in differing:
        write_atomically(path, made[path].encode())
    for path in old:
        path.unlink()


if __name__ == "__main__":
    main()
