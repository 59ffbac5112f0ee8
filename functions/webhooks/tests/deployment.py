"""The webhooks function has no routes. Its sample has an event of an organization without webhooks, and a delivery that
does not exist."""

RUNTIME = {"event": "stream.json", "valid_key": False, "answer": {"batchItemFailures": []}}
