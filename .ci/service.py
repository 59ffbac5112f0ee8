"""The local service: where `.latchkey/dev.env` says it is, and how keys come and go there."""

import os

import requests

URL = os.environ["LATCHKEY_URL"]
ORGANIZATION = os.environ["LATCHKEY_ORGANIZATION"]
ACCOUNT = os.environ["LATCHKEY_ACCOUNT"]
TOKEN = os.environ["LATCHKEY_TOKEN"]

# A request that is lost, as one is when the functions start anew, ends the check.
TIMEOUT_SECONDS = 60

LAKESAIL = f"{URL}/api/org/v1/service-accounts/{ACCOUNT}/keys"
CHASER = f"{URL}/v1/accounts/current/service-accounts/{ACCOUNT}/keys"


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def mint(url, body):
    answer = requests.post(url, json=body, headers=bearer(TOKEN), timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    return answer.json()["key"]


def revoke(key):
    answer = requests.post(f"{URL}/oauth/revoke", data={"token": key}, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
