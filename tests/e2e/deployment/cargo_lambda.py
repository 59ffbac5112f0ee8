"""Provides an environment in which cargo finds a recent cargo-lambda."""

import re
import subprocess

from processes import ROOT

LOCK_FILE = "tests/e2e/cargo-lambda.txt"
OLDEST = (1, 9)
INSTALLED_WITHIN_SECONDS = 600


def find_or_install(processes, environment):
    """Uses the cargo-lambda on the PATH, the one that `cargo dev` installed, or a new one."""
    own = f"{ROOT}/.tools/cargo-lambda/bin:{environment['PATH']}"
    found = [environment, {**environment, "PATH": own}]
    for candidate in found:
        if is_recent(candidate):
            return candidate
    processes.run([".ci/install", "cargo-lambda", LOCK_FILE], INSTALLED_WITHIN_SECONDS)
    assert is_recent(found[-1]), "the cargo-lambda in .tools/cargo-lambda does not run on this machine"
    return found[-1]


def is_recent(environment):
    command = ["cargo", "lambda", "--version"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    version = re.match(r"cargo-lambda (\d+)\.(\d+)", done.stdout)
    return version is not None and tuple(map(int, version.groups())) >= OLDEST
