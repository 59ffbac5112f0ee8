"""Starts programs for the tests, and ends them together with all of their descendants."""

import contextlib
import dataclasses
import os
import pathlib
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Logs and build output; Git ignores this folder.
FOLDER = ROOT / "target" / "e2e"
# `cargo dev` needs a few seconds: it ends cargo-lambda, which ends the functions.
STOP_WITHIN_SECONDS = 30
LOG_LINES_SHOWN = 60


@dataclasses.dataclass
class Program:
    """A running program and the file that it writes to."""

    name: str
    process: subprocess.Popen
    log: pathlib.Path

    def wait_until(self, ready, within):
        """Waits until `ready()`, while the program runs."""
        end = time.monotonic() + within
        while not ready():
            status = self.process.poll()
            assert status is None, f"{self.name} ended with status {status}\n{self.last_lines()}"
            assert time.monotonic() < end, f"{self.name} was not ready in {within} s\n{self.last_lines()}"
            time.sleep(0.05)

    def text(self):
        return self.log.read_text(errors="replace")

    def last_lines(self):
        return "\n".join(self.text().splitlines()[-LOG_LINES_SHOWN:])


class Processes:
    """Starts programs, and ends those that still run at the end of the tests."""

    def __init__(self):
        self.running = []

    def start(self, command, name, **options):
        """Starts a program in its own session; its output goes to `<name>.log`."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        log = FOLDER / f"{name}.log"
        with log.open("wb") as output:
            program = Program(name, popen(command, stdout=output, stderr=output, **options), log)
        self.running.append(program)
        return program

    @contextlib.contextmanager
    def started(self, command, name, **options):
        """A program that ends with the `with` block."""
        program = self.start(command, name, **options)
        try:
            yield program
        finally:
            self.running.remove(program)
            stop(program.process)

    def run(self, command, within, **options):
        """Runs a command that must succeed, and returns its standard output."""
        options = {"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        process = popen(command, text=True, **options)
        try:
            output, errors = process.communicate(timeout=within)
        finally:
            # Also ends the compilers that it started.
            stop(process)
        shown = " ".join(process.args)
        assert process.returncode == 0, f"{shown} ended with {process.returncode}\n{output}{errors}"
        return output

    def stop_all(self):
        while self.running:
            stop(self.running.pop().process)


def popen(command, **options):
    options = {"stdin": subprocess.DEVNULL, "start_new_session": True, **options}
    return subprocess.Popen([str(part) for part in command], **options)


def stop(process):
    """Asks a program to end, and after a timeout kills it and its descendants."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_WITHIN_SECONDS)
    # Descendants may be in other process groups, but they are in the same session.
    for descendant in session(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(descendant, signal.SIGKILL)
    process.wait()


def session(leader):
    """The processes in the session that `leader` leads or led."""
    command = ["ps", "-A", "-o", "pid=,sess="]
    listed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    rows = (line.split() for line in listed.stdout.splitlines())
    return [int(pid) for pid, of in rows if of == str(leader)]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def wait_until(holds, within, message):
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, message
        time.sleep(0.2)
