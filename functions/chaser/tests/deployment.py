"""Every operation of the Chaser dialect, on the deployed function."""

import time

# The event's key belongs to no deployment.
RUNTIME = {"event": "create-key.json", "valid_key": False, "answer": {"statusCode": 401}}

ALL = "/v1/accounts"
CURRENT = "/v1/accounts/current"
ACCOUNTS = CURRENT + "/service-accounts"
ONE_ACCOUNT = ACCOUNTS + "/{service_account_id}"
KEYS = ONE_ACCOUNT + "/keys"
ONE_KEY = KEYS + "/{key_id}"
OWN_KEYS = "/v1/keys"
EVENTS = "/v1/audit/events"
ONE_OWN_KEY = OWN_KEYS + "/{key_id}"
WEBHOOKS = "/v1/webhooks"
ONE_WEBHOOK = WEBHOOKS + "/{webhook_id}"
DELIVERIES = WEBHOOKS + "/deliveries"
ONE_DELIVERY = DELIVERIES + "/{delivery_id}"
ORGANIZATION = ["created_at", "id", "kind", "name", "personal", "role"]
ACCOUNT = ["created_at", "created_by_user_id", "disabled", "id", "name", "updated_at"]
OWN_MINTED = ["full_access", "id", "key", "key_prefix", "name", "scopes"]
MINTED = [*OWN_MINTED, "service_account"]
KEY = [
    *["created_at", "expires_at", "full_access", "id", "key_prefix", "last_used_at", "name"],
    *["revoked", "revoked_at", "scopes"],
]
EVENT = [
    *["action", "actor_id", "actor_type", "created_at", "id", "metadata", "resource_id", "resource_type"],
    *["status", "summary"],
]
WEBHOOK = [
    *["created_at", "description", "disabled_at", "disabled_reason", "events", "id", "signing_secret_preview"],
    *["updated_at", "url"],
]
DELIVERY = [
    *["attempts", "created_at", "delivered_at", "discarded_at", "event_id", "event_type", "id", "last_error"],
    *["last_http_status", "next_attempt_at", "payload", "replayed_at", "replayed_from_delivery_id", "resource_id"],
    *["resource_type", "status", "updated_at", "webhook_id"],
]
ERROR = ["code", "error", "message"]
# How long the stream may take.
DELIVERED_WITHIN_SECONDS = 60


def drive(deployed):
    """Calls every operation on accounts and keys, those on a machine's own keys, and those on webhooks."""
    gateway, organization, key = deployed.gateway, deployed.organization, deployed.key
    call = gateway.call
    current = within("account", call(f"GET {CURRENT}", 200, ["account"], key=key), ORGANIZATION)
    assert (current["id"], current["role"]) == (organization, "admin"), f"the current account is {current}"
    listed = call(f"GET {ALL}", 200, ["accounts"], key=key)
    assert listed["accounts"] == [current], f"the accounts are {listed}"
    account = call_account(gateway, f"POST {ACCOUNTS}", key=key, json={"name": " deployment "})
    assert account["name"] == "deployment", f"the account is called {account['name']!r}"
    ids = {"service_account_id": account["id"]}
    listed = call(f"GET {ACCOUNTS}", 200, ["service_accounts", "next_cursor"], key=key)
    assert account in listed["service_accounts"], "the new account is not listed"
    call_account(gateway, f"GET {ONE_ACCOUNT}", ids, key=key)
    changed = call_account(gateway, f"PATCH {ONE_ACCOUNT}", ids, key=key, json={"disabled": True})
    assert changed["disabled"], "the account is not disabled"
    new = {"name": "ci", "scopes": ["sessions.read"]}
    call(f"POST {KEYS}", 409, ERROR, ids, key=key, json=new, note="(disabled account) ")
    call_account(gateway, f"PATCH {ONE_ACCOUNT}", ids, key=key, json={"disabled": False})

    minted = mint_for(gateway, account["id"], key, new)
    assert (minted["scopes"], minted["full_access"]) == (["sessions.read"], False), f"{minted['scopes']}"
    one = {**ids, "key_id": minted["id"]}
    listed = call(f"GET {KEYS}", 200, ["keys", "next_cursor"], ids, key=key)
    assert [item["id"] for item in listed["keys"]] == [minted["id"]], "the new key is not listed"
    found = call(f"GET {ONE_KEY}", 200, KEY, one, key=key)
    assert (found["revoked"], found["revoked_at"]) == (None, None), "the live key has a time of revocation"
    changed = call(f"PATCH {ONE_KEY}", 200, KEY, one, key=key, json={"name": "renamed"})
    assert changed["name"] == "renamed", f"the key is still {changed['name']}"
    rotated = call(f"POST {ONE_KEY}/rotate", 200, MINTED, one, key=key, json={"grace_days": 0})
    assert rotated["scopes"] == minted["scopes"], "the rotated key has other scopes"
    refused = call(f"GET {CURRENT}", 401, ERROR, key=minted["key"], note="(rotated key) ")
    check_error(refused, "unauthorized")
    two = {**ids, "key_id": rotated["id"]}
    call(f"DELETE {ONE_KEY}", 204, (), two, key=key)
    check_revoked(call(f"GET {ONE_KEY}", 200, KEY, two, key=key))

    drive_own_keys(gateway, mint_for(gateway, account["id"], key, {"scopes": ["keys.read", "keys.write"]}))
    call(f"DELETE {ONE_ACCOUNT}", 204, (), ids, key=key)
    refused = call(f"GET {ONE_ACCOUNT}", 404, ERROR, ids, key=key, note="(deleted account) ")
    check_error(refused, "not_found")

    listed = call(f"GET {EVENTS}", 200, ["events"], key=key, query=f"?resource_id={minted['id']}")
    actions = [event["action"] for event in listed["events"]]
    assert actions == ["api_key.rotate", "api_key.update", "api_key.create"], f"the events are {actions}"
    for event in listed["events"]:
        assert sorted(event) == EVENT, f"the event is {event}"
        about = event["metadata"]
        assert about["source_ip"] and about["user_agent"] and about["request_id"], f"the event is {event}"
    drive_webhooks(gateway, key)


