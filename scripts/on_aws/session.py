"""Creates, verifies, rotates, and revokes keys of a service account of its own."""

import datetime
import re
import time

from on_aws import aws
from on_aws.report import Skipped, require
from on_aws.stack import ALIAS

ACCOUNTS = "/v1/accounts/current/service-accounts"
LAKESAIL = "/api/org/v1/service-accounts"
# What a wrong clock and a slow network may add to the time for which functions cache a key.
MARGIN_SECONDS = 2
LONGEST_WAIT_SECONDS = 120


class Session:
    """A service account for the checks, and its keys. `end` deletes them."""

    def __init__(self, stack, client, key):
        self.stack, self.client, self.key = stack, client, key
        self.account = None
        # Whole keys of this session. No log may contain their secrets.
        self.keys = []
        self.began = time.time()
        self.main = self.second = None
        self.organization = ""

    def create(self):
        found = self.client.call("GET", "/v1/accounts/current", 200, key=self.key).json()
        self.organization = found["account"]["id"]
        made = self.client.call("POST", ACCOUNTS, 200, key=self.key, body={"name": "check-on-aws"}).json()
        self.account = made["service_account"]["id"]
        # If the cleanup fails, the key ends by itself.
        expiry = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        body = {"expiresAt": expiry.strftime("%Y-%m-%dT%H:%M:%SZ")}
        self.main = self.remember(
            self.client.call("POST", f"{LAKESAIL}/{self.account}/keys", 201, key=self.key, body=body)
        )
        return f"account {self.account} of the organization {self.organization}"

    def admitted(self, parameter):
        """Whether a parameter, which lists organizations, lets keys of this session's organization in."""
        named = re.split(r"[, ]+", self.stack.parameter(parameter))
        return named == [""] or self.organization in named

    def verdict(self):
        """The status of `/verify` for a valid key of this session."""
        return 204 if self.admitted("VerifyOrganizations") else 403

    def remember(self, response):
        made = response.json()
        self.keys.append(made["key"])
        return made

    def needs_account(self):
        if self.main is None:
            raise Skipped("there is no account to work with, see above")

    def list(self):
        self.needs_account()
        found = self.client.call("GET", f"{LAKESAIL}/{self.account}/keys", 200, key=self.key).json()
        require(
            [it["id"] for it in found["items"]] == [self.main["id"]],
            "LakeSail's list does not show the new key",
        )
        found = self.client.call("GET", f"{ACCOUNTS}/{self.account}/keys", 200, key=self.key).json()
        require(
            [it["id"] for it in found["keys"]] == [self.main["id"]], "Chaser's list does not show the new key"
        )

    def verify(self):
        self.needs_account()
        key = self.main["key"]
        found = self.client.call("GET", "/verify", self.verdict(), key=key)
        if found.status == 204:
            require(found.headers["X-Latchkey-Account"] == self.account, "/verify names another account")
        self.client.call("GET", "/api/org/v1/me", 200, key=key)
        self.client.call("GET", "/v1/accounts/current", 200, key=key)
        active = self.client.call("POST", "/oauth/introspect", 200, key=self.key, form={"token": key}).json()[
            "active"
        ]
        require(active is True, "introspection says that the new key is not active")
        if found.status == 403:
            return f"/verify rejects it, because VerifyOrganizations does not name {self.organization}"

    def rotate(self):
        self.needs_account()
        scope = self.stack.parameter("AllowedScopes", "sessions.read").split()[0]
        keys = f"{ACCOUNTS}/{self.account}/keys"
        made = self.client.call("POST", keys, 200, key=self.key, body={"name": "check", "scopes": [scope]})
        old = self.remember(made)
        self.client.call("GET", "/verify", self.verdict(), key=old["key"])
        made = self.client.call(
            "POST", f"{keys}/{old['id']}/rotate", 200, key=self.key, body={"grace_days": 1}
        )
        self.second = self.remember(made)
        for key in [old["key"], self.second["key"]]:
            self.client.call("GET", "/verify", self.verdict(), key=key)
        self.client.call("DELETE", f"{keys}/{old['id']}", 204, key=self.key)
        return "the old key works in its grace period"

    def authorize(self):
        self.needs_account()
        allowed = self.ask_authorizer(self.main["key"])
        if not self.admitted("AuthorizerOrganizations"):
            require(
                not allowed, f"it accepts {self.organization}, which AuthorizerOrganizations does not name"
            )
            raise Skipped(
                f"AuthorizerOrganizations does not name {self.organization}, so it denies the request"
            )
        require(allowed, "it denies the new key; look at AuthorizerOrganizations and RouteScopes")
        return "invoked directly, not through an API"

    def ask_authorizer(self, key):
        """Whether the authorizer lets a request with this key in."""
        route = "GET /check"
        if self.stack.parameter("RouteScopes"):
            found = re.search(r"(?:^|; ?)([A-Z]+ /[^ ;]*)", self.stack.parameter("RouteScopes"))
            if not found:
                raise Skipped("RouteScopes names no route of an HTTP API")
            route = found[1].replace("ANY ", "GET ")
        method, path = route.split(" ")
        header = self.stack.parameter("AuthorizerHeader", "Authorization").lower()
        arn = f"arn:aws:execute-api:us-east-1:{self.stack.account}:check/$default/{method}{path}"
        http = {
            "method": method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": "192.0.2.1",
            "userAgent": "check",
        }
        context = {
            "accountId": self.stack.account,
            "apiId": "check",
            "requestId": "check-on-aws",
            "stage": "$default",
        }
        event = {
            **{"version": "2.0", "type": "REQUEST", "routeArn": arn, "routeKey": route, "rawPath": path},
            **{
                "identitySource": [f"Bearer {key}"],
                "rawQueryString": "",
                "headers": {header: f"Bearer {key}"},
            },
            "requestContext": {**context, "routeKey": route, "http": http},
        }
        answer = aws.invoke(self.stack.functions()["authorizer"], ALIAS, event)
        if "isAuthorized" in answer:
            return answer["isAuthorized"]
        return answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"

    def revoke(self):
        if self.second is None:
            raise Skipped("there is no second key to revoke, see above")
        key = self.second["key"]
        self.client.call("POST", "/oauth/revoke", 200, form={"token": key})
        seconds = duration(self.stack.parameter("CacheTtl", "10s"))
        if seconds > LONGEST_WAIT_SECONDS:
            raise Skipped(f"CacheTtl is {seconds} s, which is too long to wait")
        time.sleep(seconds + MARGIN_SECONDS)
        self.client.call("GET", "/verify", 401, key=key)
        self.client.call("GET", "/api/org/v1/me", 401, key=key)
        self.client.call("GET", "/v1/accounts/current", 401, key=key)
        return f"rejected everywhere {seconds} s after its revocation"

    def end(self):
        """Deletes the account with its keys."""
        self.needs_account()
        self.client.call("DELETE", f"{ACCOUNTS}/{self.account}", 204, key=self.key)


def duration(text):
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    return int(text[:-1]) * units[text[-1]]
