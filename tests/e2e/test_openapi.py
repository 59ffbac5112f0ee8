"""Schemathesis finds no difference between the dialects' OpenAPI documents and the local stack."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
import requests
import yaml

from local_stack import TIMEOUT_SECONDS, bearer
from processes import ROOT

HERE = pathlib.Path(__file__).resolve().parent / "openapi"
# A run takes a minute on an idle machine. This stops a run that hangs.
DONE_WITHIN_SECONDS = 900
# Operations on root keys reject account keys, and the other operations reject root keys. Operations with the
# tag `identity` accept both.
ROOT_KEYS = "root-keys"
IDENTITY = "identity"


def runs():
    """Tests each dialect's document with an account's key, and its operations on root keys with a root key.

    Skips documents without `security` for all operations, which only the dialects have. Schemathesis would
    report intended behavior of the OAuth endpoints: the token endpoint rejects every grant, and `/verify`
    accepts every method.
    """
    for path in sorted((ROOT / "openapi").glob("*.yaml")):
        document = yaml.safe_load(path.read_text())
        if "security" not in document:
            continue
        has_root_keys = ROOT_KEYS in [tag["name"] for tag in document.get("tags", [])]
        excluded = [f"--exclude-tag={ROOT_KEYS}"] if has_root_keys else []
        yield pytest.param(path, "ours", excluded, id=f"{path.stem}-account")
        if has_root_keys:
            included = [f"--include-tag={tag}" for tag in [ROOT_KEYS, IDENTITY]]
            yield pytest.param(path, "root", included, id=f"{path.stem}-root")


@pytest.fixture(scope="module")
def own_token(local):
    """The key of a service account created for this run, which also creates keys for itself."""

    def post(path, body):
        url = f"{local.url}/api/org/v1/service-accounts{path}"
        answer = requests.post(url, json=body, headers=bearer(local.token), timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        return answer.json()

    account = post("", {"username": "schemathesis", "description": ""})["id"]
    return post(f"/{account}/keys", {})["key"]


@pytest.fixture(scope="module")
def environment(local, own_token, stranger, tmp_path_factory):
    """The environment of schemathesis and its hooks, with the keys that requests can use."""
    identities = tmp_path_factory.mktemp("identities") / "identities.json"
    tokens = {"ours": own_token, "root": local.root_token, "other": stranger}
    known = [{"name": name, "fixedHeaders": [authorization(token)]} for name, token in tokens.items()]
    identities.write_text(json.dumps({"auth": known}))
    return {
        **os.environ,
        "LATCHKEY_URL": local.url,
        "LATCHKEY_ACCOUNT": local.account,
        "LATCHKEY_TOKEN": own_token,
        "LATCHKEY_ROOT_TOKEN": local.root_token,
        "LATCHKEY_IDENTITIES": str(identities),
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def authorization(token):
    return {"name": "Authorization", "value": f"Bearer {token}"}


@pytest.mark.parametrize("document, identity, selection", list(runs()))
def test_responses_are_as_the_document_says(
    local, processes, environment, tmp_path, note, document, identity, selection
):
    report = tmp_path / "report.json"
    command = [
        pathlib.Path(sys.executable).parent / "st",
        f"--config-file={HERE / 'schemathesis.toml'}",
        "run",
        document,
        f"--url={local.url}",
        f"--report-json-path={report}",
        *selection,
    ]
    # Runs in a temporary folder, because schemathesis leaves files behind.
    options = {"cwd": tmp_path, "env": {**environment, "LATCHKEY_IDENTITY": identity}}
    processes.run(command, DONE_WITHIN_SECONDS, stderr=subprocess.STDOUT, **options)
    found = json.loads(report.read_text())
    operations, cases = len(found["valid_rates"]), found["test_cases"]["generated"]
    assert operations, "no operation was tested"
    note(f"schemathesis: {document.name} as {identity}: {operations} operations, {cases} cases")
