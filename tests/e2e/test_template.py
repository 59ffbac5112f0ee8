"""The templates expand as CloudFormation expands them, with every parameter at each kind of value."""

import collections
import json
import re

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from samtranslator.yaml_helper import yaml_parse

from deployment.expand import LanguageExtensions, transformed, truth
from processes import FOLDER, ROOT

EXPANDED = FOLDER / "templates"

PSEUDO = {
    "AWS::AccountId": "111122223333",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackName": "latchkey",
    "AWS::URLSuffix": "amazonaws.com",
}
TEMPLATE = yaml_parse((ROOT / "template.yaml").read_text().replace("CodeUri: .", "CodeUri: s3://bucket/key"))
MONITORING = yaml_parse((ROOT / "monitoring.yaml").read_text())
PARAMETERS = TEMPLATE["Parameters"]
DEFAULTS = {name: parameter["Default"] for name, parameter in PARAMETERS.items()}
KEY = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-1111-2222-3333-444455556666"
SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:latchkey/webhooks-AbC123"
# Values of the parameters that have neither a list of values nor bounds.
SAMPLES = {
    "KeyPrefix": ["acme_live"],
    "MaxLifetime": ["90d"],
    "Retention": ["12h"],
    "AllowedScopes": ["orders.read orders.write"],
    "CacheTtl": ["0s"],
    "AuditRetention": ["90d", "0"],
    "LastUsedInterval": ["0s"],
    "AuthorizerOrganizations": ["acme, example"],
    "AuthorizerAccounts": ["444455556666", "444455556666,777788889999"],
    "VerifyOrganizations": ["acme"],
    "AuthorizerHeader": ["X-Api-Key"],
    "ExistingWebhookSecretArn": [SECRET],
    "ExpiryWarnings": ["30,7,1", "1"],
    "UnusedWarning": ["90"],
    "RouteScopes": ["GET /orders/{id} orders.read; GET /health"],
    "PermissionsBoundaryArn": ["arn:aws:iam::111122223333:policy/boundary"],
    "RolePath": ["/teams/latchkey/"],
    "StageName": ["v1"],
    "CorsOrigins": ["https://console.example.com,https://example.com"],
    "DomainName": ["keys.example.com"],
    "CertificateArn": [f"arn:aws:acm:us-east-1:111122223333:certificate/{name}" for name in ["0a1b2c3d", "4e5f6a7b"]],
    "HostedZoneId": ["Z0123456789ABCDEFGHIJ"],
    "TruststoreUri": ["s3://bucket/truststore.pem"],
    "TruststoreVersion": ["abc.DEF_123-x"],
    "ExistingTableName": ["restored-table"],
    "EventBus": ["default", "audit"],
    "ExistingTableStreamArn": ["arn:aws:dynamodb:us-east-1:111122223333:table/restored-table/stream/2026-01-01T00:00:00.000"],
    "KmsKeyArn": [KEY],
    "LogKmsKeyArn": [KEY],
    "AlarmEmail": ["on-call@example.com"],
    "AlarmTopicArn": ["arn:aws:sns:us-east-1:111122223333:alarms"],
}
# What else must be set for a parameter to have an effect, or for the stack's rules to hold.
NEEDED = {
    "WebhooksReservedConcurrency": {"Webhooks": "on"},
    "ExistingWebhookSecretArn": {"Webhooks": "on"},
    "DomainName": {"CertificateArn": SAMPLES["CertificateArn"][0]},
    "MonthlyBudget": {"AlarmEmail": "on-call@example.com"},
    "AlarmEncryption": {"AlarmEmail": "on-call@example.com"},
    "ExistingTableStreamArn": {"EventBus": "default", "ExistingTableName": "restored-table"},
}
for name in ["CertificateArn", "HostedZoneId", "DefaultEndpoint", "TruststoreUri"]:
    NEEDED[name] = {"DomainName": "keys.example.com", "CertificateArn": SAMPLES["CertificateArn"][0]}
NEEDED["TruststoreVersion"] = {**NEEDED["TruststoreUri"], "TruststoreUri": "s3://bucket/truststore.pem"}
# The types that CloudFormation does not tag with the stack's tags.
UNTAGGED = {
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::Budgets::Budget",
    "AWS::IAM::ManagedPolicy",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::Logs::MetricFilter",
    "AWS::Logs::QueryDefinition",
    "AWS::Route53::RecordSet",
    "AWS::Scheduler::Schedule",
    "AWS::SNS::TopicPolicy",
}


