"""`fmnist report`: what the page says of a run that is whole, lacks a step, failed a gate or is damaged."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path

import pytest
from support import run_fmnist

MOST_BYTES = 3_000_000


def report_of(run: Path, *options: object) -> str:
    """The page of a run, as text: what stands between tags, with single spaces."""
    result = run_fmnist(run.parent.parent, "report", run, *options)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{run / 'report.html'}\n"
    return text_of((run / "report.html").read_text(encoding="utf-8"))


def text_of(page: str) -> str:
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def decision_of(page: str) -> str:
    return re.search(r"Ship (nothing yet|\S+)", page)[1]


def test_the_page_has_every_figure_of_the_table(run):
    page = report_of(run)
    evaluated = json.loads((run / "eval.json").read_text())["models"]
    compared = {entry["name"]: entry for entry in json.loads((run / "parity.json").read_text())["candidates"]}
    for model in evaluated:
        assert model["name"] in page
        assert f"{100 * model['accuracy']:.2f}%" in page
        if model["name"] in compared:
            assert f"{100 * compared[model['name']]['answers']['agreement']:.2f}%" in page
    assert decision_of(page) in compared
    assert (run / "report.html").stat().st_size < MOST_BYTES


def test_nothing_is_fetched(run):
    """There is no address in it that a browser would follow by itself."""
    report_of(run)
    page = (run / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["']?(?!data:|#)[^"'>]""", page)
    assert "url(" not in page.replace("url(data:", "")
    assert "@import" not in page


def test_the_same_run_gives_the_same_page(run):
    report_of(run)
    first = (run / "report.html").read_bytes()
    report_of(run)  # also: our own page is replaced without being asked
    assert (run / "report.html").read_bytes() == first


def test_a_failed_gate_is_named_and_never_recommended(run):
    limits = ("--min-agreement", 0.995)
    gated = run_fmnist(run.parent, "parity", run, *limits, "--json", run / "parity.json")
    assert gated.returncode == 3
    candidates = json.loads((run / "parity.json").read_text())["candidates"]
    failed = [entry for entry in candidates if not entry["passed"]]
    assert failed
    assert len(failed) < len(candidates)
    page = report_of(run)
    for entry in failed:
        assert f"{entry['name']} breaks its limits" in page
        assert all(breach["text"] in page for breach in entry["breaches"])
    assert page.count(" FAIL ") >= len(failed)
    assert decision_of(page) in {entry["name"] for entry in candidates if entry["passed"]}


def test_where_every_gate_failed_nothing_is_to_be_shipped(run):
    assert (
        run_fmnist(run.parent, "parity", run, "--max-drop", 0, "--json", run / "parity.json").returncode == 3
    )
    page = report_of(run)
    assert decision_of(page) == "nothing yet"
    assert "None of the 6 compared artifacts passes the gate: there are too few test images" in page


def test_what_its_export_refused_is_named(run):
    manifest = run / "export" / "manifest.json"
    content = json.loads(manifest.read_text())
    entry = content["artifacts"].pop()
    content["rejected"] = [entry | {"file": f"{entry['file']}.rejected", "rejected": "accuracy fell"}]
    manifest.write_text(json.dumps(content))
    page = report_of(run)
    assert f"{entry['file']}.rejected was rejected by its export accuracy fell" in page


@pytest.mark.parametrize("kind", ["eval", "parity", "bench"])
def test_a_missing_step_is_said_with_the_command_that_makes_it(run, kind):
    (run / f"{kind}.json").unlink()
    page = report_of(run)
    gap = re.search(rf"{kind}\.json is missing, and with it [\w ,']+: (fmnist [^<]+?\.json)", page)
    assert gap
    if kind == "parity":
        assert decision_of(page) == "nothing yet"
        assert "No artifact was compared with the original, so none may replace it." in page
    if kind == "bench":
        assert "None of them was timed" in page
    if kind == "eval":
        repaired = run_fmnist(run.parent, *gap[1].split()[1:])
        assert repaired.returncode == 0, repaired.stderr
        assert "is missing" not in report_of(run)


def test_a_run_that_is_only_trained(run):
    shutil.rmtree(run / "export")
    for kind in ("eval", "parity", "bench"):
        (run / f"{kind}.json").unlink()
    page = report_of(run)
    assert decision_of(page) == "nothing yet"
    assert (
        f"Nothing is exported of the present model: fmnist export {run} --format all --quantize all" in page
    )


def test_results_of_earlier_files_are_not_shown(run):
    """A file that was exported anew since is another one, whatever its name."""
    manifest = json.loads((run / "export" / "manifest.json").read_text())
    name = manifest["artifacts"][0]["file"]
    parity = json.loads((run / "parity.json").read_text())
    for entry in parity["candidates"]:
        if entry["name"] == name:
            entry["sha256"] = "0" * 64
    (run / "parity.json").write_text(json.dumps(parity))
    page = report_of(run)
    assert f"parity.json has no results of the present {name}: fmnist parity {run} --json" in page
    assert "1 of 6 artifacts was not compared with the original." in page


