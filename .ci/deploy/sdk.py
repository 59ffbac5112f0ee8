"""Chaser's own SDK against the deployed functions; the checks are in `.ci/vendor_sdk.py`."""

import sys

from chaser_sdk import ChaserClient

from environment import ROOT, check
from gateway import ANSWER_WITHIN_SECONDS

sys.path.append(str(ROOT / ".ci"))
import vendor_sdk

# An ID, and a name that the SDK sends in Latin-1.
NON_ASCII = ("mueller", "Müller GmbH")


def drive(gateway, latchkey, organization, key):
    """Runs every check with the full-access key `key` of `organization`."""
    stack = gateway.stack
    table = vendor_sdk.Table(stack.emulator.client("dynamodb"), stack.resource("Table"))
    name = table.organization_name(organization)
    ours = vendor_sdk.Organization(organization, name, client(gateway, key))
    id, name = NON_ASCII
    bootstrap = latchkey("bootstrap", "--organization", id, "--name", name)
    non_ascii = vendor_sdk.Organization(id, name, client(gateway, bootstrap["key"]["key"]))
    failed = vendor_sdk.drive(ours, table, non_ascii)
    check(not failed, f"{len(failed)} checks of Chaser's SDK fail")


def client(gateway, key):
    """The emulator tells APIs apart by the `Host` header."""
    return ChaserClient(
        base_url=gateway.url,
        api_key=key,
        default_headers={"Host": gateway.host},
        timeout=ANSWER_WITHIN_SECONDS,
    )