def kinds(name):
    """The values to try: all of a short list, the ends of a long one, the bounds, or samples."""
    parameter = PARAMETERS[name]
    if "AllowedValues" in parameter:
        values = parameter["AllowedValues"]
        return values if len(values) < 10 else [values[0], values[-1]]
    if parameter["Type"] == "Number":
        return [parameter["MinValue"], parameter["MaxValue"]]
    return [DEFAULTS[name], *SAMPLES[name]]


class Stack:
    """What CloudFormation makes of both templates with these parameters."""

    def __init__(self, **parameters):
        self.values = {**DEFAULTS, **parameters}
        self.template = self.decided(TEMPLATE, self.values)
        self.resources = dict(self.template["Resources"])
        self.nested = None
        if "MonitoringStack" in self.resources:
            given = self.resources["MonitoringStack"]["Properties"]["Parameters"]
            given = {name: value if isinstance(value, (str, int)) else "referenced" for name, value in given.items()}
            self.nested = self.decided(MONITORING, given)
            self.resources |= self.nested["Resources"]

    @staticmethod
    def decided(template, values):
        """The template after its transforms, with the values of parameters, and without what conditions exclude."""
        values = {**values, **PSEUDO}
        template = transformed(template, values)
        holds = lambda condition: truth(template["Conditions"][condition], template["Conditions"], values)
        known = LanguageExtensions({}, values)
        # In `Fn::Sub` too.
        known.bound = values
        parts = {
            section: {
                name: chosen(known.of(part), holds)
                for name, part in template[section].items()
                if "Condition" not in part or holds(part["Condition"])
            }
            for section in ["Resources", "Outputs"]
        }
        for part in [one for section in parts.values() for one in section.values()]:
            part.pop("Condition", None)
        return {"AWSTemplateFormatVersion": "2010-09-09", **parts}

    def of(self, kind):
        return {name: made["Properties"] for name, made in self.resources.items() if made["Type"] == kind}

    def types(self):
        return collections.Counter(made["Type"] for made in self.resources.values())

    def problems(self):
        templates = [template for template in [self.template, self.nested] if template]
        # W3002 asks to package the nested template, as `sam deploy` does. .cfnlintrc explains I4010.
        arguments = ManualArgs(regions=["us-east-1"], ignore_checks=["W3002", "I4010"])
        return [str(match) for template in templates for match in lint(json.dumps(template), config=arguments)]

    def accepted(self):
        """Whether the template's rules hold."""
        rules = TEMPLATE["Rules"].values()
        applying = [rule for rule in rules if truth(rule["RuleCondition"], {}, self.values)]
        return all(truth(one["Assert"], {}, self.values) for rule in applying for one in rule["Assertions"])


def chosen(node, holds):
    """What is left of `node` when every `Fn::If` is decided."""
    nothing = {"Ref": "AWS::NoValue"}
    if isinstance(node, dict) and list(node) == ["Fn::If"]:
        condition, *values = node["Fn::If"]
        return chosen(values[0 if holds(condition) else 1], holds)
    if isinstance(node, dict):
        decided = {name: chosen(part, holds) for name, part in node.items()}
        return {name: part for name, part in decided.items() if part != nothing}
    if isinstance(node, list):
        return [part for part in (chosen(part, holds) for part in node) if part != nothing]
    return node


def test_samples_are_of_exactly_the_parameters_that_need_them():
    bounded = {name for name, it in PARAMETERS.items() if it["Type"] == "Number" or "AllowedValues" in it}
    assert set(SAMPLES) == set(PARAMETERS) - bounded
    for name, samples in SAMPLES.items():
        values = [DEFAULTS[name], *samples]
        parts = [part for value in values for part in (value.split(",") if name == "AuthorizerAccounts" else [value])]
        assert all(re.fullmatch(PARAMETERS[name]["AllowedPattern"].strip("^$"), part) for part in parts), name


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_value_changes_the_stack_and_is_accepted(name):
    """A parameter without an effect would be a trap."""
    needed = NEEDED.get(name, {})
    # The rules accept neither a domain without a certificate nor an existing table without its stream.
    values = [value for value in kinds(name) if name not in ["CertificateArn", "ExistingTableStreamArn"] or value]
    stacks = [Stack(**{**needed, name: value}) for value in values]
    assert all(stack.accepted() for stack in stacks)
    made = [json.dumps([stack.resources, stack.template["Outputs"]], sort_keys=True) for stack in stacks]
    assert len(set(made)) == len(made), f"two values of {name} make the same stack"


