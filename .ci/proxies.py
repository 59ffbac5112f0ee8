"""Puts NGINX and Caddy, configured as the README says, before a small service, and tries to get past them.

Takes the settings of `.latchkey/dev.env` from its environment.
"""

import contextlib
import datetime
import http.client
import http.server
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import debian
from service import ACCOUNT, CHASER, LAKESAIL, ORGANIZATION, TIMEOUT_SECONDS, URL, bearer, mint, revoke

README = (pathlib.Path(__file__).resolve().parent.parent / "README.md").read_text()
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


def snippet(name, service):
    [found] = re.findall(rf"<!-- ci: {name} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    for address in ["http://your_service", "https://your_latchkey"]:
        assert address in found, f"the README's {name} block has no {address}"
    return found.replace("http://your_service", service).replace("https://your_latchkey", URL)


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@contextlib.contextmanager
def running(program, arguments, template, snippet):
    """The proxy's address, while it runs in a folder of its own."""
    address = free_address()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as log:
        pathlib.Path(folder, "configuration").write_text(template.format(address=address, snippet=snippet))
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


def ask(address, key=None, headers=None, method="GET", body=None):
    """The answer, and its body."""
    sent = {**(bearer(key) if key else {}), **(headers or {})}
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
    with contextlib.closing(connection):
        connection.request(method, "/orders?id=7", body, sent)
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
    assert answer.headers["WWW-Authenticate"], "no challenge"


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


CASES = [
    valid_key_passes,
    request_without_key_is_refused,
    mistyped_key_is_refused,
    revoked_key_is_refused_at_once,
    expired_key_is_refused,
    forged_headers_do_not_arrive,
    client_cannot_take_headers_away,
    post_arrives_with_its_body,
]


def check(name, program, arguments, template):
    with serving() as service, running(program, arguments, template, snippet(name, service)) as address:
        for case in CASES:
            try:
                case(address)
            except Exception as problem:
                raise AssertionError(f"{name}: {case.__name__}") from problem


def main():
    # Ends what was started, as an interrupt does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    programs = debian.find({"nginx": "-v", "caddy": "version"})
    nginx, caddy = programs["nginx"], programs["caddy"]
    check("nginx", nginx, ["-p", ".", "-c", "configuration", "-e", "stderr"], NGINX)
    check("caddy", caddy, ["run", "--adapter", "caddyfile", "--config", "configuration"], CADDY)
    print(f"NGINX {nginx.version} and Caddy {caddy.version} protect a service: 2 x {len(CASES)} cases")


main()
