"""The deployed stack serves every route and protects an example API; the tests run in this order."""

import datetime
import json
import time

import jsonschema
import pytest

from deployment import drivers
from processes import ROOT, wait_until

CONTEXT = {"organization", "service_account", "key_id", "scopes", "full_access"}
# The default of CacheTtl, plus a margin for slow machines.
STALE_SECONDS = 10 + 2
# Each attempt starts the command line.
RECORDED_WITHIN_SECONDS = 10
PUBLISHED_WITHIN_SECONDS = 30
ANNOUNCED_WITHIN_SECONDS = 30

pytestmark = pytest.mark.deployment


# --- Latchkey ---


def test_every_route_of_the_template_is_deployed(deployed):
    assert deployed.stack.routes() == deployed.stack.declared_routes()


def test_other_stacks_get_the_aliases(deployed):
    outputs = deployed.stack.outputs()
    for name in drivers.functions():
        assert outputs[f"{name}Arn"].endswith(f":{deployed.stack.resource(name)}:live")
    parameter = f"/{deployed.stack.name}/authorizer-function-arn"
    found = deployed.emulator.client("ssm").get_parameter(Name=parameter)["Parameter"]
    assert found["Value"] == outputs["AuthorizerFunctionArn"]


def test_the_nested_stack_watches_every_function(deployed, note):
    alarms = deployed.emulator.client("cloudwatch").get_paginator("describe_alarms").paginate()
    alarms = [alarm for page in alarms for alarm in page["MetricAlarms"]]
    watched = {dimension["Value"] for alarm in alarms for dimension in alarm["Dimensions"]}
    assert {deployed.stack.resource(name) for name in drivers.functions()} <= watched
    note(f"alarms: {len(alarms)}")


def test_the_command_line_works_on_the_deployed_table(deployed):
    deployed.latchkey("root-key", "list")


@pytest.mark.parametrize("function", drivers.with_routes())
def test_every_operation_works(deployed, function):
    drivers.load(function).drive(deployed)


def test_every_route_was_called_with_success(deployed):
    assert deployed.gateway.not_driven() == []


def test_what_was_revoked_will_be_removed(deployed, note):
    """Reads the attribute that the template names for the time to live."""
    table = deployed.stack.source["Resources"]["Table"]["Properties"]
    attribute = table["TimeToLiveSpecification"]["AttributeName"]
    items = deployed.emulator.client("dynamodb").scan(TableName=deployed.table)["Items"]
    ending = [item for item in items if int(item.get(attribute, {"N": "0"})["N"]) > time.time()]
    assert ending, f"no item has a time in `{attribute}`"
    note(f"table: {len(ending)} of {len(items)} items will be removed by `{attribute}`")


# --- The events ---


@pytest.fixture(scope="module")
def published(deployed):
    """Returns the events that a rule for all of Latchkey's sends to a queue, by their details' resources."""
    events, sqs = deployed.emulator.client("events"), deployed.emulator.client("sqs")
    queue = sqs.create_queue(QueueName="published")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="published", EventPattern=json.dumps({"source": ["latchkey"]}))
    events.put_targets(Rule="published", Targets=[{"Id": "queue", "Arn": arn}])
    found = []

    def receive():
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    return receive


def test_a_key_is_on_the_bus_from_its_creation_to_its_end(deployed, published, note):
    minted = deployed.mint("sessions.read")
    began = time.monotonic()
    deployed.revoke(minted["key"])
    of_key = lambda: [it for it in published() if minted["id"].strip("_").endswith(it["detail"]["resource"]["id"])]
    wait_until(lambda: len(of_key()) >= 2, PUBLISHED_WITHIN_SECONDS, "the events of a key are not on the bus")
    note(f"events: both events of a key were on the bus {time.monotonic() - began:.1f} s after its revocation began")
    assert [it["detail-type"] for it in of_key()] == ["key.created", "key.revoked"]
    for event in of_key():
        check_event(deployed, event)


def check_event(deployed, event):
    """Checks an event of the first organization against the schema of its type."""
    schema = json.loads((ROOT / "schemas" / "events" / "v1" / f"{event['detail-type']}.json").read_text())
    jsonschema.validate(event["detail"], schema)
    assert event["detail"]["organization"] == deployed.organization


# --- The warnings ---


def test_the_table_has_the_index_of_the_template(deployed):
    wanted = deployed.stack.source["Resources"]["Table"]["Properties"]["GlobalSecondaryIndexes"]
    table = deployed.emulator.client("dynamodb").describe_table(TableName=deployed.table)["Table"]
    assert [{name: index[name] for name in wanted[0]} for index in table["GlobalSecondaryIndexes"]] == wanted