def test_expansions_are_valid_with_each_kind_of_every_parameter():
    """Lints stacks that have all parameters at their first values, at their second, and so on."""
    everything = {name: kinds(name) for name in PARAMETERS}
    for place in range(max(map(len, everything.values()))):
        chosen = {name: values[min(place, len(values) - 1)] for name, values in everything.items()}
        # With alarms at the first values and at the second, because linting them takes long.
        stack = Stack(**{**chosen, "Monitoring": "on" if place < 2 else "off"})
        assert stack.problems() == [], f"{chosen}"


@pytest.mark.parametrize(
    "parameters",
    [
        {"DomainName": "keys.example.com"},
        {"TruststoreUri": "s3://bucket/truststore.pem"},
        {**NEEDED["TruststoreUri"], "TruststoreUri": "s3://bucket/truststore.pem", "DefaultEndpoint": "on"},
        {"MonthlyBudget": 100},
        {"EventBus": "default", "ExistingTableName": "restored-table"},
        {"EventBus": "default", "AuditTrail": "off"},
        {"UnusedWarning": "90", "LastUsedInterval": "0s"},
        {"UnusedWarning": "90", "LastUsedInterval": "0d"},
        {"Webhooks": "on", "ExistingTableName": "restored-table"},
        {"Webhooks": "on", "AuditTrail": "off"},
    ],
)
def test_the_rules_refuse_what_would_not_work(parameters):
    assert not Stack(**parameters).accepted()


def test_apis_may_call_the_aliases_only():
    permissions = Stack(AuthorizerAccounts="444455556666,777788889999").of("AWS::Lambda::Permission")
    for name, permission in permissions.items():
        assert permission["FunctionName"]["Ref"].endswith("FunctionAliaslive"), name
    named = {name for name in permissions if name.startswith("AuthorizerPermissionOf")}
    assert named == {"AuthorizerPermissionOf444455556666", "AuthorizerPermissionOf777788889999"}
    assert not any(name.startswith("AuthorizerPermissionOf") for name in Stack().of("AWS::Lambda::Permission"))
    [body] = [api["Body"] for api in Stack().of("AWS::ApiGatewayV2::Api").values()]
    called = set(re.findall(r"\$\{(\w+)\}/invocations", json.dumps(body)))
    assert called == {f"{name}FunctionAliaslive" for name in ["Lakesail", "Chaser", "Oauth"]}


@pytest.mark.parametrize(
    "name", [
        "KeyLimit", "AccountLimit", "MaxLifetime", "Retention", "AuditTrail", "AuditRetention", "KeyPrefix", "CacheTtl",
        "LastUsedInterval", "ExistingTableName", "MemorySize", "LogLevel", "Tracing",
    ]
)
def test_a_setting_that_functions_share_publishes_a_version_of_each(name):
    versions = lambda stack: {made for made, one in stack.resources.items() if one["Type"] == "AWS::Lambda::Version"}
    other = next(value for value in reversed(kinds(name)) if value != DEFAULTS[name])
    before, after = versions(Stack()), versions(Stack(**{name: other}))
    assert len(before) == len(after) == 4 and before.isdisjoint(after)


@pytest.mark.parametrize("name, value", [("ExpiryWarnings", "1"), ("UnusedWarning", "30")])
def test_a_setting_for_warnings_publishes_a_version_of_each_function_that_reads_it(name, value):
    settings = {"ExpiryWarnings": "30,7,1", "UnusedWarning": "90"}
    before, after = [Stack(**parameters).of("AWS::Lambda::Version") for parameters in [settings, {**settings, name: value}]]
    published = {re.sub("FunctionVersion.*", "", version) for version in after.keys() - before.keys()}
    assert published == {"Lakesail", "Chaser", "Warnings"}


def test_an_existing_secret_of_webhooks_is_used_instead_of_a_new_one():
    own, existing = Stack(Webhooks="on"), Stack(Webhooks="on", ExistingWebhookSecretArn=SECRET)
    assert own.types() - existing.types() == {"AWS::SecretsManager::Secret": 1}
    assert not existing.types() - own.types()
    named = lambda stack: {
        made: one["Environment"]["Variables"].get("LATCHKEY_WEBHOOK_SECRET")
        for made, one in stack.of("AWS::Lambda::Function").items()
    }
    assert set(named(existing).values()) == {SECRET, None}
    assert {made for made, secret in named(existing).items() if secret} == {"ChaserFunction", "WebhooksFunction"}
    # Without webhooks, nothing reads it.
    assert set(named(Stack(ExistingWebhookSecretArn=SECRET)).values()) == {None}


