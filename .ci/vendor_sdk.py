"""Runs Chaser's own SDK against Latchkey, with another `base_url` and nothing else changed.

Prints one line per check and continues after a failure, so you can compare two versions of the service.
To run it by hand against `cargo dev`:

    . .latchkey/dev.env && .tools/ci/bin/python .ci/vendor_sdk.py
"""

import contextlib
import importlib.metadata
import os
import re
import secrets
import string
import sys
import typing
import urllib.request

import boto3
from botocore.config import Config
from chaser_sdk import ChaserApiError, ChaserClient

TIMEOUT_SECONDS = 60
LIST_LENGTH = 250
# The default of KeyLimit.
KEY_LIMIT = 10
# What DynamoDB takes in one batch.
BATCH_MAX = 25
# Characters of a failure's reason: some show a whole list.
REASON_MAX = 500

CODES = {400: "invalid_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 409: "conflict"}
ACCOUNT_INFO = {"id", "kind", "name", "role", "personal", "created_at"}
SERVICE_ACCOUNT_INFO = {"id", "name", "created_by_user_id", "disabled", "created_at", "updated_at"}
MINTED = {"full_access", "id", "key", "key_prefix", "name", "scopes"}
# `ServiceAccountKeyInfo` and `ApiKeyInfo`; Latchkey adds fields.
KEY_INFO = {
    *{"id", "key_prefix", "name", "scopes", "full_access", "created_at", "last_used_at", "revoked"},
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
# No service account or key has this ID.
UNKNOWN = "0" * 16
# The check that needs a second organization.
NON_ASCII = "with_account: a name that is not ASCII"

CHECKS = []


class Organization(typing.NamedTuple):
    """An organization and a client with a full-access key that belongs to it."""

    id: str
    name: str
    client: ChaserClient


class Table:
    """The table of the service, to write a long list at once instead of one request per entry."""

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
        """Copies a key of a service account and gives the IDs of the copies, which have no token."""
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
        """Copies a service account without its keys and gives the IDs of the copies."""
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
    """IDs that sort before those that the service creates, which start with the time."""
    alphabet = string.digits + string.ascii_uppercase
    return ["00" + "".join(secrets.choice(alphabet) for _ in range(14)) for _ in range(count)]


class Caller:
    """The service account that the checks call as, created for one run so that its keys are known."""

    def __init__(self, organization, table, non_ascii):
        self.organization = organization
        self.table = table
        # Another organization, which has such a name, or None.
        self.non_ascii = non_ascii
        self.made = []
        self.id = self.new_account()
        first = self.keys.create(self.id)
        self.key = first["id"]
        self.client = organization.client.with_token(first["key"])
        # For the keys that checks need besides the caller's own.
        self.other = self.new_account()

    @property
    def accounts(self):
        return self.client.accounts

    @property
    def keys(self):
        """The calls on service account keys with the organization's key, to prepare a check."""
        return self.organization.client.accounts.service_accounts.keys

    def new_account(self):
        """Creates a service account in the LakeSail dialect, so that only one check depends on `create`."""
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
            # A service with a defect may have deleted it already.
            with contextlib.suppress(ChaserApiError):
                self.organization.client.accounts.service_accounts.delete(account)


def check(name):
    def add(function):
        CHECKS.append((name, function))
        return function

    return add


def equal(found, expected):
    assert found == expected, f"{found!r} instead of {expected!r}"


def has(found, fields):
    missing = sorted(fields - found.keys())
    assert not missing, f"{missing} missing in {found}"


def is_time(text):
    assert isinstance(text, str) and TIME.fullmatch(text), f"{text!r} is not a time"


def live(keys):
    """The live keys, as a user of the SDK finds them."""
    return [key["id"] for key in keys if not key.get("revoked")]


def by_id(entries, id):
    found = [entry for entry in entries if entry["id"] == id]
    assert len(found) == 1, f"{id} is listed {len(found)} times"
    return found[0]


def refused(status, call, *arguments, **options):
    """Makes a call that must fail with `status`, checks all that the SDK reads, and gives the message."""
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


# --- accounts ---


@check("accounts.current: all fields, role admin for a full-access key")
def _(caller):
    is_account(caller.accounts.current(), caller.organization, "admin")


@check("accounts.current: role member for a scoped key")
def _(caller):
    is_account(caller.scoped("sessions.read").accounts.current(), caller.organization, "member")


@check("accounts.list: the current account")
def _(caller):
    [only] = caller.accounts.list()
    is_account(only, caller.organization, "admin")


# --- accounts.service_accounts ---


@check("accounts.service_accounts.create: the account, its name stripped")
def _(caller):
    made = caller.accounts.service_accounts.create("  chaser-sdk made \t")
    caller.made.append(made["id"])
    has(made, SERVICE_ACCOUNT_INFO)
    expected = ("chaser-sdk made", False, caller.id)
    equal((made["name"], made["disabled"], made["created_by_user_id"]), expected)
    is_time(made["created_at"])
    is_time(made["updated_at"])


@check("accounts.service_accounts.list: all fields of an account")
def _(caller):
    found = by_id(caller.accounts.service_accounts.list(), caller.id)
    has(found, SERVICE_ACCOUNT_INFO)
    equal((found["name"], found["disabled"]), ("chaser-sdk", False))


@check("accounts.service_accounts.delete: the account and its keys are gone")
def _(caller):
    account = caller.new_account()
    owner = caller.client_of(caller.keys.create(account))
    equal(by_id(caller.accounts.service_accounts.list(), account)["id"], account)
    equal(caller.accounts.service_accounts.delete(account), None)
    caller.made.remove(account)
    assert account not in [entry["id"] for entry in caller.accounts.service_accounts.list()], "still listed"
    refused(401, owner.accounts.current)


# --- accounts.service_accounts.keys ---


@check("accounts.service_accounts.keys.create: no name or scopes means full access")
def _(caller):
    minted = caller.accounts.service_accounts.keys.create(caller.new_account())
    is_minted(minted, None, [])
    has(minted["service_account"], SERVICE_ACCOUNT_INFO)


@check("accounts.service_accounts.keys.create: name and scopes, the name stripped")
def _(caller):
    scopes = ["files.read", "sessions.write"]
    account = caller.new_account()
    minted = caller.accounts.service_accounts.keys.create(account, name=" \tnightly  report ", scopes=scopes)
    is_minted(minted, "nightly  report", scopes)
    equal(minted["service_account"]["id"], account)


@check("accounts.service_accounts.keys.create: the key authenticates until it is revoked")
def _(caller):
    account = caller.new_account()
    minted = caller.accounts.service_accounts.keys.create(account)
    owner = caller.client_of(minted)
    equal([key["id"] for key in owner.accounts.service_accounts.keys.list(account)], [minted["id"]])
    equal(caller.accounts.service_accounts.keys.revoke(account, minted["id"]), None)
    refused(401, owner.accounts.service_accounts.keys.list, account)


@check("accounts.service_accounts.keys.list: all fields of a live and of a revoked key")
def _(caller):
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


@check("accounts.service_accounts.keys.revoke: twice is no error")
def _(caller):
    account, keys = caller.new_account(), caller.accounts.service_accounts.keys
    minted = keys.create(account)
    keys.revoke(account, minted["id"])
    since = keys.list(account)[0]["revoked"]
    keys.revoke(account, minted["id"])
    equal(keys.list(account)[0]["revoked"], since)


@check("accounts.service_accounts.keys: `not k.get('revoked')` finds the live keys")
def _(caller):
    account, keys = caller.new_account(), caller.accounts.service_accounts.keys
    first, second, third = [keys.create(account)["id"] for _ in range(3)]
    keys.revoke(account, second)
    equal(live(keys.list(account)), [first, third])


# --- keys ---


@check("keys.list: the keys of the caller's own account")
def _(caller):
    found = by_id(caller.client.keys.list(), caller.key)
    has(found, KEY_INFO)
    equal((found["full_access"], found["scopes"], found["revoked"]), (True, [], None))
    own = caller.keys.list(caller.id)
    equal([key["id"] for key in caller.client.keys.list()], [key["id"] for key in own])


@check("keys.create: no name or scopes means full access")
def _(caller):
    minted = caller.client.keys.create()
    try:
        is_minted(minted, None, [])
        assert "service_account" not in minted, f"{sorted(minted)} holds the account"
        equal(by_id(caller.keys.list(caller.id), minted["id"])["key_prefix"], minted["key_prefix"])
    finally:
        caller.keys.revoke(caller.id, minted["id"])


@check("keys.create: name and scopes, the name stripped")
def _(caller):
    minted = caller.client.keys.create(name="  nightly report\t", scopes=["files.read"])
    try:
        is_minted(minted, "nightly report", ["files.read"])
    finally:
        caller.keys.revoke(caller.id, minted["id"])


@check("keys.revoke: the key authenticates until then, and twice is no error")
def _(caller):
    minted = caller.client.keys.create()
    owner = caller.client_of(minted)
    by_id(owner.keys.list(), minted["id"])
    equal(caller.client.keys.revoke(minted["id"]), {})
    refused(401, owner.keys.list)
    equal(caller.client.keys.revoke(minted["id"]), {})
    is_time(by_id(caller.client.keys.list(), minted["id"])["revoked"])


@check("keys: `not k.get('revoked')` finds the live keys")
def _(caller):
    ended, kept = [caller.client.keys.create()["id"] for _ in range(2)]
    caller.client.keys.revoke(ended)
    equal(live(caller.client.keys.list()), [caller.key, kept])
    caller.client.keys.revoke(kept)
    equal(live(caller.client.keys.list()), [caller.key])


@check("keys: a scoped key lists, creates and revokes keys of its own account")
def _(caller):
    account = caller.new_account()
    first = caller.keys.create(account, scopes=["keys.read", "keys.write"])
    machine = caller.client_of(first)
    second = machine.keys.create(scopes=["keys.read"])
    equal([key["id"] for key in machine.keys.list()], [first["id"], second["id"]])
    machine.keys.revoke(first["id"])
    equal(live(caller.client_of(second).keys.list()), [second["id"]])
    refused(401, machine.keys.list)


# --- errors ---


@check("error 400: unknown scope")
def _(caller):
    message = refused(400, caller.keys.create, caller.other, scopes=["files.fly"])
    assert "files.fly" in message, f"the message {message!r} does not name the scope"
    refused(400, caller.client.keys.create, scopes=["files.fly"])


@check("error 400: blank account name")
def _(caller):
    message = refused(400, caller.accounts.service_accounts.create, "   ")
    assert "name" in message, f"the message {message!r} does not name the field"


@check("error 401: wrong key, no key")
def _(caller):
    for token in ["sk_wrong", None]:
        client = caller.client.with_token(token)
        for call in [client.accounts.current, client.accounts.list, client.keys.list]:
            refused(401, call)


@check("error 403: a scope is missing")
def _(caller):
    reader = caller.scoped("keys.read")
    refused(403, reader.keys.create, scopes=["keys.read"])
    message = refused(403, reader.accounts.service_accounts.keys.create, caller.id, scopes=["keys.read"])
    assert "keys.write" in message, f"the message {message!r} does not name the scope"


@check("error 403: a scoped key manages accounts")
def _(caller):
    writer = caller.scoped("keys.read", "keys.write").accounts.service_accounts
    refused(403, writer.create, "chaser-sdk")
    refused(403, writer.delete, caller.other)


@check("error 403: another account is selected")
def _(caller):
    client = caller.client.with_account("another-organization")
    for call in [client.accounts.current, client.accounts.list, client.keys.list, client.keys.create]:
        refused(403, call)


@check("error 404: unknown service account")
def _(caller):
    service_accounts = caller.accounts.service_accounts
    refused(404, service_accounts.delete, UNKNOWN)
    refused(404, service_accounts.keys.list, UNKNOWN)
    refused(404, service_accounts.keys.list, "not-an-id")
    refused(404, service_accounts.keys.create, UNKNOWN)
    refused(404, service_accounts.keys.revoke, UNKNOWN, UNKNOWN)


@check("error 404: unknown key")
def _(caller):
    refused(404, caller.accounts.service_accounts.keys.revoke, caller.other, UNKNOWN)
    refused(404, caller.client.keys.revoke, UNKNOWN)
    refused(404, caller.client.keys.revoke, "not-an-id")
    # A key of another account is not the caller's own.
    foreign = caller.keys.create(caller.new_account())["id"]
    refused(404, caller.client.keys.revoke, foreign)


@check("error 409: the account holds as many keys as it may")
def _(caller):
    account = caller.new_account()
    minted = [caller.keys.create(account) for _ in range(KEY_LIMIT)]
    owner = caller.client_of(minted[0])
    calls = [(owner.keys.create, []), (owner.accounts.service_accounts.keys.create, [account])]
    for call, arguments in calls:
        message = refused(409, call, *arguments)
        assert str(KEY_LIMIT) in message, f"the message {message!r} does not name the limit"
    owner.keys.revoke(minted[1]["id"])
    has(owner.keys.create(), MINTED)


@check("error 409: the caller deletes its own account")
def _(caller):
    refused(409, caller.accounts.service_accounts.delete, caller.id)
    equal(live(caller.client.keys.list()), [caller.key])


# --- with_account ---


@check("with_account: by ID")
def _(caller):
    client = caller.client.with_account(caller.organization.id)
    equal(client.accounts.current()["id"], caller.organization.id)


@check("with_account: by exact name")
def _(caller):
    client = caller.client.with_account(caller.organization.name)
    equal(client.accounts.current()["id"], caller.organization.id)
    refused(403, caller.client.with_account(caller.organization.name.swapcase()).accounts.current)


@check("with_account: `personal` is the caller's own account")
def _(caller):
    client = caller.client.with_account("personal")
    equal(client.accounts.current()["id"], caller.organization.id)
    by_id(client.keys.list(), caller.key)


@check("with_account: surrounding blanks do not count")
def _(caller):
    for selected in [caller.organization.id, caller.organization.name, "personal"]:
        padded = f" \t{selected}  "
        stripped, unchanged = caller.client.with_account(padded), caller.client.with_account(None)
        # `with_account` strips them; headers that the user sets go out as they are.
        unchanged.default_headers["X-Chaser-Account"] = padded
        for client in [stripped, unchanged]:
            equal(client.accounts.current()["id"], caller.organization.id)


@check("with_account: None is the caller's own account")
def _(caller):
    equal(caller.client.with_account(None).accounts.current()["id"], caller.organization.id)


@check(NON_ASCII)
def _(caller):
    other = caller.non_ascii
    equal(other.client.with_account(other.name).accounts.current()["id"], other.id)
    refused(403, caller.client.with_account(other.name).accounts.current)
    refused(403, other.client.with_account(caller.organization.name).accounts.current)


# --- long lists ---


@check(f"keys.list: {LIST_LENGTH} keys, and the live one is among them")
def _(caller):
    account, keys = caller.new_account(), caller.accounts.service_accounts.keys
    ended = keys.create(account)["id"]
    keys.revoke(account, ended)
    with caller.table.copies_of_key(account, ended, LIST_LENGTH - 2) as copies:
        # The last one in the list, which starts with the oldest key.
        minted = keys.create(account)
        listed = keys.list(account)
        equal(len(listed), LIST_LENGTH)
        equal({key["id"] for key in listed}, {*copies, ended, minted["id"]})
        equal(live(listed), [minted["id"]])
        equal(live(caller.client_of(minted).keys.list()), [minted["id"]])


@check(f"accounts.service_accounts.list: {LIST_LENGTH} accounts")
def _(caller):
    account = caller.new_account()
    with caller.table.copies_of_account(caller.organization.id, account, LIST_LENGTH - 1) as copies:
        listed = [found["id"] for found in caller.accounts.service_accounts.list()]
        missing = {*copies, account} - set(listed)
        assert not missing, f"{len(missing)} accounts of {LIST_LENGTH} are not listed"
        equal(len(listed), len(set(listed)))


def drive(organization, table, non_ascii=None):
    """Runs every check with keys of `organization`, and gives the names of those that fail.

    The check of a name that is not ASCII needs `non_ascii`, an organization that has one.
    Without it, that check is left out.
    """
    # The SDK calls `urlopen`, which would send even a request to loopback through a configured proxy.
    urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))
    caller = Caller(organization, table, non_ascii)
    checks = [(name, run) for name, run in CHECKS if non_ascii or name != NON_ASCII]
    failed = []
    try:
        for name, run in checks:
            try:
                run(caller)
            except Exception as problem:
                failed.append(name)
                reason = f"{type(problem).__name__}: {problem}"[:REASON_MAX]
                print(f"  FAIL {name}: {reason}", flush=True)
            else:
                print(f"  pass {name}", flush=True)
    finally:
        caller.clean_up()
    version = importlib.metadata.version("chaser-sdk")
    print(f"chaser-sdk {version}: {len(checks) - len(failed)} of {len(checks)} checks pass", flush=True)
    return failed


def main():
    from service import ORGANIZATION, TOKEN, URL

    dynamodb = boto3.client(
        "dynamodb",
        endpoint_url=os.environ["AWS_ENDPOINT_URL_DYNAMODB"],
        config=Config(proxies={}),
    )
    table = Table(dynamodb, os.environ["LATCHKEY_TABLE"])
    client = ChaserClient(base_url=URL, api_key=TOKEN, timeout=TIMEOUT_SECONDS)
    organization = Organization(ORGANIZATION, table.organization_name(ORGANIZATION), client)
    # The SDK sends a name that is not ASCII in Latin-1. `cargo lambda watch` itself answers a header that is
    # not UTF-8 with 500, so only the deployment test has such a name.
    if drive(organization, table):
        sys.exit(1)


if __name__ == "__main__":
    main()
