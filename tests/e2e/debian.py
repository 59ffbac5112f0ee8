"""Finds programs on the PATH, or extracts them from Debian packages without installing the packages."""

import dataclasses
import os
import shutil
import subprocess

from processes import ROOT

TOOLS = ROOT / ".tools"
FOLDER = TOOLS / "proxies"
PARTIAL = TOOLS / "proxies.partial"
APT_WITHIN_SECONDS = 600

# Uses separate lists and a separate cache, without the hooks that clean up those of the system.
CONFIGURATION = f"""\
Dir::State "{PARTIAL}/state";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "{PARTIAL}/cache";
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


def find(asked):
    """Returns programs by name. `asked` maps each name to the argument that prints the version."""
    missing = [name for name in asked if not shutil.which(name)]
    try:
        if missing and not runs(FOLDER, missing, asked):
            fetch(missing, asked)
        return {name: program(name, FOLDER, argument) for name, argument in asked.items()}
    except (OSError, subprocess.SubprocessError) as problem:
        names = " and ".join(asked)
        raise AssertionError(f"cannot run or fetch {names}; install them yourself: {problem}") from problem


def program(name, folder, argument):
    environment = dict(os.environ)
    path = shutil.which(name)
    if not path:
        path = next((str(path) for path in folder.glob(f"usr/*bin/{name}")), name)
        libraries = [str(path) for path in folder.glob("**/lib/*-linux-gnu*")]
        if libraries:
            environment["LD_LIBRARY_PATH"] = ":".join(libraries)
    done = subprocess.run(
        [path, argument],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    # `nginx version: nginx/1.22.1`, `2.6.2` or `v2.10.2 h1:...`
    version = done.stdout.split("/")[-1] if name == "nginx" else done.stdout
    return Program(path, version.split()[0].removeprefix("v"), environment)


def runs(folder, names, asked):
    try:
        return all(program(name, folder, asked[name]) for name in names)
    except (OSError, subprocess.SubprocessError):
        return False


def fetch(names, asked):
    """Fills a temporary folder, and moves it into place when it is complete."""
    shutil.rmtree(PARTIAL, ignore_errors=True)
    for folder in ["state/lists/partial", "cache/archives/partial", "whole"]:
        (PARTIAL / folder).mkdir(parents=True)
    (PARTIAL / "apt.conf").write_text(CONFIGURATION)
    apt("apt-get", "--quiet=2", "update")
    extract(names)
    if not runs(PARTIAL / "whole", names, asked):
        extract(libraries(names))
    shutil.rmtree(FOLDER, ignore_errors=True)
    (PARTIAL / "whole").rename(FOLDER)
    shutil.rmtree(PARTIAL)


def extract(packages):
    apt("apt-get", "--quiet=2", "download", *packages)
    for archive in PARTIAL.glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", archive, PARTIAL / "whole"], check=True)
        archive.unlink()


def libraries(packages):
    """The libraries that `packages` depend on, except the C library, which the system provides."""
    lines = apt("apt-cache", "depends", *packages).split("\n")
    depended = {line.split()[-1] for line in lines if "Depends: lib" in line}
    return sorted(name for name in depended if name != "libc6")


def apt(command, *arguments):
    return subprocess.run(
        [command, f"--config-file={PARTIAL}/apt.conf", *arguments],
        cwd=PARTIAL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=APT_WITHIN_SECONDS,
    ).stdout