@pytest.mark.parametrize(
    "name", ["ReservedConcurrency", "AuthorizerReservedConcurrency", "WebhooksReservedConcurrency", "LogRetentionDays"]
)
def test_a_setting_that_lambda_does_not_version_publishes_none(name):
    """Lambda would not publish a version that equals the last one, and the deployment would fail."""
    versions = lambda stack: {made for made, one in stack.resources.items() if one["Type"] == "AWS::Lambda::Version"}
    needed = NEEDED.get(name, {})
    assert versions(Stack(**needed)) == versions(Stack(**{**needed, name: kinds(name)[-1]}))


def test_earlier_versions_are_kept():
    versions = [made for made in Stack().resources.values() if made["Type"] == "AWS::Lambda::Version"]
    assert all(version["DeletionPolicy"] == "Retain" for version in versions)


def test_a_gradual_deployment_brings_its_brakes_and_otherwise_nothing_of_it_exists():
    extra = Stack(DeploymentPreference="Canary10Percent5Minutes").types() - Stack().types()
    assert extra == {
        "AWS::CodeDeploy::Application": 1,
        "AWS::CodeDeploy::DeploymentGroup": 4,
        "AWS::CloudWatch::Alarm": 4,
        "AWS::IAM::Role": 1,
    }


def test_every_role_has_the_path_and_the_boundary():
    boundary = SAMPLES["PermissionsBoundaryArn"][0]
    stack = Stack(DeploymentPreference="AllAtOnce", RolePath="/teams/latchkey/", PermissionsBoundaryArn=boundary)
    roles = stack.of("AWS::IAM::Role").values()
    assert {(role["Path"], role["PermissionsBoundary"]) for role in roles} == {("/teams/latchkey/", boundary)}


def test_an_event_bus_brings_its_resources_and_otherwise_nothing_of_it_exists():
    extra = Stack(EventBus="default").types() - Stack().types()
    assert extra == {
        "AWS::CloudWatch::Alarm": 4,
        "AWS::IAM::Role": 1,
        "AWS::Lambda::Alias": 1,
        "AWS::Lambda::EventSourceMapping": 1,
        "AWS::Lambda::Function": 1,
        "AWS::Lambda::Version": 1,
        "AWS::SQS::Queue": 1,
    }
    assert "StreamSpecification" not in Stack().resources["Table"]["Properties"]


@pytest.mark.parametrize("parameters", [{"ExpiryWarnings": "30,7,1"}, {"UnusedWarning": "90"}])
def test_warnings_bring_their_resources_and_otherwise_nothing_of_them_exists(parameters):
    extra = Stack(**parameters).types() - Stack().types()
    assert extra == {
        "AWS::CloudWatch::Alarm": 3,
        "AWS::IAM::Role": 2,
        "AWS::Lambda::Alias": 1,
        "AWS::Lambda::EventInvokeConfig": 1,
        "AWS::Lambda::Function": 1,
        "AWS::Lambda::Version": 1,
        "AWS::Scheduler::Schedule": 1,
        "AWS::Scheduler::ScheduleGroup": 1,
    }


def test_only_the_schedule_invokes_the_function_for_warnings_by_its_alias():
    stack = Stack(ExpiryWarnings="30,7,1")
    [schedule] = stack.of("AWS::Scheduler::Schedule").values()
    assert schedule["Target"]["Arn"] == {"Ref": "WarningsFunctionAliaslive"}
    [statement] = stack.of("AWS::IAM::Role")["WarningsScheduleRole"]["Policies"][0]["PolicyDocument"]["Statement"]
    assert statement["Resource"] == {"Ref": "WarningsFunctionAliaslive"}
    assert not any("Warnings" in name for name in stack.of("AWS::Lambda::Permission"))


def test_the_index_is_there_with_warnings_and_without():
    tables = [Stack(**parameters).resources["Table"] for parameters in [{}, {"ExpiryWarnings": "30,7,1"}]]
    assert tables[0] == tables[1]
    [index] = tables[0]["Properties"]["GlobalSecondaryIndexes"]
    assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}


