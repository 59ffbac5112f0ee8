"""The pages of the local stack: the start page, the API reference, and the answer for an unknown path."""

import re

import pytest
import requests

from local_stack import TIMEOUT_SECONDS
from processes import ROOT

DOCUMENTS = sorted((ROOT / "openapi").glob("*.yaml"))


def get(local, path, **headers):
    return requests.get(f"{local.url}{path}", headers=headers, timeout=TIMEOUT_SECONDS)


def test_the_start_page_shows_the_stack_and_no_key(local):
    page = get(local, "/")
    assert page.status_code == 200
    for shown in [local.url, local.organization, local.account, ".latchkey/dev.env"]:
        assert shown in page.text
    for document in DOCUMENTS:
        assert f'href="/docs/{document.stem}"' in page.text
    for key in [local.token, local.root_token]:
        assert key not in page.text


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.stem)
def test_an_api_reference_and_all_that_it_loads_come_from_the_stack(local, document):
    page = get(local, f"/docs/{document.stem}")
    assert page.status_code == 200
    loaded = re.findall(r'(?:href|src|data-document)="([^"]+)"', page.text)
    assert f"/openapi/{document.name}" in loaded
    for path in loaded:
        assert path == "data:," or get(local, path).status_code == 200, path
    assert get(local, f"/openapi/{document.name}").content == document.read_bytes()


def test_an_unknown_path_is_answered_as_by_api_gateway_and_with_the_nearest(local):
    answer = get(local, "/v1/key")
    assert answer.status_code == 404
    body = answer.json()
    assert body["message"] == "Not Found"
    assert body["nearest"][0] == "/v1/keys"
    page = get(local, "/v1/key", Accept="text/html")
    assert page.status_code == 404
    assert "GET /v1/key" in page.text
