"""Introspects and revokes a key with Authlib, a client that knows nothing of Latchkey.

Takes the settings of `.latchkey/dev.env` from its environment.
"""

import os

import requests
from authlib.integrations.requests_client import OAuth2Session

URL = os.environ["LATCHKEY_URL"]
ACCOUNT = os.environ["LATCHKEY_ACCOUNT"]
TOKEN = os.environ["LATCHKEY_TOKEN"]


def mint():
    path = f"/v1/accounts/current/service-accounts/{ACCOUNT}/keys"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = requests.post(URL + path, json={"scopes": ["sessions.read"]}, headers=headers)
    answer.raise_for_status()
    return answer.json()["key"]


def main():
    metadata = requests.get(f"{URL}/.well-known/oauth-authorization-server").json()
    client = OAuth2Session(ACCOUNT, TOKEN)

    def introspect(token):
        answer = client.introspect_token(metadata["introspection_endpoint"], token=token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    key = mint()
    found = introspect(key)
    assert found["active"] and found["scope"] == "sessions.read" and found["sub"] == ACCOUNT, found
    for _ in range(2):
        revoked = client.revoke_token(metadata["revocation_endpoint"], token=key)
        assert (revoked.status_code, revoked.text) == (200, ""), revoked.text
        assert introspect(key) == {"active": False}
    assert introspect("nonsense") == {"active": False}
    print("Authlib introspects and revokes")


main()
