"""The operator's command line, on the deployed table."""

import json

from environment import run

# It may have to be compiled.
COMMAND_WITHIN_SECONDS = 30 * 60


class Latchkey:
    def __init__(self, emulator, table):
        self.environment = emulator.environment
        self.target = ["--endpoint-url", emulator.url, "--table", table]

    def __call__(self, *arguments):
        command = ["cargo", "latchkey", *arguments, *self.target, "--output", "json"]
        return json.loads(run(command, self.environment, COMMAND_WITHIN_SECONDS))