def test_webhooks_bring_their_resources_and_share_the_stream():
    extra = Stack(Webhooks="on").types() - Stack().types()
    assert extra == {
        "AWS::CloudWatch::Alarm": 4,
        "AWS::IAM::ManagedPolicy": 1,
        "AWS::IAM::Role": 2,
        "AWS::Lambda::Alias": 1,
        "AWS::Lambda::EventInvokeConfig": 1,
        "AWS::Lambda::EventSourceMapping": 1,
        "AWS::Lambda::Function": 1,
        "AWS::Lambda::Version": 1,
        "AWS::SQS::Queue": 1,
        "AWS::Scheduler::ScheduleGroup": 1,
        "AWS::SecretsManager::Secret": 1,
    }
    for parameters in [{"Webhooks": "on"}, {"Webhooks": "on", "EventBus": "default"}]:
        assert "StreamSpecification" in Stack(**parameters).resources["Table"]["Properties"]


def test_nothing_waits_for_itself():
    """Includes the alarms that brake a deployment, which the aliases wait for."""
    stack = Stack(DeploymentPreference="AllAtOnce", AlarmEmail="on-call@example.com", EventBus="default", ExpiryWarnings="1", Webhooks="on")
    resources = stack.template["Resources"]
    waits = {name: references(made) & set(resources) for name, made in resources.items()}
    while waits:
        ready = [name for name, others in waits.items() if not others & set(waits)]
        assert ready, f"these wait for each other: {sorted(waits)}"
        for name in ready:
            del waits[name]


def references(value):
    """The names that `value` refers to."""
    if isinstance(value, dict):
        found = set()
        for key, inner in value.items():
            match key:
                case "Ref":
                    found.add(inner)
                case "Fn::GetAtt":
                    found.add(inner[0] if isinstance(inner, list) else inner.split(".")[0])
                case "DependsOn":
                    found |= {inner} if isinstance(inner, str) else set(inner)
                case "Fn::Sub":
                    text = inner if isinstance(inner, str) else inner[0]
                    found |= {name.split(".")[0] for name in re.findall(r"\$\{([\w.:]+)\}", text)} | references(inner)
                case _:
                    found |= references(inner)
        return found
    return set().union(*map(references, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("policy, protected", [("Retain", True), ("Delete", False)])
def test_the_table_goes_with_the_stack_only_if_asked(policy, protected):
    table = Stack(TableDeletionPolicy=policy).resources["Table"]
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == (policy, policy)
    assert table["Properties"]["DeletionProtectionEnabled"] is protected


def test_deleting_a_trial_leaves_nothing_but_versions_of_functions_that_are_deleted():
    for made in Stack(TableDeletionPolicy="Delete", AlarmEmail="on-call@example.com").resources.values():
        assert made.get("DeletionPolicy", "Delete") == "Delete" or made["Type"] == "AWS::Lambda::Version"


def test_an_existing_table_replaces_the_new_one():
    stack = Stack(ExistingTableName="restored-table")
    assert "Table" not in stack.resources
    assert '{"Ref": "Table"}' not in json.dumps(stack.resources)
    assert "Table.Arn" not in json.dumps(stack.resources)


def test_only_these_types_have_no_tags_of_the_stack():
    without = ["Monitoring", "AlarmEncryption", "DefaultEndpoint", "ExistingTableName"]
    stack = Stack(**{name: kinds(name)[-1] for name in PARAMETERS if name not in without})
    schema = lambda kind: PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    assert {kind for kind in stack.types() if "Tags" not in schema(kind)["properties"]} == UNTAGGED


def test_the_resources_by_type(note):
    """Reports what the stack has with the defaults, and in production. Writes what Checkov reads."""
    default = Stack().types()
    made = Stack(
        AlarmEmail="on-call@example.com",
        AuthorizerReservedConcurrency=200,
        DeploymentPreference="Canary10Percent5Minutes",
        EventBus="default",
        ExpiryWarnings="30,7,1",
        KmsKeyArn=KEY,
        ReservedConcurrency=100,
        Webhooks="on",
    )
    production = made.types()
    EXPANDED.mkdir(parents=True, exist_ok=True)
    for name, template in [("template", made.template), ("monitoring", made.nested)]:
        (EXPANDED / f"{name}.json").write_text(json.dumps(template, indent=1))
    note(f"resources: {default.total()} by default, {production.total()} in production")
    for kind in sorted(production):
        note(f"  {kind}: {default[kind]}, {production[kind]}")
    assert default["AWS::Lambda::Function"] == 4
