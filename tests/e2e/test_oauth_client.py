"""Authlib, an OAuth client that knows nothing about Latchkey, introspects and revokes keys.

Also measures how long another function accepts a revoked key.
"""

import time

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session

from local_stack import TIMEOUT_SECONDS, bearer

# The default of LATCHKEY_CACHE_TTL, plus a margin for slow machines.
STALE_SECONDS = 10 + 1
GIVE_UP_SECONDS = 15


class Client:
    """Authlib's client, with the endpoints from the metadata."""

    def __init__(self, local):
        self.session = OAuth2Session(local.account, local.token)
        url = f"{local.url}/.well-known/oauth-authorization-server"
        self.metadata = requests.get(url, timeout=TIMEOUT_SECONDS).json()

    def introspect(self, token):
        answer = self.session.introspect_token(self.metadata["introspection_endpoint"], token=token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def revoke(self, token):
        return self.session.revoke_token(self.metadata["revocation_endpoint"], token=token)


@pytest.fixture
def client(local, monkeypatch):
    # Otherwise, Authlib requires HTTPS.
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    return Client(local)


@pytest.fixture
def key(local):
    key = local.mint(local.chaser, {"scopes": ["sessions.read"]})
    yield key
    local.revoke(key)


def test_introspection_of_a_live_key_shows_its_scope_and_account(local, client, key):
    found = client.introspect(key)
    assert (found["active"], found["scope"], found["sub"]) == (True, "sessions.read", local.account), found


def test_introspection_of_a_revoked_key_shows_only_that_it_is_inactive(client, key):
    assert client.introspect(key)["active"]
    client.revoke(key)
    assert client.introspect(key) == {"active": False}


def test_revoking_a_key_twice_is_no_error(client, key):
    for _ in range(2):
        revoked = client.revoke(key)
        assert (revoked.status_code, revoked.text) == (200, "")
        assert client.introspect(key) == {"active": False}


def test_introspection_of_nonsense_shows_only_that_it_is_inactive(client):
    assert client.introspect("nonsense") == {"active": False}


def test_a_revoked_key_is_refused_at_once_and_by_other_functions_within_the_cache_ttl(local, note):
    """`cargo dev` runs each function in a process with its own cache, as Lambda does."""
    key = local.mint(local.chaser, {"scopes": ["keys.write"]})

    def chaser():
        # A function that accepts the key rejects the field, so no key is created.
        answer = requests.post(local.chaser, json={"nope": 1}, headers=bearer(key), timeout=TIMEOUT_SECONDS)
        return answer.status_code

    assert (local.verify(key), chaser()) == (204, 400)
    local.revoke(key)
    began = time.monotonic()
    assert local.verify(key) == 401, "the function that revoked the key still accepts it"
    while (status := chaser()) != 401:
        assert status == 400
        assert time.monotonic() - began < GIVE_UP_SECONDS, "chaser still accepts the revoked key"
        time.sleep(0.2)
    stale = time.monotonic() - began
    assert stale <= STALE_SECONDS
    note(f"revocation: oauth rejects the key immediately, chaser after {stale:.1f} s")
