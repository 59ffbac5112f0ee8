"""The events function has no routes; `test_deployment.py` looks for its events on the bus."""

RUNTIME = {"event": "stream.json", "valid_key": False, "answer": {"batchItemFailures": []}}
