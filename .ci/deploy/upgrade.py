"""Deploys again with other code and other parameters: every key and the table stay."""

import chaser
from environment import check

PARAMETERS = {"KeyPrefix": "lk", "CacheTtl": "1s"}
FUNCTIONS = ["LakesailFunction", "ChaserFunction", "OauthFunction", "AuthorizerFunction"]
VARIABLES = {"LATCHKEY_PREFIX": "lk", "LATCHKEY_CACHE_TTL": "1s"}


def state(stack):
    return {name: stack.resource(name) for name in ["Table", "Api", *FUNCTIONS]}


def drive(stack, template, parameters, gateway, account, key, orders, keys):
    """`keys` were minted before."""
    before = state(stack), {name: stack.function(name)["CodeSha256"] for name in FUNCTIONS}
    # Another archive of the same program: a second build would take minutes and differ in nothing.
    for name in FUNCTIONS:
        (template.parent / name / "release").write_text("2\n")
    stack.deploy(template, {**parameters, **PARAMETERS})

    check(state(stack) == before[0], f"{before[0]} became {state(stack)}")
    for name in FUNCTIONS:
        function = stack.function(name)
        check(function["CodeSha256"] != before[1][name], f"{name} has its old code")
        variables = function["Environment"]["Variables"]
        check(VARIABLES.items() <= variables.items(), f"{name} has the variables {variables}")
    changed = ", ".join(f"{name}={value}" for name, value in PARAMETERS.items())
    print(f"  changed: the archive of each function, and {changed}")
    print("  kept: the table, the API and each function are the same resources")

    for owner, old in keys.items():
        gateway.call("ANY /verify", 204, method="GET", key=old, note=f"({owner}, from before) ")
        orders.call("GET /orders", 200, ["caller"], key=old, note=f"({owner}, from before) ")
    minted = chaser.mint(gateway, account, key, {"name": "after"})
    check(minted["key"].startswith("lk_"), f"a new key begins with {minted['key_prefix']}")
    gateway.call("ANY /verify", 204, method="GET", key=minted["key"], note="(minted after) ")
    orders.call("GET /orders", 200, ["caller"], key=minted["key"], note="(minted after) ")
