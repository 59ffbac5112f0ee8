"""The deployer's policy in `examples/github-actions` covers what Latchkey's templates create, and no more.

CloudFormation's schemas list the permissions that the handlers of each resource type need. cfn-lint contains
the schemas. The tests compare them with the execution role, for each type in the expanded templates.
"""

import fnmatch
import json
import logging
import os
import pathlib
import types

import cfnlint
import pytest
from samcli.lib.cfn_language_extensions.sam_integration import expand_language_extensions
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from processes import ROOT

DEPLOYER = ROOT / "examples" / "github-actions" / "template.yaml"
TEMPLATES = [path for path in [ROOT / "template.yaml", ROOT / "monitoring.yaml"] if path.exists()]
SCHEMAS = pathlib.Path(cfnlint.__file__).parent / "data" / "schemas" / "resources"
ACCOUNT, REGION = "123456789012", "us-east-1"
# The boundary of the roles, for the tests that set one.
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
PARAMETERS = {
    "Repository": "example/infrastructure",
    "HostedZoneId": "Z0123456789",
    "TruststoreObjectArn": "arn:aws:s3:::truststores/latchkey.pem",
    "PermissionsBoundaryArn": BOUNDARY,
}
# What handlers need for properties that Latchkey's templates do not use, by resource type.
UNUSED = {
    "AWS::ApiGatewayV2::Api": {
        # The template contains the definition of the API, so nothing is read from S3.
        "s3:getobject",
    },
    "AWS::ApiGatewayV2::Stage": {
        # Not actions of IAM: tags need apigateway:PUT and others on `/tags`.
        "apigateway:tagresource",
        "apigateway:untagresource",
    },
    "AWS::CodeDeploy::DeploymentGroup": {"codedeploy:registeronpremisesinstance"},
    "AWS::DynamoDB::Table": {
        # Imports, replicas, Kinesis streams, and items of the table.
        *["dynamodb:associatetablereplica", "dynamodb:createtablereplica"],
        *["dynamodb:describeimport", "dynamodb:importtable"],
        *["dynamodb:batchwriteitem", "dynamodb:deleteitem", "dynamodb:getitem", "dynamodb:putitem"],
        *["dynamodb:query", "dynamodb:scan", "dynamodb:updateitem"],
        *["dynamodb:disablekinesisstreamingdestination", "dynamodb:enablekinesisstreamingdestination"],
        *["dynamodb:updatekinesisstreamingdestination", "kinesis:describestream", "kinesis:putrecords"],
        *["iam:createservicelinkedrole", "s3:getobject", "s3:getobjectmetadata", "s3:listbucket"],
        *["logs:createloggroup", "logs:createlogstream", "logs:describeloggroups"],
        *["logs:describelogstreams", "logs:putlogevents", "logs:putretentionpolicy"],
        # Only to find a key by its alias. The template takes ARNs.
        "kms:listaliases",
    },
    # Policies of users and groups.
    "AWS::IAM::ManagedPolicy": {
        *["iam:attachgrouppolicy", "iam:attachuserpolicy", "iam:detachgrouppolicy", "iam:detachuserpolicy"],
    },
    "AWS::IAM::Policy": {
        *["iam:deletegrouppolicy", "iam:deleteuserpolicy", "iam:getgrouppolicy", "iam:getuserpolicy"],
        *["iam:putgrouppolicy", "iam:putuserpolicy"],
    },
    "AWS::IAM::Role": {
        # Removing the boundary must stay impossible.
        "iam:deleterolepermissionsboundary",
    },
    "AWS::Lambda::Function": {
        # VPCs, file systems, layers, code signing, and capacity providers.
        *["ec2:describenetworkinterfaces", "ec2:describesecuritygroups", "ec2:describesubnets"],
        *["ec2:describevpcs", "elasticfilesystem:describemounttargets", "s3files:listmounttargets"],
        *["lambda:getlayerversion", "lambda:getcodesigningconfig", "lambda:putfunctioncodesigningconfig"],
        *["lambda:passcapacityprovider", "lambda:putfunctionscalingconfig", "lambda:associateruntimealias"],
    },
    "AWS::Lambda::Version": {"lambda:putfunctionscalingconfig"},
    "AWS::Logs::LogGroup": {
        # Deliveries to other services, policies of the account, and tokens.
        *["s3:rest.put.object", "firehose:tagdeliverystream", "logs:putbearertokenauthentication"],
        *["logs:putresourcepolicy", "logs:deleteresourcepolicy"],
    },
    # Replicas in other regions.
    "AWS::SecretsManager::Secret": {
        *["secretsmanager:removeregionsfromreplication", "secretsmanager:replicatesecrettoregions"],
    },
    "AWS::SNS::Subscription": {"iam:getrole", "iam:passrole"},
    "AWS::SNS::Topic": {
        # Roles that log deliveries.
        *["iam:getrole", "iam:passrole"],
    },
}
REGIONAL = f"{REGION}:{ACCOUNT}"
# An ARN of each service's resources, as the stack `latchkey` creates them, and one of a neighbor.
RESOURCES = {
    "cloudformation": [f"arn:aws:cloudformation:{REGIONAL}:stack/{{}}-Monitoring-1A/uuid"],
    "cloudwatch": [
        f"arn:aws:cloudwatch:{REGIONAL}:alarm:{{}}-Alarm-1A",
        f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/{{}}-{REGION}",
    ],
    "codedeploy": [
        f"arn:aws:codedeploy:{REGIONAL}:application:{{}}-Application-1A",
        f"arn:aws:codedeploy:{REGIONAL}:deploymentgroup:{{}}-Application-1A/{{}}-Group-1A",
    ],
    "dynamodb": [f"arn:aws:dynamodb:{REGIONAL}:table/{{}}-Table-1A"],
    "iam": [
        f"arn:aws:iam::{ACCOUNT}:role/{{}}-LakesailRole-1A",
        f"arn:aws:iam::{ACCOUNT}:policy/{{}}-CommonPolicy-1A",
    ],
    "lambda": [f"arn:aws:lambda:{REGIONAL}:function:{{}}-LakesailFunction-1A"],
    "logs": [f"arn:aws:logs:{REGIONAL}:log-group:/aws/lambda/{{}}-lakesail:*"],
    "scheduler": [
        f"arn:aws:scheduler:{REGIONAL}:schedule-group/{{}}-WarningsScheduleGroup-1A",
        f"arn:aws:scheduler:{REGIONAL}:schedule/{{}}-WarningsScheduleGroup-1A/{{}}-WarningsSchedule-1A",
    ],
    "sns": [f"arn:aws:sns:{REGIONAL}:{{}}-AlarmTopic-1A"],
    "sqs": [f"arn:aws:sqs:{REGIONAL}:{{}}-EventsDeadLetters-1A"],
    "ssm": [f"arn:aws:ssm:{REGIONAL}:parameter/{{}}/authorizer-function-arn"],
}
# What IAM cannot limit to the names of one stack: random IDs, and actions without resources.
NOT_NAMED = [
    *["apigateway:*", "route53:*", "kms:*", "s3:getobject*", "logs:describe*", "logs:*querydefinition"],
    *["logs:*logdelivery", "logs:listlogdeliveries", "iam:createservicelinkedrole", "budgets:*", "billing:*"],
    # The name of a secret begins with its logical ID.
    *["lambda:*eventsourcemapping", "secretsmanager:*"],
]

