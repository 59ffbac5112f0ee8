"""The commands in the README and in `docs/` work and print what the page shows.

Each block after `<!-- ci: run -->` runs in the page's own shell, in order. A JSON block after
`<!-- ci: answer -->` must have the same fields, types, and order as the preceding command's output. A block
after `<!-- ci: table -->` must have the same columns and states.
"""

import contextlib
import dataclasses
import json
import re
import subprocess

import pytest

from processes import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"<!-- ci: (run|answer|table) -->\n```\w+\n(.*?)```", re.DOTALL)
# The first call may have to compile the command line.
COMMAND_WITHIN_SECONDS = 1800


@dataclasses.dataclass
class Command:
    page: str
    line: int
    text: str
    # What the page shows of the command's output: the kind and the text of each block.
    shown: list


def commands(page):
    found = []
    text = page.read_text()
    for block in BLOCK.finditer(text):
        kind, content = block.groups()
        if kind == "run":
            found.append(Command(page.name, text.count("\n", 0, block.start(2)) + 1, content, []))
        else:
            found[-1].shown.append((kind, content))
    return found


COMMANDS = [command for page in PAGES for command in commands(page)]


class Shell:
    """Runs all commands of a page, which share variables. The first failure ends the shell."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.tell("set -euo pipefail")

    def tell(self, line):
        self.program.process.stdin.write(f"{line}\n")
        self.program.process.stdin.flush()

    def run(self, command):
        """Runs a command and returns its standard output."""
        assert self.program.process.poll() is None, "an earlier command failed and ended the shell"
        names = [f"{command.line}.{kind}" for kind in ["script", "output", "done"]]
        script, output, done = [self.folder / name for name in names]
        script.write_text(command.text)
        # Two lines: in `a && b`, the shell would continue after a failing command inside `a`.
        self.tell(f". '{script}' >'{output}' </dev/null")
        self.tell(f"touch '{done}'")
        self.program.wait_until(done.exists, COMMAND_WITHIN_SECONDS)
        return output.read_text()


@pytest.fixture(scope="module")
def shells(local, processes, tmp_path_factory, note):
    """The shell of each page."""
    answers = sum(len(command.shown) for command in COMMANDS)
    note(f"documentation: {len(COMMANDS)} commands, {answers} outputs compared")
    options = {"cwd": ROOT, "stdin": subprocess.PIPE, "text": True}
    with contextlib.ExitStack() as ending:
        shells = {}
        for page in {command.page for command in COMMANDS}:
            program = ending.enter_context(processes.started(["bash"], page, **options))
            shells[page] = Shell(program, tmp_path_factory.mktemp(page))
        yield shells


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command.page} line {command.line}")
def test_command_works_and_prints_what_the_page_shows(shells, command):
    printed = shells[command.page].run(command)
    for kind, shown in command.shown:
        if kind == "answer":
            assert ordered(printed) == ordered(shown)
        else:
            check_table(shown, printed)


def ordered(text):
    return json.dumps(shape(json.loads(text)))


def shape(value):
    """The fields, their order, and the types of a JSON value."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [shape(member) for member in value[:1]]
    return type(value).__name__


def check_table(shown, printed):
    """Checks the columns, the number of rows, and the states. Other values differ in each run."""
    columns = re.compile(r"\s{2,}")
    shown, printed = ([columns.split(line) for line in text.strip().splitlines()] for text in (shown, printed))
    # Other output may precede the table.
    printed = printed[-len(shown) :]
    # A list of events has actions instead of states.
    status = shown[0].index("STATUS" if "STATUS" in shown[0] else "ACTION")
    assert printed[0] == shown[0]
    assert [row[status] for row in printed] == [row[status] for row in shown]
