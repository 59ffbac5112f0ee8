"""Every operation of the LakeSail dialect, on the deployed function."""

# The event's key belongs to no deployment.
RUNTIME = {"event": "create-key.json", "valid_key": False, "answer": {"statusCode": 401}}

ACCOUNTS = "/api/org/v1/service-accounts"
KEYS = ACCOUNTS + "/{sa}/keys"
ROOT_KEYS = "/api/admin/v1/keys"
ACCOUNT = ["id", "username", "description", "createdAt", "updatedAt"]
KEY = ["id", "createdAt", "updatedAt"]


def drive(deployed):
    """Creates an account and a key, uses and deletes them, and does the same with a root key."""
    call, key, root_key = deployed.gateway.call, deployed.key, deployed.root_key
    new = {"username": "deployment", "description": "Made by the deployment test."}
    account = call(f"POST {ACCOUNTS}", 201, ACCOUNT, key=key, json=new)
    ids = {"sa": account["id"]}
    listed = call(f"GET {ACCOUNTS}", 200, ["items"], key=key)
    assert account in listed["items"], "the new account is not listed"
    call(f"GET {ACCOUNTS}/{{sa}}", 200, ACCOUNT, ids, key=key)
    changed = call(f"PATCH {ACCOUNTS}/{{sa}}", 200, ACCOUNT, ids, key=key, json={"username": " renamed "})
    assert changed["username"] == "renamed", f"the account is still {changed['username']}"

    expiry = {"expiresAt": "2099-06-01T12:00:00Z"}
    minted = call(f"POST {KEYS}", 201, [*KEY, "key", "expiresAt"], ids, key=key, json=expiry)
    listed = call(f"GET {KEYS}", 200, ["items"], ids, key=key)
    assert [item["id"] for item in listed["items"]] == [minted["id"]], "the new key is not listed"
    call(f"GET {KEYS}/{{key}}", 200, KEY, {**ids, "key": minted["id"]}, key=key)
    me = call("GET /api/org/v1/me", 200, ["serviceAccount"], key=minted["key"])
    assert me["serviceAccount"]["id"] == account["id"], "the new key is another account's"
    call(f"DELETE {KEYS}/{{key}}", 204, (), {**ids, "key": minted["id"]}, key=key)
    call("GET /api/org/v1/me", 401, ["message"], key=minted["key"], note="(deleted key) ")
    call(f"DELETE {ACCOUNTS}/{{sa}}", 204, (), ids, key=key)
    call(f"GET {ACCOUNTS}/{{sa}}", 404, ["message"], ids, key=key, note="(deleted account) ")

    minted = call(f"POST {ROOT_KEYS}", 201, [*KEY, "key"], key=root_key, json={})
    listed = call(f"GET {ROOT_KEYS}", 200, ["items"], key=root_key)
    assert minted["id"] in [item["id"] for item in listed["items"]], "the new root key is not listed"
    call(f"GET {ROOT_KEYS}/{{key}}", 200, KEY, {"key": minted["id"]}, key=root_key)
    assert call("GET /api/org/v1/me", 200, ["root"], key=minted["key"]) == {"root": {}}, "not a root key"
    call(f"DELETE {ROOT_KEYS}/{{key}}", 204, (), {"key": minted["id"]}, key=root_key)
    call("GET /api/org/v1/me", 401, ["message"], key=minted["key"], note="(deleted root key) ")
    call(f"GET {ROOT_KEYS}", 403, ["message"], key=key, note="(not a root key) ")


def mint(deployed):
    """A new key of the first account."""
    ids = {"sa": deployed.account}
    return deployed.gateway.call(f"POST {KEYS}", 201, [*KEY, "key"], ids, key=deployed.key, json={})["key"]


def use_root_key(deployed):
    deployed.gateway.call("GET /api/org/v1/me", 200, ["root"], key=deployed.root_key, note="(root key) ")
