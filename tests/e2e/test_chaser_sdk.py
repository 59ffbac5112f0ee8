"""Chaser's own SDK works with Latchkey; only the `base_url` changes.

Every test runs against the local stack and the deployed one.
"""

import contextlib
import functools
import importlib.metadata
import re
import secrets
import string
import typing
import urllib.request

import boto3
import pytest
from botocore.config import Config
from chaser_sdk import ChaserApiError, ChaserClient

from local_stack import TIMEOUT_SECONDS

LIST_LENGTH = 250
# The default of KeyLimit.
KEY_LIMIT = 10
# The maximum number of items in a DynamoDB batch.
BATCH_MAX = 25

CODES = {400: "invalid_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 409: "conflict"}
ACCOUNT_INFO = {"id", "kind", "name", "role", "personal", "created_at"}
SERVICE_ACCOUNT_INFO = {"id", "name", "created_by_user_id", "disabled", "created_at", "updated_at"}
MINTED = {"full_access", "id", "key", "key_prefix", "name", "scopes"}
# `ServiceAccountKeyInfo` and `ApiKeyInfo`; Latchkey adds fields.
KEY_INFO = {
    *{"id", "key_prefix", "name", "scopes", "full_access", "created_at", "last_used_at", "revoked"},
}
AUDIT_EVENT_INFO = {
    *{"id", "actor_type", "actor_id", "action", "resource_type", "resource_id", "status", "summary"},
    *{"metadata", "created_at"},
}
EVENT_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
# No service account or key has this ID.
UNKNOWN = "0" * 16
# An ID, and a name that the SDK sends in Latin-1.
NON_ASCII = ("mueller", "Müller GmbH")
DEPLOYED = pytest.param("deployed", marks=pytest.mark.deployment)


class Organization(typing.NamedTuple):
    """An organization, and a client that uses its full-access key."""

    id: str
    name: str
    client: ChaserClient


class Table:
    """The service's table, for writing long lists in batches instead of one request per entry."""

    def __init__(self, dynamodb, name):
        self.dynamodb = dynamodb
        self.name = name

    def read(self, partition, sort):
        key = {"pk": {"S": partition}, "sk": {"S": sort}}
        return self.dynamodb.get_item(TableName=self.name, Key=key, ConsistentRead=True)["Item"]

    def organization_name(self, organization):
        return self.read(f"ORG#{organization}", "ORG")["name"]["S"]

    @contextlib.contextmanager
    def copies_of_key(self, account, key, count):
        """Copies a key of a service account and returns the IDs of the copies, which have no token."""
        original = self.read(f"ACCOUNT#{account}", f"KEY#{key}")
        ids = new_ids(count)
        copies = [
            {
                **original,
                "sk": {"S": f"KEY#{id}"},
                "id": {"S": id},
                "key_prefix": {"S": original["key_prefix"]["S"].replace(key, id)},
                "digest": {"B": secrets.token_bytes(len(original["digest"]["B"]))},
            }
            for id in ids
        ]
        with self.written(copies):
            yield ids

    @contextlib.contextmanager
    def copies_of_account(self, organization, account, count):
        """Copies a service account without its keys and returns the IDs of the copies."""
        original = self.read(f"ACCOUNT#{account}", "ACCOUNT")
        entry = self.read(f"ORG#{organization}", f"ACCOUNT#{account}")
        ids = new_ids(count)
        copies = [{**original, "pk": {"S": f"ACCOUNT#{id}"}, "id": {"S": id}} for id in ids]
        copies += [{**entry, "sk": {"S": f"ACCOUNT#{id}"}} for id in ids]
        with self.written(copies):
            yield ids

    @contextlib.contextmanager
    def written(self, items):
        """Writes `items` and deletes them at the end."""
        keys = [{"pk": item["pk"], "sk": item["sk"]} for item in items]
        try:
            self.batches([{"PutRequest": {"Item": item}} for item in items])
            yield
        finally:
            self.batches([{"DeleteRequest": {"Key": key}} for key in keys])

    def batches(self, requests):
        while requests:
            batch, requests = requests[:BATCH_MAX], requests[BATCH_MAX:]
            done = self.dynamodb.batch_write_item(RequestItems={self.name: batch})
            requests += done.get("UnprocessedItems", {}).get(self.name, [])


def new_ids(count):
    """IDs that sort before those that the service generates, which start with the time."""
    alphabet = string.digits + string.ascii_uppercase
    return ["00" + "".join(secrets.choice(alphabet) for _ in range(14)) for _ in range(count)]


class Caller:
    """The calling service account of the tests, created for them so that its keys are known."""

    def __init__(self, organization, table, non_ascii):
        self.organization = organization
        self.table = table
        # Another organization with such a name, or None.
        self.non_ascii = non_ascii
        self.made = []
        self.id = self.new_account()
        first = self.keys.create(self.id)
        self.key = first["id"]
        self.client = organization.client.with_token(first["key"])
        # For keys that tests need in addition to the caller's own.
        self.other = self.new_account()

    @property
    def accounts(self):
        return self.client.accounts

    @property
    def keys(self):
        """The calls on service account keys with the organization's key, to prepare a test."""
        return self.organization.client.accounts.service_accounts.keys

    def new_account(self):
        """Creates a service account in the LakeSail dialect, so that only one test depends on `create`."""
        body = {"username": "chaser-sdk", "description": ""}
        request = self.organization.client._request_json
        account = request("POST", "/api/org/v1/service-accounts", json_body=body)["id"]
        self.made.append(account)
        return account

    def client_of(self, minted):
        return self.client.with_token(minted["key"])

    def scoped(self, *scopes):
        """A client with a new key of the other account."""
        return self.client_of(self.keys.create(self.other, scopes=list(scopes)))

    def clean_up(self):
        for account in self.made:
            # A defective service may already have deleted it.
            with contextlib.suppress(ChaserApiError):
                self.organization.client.accounts.service_accounts.delete(account)


def equal(found, expected):
    assert found == expected, f"{found!r} instead of {expected!r}"


def has(found, fields):
    missing = sorted(fields - found.keys())
    assert not missing, f"{missing} missing in {found}"


def is_time(text):
    assert isinstance(text, str) and TIME.fullmatch(text), f"{text!r} is not a time"


def live(keys):
    """The live keys, as an SDK user sees them."""
    return [key["id"] for key in keys if not key.get("revoked")]


def by_id(entries, id):
    found = [entry for entry in entries if entry["id"] == id]
    assert len(found) == 1, f"{id} is listed {len(found)} times"
    return found[0]


def refused(status, call, *arguments, **options):
    """Makes a call that must fail with `status`, checks all that the SDK reads, and returns the message."""
    try:
        answer = call(*arguments, **options)
    except ChaserApiError as error:
        message = str(error)
        equal((error.status, error.code), (status, CODES[status]))
        assert message and not message.startswith("Request failed"), f"the message is {message!r}"
        assert error.request_id, "no request ID"
        top = {"code": error.code, "message": message}
        equal(error.details, {**top, "error": top})
        return message
    raise AssertionError(f"{status} expected, but the call returned {answer!r}")


def is_account(found, organization, role):
    has(found, ACCOUNT_INFO)
    is_time(found["created_at"])
    expected = {"id": organization.id, "kind": "organization", "name": organization.name, "role": role}
    equal({name: found[name] for name in [*expected, "personal"]}, {**expected, "personal": False})


def is_minted(minted, name, scopes):
    has(minted, MINTED)
    equal((minted["name"], minted["scopes"], minted["full_access"]), (name, scopes, not scopes))
    assert minted["key"].startswith(minted["key_prefix"]), f"the prefix is {minted['key_prefix']!r}"


@pytest.fixture(scope="module", params=["local", DEPLOYED])
def caller(request, note):
    """A service account of the local or the deployed stack, for all tests of that stack."""
    # The SDK calls `urlopen`, which would use a configured proxy even for loopback.
    urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))
    stack = request.getfixturevalue(request.param)
    made = local_caller(stack) if request.param == "local" else deployed_caller(stack)
    note(f"chaser-sdk {importlib.metadata.version('chaser-sdk')} called the {request.param} stack")
    yield made
    made.clean_up()


