"""Names that a stranger chose, of classes, files and machines, are text on the page and nothing else."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from support import run_fmnist

from fmnist_runtime.recorded import read_reference, write_reference

HOSTILE = (
    "<script>window.hacked=1</script>",
    "</script><img src=x onerror='window.hacked=2'>",
    '{{ 7*7 }}" onmouseover="window.hacked=3',
    "--><svg onload=window.hacked=4>",
    "it's & <b>bold</b>",
)


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts, self.handlers, self.sources, self.text = 0, [], [], []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        self.sources += [value for name, value in attrs if name == "src"]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def hostile_run(run: Path, folder: Path) -> Path:
    """A copy of a run whose classes, files, machine, reasons and devices are called what attacks a page."""
    copy = Path(shutil.copytree(run, folder / "<img src=x onerror=alert(1)>"))
    reference = read_reference(copy / "reference.npz")
    labels = (HOSTILE * 2)[: len(reference.labels)]
    write_reference(copy / "reference.npz", replace(reference, labels=labels))
    for kind in ("train", "eval", "parity", "bench"):
        record = json.loads((copy / f"{kind}.json").read_text())
        record["environment"]["cpu"] = HOSTILE[0]
        record["environment"]["packages"][HOSTILE[1]] = HOSTILE[2]
        record.get("settings", {})[HOSTILE[2]] = HOSTILE[3]
        for model in record.get("models", []):
            model["reasons"], model["verdict"] = [HOSTILE[0]], HOSTILE[1]
        for candidate in record.get("candidates", []):
            breach = {"gate": HOSTILE[0], "limit": 0, "measured": 1, "certain": True, "text": HOSTILE[1]}
            candidate["breaches"] = [breach]
        (copy / f"{kind}.json").write_text(json.dumps(record))
    device = copy / "devices" / HOSTILE[4].replace("/", "")
    device.mkdir(parents=True)
    for kind in ("eval", "parity", "bench"):
        shutil.copy(copy / f"{kind}.json", device)
    doctor = run_fmnist(folder, "doctor", "--json", device / "doctor.json")
    assert doctor.returncode == 0, doctor.stderr
    record = json.loads((device / "doctor.json").read_text())
    record["probe"]["board"] = HOSTILE[1]
    record["findings"][0] |= {"verdict": "problem", "found": HOSTILE[0], "advice": HOSTILE[3]}
    (device / "doctor.json").write_text(json.dumps(record))
    return copy


def test_they_stand_on_the_page_as_text(tiny_run, tmp_path):
    run = hostile_run(tiny_run, tmp_path)
    result = run_fmnist(tmp_path, "report", run)
    assert result.returncode == 0, result.stderr
    page = Tags((run / "report.html").read_text(encoding="utf-8"))
    text = "".join(page.text)
    assert page.scripts == 2  # the page's own, and its data
    assert not page.handlers
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert all(name in text for name in HOSTILE)
    assert run.name in text
