"""Run a page's commands and code like a reader, and compare the output with the page.

``python tests/walkthrough.py docs/tutorial.md`` replaces the output on the page by the real output.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from support import ROOT
from support.documents import Block, Step, blocks

HOME = "/home/me/fmnist"
"""The working folder's path on the pages."""
_ELLIPSIS = "[...]"
_PROGRESS = re.compile(r"[a-z]+ [\d,]+ of [\d,]+(, .* left|: .*)?\n", re.ASCII)
"""Progress lines, whose number depends on how busy the machine is."""
_VARIES = (
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:+]+, .+$"), "#"),  # when, and on which machine
    (re.compile(r"\b(STABLE|NOISY|DRIFTING|THROTTLED|faster|slower|alike|cannot tell)$"), "#"),  # of times
    (re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{12,}\b"), "#"),  # digests
    (re.compile(r"(?<![A-Za-z\d])[+-]?\d[\d,.]*(e[+-]?\d+)?"), "#"),
    (re.compile(r"(?<=\s)-(?=\s|$)"), "#"),  # a figure that is not there
    (re.compile("# to #"), "#"),  # an interval, where there may be none
    (re.compile("─+"), "─"),
    (re.compile(r"\s+"), " "),
)


class Walkthrough:
    """A page in a folder of its own, which contains only the data sets, in ``data``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "data").symlink_to(ROOT / "data")
        programs = folder.parent / f"{folder.name}-bin"
        programs.mkdir()
        for name, arguments in (("fmnist", "-m fmnist "), ("python", "")):
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {arguments}"$@"\n')
            program.chmod(0o755)
        # Not buffered, so that both streams come in the order in which a terminal would show them.
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("FMNIST_")},
            "PATH": f"{programs}:{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(folder / ".cache"),
            "PYTHONUTF8": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def run(self, *command: str) -> tuple[int, str]:
        """Return a command's exit code, and its output without progress."""
        result = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            check=False,
        )
        return result.returncode, _without_progress(result.stdout.replace(str(self.folder), HOME))

    def walk(self, text: str, told: Callable[[Step, str], None], given: Given) -> None:
        """Run all blocks of a page in turn.

        Args:
            text: The page.
            told: Is called with each command and its output.
            given: Returns a folder in which a block's commands have run, to start with.

        Raises:
            AssertionError: A command does not end as the page says.
        """
        for block in blocks(text):
            if block.remark == "not run":
                continue
            if block.remark == "given":
                self.succeed("cp", "-R", f"{given(block)}/runs", ".")
            elif block.remark == "file":
                (self.folder / block.said).write_text(block.text, encoding="utf-8")
            elif block.language == "python":
                self.succeed("python", "-c", block.text)
            elif block.language == "console":
                assert block.steps, f"nothing to run: {block.text}"
                codes = [0] * (len(block.steps) - 1) + [int(block.said) if block.remark == "exit" else 0]
                for step, code in zip(block.steps, codes, strict=True):
                    told(step, self.succeed("sh", "-c", step.command, code=code))

    def succeed(self, *command: str, code: int = 0) -> str:
        """Return the output of a command that must exit with the code."""
        ended, said = self.run(*command)
        assert ended == code, f"{command[-1]}\nended with {ended}, not with {code}:\n{said}"
        return said


def align(shown: tuple[str, ...], came: list[str]) -> list[str] | None:
    """Return the output cut down to the lines that a page shows, or None if the page shows something else."""
    wanted = "".join(
        r"((?:.*\n)*?)" if line.strip() == _ELLIPSIS else f"({_pattern(line)}\n)" for line in shown
    )
    match = re.fullmatch(wanted, "".join(f"{_masked(line)}\n" for line in came))
    if not match:
        return None
    lines, result = iter(came), []
    for line, group in zip(shown, match.groups(), strict=True):
        taken = [next(lines) for _ in range(group.count("\n"))]
        result += [line] if _ELLIPSIS in line else taken
    return result


def check(step: Step, said: str) -> None:
    """Fail if the page shows another output, except for figures."""
    if step.shown:
        differs = f"$ {step.command}\nshows\n{chr(10).join(step.shown)}\n\nand what came is\n{said}"
        assert align(step.shown, said.rstrip().splitlines()) is not None, differs


def _pattern(line: str) -> str:
    """Return the pattern of a line; ``[...]`` in it stands for any text."""
    return ".*".join(re.escape(_masked(part)) for part in line.split(_ELLIPSIS))


def _masked(line: str) -> str:
    for pattern, mask in _VARIES:
        line = pattern.sub(mask, line)
    return line.strip()


def _without_progress(said: str) -> str:
    return "".join(line for line in said.splitlines(keepends=True) if not _PROGRESS.fullmatch(line))


class Given:
    """Folders in which a block's commands have run, once for all pages with the same start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, Path] = {}

    def __call__(self, block: Block) -> Path:
        if block.text not in self._made:
            walkthrough = Walkthrough(self._folder / str(len(self._made)))
            for step in block.steps:
                walkthrough.succeed("sh", "-c", step.command)
            self._made[block.text] = walkthrough.folder
        return self._made[block.text]


def _refresh(page: Path, folder: Path, given: Given) -> None:
    text = page.read_text(encoding="utf-8")
    changes: list[tuple[str, str]] = []

    def told(step: Step, said: str) -> None:
        if step.shown:
            came = said.rstrip().splitlines()
            new = align(step.shown, came)
            if new is None:
                print(f"{page}: shows something else of: {step.command}")
            command = f"$ {step.command}\n"
            old_text, new_text = "\n".join(step.shown), "\n".join(came if new is None else new)
            changes.append((f"{command}{old_text}\n", f"{command}{new_text}\n"))

    Walkthrough(folder / page.stem).walk(text, told, given)
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        once = Given(Path(scratch, "given"))
        for name in sys.argv[1:]:
            _refresh(Path(name), Path(scratch), once)
