"""The warnings function has no routes; `test_deployment.py` invokes it and looks for its events on the bus."""

RUNTIME = {"event": "schedule.json", "valid_key": False, "answer": {"finished": True}}
