"""Every operation of the Chaser dialect."""

from environment import check

CURRENT = "/v1/accounts/current"
ACCOUNTS = CURRENT + "/service-accounts"
ONE_ACCOUNT = ACCOUNTS + "/{service_account_id}"
KEYS = ONE_ACCOUNT + "/keys"
ONE_KEY = KEYS + "/{key_id}"
ACCOUNT = ["created_at", "created_by_user_id", "disabled", "id", "name", "updated_at"]
MINTED = ["full_access", "id", "key", "key_prefix", "name", "scopes", "service_account"]
KEY = [
    *["created_at", "expires_at", "full_access", "id", "key_prefix", "last_used_at", "name"],
    *["revoked_at", "scopes"],
]


def drive(gateway, organization, key):
    """Makes an account and a key, uses, rotates and ends them."""
    call = gateway.call
    current = call(f"GET {CURRENT}", 200, ["id", "name"], key=key)
    check(current["id"] == organization, f"the key is of {current['id']}")
    account = call(f"POST {ACCOUNTS}", 200, ACCOUNT, key=key, json={"name": "deployment"})
    ids = {"service_account_id": account["id"]}
    listed = call(f"GET {ACCOUNTS}", 200, ["service_accounts", "next_cursor"], key=key)
    check(account in listed["service_accounts"], "the new account is not listed")
    call(f"GET {ONE_ACCOUNT}", 200, ACCOUNT, ids, key=key)
    changed = call(f"PATCH {ONE_ACCOUNT}", 200, ACCOUNT, ids, key=key, json={"disabled": True})
    check(changed["disabled"], "the account is not disabled")
    new = {"name": "ci", "scopes": ["sessions.read"]}
    call(f"POST {KEYS}", 409, ["error"], ids, key=key, json=new, note="(disabled account) ")
    call(f"PATCH {ONE_ACCOUNT}", 200, ACCOUNT, ids, key=key, json={"disabled": False})

    minted = mint(gateway, account["id"], key, new)
    check((minted["scopes"], minted["full_access"]) == (["sessions.read"], False), f"{minted['scopes']}")
    one = {**ids, "key_id": minted["id"]}
    listed = call(f"GET {KEYS}", 200, ["keys", "next_cursor"], ids, key=key)
    check([item["id"] for item in listed["keys"]] == [minted["id"]], "the new key is not listed")
    call(f"GET {ONE_KEY}", 200, KEY, one, key=key)
    changed = call(f"PATCH {ONE_KEY}", 200, KEY, one, key=key, json={"name": "renamed"})
    check(changed["name"] == "renamed", f"the key is still {changed['name']}")
    rotated = call(f"POST {ONE_KEY}/rotate", 200, MINTED, one, key=key, json={"grace_days": 0})
    check(rotated["scopes"] == minted["scopes"], "the rotated key has other scopes")
    call(f"GET {CURRENT}", 401, ["error"], key=minted["key"], note="(rotated key) ")
    two = {**ids, "key_id": rotated["id"]}
    call(f"DELETE {ONE_KEY}", 204, (), two, key=key)
    revoked = call(f"GET {ONE_KEY}", 200, KEY, two, key=key)
    check(revoked["revoked_at"] is not None, "the revoked key is not said to be revoked")
    call(f"DELETE {ONE_ACCOUNT}", 204, (), ids, key=key)
    call(f"GET {ONE_ACCOUNT}", 404, ["error"], ids, key=key, note="(deleted account) ")


def mint(gateway, account, key, new):
    return gateway.call(f"POST {KEYS}", 200, MINTED, {"service_account_id": account}, key=key, json=new)


def last_use(gateway, account, key, minted):
    """When the key `minted` was last used, if that is known; not a drive, so it may be asked often."""
    path = ONE_KEY.format(service_account_id=account, key_id=minted["id"])
    return gateway.send("GET", path, key=key).json()["last_used_at"]