def test_a_schedule_invokes_the_alias_of_the_function(deployed):
    scheduler = deployed.emulator.client("scheduler")
    group = deployed.stack.resource("WarningsScheduleGroup")
    [listed] = scheduler.list_schedules(GroupName=group)["Schedules"]
    schedule = scheduler.get_schedule(GroupName=group, Name=listed["Name"])
    assert (schedule["ScheduleExpression"], schedule["State"]) == ("rate(1 hour)", "ENABLED")
    assert schedule["Target"]["Arn"] == deployed.stack.outputs()["WarningsFunctionArn"]


def test_a_key_that_ends_soon_is_announced_once_and_its_event_is_on_the_bus(deployed, published, note):
    # In a few seconds, it has less than a day left.
    ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1, seconds=3)
    account, expiry = {"sa": deployed.account}, {"expiresAt": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}
    route = "POST /api/org/v1/service-accounts/{sa}/keys"
    minted = deployed.gateway.call(route, 201, ["id"], account, key=deployed.key, json=expiry)
    of_key = lambda: [
        it
        for it in published()
        if it["detail"]["resource"]["id"] == minted["id"] and it["detail-type"] != "key.created"
    ]

    def run():
        invoked = deployed.emulator.client("lambda").invoke(
            FunctionName=deployed.stack.outputs()["WarningsFunctionArn"], Payload=b"{}"
        )
        done = json.loads(invoked["Payload"].read())
        assert "FunctionError" not in invoked and done["finished"], done
        return done["expiring"]

    began = time.monotonic()
    wait_until(run, ANNOUNCED_WITHIN_SECONDS, "the function announces no key")
    wait_until(of_key, PUBLISHED_WITHIN_SECONDS, "the warning is not on the bus")
    note(f"warnings: the event of a warning was on the bus {time.monotonic() - began:.1f} s after the first run")
    assert run() == 0, "the key is announced again"
    [event] = of_key()
    assert event["detail-type"] == "key.expiring"
    check_event(deployed, event)
    assert event["detail"]["changes"]["days"] == {"new": "1"}


# --- The example API ---


@pytest.fixture(scope="module")
def minted(deployed):
    """A key with one scope."""
    return deployed.mint("sessions.read")


def test_every_route_of_the_example_is_deployed(orders):
    assert orders.stack.routes() == orders.stack.declared_routes()


def test_the_example_answers_everyone_where_it_has_no_authorizer(orders):
    orders.call("GET /health", 200, ["route"])


def test_the_example_refuses_a_request_without_a_key(orders):
    orders.call("GET /orders", 401)


def test_the_example_refuses_a_mistyped_key(orders, minted):
    key = minted["key"]
    orders.call("GET /orders", 403, key=key[:-1] + ("0" if key[-1] != "0" else "1"))


def test_the_example_refuses_a_key_of_another_organization(deployed, orders):
    """Uses a full-access key of an organization that `AuthorizerOrganizations` does not name."""
    stranger = deployed.latchkey("bootstrap", "--organization", "stranger", "--name", "Stranger")
    orders.call("GET /orders", 403, key=stranger["key"]["key"])


@pytest.mark.parametrize("route", ["GET /orders", "GET /orders/{id}", "POST /orders"])
def test_the_example_sees_whose_key_it_is(orders, minted, route):
    seen = orders.call(route, 200, ["caller", "route"], {"id": "1"}, key=minted["key"])
    assert seen["route"] == route
    assert CONTEXT <= set(seen["caller"])
    assert (seen["caller"]["key_id"], seen["caller"]["scopes"]) == (minted["id"], "sessions.read")


def test_every_route_of_the_example_was_called_with_success(orders):
    assert orders.not_driven() == []


def test_the_authorizer_records_the_use_of_a_key(deployed, orders):
    """The authorizer writes after its response, and no other function has seen this key."""
    minted = deployed.mint("sessions.read")
    orders.call("GET /orders", 200, key=minted["key"])

    def used():
        keys = deployed.latchkey("key", "list", "--account", deployed.account)["keys"]
        [found] = [key for key in keys if key["id"] == minted["id"]]
        return found["last_used_at"]

    wait_until(used, RECORDED_WITHIN_SECONDS, "the authorizer did not record the use of the key")


def test_the_authorizer_refuses_a_revoked_key_within_the_cache_ttl(deployed, orders, note):
    key = deployed.mint("sessions.read")["key"]
    orders.call("GET /orders", 200, key=key)
    deployed.revoke(key)
    began = time.monotonic()
    refused = lambda: orders.send("GET", "/orders", key=key).status_code == 403
    wait_until(refused, STALE_SECONDS, "the authorizer still accepts a revoked key")
    note(f"revocation: the authorizer rejected the key after {time.monotonic() - began:.1f} s")
    orders.call("GET /orders", 403, key=key)
