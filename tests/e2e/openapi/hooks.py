"""Adds what the OpenAPI documents cannot express: existing IDs, and rules that reject valid requests."""

import collections
import itertools
import os
import uuid

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree

URL = os.environ["LATCHKEY_URL"]
TOKEN = os.environ["LATCHKEY_TOKEN"]
ROOT_TOKEN = os.environ["LATCHKEY_ROOT_TOKEN"]
# `sk_<account>_<key>_<secret>` contains the key's ID.
OWN_KEYS = {token.split("_")[-2] for token in (TOKEN, ROOT_TOKEN)}
OWN_ACCOUNT = TOKEN.split("_")[-3]
# What no request may change, because this run or other tests need it.
KEPT_IDS = {*OWN_KEYS, OWN_ACCOUNT, os.environ["LATCHKEY_ACCOUNT"]}
# How many keys of the caller's account stay live. The account may have 10 in total.
KEPT = 3
# How many webhooks of the caller's organization stay. It may have 10 in total, and each gets all later events.
WEBHOOKS_KEPT = 1
# Its name never has an address (RFC 6761), and it gets few events, so that requests do not wait for deliveries.
WEBHOOK = {"url": "https://hooks.invalid/", "events": ["service_account.created"]}
# Messages of rules about the clock, earlier responses, and the deployment's settings.
UNSTATED_RULES = (
    "must be in the future",
    "is invalid or has expired; omit it",
    "is not a scope of this deployment",
    "`url` must",
)
turns = itertools.count()
# The IDs of the keys created for the caller's account, newest last.
minted = collections.deque()


def send(method, path, token, body=None):
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.request(method, URL + path, json=body, headers=headers, timeout=10)
    answer.raise_for_status()
    return answer


def create(path, token, body):
    return send("POST", path, token, body).json()["id"]


def keep(key):
    """Remembers a key of the caller's account and revokes the oldest, so that the account is never full.

    In a full account, every request for another key gets 409.
    """
    if key not in minted:
        minted.append(key)
    while len(minted) > KEPT:
        send("DELETE", f"/v1/keys/{minted.popleft()}", TOKEN)


def make_room_for_webhooks():
    """Deletes the webhooks but one, because with 10 of them, every request for another one gets 409."""
    webhooks = send("GET", "/v1/webhooks", TOKEN).json()["webhooks"]
    for webhook in webhooks[:-WEBHOOKS_KEPT]:
        send("DELETE", f"/v1/webhooks/{webhook['id']}", TOKEN)


def existing(path):
    """Values for the parameters of `path`: an account and a key, created for this request only."""
    if path.startswith("/api/admin/"):
        return [create("/api/admin/v1/keys", ROOT_TOKEN, {})]
    if path.startswith("/v1/webhooks/deliveries/"):
        found = send("GET", "/v1/webhooks/deliveries?limit=1", TOKEN).json()["deliveries"]
        return [delivery["id"] for delivery in found]
    if path.startswith("/v1/webhooks/"):
        make_room_for_webhooks()
        return [send("POST", "/v1/webhooks", TOKEN, WEBHOOK).json()["webhook"]["id"]]
    if path.startswith("/v1/keys/"):
        own = create("/v1/keys", TOKEN, {})
        keep(own)
        return [own]
    accounts = "/api/org/v1/service-accounts"
    account = create(accounts, TOKEN, {"username": "schemathesis", "description": ""})
    if path.count("{") == 1:
        return [account]
    return [account, create(f"{accounts}/{account}/keys", TOKEN, {})]


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Removes `default`, which describes responses that do not come from the service itself.

    The document must list every status of the service.
    """
    for path in raw_schema["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict):
                operation["responses"].pop("default", None)


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.operation.path == "/v1/webhooks" and case.operation.method.upper() == "POST":
        make_room_for_webhooks()
    if case.meta is None or case.meta.is_negative_at(ParameterLocation.PATH):
        return
    ids = case.path_parameters
    linked = case.meta.phase.name.value == "stateful"
    chosen = next(turns) % 2 == 0
    # Generated IDs always get 404, so every other request uses existing ones. Linked IDs already exist. The
    # caller's own keys and account, and the account of other tests, are replaced, because whoever revokes or
    # restricts their keys takes away their access.
    if ids and (chosen and not linked or not KEPT_IDS.isdisjoint(ids.values())):
        ids.update(zip(ids, existing(case.path)))
    # Generated idempotency keys repeat. Then they get 409, or replay a response about something that was
    # deleted since.
    valid = not case.meta.is_negative_at(ParameterLocation.HEADER)
    if "Idempotency-Key" in case.headers and valid and (chosen or linked):
        case.headers["Idempotency-Key"] = str(uuid.uuid4())


@schemathesis.hook
def after_call(context, case, response):
    if case.operation.method.upper() != "POST" or response.status_code not in (200, 201):
        return
    # Several operations create keys for the caller's account, also those with an account in their path.
    token = response.json().get("key")
    if token and token.split("_")[-3] == OWN_ACCOUNT:
        keep(token.split("_")[-2])


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if isinstance(failure, RejectedPositiveData) and response.status_code == 400:
        return not any(rule in response.text for rule in UNSTATED_RULES)
    # The Chaser dialect still describes a revoked key and shows when it was revoked.
    if isinstance(failure, UseAfterFree) and response.json().get("revoked_at"):
        return False
    # `cargo lambda` itself responds to invalid UTF-8 with 500. API Gateway passes it to the function.
    return not (response.status_code == 500 and not is_utf8(response.request))


def is_utf8(request):
    try:
        for part in [request.body or b"", *request.headers.values()]:
            # A header in a `str` is sent as Latin-1.
            (part.encode("latin-1") if isinstance(part, str) else part).decode()
    except UnicodeDecodeError:
        return False
    return True
