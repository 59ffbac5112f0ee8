"""The scripts for deployed stacks work on the emulator, as far as it goes, and find what is wrong.

`docs/deploy.md` lists the checks that only AWS can answer.
"""

import json
import os
import subprocess
import sys

import pytest

from deployment import drivers
from processes import FOLDER, ROOT

CLI = ROOT / ".tools" / "aws" / "bin"
INSTALLED_WITHIN_SECONDS = 600
CHECKED_WITHIN_SECONDS = 600
# Metrics come from log lines, which the emulator does not read. It neither evaluates alarms nor throttles.
ONLY_AWS = ["metrics", "alarms", "throttle"]
GROUPS = ["client", "health", "api", "functions", "table", "logs"]
# What the deployment of these tests leaves out.
SKIPPED = {"default endpoint is off", "mutual TLS of the domain", "capacity limits"}
SOURCE = drivers.TEMPLATE.read_text()

pytestmark = pytest.mark.deployment


class Scripts:
    """Runs the scripts with the AWS CLI, and records its arguments."""

    def __init__(self, processes, deployed):
        processes.run([".ci/install", "aws", "tests/e2e/aws.txt"], INSTALLED_WITHIN_SECONDS)
        self.deployed = deployed
        self.folder = FOLDER / "deployment" / "scripts"
        self.folder.mkdir()
        self.recorded = self.folder / "arguments"
        wrapper = self.folder / "aws"
        wrapper.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> "{self.recorded}"\nexec "{CLI}/aws" "$@"\n')
        wrapper.chmod(0o755)

    def run(self, name, *arguments, key=None):
        """The finished process of a script."""
        environment = dict(self.deployed.emulator.environment)
        environment["PATH"] = f"{self.folder}:{os.environ['PATH']}"
        if key is not None:
            environment["LATCHKEY_TOKEN"] = key
        # A launcher of Python may put its own folder, with another AWS CLI, before the others.
        command = [sys.executable, ROOT / "scripts" / name, self.deployed.stack.name, *arguments]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=CHECKED_WITHIN_SECONDS,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        print(done.stdout, done.stderr)
        return done

    def check(self, *groups, options=()):
        """The lines of `check-on-aws`, by their names."""
        gateway = self.deployed.gateway
        url = f"{gateway.url}/_aws/execute-api/{gateway.api}/$default"
        done = self.run(
            "check-on-aws", "--json", "--url", url, *options, "--only", *groups, key=self.deployed.key
        )  # fmt: skip
        assert done.stdout, done.stderr
        lines = json.loads(done.stdout)
        assert done.returncode == any(line["status"] == "FAIL" for line in lines)
        return {line["name"]: line for line in lines}