logging.getLogger("samtranslator.metrics.metrics").setLevel(logging.ERROR)


@pytest.fixture(scope="module")
def statements():
    return policy("ExecutionRole", PARAMETERS)


def created():
    """The resource types in the expanded templates, with gradual deployments."""
    return sorted({resource["Type"] for path in TEMPLATES for resource in expanded(path).values()})


def expanded(path):
    """The resources of a template after its transforms."""
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    # The transform takes only functions that are already uploaded.
    template = yaml_parse(path.read_text().replace("CodeUri: .\n", "CodeUri: s3://bucket/key\n"))
    values = {name: it["Default"] for name, it in template["Parameters"].items() if "Default" in it}
    values["DeploymentPreference"] = "Canary10Percent5Minutes"
    template = expand_language_extensions(template, values, enabled=True).expanded_template
    return transform(template, values, types.SimpleNamespace(load=dict))["Resources"]


@pytest.mark.parametrize("kind", created())
def test_the_policy_covers_every_handler_of_a_resource_type(statements, kind):
    allowed = {action for statement in statements for action in actions(statement)}
    missing = sorted(needed(kind) - UNUSED.get(kind, set()) - allowed)
    assert not missing, f"{DEPLOYER.relative_to(ROOT)} lacks {missing}, which {kind} needs"