def test_a_scenario_that_times_no_single_image(run):
    bench = json.loads((run / "bench.json").read_text())
    bench["method"]["scenario"] = "throughput"
    (run / "bench.json").write_text(json.dumps(bench))
    assert "bench.json is of another scenario than latency" in report_of(run)


def test_a_page_that_is_not_ours_is_kept(run, fmnist):
    (run / "report.html").write_text("<!doctype html>mine")
    result = fmnist("report", run)
    assert result.returncode == 1
    assert result.stderr == (
        f"fmnist: {run / 'report.html'}: exists and is not a result of fmnist; "
        "choose another file with --out, or --force\n"
    )
    assert (run / "report.html").read_text() == "<!doctype html>mine"
    assert fmnist("report", run, "--force").returncode == 0
    assert fmnist("report", run, "--out", run / "other.html").returncode == 0


@pytest.mark.parametrize("name", ["eval.json", "model.keras", "report.pdf", "-"])
def test_a_report_is_html_and_overwrites_nothing_that_it_is_made_of(run, fmnist, name):
    before = (run / "eval.json").read_bytes(), (run / "model.keras").read_bytes()
    out = name if name == "-" else run / name
    result = fmnist("report", run, "--out", out, "--force")
    assert result.returncode == 1
    assert result.stderr == f"fmnist: {out}: a report is an HTML file; give a name that ends in .html\n"
    assert ((run / "eval.json").read_bytes(), (run / "model.keras").read_bytes()) == before
    assert not (run / "report.pdf").exists()


def test_commands_for_a_folder_with_a_space_can_be_typed(run):
    (run / "parity.json").unlink()
    (run / "bench.json").unlink()
    mine = run.rename(run.with_name("my run"))
    page = report_of(mine)
    for verb in ("parity", "bench"):
        assert page.count(f"fmnist {verb} '{mine}' --json '{mine / verb}.json'") >= 2


def test_too_few_images_are_not_called_a_broken_limit(run, fmnist):
    """Of float32 that answers all alike, nothing but the number of images stands against it."""
    assert fmnist("parity", run, "--max-drop", 0.01, "--json", run / "parity.json").returncode == 3
    page = report_of(run)
    assert "model-float32.tflite may break its limits" in page
    assert "model-float32.tflite breaks its limits" not in page


def test_what_is_no_run(fmnist, tmp_path):
    result = fmnist("report", tmp_path)
    assert (result.returncode, result.stderr) == (
        1,
        f"fmnist: {tmp_path}: is not a run; give the folder that fmnist train wrote, or fmnist import with "
        "--dataset\n",
    )


def test_runs_side_by_side(run, fmnist, tmp_path):
    other = Path(shutil.copytree(run, tmp_path / "other" / "tiny"))
    record = json.loads((other / "train.json").read_text())
    record["settings"]["seed"] = 7
    (other / "train.json").write_text(json.dumps(record))
    result = fmnist("report", run, other)
    assert (result.returncode, result.stdout) == (0, "report.html\n")
    page = text_of((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.count("Side by side") >= 1
    assert "seed 0 7" in page
    assert str(run) in page  # both are called tiny, and so by their paths
    assert str(other) in page


def test_the_page_opens_in_the_browser_that_is_named(run, fmnist, tmp_path):
    """$BROWSER is what Python's webbrowser, and others, take first."""
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {seen}\n')
    browser.chmod(0o755)
    result = fmnist("report", run, "--open", environment={"BROWSER": f"{browser} %s"})
    assert result.returncode == 0, result.stderr
    assert seen.read_text() == f"{(run / 'report.html').as_uri()}\n"


def test_no_browser_is_one_line_and_the_page_is_there(run, fmnist):
    result = fmnist("report", run, "--open", environment={"BROWSER": "false", "DISPLAY": None, "PATH": ""})
    assert result.returncode == 1
    assert result.stderr == (
        f"fmnist: {run / 'report.html'}: no browser was found here; open the file in one elsewhere\n"
    )
    assert (run / "report.html").exists()


def test_a_run_that_is_named_twice(run, fmnist, tmp_path):
    result = fmnist("report", run, tmp_path / "runs" / ".." / "runs" / "tiny")
    assert result.returncode == 2
    assert "is named twice" in result.stderr
    assert not (tmp_path / "report.html").exists()


def test_without_its_images_it_says_so_and_shows_the_answers(run, fmnist, tmp_path):
    result = fmnist("report", run, "--data-dir", tmp_path)
    assert result.returncode == 0
    [line] = result.stderr.splitlines()
    assert line.startswith(f"{run}: no images of changed answers: ")
    assert "The images are missing: " in text_of((run / "report.html").read_text(encoding="utf-8"))