def complete(deployed):
    """Applies the properties that the emulator's CloudFormation ignores, from the expanded template."""
    expanded = json.loads((deployed.stack.folder / "expanded.json").read_text())["Resources"]
    [stack] = deployed.emulator.client("cloudformation").describe_stacks(StackName=deployed.stack.name)[
        "Stacks"
    ]
    values = {it["ParameterKey"]: it["ParameterValue"] for it in stack["Parameters"]}
    [stage] = [it["Properties"] for it in expanded.values() if it["Type"] == "AWS::ApiGatewayV2::Stage"]
    deployed.emulator.client("apigatewayv2").update_stage(
        ApiId=deployed.gateway.api,
        StageName="$default",
        DefaultRouteSettings=limits(stage["DefaultRouteSettings"], values),
        RouteSettings={key: limits(it, values) for key, it in stage["RouteSettings"].items()},
    )
    properties = expanded["Table"]["Properties"]
    recovery(deployed, properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"])
    encryption = properties["SSESpecification"]
    table(deployed, SSESpecification={"Enabled": encryption["SSEEnabled"], "SSEType": encryption["SSEType"]})


def limits(found, values):
    read = lambda it: values[it["Ref"]] if isinstance(it, dict) else it
    return {
        "ThrottlingRateLimit": float(read(found["ThrottlingRateLimit"])),
        "ThrottlingBurstLimit": int(read(found["ThrottlingBurstLimit"])),
    }


@pytest.fixture(scope="module")
def scripts(processes, deployed):
    complete(deployed)
    return Scripts(processes, deployed)


@pytest.fixture(scope="module")
def checked(scripts):
    return scripts.check(*GROUPS)


# --- The check ---


def test_a_fresh_deployment_passes_every_check(checked, note):
    failed = {name: line["detail"] for name, line in checked.items() if line["status"] == "FAIL"}
    assert failed == {}
    skipped = {name for name, line in checked.items() if line["status"] == "skip"}
    assert skipped <= SKIPPED | {"no log line contains a key"}, skipped
    note(f"check-on-aws: {len(checked) - len(skipped)} checks passed, {len(skipped)} skipped")


def test_the_check_covers_each_of_its_groups(checked):
    assert {line["group"] for line in checked.values()} == set(GROUPS)


def test_no_argument_of_a_program_contains_a_key(checked, scripts):
    arguments = scripts.recorded.read_text()
    secret = scripts.deployed.key.rsplit("_", 1)[1]
    assert "get-function-configuration" in arguments and "lambda invoke" in arguments
    assert secret not in arguments
    # A key of the check itself.
    assert "Bearer" not in arguments


def test_the_check_leaves_nothing_behind(checked, deployed):
    found = deployed.latchkey("account", "list", "--organization", deployed.organization)
    names = [account["name"] for account in found["service_accounts"]]
    assert names and "check-on-aws" not in names


def test_what_only_aws_answers_is_asked_in_the_right_form(scripts):
    """AWS would reject a request of the wrong form. The emulator counts nothing, and throttles nothing."""
    lines = scripts.check(*ONLY_AWS, options=["--wait", "0", "--throttle"])
    by_group = {line["group"]: line for line in lines.values()}
    assert "counted no verification within 0 s" in by_group["metrics"]["detail"]
    # These tests set neither AlarmEmail nor AlarmTopicArn.
    assert "notify nobody" in lines["alarms notify somebody and are quiet"]["detail"]
    assert "none of 400 requests to /health got a 429" in by_group["throttle"]["detail"]


# --- What the check finds ---


class Breakage:
    """A change to the deployed stack that a check must find, and how to undo it."""

    def __init__(self, group, line, break_it, repair):
        self.group, self.line, self.break_it, self.repair = group, line, break_it, repair


def table(deployed, **settings):
    deployed.emulator.client("dynamodb").update_table(TableName=deployed.table, **settings)


def recovery(deployed, enabled):
    deployed.emulator.client("dynamodb").update_continuous_backups(
        TableName=deployed.table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled}
    )


def time_to_live(deployed, attribute, enabled):
    deployed.emulator.client("dynamodb").update_time_to_live(
        TableName=deployed.table,
        TimeToLiveSpecification={"AttributeName": attribute, "Enabled": enabled},
    )


def retention(deployed, days):
    deployed.emulator.client("logs").put_retention_policy(
        logGroupName=deployed.stack.resource("AuthorizerLogGroup"), retentionInDays=days
    )


def throttle(deployed, rate):
    deployed.emulator.client("apigatewayv2").update_stage(
        ApiId=deployed.gateway.api,
        StageName="$default",
        DefaultRouteSettings={"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": 200},
    )


def permission(deployed, allowed, principal, **qualifier):
    """Adds or removes a permission of the authorizer."""
    client = deployed.emulator.client("lambda")
    asked = {
        "FunctionName": deployed.stack.resource("AuthorizerFunction"),
        "StatementId": "stranger",
        **qualifier,
    }
    if allowed:
        client.add_permission(**asked, Action="lambda:InvokeFunction", Principal=principal)
    else:
        client.remove_permission(**asked)


def bypass(deployed, old, new):
    """Changes what one route of the API invokes."""
    client, api = deployed.emulator.client("apigatewayv2"), deployed.gateway.api
    found = min(client.get_integrations(ApiId=api)["Items"], key=lambda it: it["IntegrationId"])
    uri = found["IntegrationUri"].replace(old, new)
    client.update_integration(ApiId=api, IntegrationId=found["IntegrationId"], IntegrationUri=uri)


def change(deployed, function, memory):
    """Changes a function without moving its alias."""
    client = deployed.emulator.client("lambda")
    client.update_function_configuration(FunctionName=deployed.stack.resource(function), MemorySize=memory)


