"""Deploys the template into a local AWS emulator and uses all that it made.

Builds what is shipped, deploys it, drives every operation over HTTP, puts the example API behind the
authorizer, deploys again, and runs each program under AWS's Runtime Interface Emulator.
Start it with `.ci/deploy/run`.
"""

import contextlib
import platform
import shutil
import signal
import sys
import time

import chaser
import emulator as aws
import example
import lakesail
import oauth
import rie
import sdk
import stack as stacks
import upgrade
from environment import ROOT, Failure, check
from gateway import Gateway
from operator_cli import Latchkey

FOLDER = ROOT / "target" / "deployment"
TEMPLATE = ROOT / "template.yaml"
EXAMPLE = ROOT / "examples" / "orders-api" / "template.yaml"
# The default, arm64, would need a toolchain for another processor than this machine's, and the emulator
# has no alarms on sums of metrics.
PARAMETERS = {"Architecture": "x86_64", "Monitoring": "off", "AuthorizerOrganizations": "acme"}

times = []


@contextlib.contextmanager
def phase(name):
    print(f"-- {name}", flush=True)
    began = time.monotonic()
    try:
        yield
    finally:
        times.append((name, time.monotonic() - began))


def drive_operations(stack, latchkey):
    """Gives the organization's first account and key, and the root key."""
    bootstrap = latchkey("bootstrap", "--organization", "acme", "--name", "Acme")
    root_key = latchkey("root-key", "create")["key"]["key"]
    account, key = bootstrap["service_account"]["id"], bootstrap["key"]["key"]
    gateway = Gateway(stack, request_ids=True)
    lakesail.drive(gateway, key, root_key)
    chaser.drive(gateway, "acme", key)
    sdk.drive(gateway, latchkey, "acme", key)
    oauth.drive(gateway, "acme", account, key)
    gateway.check_all_driven()
    check_removal(stack)
    return gateway, account, key, root_key


def check_removal(stack):
    """What was revoked above is removed by the attribute that the template names."""
    table = stack.source["Resources"]["Table"]["Properties"]
    attribute = table["TimeToLiveSpecification"]["AttributeName"]
    items = stack.emulator.client("dynamodb").scan(TableName=stack.resource("Table"))["Items"]
    ending = [item for item in items if int(item.get(attribute, {"N": "0"})["N"]) > time.time()]
    check(ending, f"no item has a time in `{attribute}`")
    print(f"  {len(ending)} of {len(items)} items will be removed by `{attribute}`")


def test(emulator):
    with phase("build (sam build)"):
        template = stacks.build(TEMPLATE, FOLDER)
    with contextlib.ExitStack() as ending:
        with phase("start of the emulator"):
            ending.enter_context(aws.running(emulator, FOLDER))
        with phase("deployment"):
            stack = stacks.Stack(emulator, "latchkey", TEMPLATE, FOLDER)
            stack.deploy(template, PARAMETERS)
            latchkey = Latchkey(emulator, stack.outputs()["TableName"])
        with phase("command line (cargo build)"):
            latchkey("root-key", "list")
        with phase("operations"):
            gateway, account, key, root_key = drive_operations(stack, latchkey)
        with phase("example API"):
            orders = example.deploy(emulator, EXAMPLE, stack, FOLDER)
            minted = chaser.mint(gateway, account, key, {"scopes": ["sessions.read"]})
            stranger = latchkey("bootstrap", "--organization", "stranger", "--name", "Stranger")
            example.drive(
                orders,
                minted,
                stranger["key"]["key"],
                last_use=lambda: chaser.last_use(gateway, account, key, minted),
                revoke=lambda: oauth.revoke(gateway, minted["key"]),
            )
        with phase("upgrade"):
            keys = {"first key": key}
            keys["scoped key"] = chaser.mint(gateway, account, key, {"scopes": ["keys.read"]})["key"]
            upgrade.drive(stack, template, PARAMETERS, gateway, account, key, orders, keys)
            note = "(root key, from before) "
            gateway.call("GET /api/org/v1/me", 200, ["root"], key=root_key, note=note)
        with phase("programs under the RIE"):
            rie.drive(stack, template, key, FOLDER)


def main():
    check(platform.machine() == "x86_64", "this machine's processor is not x86_64, for which this builds")
    # So that a process that is told to end ends what it started.
    for told in [signal.SIGTERM, signal.SIGHUP]:
        signal.signal(told, lambda *_: sys.exit("error: the test was told to end"))
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    emulator = aws.create(FOLDER)
    try:
        test(emulator)
    except Exception:
        for line in emulator.last_log_lines():
            print("ministack |", line)
        raise
    print("-- phases")
    for name, took in [*times, ("all", sum(took for _, took in times))]:
        print(f"  {name:28} {took:6.1f} s")


if __name__ == "__main__":
    try:
        main()
    except Failure as problem:
        sys.exit(f"error: {problem}")
    except KeyboardInterrupt:
        sys.exit(130)