def test_what_is_unused_is_what_a_handler_could_need():
    for kind, unused in UNUSED.items():
        stray = unused - needed(kind)
        assert not stray, f"no handler of {kind} needs {sorted(stray)}; remove it from UNUSED"


def test_the_policy_allows_nothing_that_no_handler_needs(statements):
    kinds = {*created(), *OPTIONAL}
    wanted = {action for kind in kinds for action in needed(kind) - UNUSED.get(kind, set())} | EXTRA
    stray = sorted({action for statement in statements for action in actions(statement)} - wanted)
    assert not stray, f"no resource type needs {stray}"


def test_the_policy_covers_the_stack_and_no_neighbor(statements):
    for statement in statements:
        for action in actions(statement):
            if any(fnmatch.fnmatchcase(action, pattern) for pattern in NOT_NAMED):
                continue
            examples = RESOURCES[action.split(":")[0]]
            covered = [arn for arn in examples if matches(statement, arn.replace("{}", "latchkey"))]
            assert covered or is_other(statement), f"{statement['Sid']} does not cover the stack's resources"
            for neighbor in ["payroll", "latch", "my-latchkey"]:
                strange = [arn.replace("{}", neighbor) for arn in examples]
                reached = [arn for arn in strange if matches(statement, arn)]
                assert not reached, f"{statement['Sid']} allows {action} on {reached[0]}"


def test_event_source_mappings_are_of_the_stacks_functions(statements):
    [statement] = [it for it in statements if "lambda:createeventsourcemapping" in actions(it)]
    functions = f"arn:aws:lambda:{REGIONAL}:function:latchkey-*"
    assert statement["Condition"] == {"ArnLike": {"lambda:FunctionArn": functions}}


def test_a_new_role_needs_the_boundary(statements):
    for action in ["iam:createrole", "iam:putrolepolicy", "iam:putrolepermissionsboundary"]:
        [statement] = [statement for statement in statements if action in actions(statement)]
        condition = statement["Condition"]
        assert condition == {"StringEquals": {"iam:PermissionsBoundary": BOUNDARY}}, f"{action}: {condition}"
    allowed = {action for statement in statements for action in actions(statement)}
    # Without the boundary, a role could do anything that its policies allow.
    assert "iam:deleterolepermissionsboundary" not in allowed


def test_the_policies_fit_with_the_longest_names():
    longest = {**PARAMETERS, "LatchkeyStack": "l" * 25, "RolePath": f"/{'p' * 60}/"}
    for role in ["DeployRole", "ExecutionRole"]:
        sizes = [len(json.dumps(it, separators=(",", ":"))) for it in documents(role, longest)]
        own = len(resource(role, longest)["Policies"])
        # The region that the test uses is up to 5 characters shorter than others, at about 100 places.
        assert sum(sizes[:own]) + 500 < 10240, f"the policies of {role} have {sum(sizes[:own])} characters"
        assert all(size + 500 < 6144 for size in sizes[own:]), f"the attached policies have {sizes[own:]}"


def test_without_a_boundary_roles_need_none():
    [statement] = [
        statement
        for statement in policy("ExecutionRole", {**PARAMETERS, "PermissionsBoundaryArn": ""})
        if "iam:createrole" in actions(statement)
    ]
    assert "Condition" not in statement


def test_the_policy_cannot_change_the_roles_of_the_deployer(statements):
    for role in ["DeployRole", "ExecutionRole"]:
        path = resource(role, PARAMETERS)["Path"]
        for stack in ["latchkey-deployer", "deploy-latchkey"]:
            arn = f"arn:aws:iam::{ACCOUNT}:role{path}{stack}-{role}-1A"
            changing = [
                action
                for statement in statements
                for action in actions(statement)
                if action.startswith("iam:") and action != "iam:passrole" and matches(statement, arn)
            ]
            assert not changing, f"the execution role may {changing[0]} on {arn}"


def test_only_jobs_of_the_environment_assume_the_role():
    [statement] = resource("DeployRole", PARAMETERS)["AssumeRolePolicyDocument"]["Statement"]
    issuer = "token.actions.githubusercontent.com"
    assert statement["Condition"] == {
        "StringEquals": {
            f"{issuer}:aud": "sts.amazonaws.com",
            f"{issuer}:sub": "repo:example/infrastructure:environment:production",
        }
    }


def test_the_workflow_itself_creates_no_role_and_reads_no_table():
    found = {action for statement in policy("DeployRole", PARAMETERS) for action in actions(statement)}
    assert found & {"cloudformation:executechangeset", "iam:passrole", "lambda:deletefunction"}
    for action in found:
        service, name = action.split(":")
        assert service != "iam" or name == "passrole", action
        assert service != "dynamodb" or name.startswith("describe"), action