BREAKAGES = {
    "an unprotected table": Breakage(
        *["table", "deletion protection"],
        lambda deployed: table(deployed, DeletionProtectionEnabled=False),
        lambda deployed: table(deployed, DeletionProtectionEnabled=True),
    ),
    "a table without recovery": Breakage(
        *["table", "point-in-time recovery"],
        lambda deployed: recovery(deployed, False),
        lambda deployed: recovery(deployed, True),
    ),
    "a table that keeps ended keys": Breakage(
        *["table", "time to live"],
        lambda deployed: time_to_live(deployed, "ttl", False),
        lambda deployed: time_to_live(deployed, "ttl", True),
    ),
    "logs with another retention": Breakage(
        *["logs", "retention and encryption of the log groups"],
        lambda deployed: retention(deployed, 1),
        lambda deployed: retention(deployed, 30),
    ),
    "another limit of the routes": Breakage(
        *["api", "throttling limits of the routes"],
        lambda deployed: throttle(deployed, 5000),
        lambda deployed: throttle(deployed, 100),
    ),
    "an authorizer for everybody": Breakage(
        *["functions", "only APIs' authorizers invoke the authorizer"],
        lambda deployed: permission(deployed, True, "*", Qualifier="live"),
        lambda deployed: permission(deployed, False, "*", Qualifier="live"),
    ),
    "an authorizer that a rollback does not reach": Breakage(
        *["functions", "only APIs' authorizers invoke the authorizer"],
        lambda deployed: permission(deployed, True, "apigateway.amazonaws.com"),
        lambda deployed: permission(deployed, False, "apigateway.amazonaws.com"),
    ),
    "a route that a rollback does not reach": Breakage(
        *["api", "routes invoke the alias"],
        lambda deployed: bypass(deployed, ":live/", "/"),
        lambda deployed: bypass(deployed, "/invocations", ":live/invocations"),
    ),
    "an alias without the last change": Breakage(
        *["functions", "alias and version of chaser"],
        lambda deployed: change(deployed, "ChaserFunction", 512),
        lambda deployed: change(deployed, "ChaserFunction", 256),
    ),
}


@pytest.mark.parametrize("broken", BREAKAGES)
def test_the_check_finds(scripts, deployed, broken):
    it = BREAKAGES[broken]
    it.break_it(deployed)
    try:
        lines = scripts.check(it.group)
    finally:
        it.repair(deployed)
    failed = [name for name, line in lines.items() if line["status"] == "FAIL"]
    assert failed == [it.line]
    # Each failure says what to do.
    assert ";" in lines[it.line]["detail"] or ":" in lines[it.line]["detail"]


def test_the_check_needs_a_key(scripts):
    done = scripts.run("check-on-aws")
    assert done.returncode == 1
    assert "set LATCHKEY_TOKEN to a full-access key" in done.stderr


# --- Roll back, and prune ---


def live(deployed, function):
    client = deployed.emulator.client("lambda")
    found = client.get_alias(FunctionName=deployed.stack.resource(function), Name="live")
    return found["FunctionVersion"]


def publish(deployed, function, description):
    """Publishes a version, as the next deployment would, and moves the alias to it."""
    client, name = deployed.emulator.client("lambda"), deployed.stack.resource(function)
    client.update_function_configuration(FunctionName=name, Description=description)
    version = client.publish_version(FunctionName=name)["Version"]
    client.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
    return version


def test_a_rollback_points_the_aliases_at_the_versions_before_and_can_be_undone(scripts, deployed):
    functions = list(drivers.functions())
    before = {function: live(deployed, function) for function in functions}
    after = {function: publish(deployed, function, "next") for function in functions}
    assert all(before[function] != after[function] for function in functions)
    done = scripts.run("roll-back")
    assert done.returncode == 0, done.stderr
    assert {function: live(deployed, function) for function in functions} == before
    # The key works on the older versions.
    deployed.gateway.call("GET /v1/accounts/current", 200, key=deployed.key)
    undo = done.stdout.strip().splitlines()[-1].split("latchkey ", 1)[1]
    assert scripts.run("roll-back", *undo.split()).returncode == 0
    assert {function: live(deployed, function) for function in functions} == after


def test_pruning_deletes_old_versions_but_not_the_one_in_use(scripts, deployed):
    client, name = deployed.emulator.client("lambda"), deployed.stack.resource("OauthFunction")
    used = live(deployed, "OauthFunction")
    for number in range(3):
        publish(deployed, "OauthFunction", f"version {number}")
    client.update_alias(FunctionName=name, Name="live", FunctionVersion=used)
    try:
        done = scripts.run("prune-versions", "--keep", "2")
        assert done.returncode == 0, done.stderr
        found = [it["Version"] for it in client.list_versions_by_function(FunctionName=name)["Versions"]]
        newest = sorted((version for version in found if version != "$LATEST"), key=int)
        assert newest[0] == used and len(newest) == 3, found
    finally:
        client.update_alias(FunctionName=name, Name="live", FunctionVersion=newest[-1])