def drive_own_keys(gateway, machine):
    """Creates, lists, rotates, and revokes keys as the machine that holds the key `machine`."""
    call, key = gateway.call, machine["key"]
    minted = call(f"POST {OWN_KEYS}", 200, OWN_MINTED, key=key, json={"scopes": ["keys.read"]})
    assert "service_account" not in minted, f"the machine's new key shows its account: {sorted(minted)}"
    one = {"key_id": minted["id"]}
    rotated = call(f"POST {ONE_OWN_KEY}/rotate", 200, OWN_MINTED, one, key=key, json={"grace_days": 0})
    assert rotated["scopes"] == ["keys.read"], f"the rotated key has the scopes {rotated['scopes']}"
    call(f"DELETE {ONE_OWN_KEY}", 204, (), {"key_id": rotated["id"]}, key=key)
    listed = call(f"GET {OWN_KEYS}", 200, ["keys", "next_cursor"], key=key)
    keys = {item["id"]: item for item in listed["keys"]}
    assert {machine["id"], minted["id"], rotated["id"]} <= set(keys), f"only {sorted(keys)} are listed"
    assert keys[machine["id"]]["revoked"] is None, "the machine's own key is revoked"
    check_revoked(keys[rotated["id"]])
    refused = call(f"GET {OWN_KEYS}", 401, ERROR, key=minted["key"], note="(rotated key) ")
    check_error(refused, "unauthorized")


def drive_webhooks(gateway, key):
    """Creates, lists, and deletes a webhook, whose host has no address, and discards and replays its first delivery."""
    call = gateway.call
    new = {"url": "https://hooks.invalid/deployment", "events": ["webhook.created"]}
    made = call(f"POST {WEBHOOKS}", 200, ["signing_secret", "webhook"], key=key, json=new)
    webhook = within("webhook", made, WEBHOOK)
    secret, preview = made["signing_secret"], webhook["signing_secret_preview"]
    assert secret.startswith(preview.removesuffix("…")), "the preview is not the beginning of the signing secret"
    listed = call(f"GET {WEBHOOKS}", 200, ["webhooks"], key=key)
    assert webhook in listed["webhooks"], "the new webhook is not listed"
    one = {"webhook_id": webhook["id"]}
    delivery = {"delivery_id": first_delivery(call, key, webhook["id"])}
    described = lambda route: within("delivery", call(route, 200, ["delivery"], delivery, key=key), DELIVERY)
    found = described(f"GET {ONE_DELIVERY}")
    assert found["event_type"] == "webhook.created", f"the delivery is {found}"
    ended = described(f"POST {ONE_DELIVERY}/discard")
    assert ended["status"] == "discarded", f"the delivery is {ended}"
    again = described(f"POST {ONE_DELIVERY}/replay")
    assert again["replayed_from_delivery_id"] == found["id"], f"the new delivery is {again}"
    unknown = {"delivery_id": "0"}
    for route in [f"GET {ONE_DELIVERY}", f"POST {ONE_DELIVERY}/replay", f"POST {ONE_DELIVERY}/discard"]:
        check_error(call(route, 404, ERROR, unknown, key=key), "not_found")
    call(f"DELETE {ONE_WEBHOOK}", 204, (), one, key=key)
    check_error(call(f"DELETE {ONE_WEBHOOK}", 404, ERROR, one, key=key, note="(deleted webhook) "), "not_found")


def first_delivery(call, key, webhook):
    """The ID of the first delivery to a webhook, which has been attempted once."""
    end = time.monotonic() + DELIVERED_WITHIN_SECONDS
    while time.monotonic() < end:
        listed = call(f"GET {DELIVERIES}", 200, ["deliveries", "next_cursor"], key=key, query=f"?webhook_id={webhook}")
        if any(found["attempts"] for found in listed["deliveries"]):
            return listed["deliveries"][0]["id"]
        time.sleep(0.5)
    raise AssertionError(f"the webhook {webhook} has no delivery: {listed}")


def call_account(gateway, route, ids=None, **request):
    """The service account in the response to `route`."""
    answer = gateway.call(route, 200, ["service_account"], ids, **request)
    return within("service_account", answer, ACCOUNT)


def within(name, answer, fields):
    """The response's value for `name`, which must have the `fields`."""
    missing = sorted(set(fields) - set(answer[name]))
    assert not missing, f"{name} lacks {missing}: {answer}"
    return answer[name]


def check_error(answer, code):
    detail = {"code": code, "message": answer["message"]}
    assert answer == {**detail, "error": detail}, f"the error is {answer}"


def check_revoked(key):
    revoked = key["revoked"]
    assert revoked is not None and revoked == key["revoked_at"], f"the revoked key is {key}"


def mint_for(gateway, account, key, new):
    return gateway.call(f"POST {KEYS}", 200, MINTED, {"service_account_id": account}, key=key, json=new)


def mint(deployed):
    """A new key of the first account."""
    return mint_for(deployed.gateway, deployed.account, deployed.key, {"name": "after"})["key"]
