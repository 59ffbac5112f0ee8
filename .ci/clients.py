"""Introspects and revokes a key with Authlib, a client that knows nothing of Latchkey, and measures
how long another function takes a key that is revoked.

Takes the settings of `.latchkey/dev.env` from its environment.
"""

import time

import requests
from authlib.integrations.requests_client import OAuth2Session

from service import ACCOUNT, CHASER, TIMEOUT_SECONDS, TOKEN, URL, bearer, mint, revoke

# The default of LATCHKEY_CACHE_TTL, and what a slow machine may add.
STALE_SECONDS = 10 + 1
GIVE_UP_SECONDS = 15


def check_authlib():
    metadata = requests.get(f"{URL}/.well-known/oauth-authorization-server").json()
    client = OAuth2Session(ACCOUNT, TOKEN)

    def introspect(token):
        answer = client.introspect_token(metadata["introspection_endpoint"], token=token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    key = mint(CHASER, {"scopes": ["sessions.read"]})
    found = introspect(key)
    assert found["active"] and found["scope"] == "sessions.read" and found["sub"] == ACCOUNT, found
    for _ in range(2):
        revoked = client.revoke_token(metadata["revocation_endpoint"], token=key)
        assert (revoked.status_code, revoked.text) == (200, ""), revoked.text
        assert introspect(key) == {"active": False}
    assert introspect("nonsense") == {"active": False}
    print("Authlib introspects and revokes")


def check_staleness():
    """`cargo dev` runs each function in a process with its own cache, as Lambda does."""
    key = mint(CHASER, {"scopes": ["keys.write"]})

    def verify():
        return requests.get(f"{URL}/verify", headers=bearer(key), timeout=TIMEOUT_SECONDS).status_code

    def chaser():
        # Refused for its field by whoever takes the key, so that nothing is minted.
        answer = requests.post(CHASER, json={"nope": 1}, headers=bearer(key), timeout=TIMEOUT_SECONDS)
        return answer.status_code

    assert (verify(), chaser()) == (204, 400)
    revoke(key)
    began = time.monotonic()
    assert verify() == 401, "the function that revoked the key takes it"
    while (status := chaser()) != 401:
        assert status == 400, status
        assert time.monotonic() - began < GIVE_UP_SECONDS, "chaser still takes the revoked key"
        time.sleep(0.2)
    stale = time.monotonic() - began
    assert stale <= STALE_SECONDS, f"chaser took the revoked key for {stale:.1f} s"
    print(f"a revoked key is refused by oauth at once, by chaser after {stale:.1f} s")


check_authlib()
check_staleness()
