"""Webhooks, managed with Chaser's own SDK, and verified with the library of the Standard Webhooks specification.

The endpoint is on this machine, which only `cargo dev --webhooks` permits, so these tests use the local stack.
"""

import http.server
import queue
import threading
import urllib.request

import pytest
from chaser_sdk import ChaserApiError, ChaserClient
from standardwebhooks import Webhook, WebhookVerificationError

from local_stack import TIMEOUT_SECONDS

WEBHOOK_INFO = {"id", "description", "url", "events", "signing_secret_preview", "created_at", "updated_at"}
DELIVERY_INFO = {
    *{"id", "webhook_id", "event_id", "event_type", "resource_type", "resource_id", "target_url", "status"},
    *{"attempts", "last_http_status", "last_error", "payload", "delivered_at", "replayed_at", "discarded_at"},
    *{"replayed_from_delivery_id", "created_at", "updated_at"},
}


class Endpoint:
    """A server that collects requests, and responds with the next of `statuses`, or else with 204."""

    def __init__(self):
        self.requests = queue.Queue()
        self.statuses = []
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(endpoint.statuses.pop(0) if endpoint.statuses else 204)
                self.send_header("content-length", "0")
                self.end_headers()
                endpoint.requests.put((dict(self.headers), body))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?team=7"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self):
        return self.requests.get(timeout=TIMEOUT_SECONDS)


@pytest.fixture
def endpoint():
    endpoint = Endpoint()
    yield endpoint
    endpoint.server.shutdown()
    endpoint.server.server_close()


@pytest.fixture(scope="module")
def client(local):
    urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))
    key = local.key_of_new_organization("hooked")
    return ChaserClient(base_url=local.url, api_key=key, timeout=TIMEOUT_SECONDS)


@pytest.fixture
def webhook(client, endpoint):
    """A webhook for new keys, with its secret."""
    made = client.webhooks.create(url=endpoint.url, description="new keys", events=["key.created"])
    yield made
    client.webhooks.delete(made["webhook"]["id"])


def settled(client, delivery):
    """The delivery, once its outcome is stored."""
    found = client.webhooks.deliveries.get(delivery)
    for _ in range(TIMEOUT_SECONDS * 10):
        if found["status"] != "pending":
            break
        threading.Event().wait(0.1)
        found = client.webhooks.deliveries.get(delivery)
    return found


def test_the_sdk_creates_lists_and_deletes_webhooks(client, endpoint):
    made = client.webhooks.create(url=endpoint.url)
    webhook = made["webhook"]
    assert WEBHOOK_INFO <= webhook.keys(), webhook
    assert (webhook["url"], webhook["description"], webhook["events"]) == (endpoint.url, "", ["*"])
    assert client.webhooks.list() == [webhook]
    # Without a choice of events, it gets that of its own creation, too, but no earlier one.
    headers, body = endpoint.next()
    event = Webhook(made["signing_secret"]).verify(body, headers)
    assert (event["type"], event["data"]["resource"]["id"]) == ("webhook.created", webhook["id"])
    client.webhooks.delete(webhook["id"])
    assert client.webhooks.list() == []
    with pytest.raises(ChaserApiError) as refused:
        client.webhooks.delete(webhook["id"])
    assert (refused.value.status, refused.value.code) == (404, "not_found")


@pytest.mark.parametrize(
    "url", ["http://example.com/", "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data/", "http://10.0.0.1/"]
)
def test_other_addresses_are_rejected_even_locally(client, url):
    with pytest.raises(ChaserApiError) as refused:
        client.webhooks.create(url=url)
    assert (refused.value.status, refused.value.code) == (400, "invalid_request")


def test_the_official_library_verifies_a_delivery_and_rejects_a_forged_one(client, endpoint, webhook):
    key = client.keys.create(name="hooked")
    headers, body = endpoint.next()
    verifier = Webhook(webhook["signing_secret"])
    event = verifier.verify(body, headers)
    assert (event["type"], event["data"]["resource"]["id"]) == ("key.created", key["id"])
    assert key["key"] not in body.decode(), "the request has the key's secret"
    with pytest.raises(WebhookVerificationError):
        verifier.verify(body.replace(b"hooked", b"forged"), headers)
    with pytest.raises(WebhookVerificationError):
        verifier.verify(body, {**headers, "webhook-id": "1767225600000000-00000000"})

    [delivery] = client.webhooks.deliveries.list(webhook_id=webhook["webhook"]["id"], limit=1)
    assert DELIVERY_INFO <= delivery.keys(), delivery
    found = settled(client, delivery["id"])
    assert (found["status"], found["attempts"], found["last_http_status"]) == ("delivered", 1, 204)
    assert (found["event_id"], found["payload"]) == (headers["webhook-id"], event)
    delivered = client.webhooks.deliveries.list(webhook_id=webhook["webhook"]["id"], status="delivered")
    assert delivered == [found]


def test_a_delivery_is_retried_with_the_same_id_and_then_replayed(client, endpoint, webhook):
    endpoint.statuses = [503]
    client.keys.create(name="retried")
    (first, body), (second, again) = endpoint.next(), endpoint.next()
    assert (first["webhook-id"], body) == (second["webhook-id"], again)
    verifier = Webhook(webhook["signing_secret"])
    for headers in [first, second]:
        verifier.verify(body, headers)
    [delivery] = client.webhooks.deliveries.list(webhook_id=webhook["webhook"]["id"])
    old = settled(client, delivery["id"])
    assert (old["status"], old["attempts"]) == ("delivered", 2)
    with pytest.raises(ChaserApiError) as refused:
        client.webhooks.deliveries.discard(old["id"])
    assert (refused.value.status, refused.value.code) == (409, "conflict")

    new = client.webhooks.deliveries.replay(old["id"])
    assert (new["status"], new["replayed_from_delivery_id"]) == ("pending", old["id"])
    headers, body = endpoint.next()
    assert headers["webhook-id"] == second["webhook-id"]
    assert verifier.verify(body, headers) == old["payload"]
    assert settled(client, new["id"])["status"] == "delivered"
    assert client.webhooks.deliveries.get(old["id"])["replayed_at"] == new["created_at"]


def test_an_endpoint_that_is_gone_disables_its_webhook(client, endpoint, webhook):
    endpoint.statuses = [410]
    client.keys.create(name="gone")
    endpoint.next()
    [delivery] = client.webhooks.deliveries.list(webhook_id=webhook["webhook"]["id"])
    found = settled(client, delivery["id"])
    assert (found["status"], found["last_http_status"]) == ("failed", 410)
    [disabled] = [known for known in client.webhooks.list() if known["id"] == webhook["webhook"]["id"]]
    assert disabled["disabled_reason"] == "gone" and disabled["disabled_at"]
    [event] = client.audit.list(action="webhook.disable", resource_id=disabled["id"])
    assert (event["actor_type"], event["actor_id"]) == ("system", "webhooks")
    with pytest.raises(ChaserApiError) as refused:
        client.webhooks.deliveries.replay(found["id"])
    assert refused.value.status == 409
    assert client.webhooks.deliveries.discard(found["id"])["status"] == "discarded"
