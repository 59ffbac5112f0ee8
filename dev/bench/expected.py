"""expected.json: instructions and sizes by processor and C library, on both of which they depend."""

import json
import pathlib
import platform

FILE = pathlib.Path(__file__).parent / "expected.json"


def machine():
    return f"{platform.machine()}, {' '.join(platform.libc_ver())}"


def load():
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def store(figures):
    FILE.write_text(json.dumps({**load(), machine(): figures}, indent=2) + "\n")
