"""Compares what is deployed with the stack's parameters."""

import fnmatch
import functools
import json

from on_aws import aws
from on_aws.report import Failed, Skipped, expect, require
from on_aws.stack import ALIAS, alias, versions, weights

DEPLOY = "deploy the stack again, and look for changes that somebody made by hand"
VERIFICATION = ["ANY /verify", "ANY /verify/{path+}", "POST /oauth/introspect"]
HEALTH = "GET /health"
CHANGES = {"lakesail", "chaser", "oauth", "events", "warnings", "webhooks"}


def throttles(stack):
    """Checks the limits that API Gateway applies, for all routes and for those with their own."""
    stages = aws.call("apigatewayv2", "get-stages", ApiId=stack.outputs["ApiId"])["Items"]
    stage = next((it for it in stages if it["StageName"] == stack.parameter("StageName", "$default")), None)
    require(stage is not None, f"the API has no stage {stack.parameter('StageName')}; {DEPLOY}")
    check_limits(stack, stage.get("DefaultRouteSettings", {}), "Throttling", "the limit of a route")
    for route in VERIFICATION:
        check_limits(
            stack, stage.get("RouteSettings", {}).get(route, {}), "Verification", f"the limit of {route}"
        )
    found = stage.get("RouteSettings", {}).get(HEALTH, {})
    require("ThrottlingRateLimit" in found, f"{HEALTH} has no limit of its own; {DEPLOY}")
    return f"{len(VERIFICATION) + 1} routes have their own limits"


def check_limits(stack, found, name, what):
    for limit in ["RateLimit", "BurstLimit"]:
        wanted = float(stack.parameter(f"{name}{limit}", "0"))
        expect(float(found.get(f"Throttling{limit}", 0)), wanted, f"{what} (Throttling{limit})", DEPLOY)


def routes(stack):
    """Checks that each integration invokes a function's alias, so that a rollback reaches every route."""
    found = aws.call("apigatewayv2", "get-integrations", ApiId=stack.outputs["ApiId"])["Items"]
    uris = [it.get("IntegrationUri", "") for it in found]
    unqualified = [uri for uri in uris if not uri.removesuffix("/invocations").endswith(f":{ALIAS}")]
    require(uris, "the API has no integrations")
    require(
        not unqualified, f"{len(unqualified)} of {len(uris)} routes do not use the alias {ALIAS}; {DEPLOY}"
    )


def default_endpoint(stack, answers):
    """Checks that a domain cannot be bypassed, with the firewall and certificates in front of it."""
    if not stack.parameter("DomainName"):
        raise Skipped("the stack has no DomainName")
    if stack.parameter("DefaultEndpoint", "auto") == "on":
        raise Skipped("DefaultEndpoint is on, so API Gateway's own address works too")
    api = aws.call("apigatewayv2", "get-api", ApiId=stack.outputs["ApiId"])
    expect(api.get("DisableExecuteApiEndpoint", False), True, "DisableExecuteApiEndpoint", DEPLOY)
    require(not answers(api["ApiEndpoint"]), f"{api['ApiEndpoint']} still responds; {DEPLOY}")


def mutual_tls(stack):
    if not stack.parameter("TruststoreUri"):
        raise Skipped("the stack has no TruststoreUri")
    found = aws.call("apigatewayv2", "get-domain-name", DomainName=stack.parameter("DomainName"))
    uri = found.get("MutualTlsAuthentication", {}).get("TruststoreUri")
    expect(uri, stack.parameter("TruststoreUri"), "the domain's trust store", DEPLOY)


