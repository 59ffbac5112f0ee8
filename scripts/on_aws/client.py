"""Sends requests to a deployed API, as its clients do."""

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request

from on_aws.report import Failed, require

ANSWER_WITHIN_SECONDS = 35


class Response:
    def __init__(self, status, headers, text):
        self.status, self.headers, self.text = status, headers, text

    def json(self):
        try:
            return json.loads(self.text)
        except ValueError:
            raise Failed(f"the response with status {self.status} is not JSON") from None


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Client:
    def __init__(self, url, certificate=None, private_key=None):
        """Calls the API at `url`, with a client certificate if its domain requires one."""
        self.url = url.rstrip("/")
        context = ssl.create_default_context()
        if certificate:
            context.load_cert_chain(certificate, private_key)
        self.opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), NoRedirect)

    def send(self, method, path, key=None, body=None, form=None):
        headers = {"User-Agent": "latchkey-check-on-aws"}
        data = None
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        if body is not None:
            headers["Content-Type"], data = "application/json", json.dumps(body).encode()
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            data = urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with self.opener.open(request, timeout=ANSWER_WITHIN_SECONDS) as response:
                return Response(response.status, response.headers, response.read().decode())
        except urllib.error.HTTPError as error:
            return Response(error.code, error.headers, error.read().decode(errors="replace"))
        except (urllib.error.URLError, TimeoutError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise Failed(f"{self.url} does not respond: {reason}; pass another address with --url") from None

    def call(self, method, path, status, **request):
        found = self.send(method, path, **request)
        require(
            found.status == status,
            f"{method} {path} returned {found.status} instead of {status}{hint(found)}",
        )
        return found


def hint(response):
    if response.status == 401:
        return "; the key is unknown, expired, or revoked"
    if response.status == 403:
        return "; the key lacks full access, or VerifyOrganizations does not name its organization"
    if response.status == 409:
        return "; AccountLimit or KeyLimit is reached"
    if response.status == 429:
        return "; API Gateway throttled the request, so raise the throttling parameters or try again"
    if response.status >= 500:
        return "; read the function's log group, because its role or its settings may not suffice"
    return ""


def challenge(client):
    """Reports the name under which the challenge of a 401 arrives, since API Gateway may rename it."""
    found = client.call("GET", "/verify", 401)
    for name in ["WWW-Authenticate", "x-amzn-remapped-www-authenticate"]:
        if found.headers.get(name):
            return f"it arrives as {name}"
    raise Failed("the 401 has no WWW-Authenticate, renamed or not; report this as a bug")


def health(client, path):
    found = client.send("GET", path)
    if found.status == 404:
        raise Failed(f"GET {path} returned 404; deploy a release that has this route")
    require(found.status == 200, f"GET {path} returned {found.status}{hint(found)}")
