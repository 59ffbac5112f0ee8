"""Programs that end with all that they started."""

import contextlib
import os
import signal
import subprocess
import sys

# `cargo dev` takes a few seconds: it ends cargo-lambda, which ends the functions.
STOP_WITHIN_SECONDS = 30


def end_when_told():
    """Ends what was started, as an interrupt does."""
    for told in [signal.SIGTERM, signal.SIGHUP]:
        signal.signal(told, lambda *_: sys.exit("error: the check was told to end"))


@contextlib.contextmanager
def started(command, **options):
    """A program in a session of its own, which is ended in every case."""
    process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        yield process
    finally:
        stop(process)


def run(command, within, **options):
    """The standard output of a command that must succeed, if that is a pipe."""
    with started(command, text=True, **options) as process:
        try:
            output, _ = process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            sys.exit(f"error: {command} took longer than {within} s")
    if process.returncode != 0:
        sys.exit(f"{output or ''}\nerror: {command} ended with status {process.returncode}")
    return output


def stop(process):
    """Asks a program to end, and after a while ends it and its descendants by force."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_WITHIN_SECONDS)
    # Descendants may lead groups of their own, but are of the same session.
    for descendant in session(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(descendant, signal.SIGKILL)
    process.wait()


def session(leader):
    """The processes of the session that `leader` leads or led."""
    command = ["ps", "-A", "-o", "pid=,sess="]
    listed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    rows = (line.split() for line in listed.stdout.splitlines())
    return [int(pid) for pid, of in rows if of == str(leader)]
