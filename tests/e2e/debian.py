"""Finds programs on the PATH, or extracts them from Debian packages without installing the packages."""

import dataclasses
import os
import re
import shutil
import subprocess

from processes import ROOT

TOOLS = ROOT / ".tools"
APT_WITHIN_SECONDS = 600

# Uses separate lists and a separate cache, without the hooks that clean up those of the system.
CONFIGURATION = """\
Dir::State "{partial}/state";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "{partial}/cache";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Sandbox::User "root";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""


@dataclasses.dataclass
class Program:
    path: str
    version: str
    environment: dict


def find(asked, name):
    """Returns programs by name. `asked` maps each name to the argument that prints the version.

    Those that are not on the PATH are extracted to the folder `name` in .tools.
    """
    folder = TOOLS / name
    missing = [program for program in asked if not shutil.which(program)]
    try:
        if missing and not runs(folder, missing, asked):
            fetch(folder, missing, asked)
        return {name: program(name, folder, argument) for name, argument in asked.items()}
    except (OSError, subprocess.SubprocessError) as problem:
        names = " and ".join(asked)
        raise AssertionError(f"cannot run or fetch {names}; install them yourself: {problem}") from problem


def program(name, folder, argument):
    environment = dict(os.environ)
    path = shutil.which(name)
    if not path:
        # Debian's `valgrind` is a script that starts the installed `valgrind.bin`.
        found = [*folder.glob(f"usr/*bin/{name}.bin"), *folder.glob(f"usr/*bin/{name}")]
        path = str(found[0]) if found else name
        libraries = [str(path) for path in folder.glob("**/lib/*-linux-gnu*")]
        if libraries:
            environment["LD_LIBRARY_PATH"] = ":".join(libraries)
        environment["VALGRIND_LIB"] = str(folder / "usr/libexec/valgrind")
    done = subprocess.run(
        [path, argument],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    # `nginx version: nginx/1.22.1`, `2.6.2`, `v2.10.2 h1:...`, or `valgrind-3.19.0`
    return Program(path, re.search(r"\d[\d.]*", done.stdout)[0], environment)


def runs(folder, names, asked):
    try:
        return all(program(name, folder, asked[name]) for name in names)
    except (OSError, subprocess.SubprocessError):
        return False


def fetch(folder, names, asked):
    """Fills a temporary folder, and moves it into place when it is complete."""
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for part in ["state/lists/partial", "cache/archives/partial", "whole"]:
        (partial / part).mkdir(parents=True)
    (partial / "apt.conf").write_text(CONFIGURATION.format(partial=partial))
    apt(partial, "apt-get", "--quiet=2", "update")
    extract(partial, names)
    if not runs(partial / "whole", names, asked):
        extract(partial, libraries(partial, names))
    shutil.rmtree(folder, ignore_errors=True)
    (partial / "whole").rename(folder)
    shutil.rmtree(partial)


def extract(partial, packages):
    apt(partial, "apt-get", "--quiet=2", "download", *packages)
    for archive in partial.glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", archive, partial / "whole"], check=True)
        archive.unlink()


def libraries(partial, packages):
    """The libraries that `packages` depend on, except the C library, which the system provides."""
    lines = apt(partial, "apt-cache", "depends", *packages).split("\n")
    depended = {line.split()[-1] for line in lines if "Depends: lib" in line}
    return sorted(name for name in depended if name != "libc6")


def apt(partial, command, *arguments):
    return subprocess.run(
        [command, f"--config-file={partial}/apt.conf", *arguments],
        cwd=partial,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=APT_WITHIN_SECONDS,
    ).stdout
