"""Sends requests through the emulated API gateway. A failed test shows its requests."""

import time
import urllib.parse

import requests

ANSWER_WITHIN_SECONDS = 60
# The emulator itself responds to this path on every host, so requests for it take another path to the API.
TAKEN = "/health"


class Gateway:
    def __init__(self, stack, request_ids=False):
        """With `request_ids`, every response to `call` must have a unique `x-request-id`.

        Latchkey's functions send one. The gateway itself and the example's backend do not.
        """
        self.stack = stack
        self.url = stack.emulator.url
        self.api = stack.resource("Api")
        self.host = f"{self.api}.execute-api.localhost"
        # The routes that were called successfully.
        self.driven = set()
        self.request_ids = set() if request_ids else None
        self.session = requests.Session()
        self.session.trust_env = False

    def send(self, method, path, key=None, headers=None, **request):
        """Sends any request, with `key` as the bearer token."""
        headers = {"Host": self.host, **(headers or {})}
        if path.partition("?")[0] == TAKEN:
            del headers["Host"]
            path = f"/_aws/execute-api/{self.api}/$default{path}"
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return self.session.request(
            method, self.url + path, headers=headers, timeout=ANSWER_WITHIN_SECONDS, **request
        )

    def not_driven(self):
        """The routes that no test has called successfully, such as new ones."""
        return sorted(set(self.stack.routes()) - self.driven)

    def call(self, route, status, fields=(), ids=None, method=None, query="", note="", **request):
        """Calls `route` and returns the response, which must have `status` and the `fields`."""
        verb, template = route.split(" ")
        # A parameter that matches the rest of the path may contain slashes.
        quoted = {
            name: urllib.parse.quote(value, safe="/" if name.endswith("+") else "")
            for name, value in (ids or {}).items()
        }
        began = time.monotonic()
        answer = self.send(method or verb, template.format(**quoted) + query, **request)
        took = (time.monotonic() - began) * 1000
        print(f"{self.stack.name} {answer.status_code} {route} {note}[{took:.0f} ms]")
        assert answer.status_code == status, (
            f"{route} returned {answer.status_code} instead of {status}: {answer.text}"
        )
        self.check_request_id(route, answer)
        if answer.status_code < 300:
            self.driven.add(route)
        if fields:
            missing = sorted(set(fields) - set(self.body(route, answer)))
            assert not missing, f"the response of {route} lacks {missing}: {sorted(answer.json())}"
        return answer.json() if fields else answer

    def check_request_id(self, route, answer):
        if self.request_ids is None:
            return
        id = answer.headers.get("x-request-id")
        assert id, f"the response of {route} has no x-request-id"
        assert id not in self.request_ids, f"the response of {route} repeats an earlier x-request-id"
        self.request_ids.add(id)

    @staticmethod
    def body(route, answer):
        kind = answer.headers.get("Content-Type", "")
        assert kind.startswith("application/json"), f"the response of {route} has the content type {kind}"
        body = answer.json()
        assert isinstance(body, dict), f"the response of {route} is not an object"
        return body