def time_to_live(stack):
    name = stack.outputs["TableName"]
    found = aws.call("dynamodb", "describe-time-to-live", TableName=name)["TimeToLiveDescription"]
    wanted = {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    expect(
        found,
        wanted,
        "the time to live",
        "without it, ended keys stay in the table; enable it for this attribute",
    )
    return "DynamoDB can take a few days to delete an item"


def backups(stack):
    name = stack.outputs["TableName"]
    found = aws.call("dynamodb", "describe-continuous-backups", TableName=name)[
        "ContinuousBackupsDescription"
    ]
    recovery = found.get("PointInTimeRecoveryDescription", {})
    expect(recovery.get("PointInTimeRecoveryStatus"), "ENABLED", "point-in-time recovery", DEPLOY)
    return f"since {recovery.get('EarliestRestorableDateTime', 'an unknown time')}"


@functools.cache
def table(stack):
    return aws.call("dynamodb", "describe-table", TableName=stack.outputs["TableName"])["Table"]


def protection(stack):
    protected = stack.parameter("TableDeletionPolicy", "Retain") == "Retain"
    if stack.parameter("ExistingTableName"):
        protected = True
    advice = "run `aws dynamodb update-table --table-name … --deletion-protection-enabled`"
    expect(
        table(stack).get("DeletionProtectionEnabled", False),
        protected,
        "deletion protection",
        advice if protected else DEPLOY,
    )
    return "" if protected else "off, because TableDeletionPolicy is Delete"


def encryption(stack):
    found = table(stack).get("SSEDescription", {})
    expect(found.get("Status"), "ENABLED", "encryption with KMS", DEPLOY)
    wanted = stack.parameter("KmsKeyArn")
    if wanted:
        expect(found.get("KMSMasterKeyArn"), wanted, "the table's key", DEPLOY)
    return "with your key" if wanted else "with AWS's key aws/dynamodb"


def capacity(stack):
    wanted = {
        "MaxReadRequestUnits": stack.number("TableMaxReadUnits"),
        "MaxWriteRequestUnits": stack.number("TableMaxWriteUnits"),
    }
    if not any(wanted.values()):
        raise Skipped("TableMaxReadUnits and TableMaxWriteUnits are 0")
    found = table(stack).get("OnDemandThroughput", {})
    for name, units in wanted.items():
        # DynamoDB reports a missing limit as -1.
        expect(max(found.get(name, 0), 0), units, name, DEPLOY)


def function(stack, name):
    """Checks a function's alias, and that callers get what the last deployment built."""
    physical = stack.functions()[name]
    found = alias(physical)
    require(found is not None, f"there is no alias {ALIAS}; deploy a release that has it")
    version = found["FunctionVersion"]
    require(version.isdigit(), f"{ALIAS} points at {version}, which a rollback cannot return to; {DEPLOY}")
    if weights(found):
        raise Skipped(f"a gradual deployment from version {version} is running")
    live = aws.call("lambda", "get-function-configuration", FunctionName=physical, Qualifier=ALIAS)
    latest = aws.call("lambda", "get-function-configuration", FunctionName=physical)
    expect(
        live.get("State", "Active"), "Active", "its state", "see the reason with `aws lambda get-function`"
    )
    for setting in [
        "CodeSha256",
        "Environment",
        "MemorySize",
        "Architectures",
        "TracingConfig",
        "LoggingConfig",
    ]:
        if live.get(setting) != latest.get(setting):
            raise Failed(
                f"{ALIAS} points at version {version}, whose {setting} is not that of the last deployment: "
                "either the stack was rolled back, or the deployment published no version; deploy again"
            )
    return f"version {version} of {len(versions(physical))}"


def authorizer_policy(stack):
    """Checks that only authorizers of APIs may invoke the authorizer, and only its alias."""
    physical = stack.functions()["authorizer"]
    statements = policy(physical, ALIAS)
    require(statements, f"no API may invoke the authorizer's alias {ALIAS}; {DEPLOY}")
    accounts = {
        stack.account,
        *filter(None, stack.parameter("AuthorizerAccounts").replace(" ", "").split(",")),
    }
    for statement in statements:
        source = source_of(statement)
        allowed = statement["Principal"] in [
            {"Service": "apigateway.amazonaws.com"},
            {"Service": "appsync.amazonaws.com"},
        ]
        kinds = ["arn:*:execute-api:*:{}:*/authorizers/*", "arn:*:appsync:*:{}:apis/*"]
        patterns = [kind.format(account) for kind in kinds for account in accounts]
        allowed = allowed and any(fnmatch.fnmatchcase(source, pattern) for pattern in patterns)
        require(
            allowed,
            f"{statement['Principal']} may invoke the authorizer for {source or 'anything'}; {DEPLOY}",
        )
    unqualified = [it for it in policy(physical, None) if it["Resource"].endswith(f":{physical}")]
    require(
        not unqualified, f"{len(unqualified)} statements allow the function instead of its alias; {DEPLOY}"
    )
    return f"{len(statements)} statements"


def source_of(statement):
    """The ARN to which a statement is limited, or an empty string."""
    for keys in statement.get("Condition", {}).values():
        for key, value in keys.items():
            if key.lower() == "aws:sourcearn":
                return str(value)
    return ""


def policy(physical, qualifier):
    asked = {"FunctionName": physical, **({"Qualifier": qualifier} if qualifier else {})}
    try:
        return json.loads(aws.call("lambda", "get-policy", **asked)["Policy"])["Statement"]
    except aws.AwsError as error:
        if error.code == "ResourceNotFoundException":
            return []
        raise


def log_groups(stack):
    """Checks how long the logs stay, and with which key they are encrypted."""
    names = {it.physical for it in stack.of_type("AWS::Logs::LogGroup")}
    require(names, f"the stack has no log groups; {DEPLOY}")
    for name in sorted(names):
        found = aws.call("logs", "describe-log-groups", logGroupNamePrefix=name)["logGroups"]
        group = next((it for it in found if it["logGroupName"] == name), None)
        require(group is not None, f"the log group {name} is missing; {DEPLOY}")
        expect(group.get("retentionInDays"), days(stack, name), f"the retention of {name}", DEPLOY)
        expect(group.get("kmsKeyId", ""), stack.parameter("LogKmsKeyArn"), f"the key of {name}", DEPLOY)
    return f"{len(names)} log groups"


def days(stack, name):
    changes = name.rsplit("-", 1)[-1] in CHANGES and "ChangeLogRetentionDays" in stack.parameters
    return stack.number("ChangeLogRetentionDays" if changes else "LogRetentionDays")
