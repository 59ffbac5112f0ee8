"""The authorizer has no routes of its own; the tests call it through the example API."""

RUNTIME = {"event": "http-api-2.json", "valid_key": True, "answer": {"isAuthorized": True}}
