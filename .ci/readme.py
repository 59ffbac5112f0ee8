"""Runs the README's local commands, Chaser's SDK, Authlib, proxies, and schemathesis against `cargo dev`.

Each block after `<!-- ci: run -->` runs in one shell, in order; each JSON block after
`<!-- ci: answer -->` must have the fields, types and order of what the block before it printed, and
each block after `<!-- ci: table -->` the columns and states.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading

import processes

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"<!-- ci: (run|answer|table) -->\n```\w+\n(.*?)```", re.DOTALL)
MARK = "--- end of block ---"
# The first start compiles everything.
READY_WITHIN_SECONDS = 1800
# The command line may have to be compiled.
COMMANDS_WITHIN_SECONDS = 1800
SCRIPT_WITHIN_SECONDS = 1200


def shape(value):
    """The fields, their order and the types of a JSON value."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [shape(member) for member in value[:1]]
    return type(value).__name__


def ordered(text):
    return json.dumps(shape(json.loads(text)))


def check_table(shown, printed):
    """A table has the columns, the rows and the states that the README shows; the rest is new each time."""
    columns = re.compile(r"\s{2,}")
    shown, printed = ([columns.split(line) for line in text.strip().splitlines()] for text in (shown, printed))
    # Other output may come first.
    printed = printed[-len(shown) :]
    status = shown[0].index("STATUS")
    agree = printed[0] == shown[0] and [row[status] for row in printed] == [row[status] for row in shown]
    if not agree:
        sys.exit(f"the README shows {shown}, the command printed {printed}")


def wait(dev):
    """Waits until `cargo dev` is ready."""
    watchdog = threading.Timer(READY_WITHIN_SECONDS, processes.stop, [dev])
    watchdog.daemon = True
    watchdog.start()
    for line in dev.stdout:
        print("cargo dev |", line, end="", flush=True)
        if line.startswith("ready: "):
            watchdog.cancel()
            # Its later output is not ours to read, but must not fill the pipe.
            threading.Thread(target=dev.stdout.read, daemon=True).start()
            return
    sys.exit("cargo dev ended before it was ready")


def run(blocks):
    script = "set -euo pipefail\n" + "".join(f"{block}\necho\necho '{MARK}'\n" for block in blocks)
    command = ["bash", "-c", script]
    return processes.run(command, COMMANDS_WITHIN_SECONDS, cwd=ROOT, stdout=subprocess.PIPE).split(MARK)


def check_commands():
    """The README's commands work, and answer as shown."""
    found = BLOCK.findall((ROOT / "README.md").read_text())
    commands = [text for kind, text in found if kind == "run"]
    outputs = run(commands)
    index = -1
    answers = 0
    for kind, text in found:
        if kind == "run":
            index += 1
            continue
        if kind == "table":
            check_table(text, outputs[index])
            answers += 1
            continue
        given = ordered(outputs[index])
        if given != ordered(text):
            sys.exit(f"the README shows {ordered(text)}, the answer was {given}")
        answers += 1
    print(f"{len(commands)} commands of the README work, {answers} answers are as shown", flush=True)


def check_clients():
    # Authlib insists on HTTPS unless told that this is a test on loopback.
    environment = {**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    for script in ["vendor_sdk.py", "clients.py", "proxies.py", "schemathesis/run.py"]:
        command = f". .latchkey/dev.env && exec '{sys.executable}' .ci/{script}"
        processes.run(["bash", "-c", command], SCRIPT_WITHIN_SECONDS, cwd=ROOT, env=environment)


def main():
    processes.end_when_told()
    command = ["cargo", "dev", "--ephemeral", "--port", "0"]
    # For `/verify`: its own organization and that of most samples, so that one is left to refuse.
    environment = {**os.environ, "LATCHKEY_VERIFY_ORGANIZATIONS": "dev, sample"}
    with processes.started(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as dev:
        wait(dev)
        check_commands()
        check_clients()
        dev.send_signal(signal.SIGINT)
        dev.wait(timeout=60)
    if dev.returncode != 0:
        sys.exit(f"cargo dev ended with status {dev.returncode}")


main()