def local_caller(stack):
    environment = stack.environment
    dynamodb = boto3.client(
        "dynamodb",
        endpoint_url=environment["AWS_ENDPOINT_URL_DYNAMODB"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(proxies={}),
    )
    table = Table(dynamodb, environment["LATCHKEY_TABLE"])
    client = ChaserClient(base_url=stack.url, api_key=stack.token, timeout=TIMEOUT_SECONDS)
    id = stack.organization
    return Caller(Organization(id, table.organization_name(id), client), table, None)


def deployed_caller(deployed):
    gateway = deployed.gateway
    table = Table(deployed.emulator.client("dynamodb"), deployed.stack.resource("Table"))

    def client(key):
        # The emulator distinguishes APIs by the `Host` header.
        headers = {"Host": gateway.host}
        options = {"default_headers": headers, "timeout": TIMEOUT_SECONDS}
        return ChaserClient(base_url=gateway.url, api_key=key, **options)

    id = deployed.organization
    organization = Organization(id, table.organization_name(id), client(deployed.key))
    id, name = NON_ASCII
    made = deployed.latchkey("bootstrap", "--organization", id, "--name", name)
    return Caller(organization, table, Organization(id, name, client(made["key"]["key"])))


# --- accounts ---


def test_accounts_current_has_all_fields_and_role_admin_for_a_full_access_key(caller):
    is_account(caller.accounts.current(), caller.organization, "admin")


def test_accounts_current_has_role_member_for_a_scoped_key(caller):
    is_account(caller.scoped("sessions.read").accounts.current(), caller.organization, "member")


def test_accounts_list_has_only_the_current_account(caller):
    [only] = caller.accounts.list()
    is_account(only, caller.organization, "admin")


# --- accounts.service_accounts ---


def test_service_accounts_create_strips_the_name(caller):
    made = caller.accounts.service_accounts.create("  chaser-sdk made \t")
    caller.made.append(made["id"])
    has(made, SERVICE_ACCOUNT_INFO)
    expected = ("chaser-sdk made", False, caller.id)
    equal((made["name"], made["disabled"], made["created_by_user_id"]), expected)
    is_time(made["created_at"])
    is_time(made["updated_at"])


def test_service_accounts_list_has_all_fields_of_an_account(caller):
    found = by_id(caller.accounts.service_accounts.list(), caller.id)
    has(found, SERVICE_ACCOUNT_INFO)
    equal((found["name"], found["disabled"]), ("chaser-sdk", False))


def test_service_accounts_delete_ends_the_account_and_its_keys(caller):
    account = caller.new_account()
    owner = caller.client_of(caller.keys.create(account))
    equal(by_id(caller.accounts.service_accounts.list(), account)["id"], account)
    equal(caller.accounts.service_accounts.delete(account), None)
    caller.made.remove(account)
    assert account not in [entry["id"] for entry in caller.accounts.service_accounts.list()], "still listed"
    refused(401, owner.accounts.current)


# --- accounts.service_accounts.keys ---


def test_service_accounts_keys_create_without_name_and_scopes_gives_full_access(caller):
    minted = caller.accounts.service_accounts.keys.create(caller.new_account())
    is_minted(minted, None, [])
    has(minted["service_account"], SERVICE_ACCOUNT_INFO)


def test_service_accounts_keys_create_keeps_scopes_and_strips_the_name(caller):
    scopes = ["files.read", "sessions.write"]
    account = caller.new_account()
    minted = caller.accounts.service_accounts.keys.create(account, name=" \tnightly  report ", scopes=scopes)
    is_minted(minted, "nightly  report", scopes)
    equal(minted["service_account"]["id"], account)


def test_service_accounts_keys_authenticate_until_they_are_revoked(caller):
    account = caller.new_account()
    minted = caller.accounts.service_accounts.keys.create(account)
    owner = caller.client_of(minted)
    equal([key["id"] for key in owner.accounts.service_accounts.keys.list(account)], [minted["id"]])
    equal(caller.accounts.service_accounts.keys.revoke(account, minted["id"]), None)
    refused(401, owner.accounts.service_accounts.keys.list, account)


def test_service_accounts_keys_list_has_all_fields_of_live_and_revoked_keys(caller):
    account, keys = caller.new_account(), caller.accounts.service_accounts.keys
    ended = keys.create(account, name="ended")
    minted = keys.create(account, name="ci", scopes=["files.read"])
    keys.revoke(account, ended["id"])
    first, second = keys.list(account)
    for found, of in [(first, ended), (second, minted)]:
        has(found, KEY_INFO)
        same = ["id", "key_prefix", "name", "scopes", "full_access"]
        equal([found[field] for field in same], [of[field] for field in same])
        is_time(found["created_at"])
        assert "key" not in found, "the list shows the key itself"
    is_time(first["revoked"])
    equal((second["revoked"], second["last_used_at"]), (None, None))


def test_service_accounts_keys_revoke_twice_is_no_error(caller):
    account, keys = caller.new_account(), caller.accounts.service_accounts.keys
    minted = keys.create(account)
    keys.revoke(account, minted["id"])
    since = keys.list(account)[0]["revoked"]
    keys.revoke(account, minted["id"])
    equal(keys.list(account)[0]["revoked"], since)


def test_live_service_account_keys_are_those_that_are_not_revoked(caller):
    account, keys = caller.new_account(), caller.accounts.service_accounts.keys
    first, second, third = [keys.create(account)["id"] for _ in range(3)]
    keys.revoke(account, second)
    equal(live(keys.list(account)), [first, third])


# --- keys ---


def test_keys_list_has_the_keys_of_the_callers_own_account(caller):
    found = by_id(caller.client.keys.list(), caller.key)
    has(found, KEY_INFO)
    equal((found["full_access"], found["scopes"], found["revoked"]), (True, [], None))
    own = caller.keys.list(caller.id)
    equal([key["id"] for key in caller.client.keys.list()], [key["id"] for key in own])


def test_keys_create_without_name_and_scopes_gives_full_access(caller):
    minted = caller.client.keys.create()
    try:
        is_minted(minted, None, [])
        assert "service_account" not in minted, f"{sorted(minted)} holds the account"
        equal(by_id(caller.keys.list(caller.id), minted["id"])["key_prefix"], minted["key_prefix"])
    finally:
        caller.keys.revoke(caller.id, minted["id"])


def test_keys_create_keeps_scopes_and_strips_the_name(caller):
    minted = caller.client.keys.create(name="  nightly report\t", scopes=["files.read"])
    try:
        is_minted(minted, "nightly report", ["files.read"])
    finally:
        caller.keys.revoke(caller.id, minted["id"])


def test_keys_authenticate_until_they_are_revoked_and_twice_is_no_error(caller):
    minted = caller.client.keys.create()
    owner = caller.client_of(minted)
    by_id(owner.keys.list(), minted["id"])
    equal(caller.client.keys.revoke(minted["id"]), {})
    refused(401, owner.keys.list)
    equal(caller.client.keys.revoke(minted["id"]), {})
    is_time(by_id(caller.client.keys.list(), minted["id"])["revoked"])


def test_live_own_keys_are_those_that_are_not_revoked(caller):
    ended, kept = [caller.client.keys.create()["id"] for _ in range(2)]
    caller.client.keys.revoke(ended)
    equal(live(caller.client.keys.list()), [caller.key, kept])
    caller.client.keys.revoke(kept)
    equal(live(caller.client.keys.list()), [caller.key])


def test_a_scoped_key_lists_creates_and_revokes_keys_of_its_own_account(caller):
    account = caller.new_account()
    first = caller.keys.create(account, scopes=["keys.read", "keys.write"])
    machine = caller.client_of(first)
    second = machine.keys.create(scopes=["keys.read"])
    equal([key["id"] for key in machine.keys.list()], [first["id"], second["id"]])
    machine.keys.revoke(first["id"])
    equal(live(caller.client_of(second).keys.list()), [second["id"]])
    refused(401, machine.keys.list)


# --- errors ---


def test_an_unknown_scope_is_error_400(caller):
    message = refused(400, caller.keys.create, caller.other, scopes=["files.fly"])
    assert "files.fly" in message, f"the message {message!r} does not name the scope"
    refused(400, caller.client.keys.create, scopes=["files.fly"])


def test_a_blank_account_name_is_error_400(caller):
    message = refused(400, caller.accounts.service_accounts.create, "   ")
    assert "name" in message, f"the message {message!r} does not name the field"


def test_a_wrong_key_or_no_key_is_error_401(caller):
    for token in ["sk_wrong", None]:
        client = caller.client.with_token(token)
        for call in [client.accounts.current, client.accounts.list, client.keys.list]:
            refused(401, call)


def test_a_missing_scope_is_error_403(caller):
    reader = caller.scoped("keys.read")
    refused(403, reader.keys.create, scopes=["keys.read"])
    message = refused(403, reader.accounts.service_accounts.keys.create, caller.id, scopes=["keys.read"])
    assert "keys.write" in message, f"the message {message!r} does not name the scope"


def test_a_scoped_key_that_manages_accounts_is_error_403(caller):
    writer = caller.scoped("keys.read", "keys.write").accounts.service_accounts
    refused(403, writer.create, "chaser-sdk")
    refused(403, writer.delete, caller.other)


def test_another_selected_account_is_error_403(caller):
    client = caller.client.with_account("another-organization")
    for call in [client.accounts.current, client.accounts.list, client.keys.list, client.keys.create]:
        refused(403, call)


def test_an_unknown_service_account_is_error_404(caller):
    service_accounts = caller.accounts.service_accounts
    refused(404, service_accounts.delete, UNKNOWN)
    refused(404, service_accounts.keys.list, UNKNOWN)
    refused(404, service_accounts.keys.list, "not-an-id")
    refused(404, service_accounts.keys.create, UNKNOWN)
    refused(404, service_accounts.keys.revoke, UNKNOWN, UNKNOWN)


def test_an_unknown_key_is_error_404(caller):
    refused(404, caller.accounts.service_accounts.keys.revoke, caller.other, UNKNOWN)
    refused(404, caller.client.keys.revoke, UNKNOWN)
    refused(404, caller.client.keys.revoke, "not-an-id")
    # A key of another account is not the caller's own.
    foreign = caller.keys.create(caller.new_account())["id"]
    refused(404, caller.client.keys.revoke, foreign)


def test_a_full_account_is_error_409(caller):
    account = caller.new_account()
    minted = [caller.keys.create(account) for _ in range(KEY_LIMIT)]
    owner = caller.client_of(minted[0])
    calls = [(owner.keys.create, []), (owner.accounts.service_accounts.keys.create, [account])]
    for call, arguments in calls:
        message = refused(409, call, *arguments)
        assert str(KEY_LIMIT) in message, f"the message {message!r} does not name the limit"
    owner.keys.revoke(minted[1]["id"])
    has(owner.keys.create(), MINTED)


def test_deleting_the_callers_own_account_is_error_409(caller):
    refused(409, caller.accounts.service_accounts.delete, caller.id)
    equal(live(caller.client.keys.list()), [caller.key])


# --- audit ---


def test_audit_list_has_who_changed_what(caller):
    account, keys = caller.new_account(), caller.accounts.service_accounts.keys
    minted = keys.create(account, name="ci", scopes=["files.read"])
    keys.revoke(account, minted["id"])
    caller.accounts.service_accounts.delete(account)
    caller.made.remove(account)
    of_key = caller.client.audit.list(resource_id=minted["id"])
    of_account = caller.client.audit.list(resource_id=account)
    for event in [*of_key, *of_account]:
        has(event, AUDIT_EVENT_INFO)
        equal((event["actor_type"], event["status"]), ("service_account", "success"))
        assert EVENT_TIME.fullmatch(event["created_at"]), f"{event['created_at']!r} is not a time"
        equal(event["metadata"]["organization_id"], caller.organization.id)
        assert event["metadata"]["request_id"], "no request ID"
        # `cargo lambda watch` names itself instead of its client.
        agent = event["metadata"]["user_agent"]
        assert agent.startswith(("Python-urllib/", "cargo-lambda")), f"by {agent}"
        assert event["metadata"]["source_ip"], "no address"
    revoked, created = of_key
    equal([revoked["action"], created["action"]], ["api_key.revoke", "api_key.create"])
    equal(revoked["summary"], f"Revoked API key {minted['id']}")
    for event in of_key:
        equal((event["resource_type"], event["resource_id"]), ("api_key", minted["id"]))
        equal((event["actor_id"], event["metadata"]["key_id"]), (caller.id, caller.key))
        equal(event["metadata"]["service_account_id"], account)
    changes = created["metadata"]["changes"]
    equal((changes["name"], changes["scopes"]), ({"new": "ci"}, {"new": ["files.read"]}))
    deleted, made = of_account
    equal([deleted["action"], made["action"]], ["service_account.delete", "service_account.create"])
    equal(deleted["actor_id"], caller.id)
    # The organization's key created the account, in the other dialect.
    assert made["actor_id"] != caller.id, "the wrong actor"
    shown = repr([of_key, of_account])
    assert minted["key"].rsplit("_", 1)[1] not in shown, "an event has a secret"


def test_audit_list_takes_every_filter(caller):
    account, keys = caller.new_account(), caller.accounts.service_accounts.keys
    first, second = keys.create(account)["id"], keys.create(account)["id"]
    keys.revoke(account, first)
    listed = caller.client.audit.list

    def ids(**filters):
        return [(event["action"], event["resource_id"]) for event in listed(**filters)]

    equal(ids(action="api_key.revoke", limit=1), [("api_key.revoke", first)])
    equal(ids(resource_type="api_key", limit=2), [("api_key.revoke", first), ("api_key.create", second)])
    equal(ids(resource_type="service_account", limit=1), [("service_account.create", account)])
    equal(ids(resource_id=second), [("api_key.create", second)])
    equal(ids(resource_id=second, action="api_key.revoke"), [])
    equal(ids(resource_id=first, status="success", limit=1), [("api_key.revoke", first)])
    equal(ids(status="failure"), [])
    equal(ids(limit=0), [])
    everything = {"action": "api_key.create", "resource_type": "api_key", "resource_id": first}
    everything |= {"status": "success", "limit": 500}
    revoked = listed(resource_id=first, limit=1)[0]["created_at"]
    equal(ids(before=revoked, **everything), [("api_key.create", first)])
    created = listed(**everything)[0]["created_at"]
    equal(ids(before=created, **everything), [])


def pages(listed, limit, **filters):
    """Every event, in pages that each start before the last event of the page before."""
    events = []
    while True:
        page = listed(limit=limit, before=events[-1]["created_at"] if events else None, **filters)
        assert len(page) <= limit, f"{len(page)} events instead of {limit}"
        events += page
        if len(page) < limit:
            return events


def test_audit_list_goes_on_at_the_last_event_until_the_end(caller):
    account, keys = caller.new_account(), caller.accounts.service_accounts.keys
    for _ in range(3):
        keys.revoke(account, keys.create(account)["id"])
    listed = caller.scoped("audit.read").audit.list
    whole = pages(listed, 500)
    equal(len(listed()), min(100, len(whole)))
    times = [event["created_at"] for event in whole]
    equal(times, sorted(set(times), reverse=True))
    assert "organization.create" in [event["action"] for event in whole[-3:]], "not the first events"
    equal(pages(listed, 7), whole)
    of_type = [event for event in whole if event["resource_type"] == "service_account"]
    equal(pages(listed, 1, resource_type="service_account"), of_type)


def test_audit_list_without_the_scope_is_error_403(caller):
    message = refused(403, caller.scoped("keys.read", "keys.write").audit.list)
    assert "audit.read" in message, f"the message {message!r} does not name the scope"
    equal(caller.scoped("audit.read").audit.list(limit=0), [])


def test_audit_list_with_a_wrong_parameter_is_error_400(caller):
    for parameter, value in [("limit", 501), ("limit", -1), ("status", "failed"), ("before", "yesterday")]:
        message = refused(400, functools.partial(caller.client.audit.list, **{parameter: value}))
        assert message.startswith(f"`{parameter}` must be"), f"the message is {message!r}"


# --- with_account ---


def test_with_account_takes_an_id(caller):
    client = caller.client.with_account(caller.organization.id)
    equal(client.accounts.current()["id"], caller.organization.id)


def test_with_account_takes_an_exact_name(caller):
    client = caller.client.with_account(caller.organization.name)
    equal(client.accounts.current()["id"], caller.organization.id)
    refused(403, caller.client.with_account(caller.organization.name.swapcase()).accounts.current)


def test_with_account_personal_is_the_callers_own_account(caller):
    client = caller.client.with_account("personal")
    equal(client.accounts.current()["id"], caller.organization.id)
    by_id(client.keys.list(), caller.key)


def test_with_account_ignores_surrounding_blanks(caller):
    for selected in [caller.organization.id, caller.organization.name, "personal"]:
        padded = f" \t{selected}  "
        stripped, unchanged = caller.client.with_account(padded), caller.client.with_account(None)
        # `with_account` strips them, but headers that the user sets are sent unchanged.
        unchanged.default_headers["X-Chaser-Account"] = padded
        for client in [stripped, unchanged]:
            equal(client.accounts.current()["id"], caller.organization.id)


def test_with_account_none_is_the_callers_own_account(caller):
    equal(caller.client.with_account(None).accounts.current()["id"], caller.organization.id)


@pytest.mark.parametrize("caller", [DEPLOYED], indirect=True)
def test_with_account_takes_a_name_that_is_not_ascii(caller):
    """Runs only when deployed: `cargo lambda watch` responds to a header that is not UTF-8 with 500."""
    other = caller.non_ascii
    equal(other.client.with_account(other.name).accounts.current()["id"], other.id)
    refused(403, caller.client.with_account(other.name).accounts.current)
    refused(403, other.client.with_account(caller.organization.name).accounts.current)


# --- long lists ---


def test_the_live_key_is_in_a_long_list_of_keys(caller):
    account, keys = caller.new_account(), caller.accounts.service_accounts.keys
    ended = keys.create(account)["id"]
    keys.revoke(account, ended)
    with caller.table.copies_of_key(account, ended, LIST_LENGTH - 2) as copies:
        # The last key in the list, which starts with the oldest.
        minted = keys.create(account)
        listed = keys.list(account)
        equal(len(listed), LIST_LENGTH)
        equal({key["id"] for key in listed}, {*copies, ended, minted["id"]})
        equal(live(listed), [minted["id"]])
        equal(live(caller.client_of(minted).keys.list()), [minted["id"]])


def test_a_long_list_of_service_accounts_is_complete(caller):
    account = caller.new_account()
    with caller.table.copies_of_account(caller.organization.id, account, LIST_LENGTH - 1) as copies:
        listed = [found["id"] for found in caller.accounts.service_accounts.list()]
        missing = {*copies, account} - set(listed)
        assert not missing, f"{len(missing)} accounts of {LIST_LENGTH} are not listed"
        equal(len(listed), len(set(listed)))