# --- The schemas of CloudFormation ---


# Types that appear with other parameters only, or that SAM adds.
OPTIONAL = [
    *["AWS::Budgets::Budget", "AWS::CloudFormation::Stack", "AWS::CodeDeploy::Application"],
    *["AWS::CodeDeploy::DeploymentGroup", "AWS::KMS::Alias", "AWS::KMS::Key", "AWS::Lambda::Alias"],
    *["AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"],
    *["AWS::Lambda::Version", "AWS::Logs::QueryDefinition", "AWS::SNS::Subscription", "AWS::SSM::Parameter"],
]
# What no handler lists, and why it is needed.
EXTRA = {
    # API Gateway registers the access log of a stage, and creates its role with the first domain name.
    *["logs:deletelogdelivery", "logs:getlogdelivery", "logs:listlogdeliveries", "logs:updatelogdelivery"],
    "iam:createservicelinkedrole",
}


def needed(kind):
    """The actions that the handlers of a resource type may need, in lowercase."""
    schema = schemas()[kind]
    handlers = [schema["handlers"].get(name, {}) for name in ["create", "read", "update", "delete"]]
    found = [*handlers, schema.get("tagging", {})]
    return {action.lower() for it in found for action in it.get("permissions", [])}


def schemas(found={}):  # noqa: B006
    if not found:
        for path in SCHEMAS.glob("*.json"):
            schema = json.loads(path.read_text())
            if "handlers" in schema:
                found[schema["typeName"]] = schema
    return found


# --- The deployer's template ---


def policy(role, parameters):
    """The statements of a role's policies, with all functions of CloudFormation resolved."""
    return [statement for it in documents(role, parameters) for statement in it["Statement"] if statement]


def documents(role, parameters):
    """The policies of a role: its own, and then the attached ones."""
    properties = resource(role, parameters)
    attached = [resource(name, parameters) for name in properties.get("ManagedPolicyArns", [])]
    return [it["PolicyDocument"] for it in [*properties["Policies"], *attached]]


def resource(name, parameters):
    template = yaml_parse(DEPLOYER.read_text())
    defaults = {key: it.get("Default", "") for key, it in template["Parameters"].items()}
    values = {**defaults, **parameters}
    return resolve(template["Resources"][name]["Properties"], values, template["Conditions"])


def resolve(value, values, conditions):
    """Evaluates the functions that the template uses. A removed value is `None`."""
    again = lambda it: resolve(it, values, conditions)
    if isinstance(value, list):
        return [again(it) for it in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        [(function, argument)] = value.items()
        match function:
            case "Ref":
                return reference(argument, values)
            case "Fn::GetAtt":
                return f"arn:aws:iam::{ACCOUNT}:role/deployers/{'.'.join(argument)}"
            case "Fn::Sub":
                for name in {**values, **PSEUDO}:
                    argument = argument.replace(f"${{{name}}}", str(reference(name, values)))
                return argument.replace("${Artifacts.Arn}", "arn:aws:s3:::artifacts")
            case "Fn::If":
                name, yes, no = argument
                return again(yes if holds(conditions[name], values) else no)
    resolved = {key: again(it) for key, it in value.items()}
    return {key: it for key, it in resolved.items() if it is not None}


PSEUDO = {
    **{"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT},
    **{"AWS::StackName": "deploy-latchkey", "AWS::NoValue": None},
}


def reference(name, values):
    return {**values, **PSEUDO}.get(name, name)


def holds(condition, values):
    [(function, argument)] = condition.items()
    if function == "Fn::Not":
        return not holds(argument[0], values)
    left, right = (reference(it["Ref"], values) if isinstance(it, dict) else it for it in argument)
    return left == right


def actions(statement):
    found = statement["Action"]
    return {action.lower() for action in ([found] if isinstance(found, str) else found)}


def matches(statement, arn):
    found = statement["Resource"]
    patterns = [found] if isinstance(found, str) else found
    return any(fnmatch.fnmatchcase(arn, pattern) for pattern in patterns)


def is_other(statement):
    """Whether a statement is about AWS's or the deployer's own resources, or about tags of those with random IDs."""
    return statement["Sid"] in ["EventMappingTags", "NestedStackRole", "ServiceRoleOfApiGateway"]
