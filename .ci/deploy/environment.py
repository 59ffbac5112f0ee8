"""Where things are, and the processes that the test starts."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REGION = "us-east-1"
STOP_WITHIN_SECONDS = 10
COMMAND_WITHIN_SECONDS = 300


class Failure(Exception):
    """What the test found wrong, for people to read."""


def check(holds, message):
    if not holds:
        raise Failure(message)


def environment_without_aws():
    """The user's environment, but for what it says of AWS."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "AWS_DEFAULT_REGION": REGION, "SAM_CLI_TELEMETRY": "0"}


def aws_environment(url):
    """An environment in which AWS is the emulator at `url`."""
    return {
        **environment_without_aws(),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_DYNAMODB": url,
        "NO_PROXY": "127.0.0.1,localhost",
    }


def run(command, environment, within=COMMAND_WITHIN_SECONDS):
    """The standard output of a command that must succeed."""
    command = [str(part) for part in command]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=within)
    except BaseException:
        # Also the compilers that it has started.
        stop(process)
        raise
    if process.returncode != 0:
        raise Failure(f"{' '.join(command)} ended with {process.returncode}\n{output}{errors}")
    return output


def sam(*arguments, environment, within=COMMAND_WITHIN_SECONDS):
    program = pathlib.Path(sys.executable).with_name("sam")
    return run([program, *arguments, "--config-file", ROOT / "samconfig.toml"], environment, within)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def started(command, environment, log, cwd=ROOT):
    """A process in a group of its own, which is ended in every case, with its children."""
    with open(log, "ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_WITHIN_SECONDS)
    # Children that outlived it are of the same group.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(ready, process, what, within):
    """Waits until `ready()`, as long as `process` lives."""
    until = time.monotonic() + within
    while not ready():
        check(process.poll() is None, f"{what} ended with {process.returncode}")
        check(time.monotonic() < until, f"{what} was not ready within {within} s")
        time.sleep(0.05)


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
