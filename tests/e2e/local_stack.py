"""The local stack, with the settings from `.latchkey/dev.env`, and the keys that tests create in it."""

import json
import os

import requests

from processes import ROOT

# Ends a test whose request gets lost, such as during a restart of the functions.
TIMEOUT_SECONDS = 60
# The first start compiles everything.
READY_WITHIN_SECONDS = 1800
# The first call may have to compile the command line.
COMMAND_WITHIN_SECONDS = 1800
# The organizations that `/verify` accepts: the one that `cargo dev` creates, and one that no proxy names.
ORGANIZATION = "dev"
NEIGHBOR = "neighbor"


class LocalStack:
    """`cargo dev`: all functions, with a new table."""

    def __init__(self, processes):
        self.processes = processes
        environment = {**os.environ, "LATCHKEY_VERIFY_ORGANIZATIONS": f"{ORGANIZATION}, {NEIGHBOR}"}
        command = ["cargo", "dev", "--ephemeral", "--port", "0", "--webhooks"]
        self.program = processes.start(command, "cargo-dev", cwd=ROOT, env=environment)
        self.program.wait_until(lambda: "\nready: " in "\n" + self.program.text(), READY_WITHIN_SECONDS)
        self.environment = self.read_environment()
        self.url = self.environment["LATCHKEY_URL"]
        self.organization = self.environment["LATCHKEY_ORGANIZATION"]
        self.account = self.environment["LATCHKEY_ACCOUNT"]
        self.token = self.environment["LATCHKEY_TOKEN"]
        self.root_token = self.environment["LATCHKEY_ROOT_TOKEN"]
        self.lakesail = f"{self.url}/api/org/v1/service-accounts/{self.account}/keys"
        self.chaser = f"{self.url}/v1/accounts/current/service-accounts/{self.account}/keys"

    def read_environment(self):
        """This process's environment plus the variables in `dev.env`, as a shell reads them."""
        command = ["bash", "-c", ". .latchkey/dev.env && env -0"]
        output = self.processes.run(command, TIMEOUT_SECONDS)
        return dict(line.split("=", 1) for line in output.split("\0") if line)

    def latchkey(self, *arguments):
        """The JSON output of the operator's command line."""
        command = ["cargo", "latchkey", "--output", "json", *arguments]
        return json.loads(self.processes.run(command, COMMAND_WITHIN_SECONDS, env=self.environment))

    def key_of_new_organization(self, organization):
        """Creates an organization and returns its full-access key."""
        name = organization.capitalize()
        return self.latchkey("bootstrap", "--organization", organization, "--name", name)["key"]["key"]

    def mint(self, url, body):
        answer = requests.post(url, json=body, headers=bearer(self.token), timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        return answer.json()["key"]

    def revoke(self, key):
        answer = requests.post(f"{self.url}/oauth/revoke", data={"token": key}, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()

    def verify(self, key):
        """The status of `/verify` for a key."""
        return requests.get(f"{self.url}/verify", headers=bearer(key), timeout=TIMEOUT_SECONDS).status_code


def bearer(key):
    return {"Authorization": f"Bearer {key}"}
