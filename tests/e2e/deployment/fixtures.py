"""Fixtures that deploy the stacks to the emulator, once for all tests."""

import dataclasses
import json
import pathlib
import shutil

import pytest

from deployment import cargo_lambda, drivers, stack
from deployment.emulator import Emulator
from deployment.environment import ARCHITECTURE, FOLDER, environment_without_aws
from deployment.gateway import Gateway
from processes import ROOT, Processes

EXAMPLE = ROOT / "examples" / "orders-api" / "template.yaml"
PARAMETERS = {
    "Architecture": ARCHITECTURE,
    "AuthorizerOrganizations": "acme",
    "EventBus": "default",
    "ExpiryWarnings": "30,7,1",
    "UnusedWarning": "90",
    "Webhooks": "on",
}
# The first call may have to compile the command line.
COMMAND_WITHIN_SECONDS = 1800


@dataclasses.dataclass
class Deployed:
    """The stack and its first organization."""

    processes: Processes
    emulator: Emulator
    stack: stack.Stack
    built: pathlib.Path
    table: str
    gateway: Gateway
    organization: str = "acme"
    account: str = ""
    key: str = ""
    root_key: str = ""

    def latchkey(self, *arguments):
        """The JSON output of the operator's command line."""
        target = ["--endpoint-url", self.emulator.url, "--table", self.table]
        command = ["cargo", "latchkey", *arguments, *target, "--output", "json"]
        return json.loads(self.processes.run(command, COMMAND_WITHIN_SECONDS, env=self.emulator.environment))

    def bootstrap(self):
        name = self.organization.capitalize()
        made = self.latchkey("bootstrap", "--organization", self.organization, "--name", name)
        self.account, self.key = made["service_account"]["id"], made["key"]["key"]
        self.root_key = self.latchkey("root-key", "create")["key"]["key"]

    def mint(self, scope):
        """Creates a key of the first account with the command line, and returns it with its ID."""
        options = ["--account", self.account, "--name", "deployment", "--scope", scope]
        return self.latchkey("key", "mint", *options)["key"]

    def revoke(self, key):
        self.gateway.call("POST /oauth/revoke", 200, data={"token": key})


@pytest.fixture(scope="session")
def built(processes):
    """The template of the release build."""
    assert ARCHITECTURE, "Lambda runs functions on x86-64 and arm64 only"
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    environment = cargo_lambda.find_or_install(processes, environment_without_aws())
    return stack.build(processes, drivers.TEMPLATE, environment)


@pytest.fixture(scope="session")
def deployed(processes, built):
    emulator = Emulator(processes)
    made = stack.Stack(processes, emulator, "latchkey", drivers.TEMPLATE)
    made.deploy(built, PARAMETERS)
    gateway = Gateway(made, request_ids=True)
    found = Deployed(processes, emulator, made, built, made.outputs()["TableName"], gateway)
    found.bootstrap()
    return found


@pytest.fixture(scope="session")
def orders(deployed):
    """The example API, a separate stack that the authorizer protects."""
    made = stack.Stack(deployed.processes, deployed.emulator, "orders", EXAMPLE)
    made.deploy(EXAMPLE, {"LatchkeyStack": deployed.stack.name})
    return Gateway(made)
