"""The lines of a check: one per question, with `pass`, `FAIL`, or `skip`."""

import json
import sys

from on_aws.aws import AwsError

PASS, FAIL, SKIP = "pass", "FAIL", "skip"


class Failed(Exception):
    """The check failed. The message says what is wrong, and then what to do."""


class Skipped(Exception):
    """The check does not apply, or cannot be made. The message says why."""


class Report:
    def __init__(self, only=(), as_json=False):
        """With `only`, ignores the checks of all other groups."""
        self.only = set(only)
        self.as_json = as_json
        self.lines = []

    def wants(self, group):
        return not self.only or group in self.only

    def check(self, group, name, probe, *arguments):
        """Runs `probe`, whose result is a detail for the line. Returns whether it passed."""
        if not self.wants(group):
            return False
        try:
            status, detail = PASS, probe(*arguments) or ""
        except Skipped as reason:
            status, detail = SKIP, str(reason)
        except (Failed, AwsError) as reason:
            status, detail = FAIL, str(reason)
        self.add(group, name, status, detail)
        return status == PASS

    def add(self, group, name, status, detail):
        self.lines.append({"group": group, "name": name, "status": status, "detail": detail})
        if not self.as_json:
            print(f"{status}  {group}: {name}{f' ({detail})' if detail else ''}", flush=True)

    def finish(self):
        """Prints the summary, and returns the exit code."""
        count = lambda status: sum(line["status"] == status for line in self.lines)
        if self.as_json:
            json.dump(self.lines, sys.stdout, indent=2)
            print()
        else:
            print(f"\n{count(PASS)} passed, {count(FAIL)} failed, {count(SKIP)} skipped")
        return 1 if count(FAIL) else 0


def require(condition, message):
    if not condition:
        raise Failed(message)


def expect(found, wanted, what, advice):
    """Fails unless a setting has the value that the stack's parameters ask for."""
    require(found == wanted, f"{what} is {found!r} instead of {wanted!r}; {advice}")
