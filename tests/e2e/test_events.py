"""The local stack shows events as they happen, and the example selects events that there are."""

import json

import jsonschema
from samtranslator.yaml_helper import yaml_parse

from processes import ROOT, wait_until

SHOWN_WITHIN_SECONDS = 10
SCHEMAS = ROOT / "schemas" / "events" / "v1"
RULES = [
    made["Properties"]
    for made in yaml_parse((ROOT / "examples" / "events" / "template.yaml").read_text())["Resources"].values()
    if made["Type"] == "AWS::Events::Rule"
]


def test_the_local_stack_prints_a_line_for_each_event(local):
    key = local.mint(local.lakesail, {})
    local.revoke(key)
    _, account, id, _ = key.split("_")
    # Each key of the account acts: the first one creates, and the new one revokes itself.
    lines = [
        f"api_key.{action}  api_key {id} in {local.organization}  by service_account {account}"
        for action in ["create", "revoke"]
    ]
    shown = lambda: all(line in local.program.text() for line in lines)
    wait_until(shown, SHOWN_WITHIN_SECONDS, f"cargo dev did not print {lines}")


def test_the_schemas_are_valid():
    for path in SCHEMAS.glob("*.json"):
        jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))


def test_the_example_selects_events_that_there_are_and_fields_that_they_always_have():
    assert len(RULES) == 2
    for rule in RULES:
        pattern = rule["EventPattern"]
        assert pattern["source"] == ["latchkey"]
        for detail_type in pattern["detail-type"]:
            schema = json.loads((SCHEMAS / f"{detail_type}.json").read_text())
            for target in rule["Targets"]:
                for path in target["InputTransformer"]["InputPathsMap"].values():
                    assert path == "$.detail-type" or required(schema, path.removeprefix("$.detail.")), path


def required(schema, path):
    """Whether each event has the field, or the example accepts an empty text for it."""
    name, *rest = path.split(".")
    if path == "actor.id":
        return True
    return name in schema["required"] and (not rest or required(schema["properties"][name], ".".join(rest)))
