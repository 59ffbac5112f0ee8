"""The example API, a stack of its own, behind the authorizer of ours."""

import time

from environment import check
from gateway import Gateway
from stack import Stack

CONTEXT = {"organization", "service_account", "key_id", "scopes", "full_access"}
# The default of CacheTtl, and what a slow machine may add.
STALE_SECONDS = 10 + 2
RECORDED_WITHIN_SECONDS = 5


def deploy(emulator, source, latchkey, folder):
    stack = Stack(emulator, "orders", source, folder)
    stack.deploy(source, {"LatchkeyStack": latchkey.name})
    return Gateway(stack)


def drive(gateway, minted, foreign, last_use, revoke):
    """Asks without a key, with keys of every kind, and with one that `revoke` ends.

    `foreign` is a full-access key of an organization that `AuthorizerOrganizations` does not name.
    """
    gateway.call("GET /health", 200, ["route"])
    gateway.call("GET /orders", 401, note="(no key) ")
    bad = minted["key"][:-1] + ("0" if minted["key"][-1] != "0" else "1")
    gateway.call("GET /orders", 403, key=bad, note="(mistyped key) ")
    gateway.call("GET /orders", 403, key=foreign, note="(key of another organization) ")
    for route in ["GET /orders", "GET /orders/{id}", "POST /orders"]:
        seen = gateway.call(route, 200, ["caller", "route"], {"id": "1"}, key=minted["key"])
        check(seen["route"] == route, f"the backend was asked for {seen['route']}")
        check(CONTEXT <= set(seen["caller"]), f"the backend sees {seen['caller']}")
        check(seen["caller"]["key_id"] == minted["id"], f"the backend sees {seen['caller']}")
        check(seen["caller"]["scopes"] == "sessions.read", f"the backend sees {seen['caller']}")
    gateway.check_all_driven()
    # Written after the answer, and only the authorizer has seen the key.
    wait_until(last_use, RECORDED_WITHIN_SECONDS, "the authorizer did not record a use")
    revoke()
    began = time.monotonic()
    refused = lambda: gateway.send("GET", "/orders", key=minted["key"]).status_code == 403
    wait_until(refused, STALE_SECONDS, "the authorizer takes a revoked key for too long")
    print(f"  the authorizer took the revoked key for {time.monotonic() - began:.1f} s more")
    gateway.call("GET /orders", 403, key=minted["key"], note="(revoked key) ")


def wait_until(holds, within, message):
    until = time.monotonic() + within
    while not holds():
        check(time.monotonic() < until, message)
        time.sleep(0.2)
