"""The sizes of the functions' archives, as SAM uploads them."""

import tempfile
import zipfile

FUNCTIONS = ("authorizer", "chaser", "events", "lakesail", "oauth", "warnings", "webhooks")

# The most that an archive should have, in bytes: Lambda fetches it in each cold start.
GOAL = 3_000_000


def sizes(folder):
    """The bytes of each function's archive."""
    found = {}
    for function in FUNCTIONS:
        with tempfile.TemporaryFile() as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.write(folder / function, "bootstrap")
            found[function] = file.tell()
    return found
