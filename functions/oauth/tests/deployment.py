"""Every operation of the deployed function: the OAuth endpoints, forward authentication, and leak reports."""

RUNTIME = {"event": "verify.json", "valid_key": True, "answer": {"statusCode": 204}}

VERIFY = "ANY /verify"
VERIFY_PATH = "ANY /verify/{path+}"
INTROSPECT = "POST /oauth/introspect"
REVOKE = "POST /oauth/revoke"
TOKEN = "POST /oauth/token"
REPORT_LEAK = "POST /leaks/github"


def drive(deployed):
    """Creates a key, verifies it in every way, and revokes it."""
    gateway, organization, account = deployed.gateway, deployed.organization, deployed.account
    call, key = gateway.call, deployed.key
    fields = ["issuer", "token_endpoint", "introspection_endpoint", "revocation_endpoint"]
    metadata = call("GET /.well-known/oauth-authorization-server", 200, [*fields, "response_types_supported"])
    assert metadata["issuer"] == f"https://{gateway.host}", f"the issuer is {metadata['issuer']}"
    refused = call(TOKEN, 400, ["error"], data={"grant_type": "client_credentials"})
    assert refused["error"] == "unsupported_grant_type", f"the token endpoint answered {refused}"
    # The token endpoint only rejects requests.
    gateway.driven.add(TOKEN)

    # Only GitHub can sign a report, so what a test can send is refused: LeakReports is off by default.
    refused = call(REPORT_LEAK, 404, ["error"], json=[{"token": "a", "type": "b"}])
    assert refused["error_description"] == "this path does not exist; check the URL", f"it answered {refused}"
    gateway.driven.add(REPORT_LEAK)

    assert call("GET /health", 200, ["status"]) == {"status": "ok"}
    assert call("GET /health", 200, ["store"], query="?deep=1")["store"] == "ok"

    minted = deployed.mint("sessions.read")
    token = {"token": minted["key"]}
    known = ["active", "scope", "client_id", "token_type", "sub", "organization", "key_id", "full_access"]
    found = call(INTROSPECT, 200, known, key=key, data=token)
    assert (found["active"], found["key_id"]) == (True, minted["id"]), f"introspection found {found}"
    for method in ["GET", "POST", "DELETE"]:
        passed = call(VERIFY, 204, method=method, key=minted["key"], note=f"({method}) ")
        assert passed.headers["X-Latchkey-Account"] == account, f"/verify found {passed.headers}"
        assert passed.headers["X-Latchkey-Scopes"] == "sessions.read", f"/verify found {passed.headers}"
    # Like Envoy: its client's path and query do not change the verdict.
    for path in ["envoy/", "envoy/orders/1"]:
        asked = {"ids": {"path+": path}, "method": "PUT", "query": "?scope=admin", "note": f"({path}) "}
        passed = call(VERIFY_PATH, 200, key=minted["key"], **asked)
        assert passed.headers["X-Latchkey-Account"] == account, f"/verify/{path} found {passed.headers}"
        call(VERIFY_PATH, 401, **{**asked, "note": "(no key) "})
    for named, status in [(organization, 204), (f"other+{organization}", 204), ("other", 403)]:
        asked = {"method": "GET", "query": f"?organization={named}", "note": f"(organization {named}) "}
        call(VERIFY, status, key=minted["key"], **asked)
    lacking = {"method": "GET", "query": "?scope=keys.write", "note": "(lacking scope) "}
    refused = call(VERIFY, 403, ["error"], key=minted["key"], **lacking)
    assert refused["error"] == "insufficient_scope", f"/verify refused with {refused}"

    call(REVOKE, 200, data=token)
    fresh = {"Cache-Control": "no-cache"}
    found = call(INTROSPECT, 200, ["active"], key=key, data=token, headers=fresh, note="(revoked key) ")
    assert found == {"active": False}, f"introspection found {found}"
    call(VERIFY, 401, method="GET", key=minted["key"], note="(revoked key) ")
    call(VERIFY, 401, method="GET", note="(no key) ")
