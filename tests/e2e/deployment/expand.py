"""Expands a SAM template as CloudFormation does.

`expand` is for an emulator with fewer features. The SAM transform puts the routes, integrations, and authorizers of an
HTTP API into its OpenAPI `Body`. The emulator ignores the `Body`, so this code creates a resource for each of them. It
also removes a condition from the policies that the emulator cannot evaluate, and expands nested templates.
"""

import copy
import json
import logging
import os
import re
import types

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

SAM = "AWS::Serverless-2016-10-31"
LOOP = "Fn::ForEach::"
# The emulator does not have these types, which nothing refers to.
UNKNOWN = {"AWS::Budgets::Budget", "AWS::Logs::QueryDefinition"}
INTEGRATION = "x-amazon-apigateway-integration"
AUTHORIZER = "x-amazon-apigateway-authorizer"
ANY = "x-amazon-apigateway-any-method"
CORS = "x-amazon-apigateway-cors"


def transformed(template, values):
    """Applies the template's transforms. `values` are those of parameters, and may include pseudo parameters."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    # Hides what the transform logs because nothing receives its metrics and feature toggles.
    for logger in ["samtranslator.metrics.metrics", "samtranslator.feature_toggle.feature_toggle"]:
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    applied = template.get("Transform", [])
    if "AWS::LanguageExtensions" in applied:
        extended = LanguageExtensions(template, values)
        template = {
            name: extended.of(part) if name in ["Conditions", "Resources", "Outputs"] else part
            for name, part in template.items()
        }
    template = {name: part for name, part in template.items() if name != "Transform"}
    if SAM not in applied:
        return template
    # AWS managed policies are not loaded, so a template must name them by ARN.
    return transform({**copy.deepcopy(template), "Transform": SAM}, values, types.SimpleNamespace(load=dict))


class LanguageExtensions:
    """The transform `AWS::LanguageExtensions`, as far as the templates use it.

    A loop's variable has a value in keys, in `Fn::Sub`, and in `Ref`. A parameter has one in `Ref`.
    SAM CLI's implementation is not used, because it removes an `Fn::Sub` that still refers to a resource.
    """

    def __init__(self, template, values):
        self.mappings = template.get("Mappings", {})
        self.conditions = template.get("Conditions", {})
        self.values = values
        self.bound = {}

    def of(self, node):
        if isinstance(node, list):
            return [self.of(part) for part in node]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(function, given)] = node.items()
            match function:
                case "Ref":
                    name = self.of(given)
                    name = name.get("Fn::Sub", name) if isinstance(name, dict) else name
                    return self.bound.get(name, self.values.get(name, {"Ref": name}))
                case "Fn::Sub":
                    return self.substituted(given)
                case "Fn::FindInMap":
                    [mapping, key, name, *default] = self.of(given)
                    found = self.mappings[mapping][key]
                    return found[name] if name in found else default[0]["DefaultValue"]
        expanded = {}
        for key, part in node.items():
            if key.startswith(LOOP):
                expanded |= self.repeated(*part)
            else:
                expanded[self.replaced(key, self.bound)] = self.of(part)
        for policy in {"DeletionPolicy", "UpdateReplacePolicy"} & set(expanded):
            expanded[policy] = self.chosen(expanded[policy])
        return expanded

    def repeated(self, variable, items, body):
        items = self.of(items)
        expanded = {}
        for item in items.split(",") if isinstance(items, str) else items:
            self.bound[variable] = item
            expanded |= self.of(body)
        del self.bound[variable]
        return expanded

    def substituted(self, given):
        text, variables = given if isinstance(given, list) else (given, {})
        variables = {name: self.of(value) for name, value in variables.items()}
        known = {name: value for name, value in variables.items() if not isinstance(value, dict)}
        text = self.replaced(text, {**self.bound, **known})
        # Conditions decide these later.
        left = {name: value for name, value in variables.items() if name not in known}
        if left:
            return {"Fn::Sub": [text, left]}
        return {"Fn::Sub": text} if "${" in text else text

    @staticmethod
    def replaced(text, known):
        return re.sub(r"\$\{(\w+)\}", lambda found: str(known.get(found[1], found[0])), text)

    def chosen(self, policy):
        """The literal value of a deletion policy, which may depend on a condition."""
        if isinstance(policy, str):
            return policy
        condition, *values = policy["Fn::If"]
        return values[0 if truth(self.conditions[condition], self.conditions, self.values) else 1]


def truth(condition, conditions, values):
    """The value of a condition."""
    if not isinstance(condition, dict):
        return condition
    [(function, given)] = condition.items()
    within = lambda part: truth(part, conditions, values)
    match function:
        case "Ref":
            return values[given]
        case "Condition":
            return within(conditions[given])
        case "Fn::Equals":
            return str(within(given[0])) == str(within(given[1]))
        case "Fn::Not":
            return not within(given[0])
        case "Fn::And":
            return all(map(within, given))
        case "Fn::Or":
            return any(map(within, given))
        case "Fn::Contains":
            return within(given[1]) in given[0]
        case "Fn::Join":
            return given[0].join(within(given[1]).split(","))
    raise ValueError(f"the function {function} in a condition")


def expand(text, values, expand_nested):
    """Converts a packaged SAM template to a CloudFormation template in JSON.

    `expand_nested` converts the template at a URL, and returns its new URL.
    """
    template = yaml_parse(text)
    parameters = template.get("Parameters", {}).items()
    defaults = {name: parameter["Default"] for name, parameter in parameters if "Default" in parameter}
    values = {**defaults, **values}
    template = transformed(template, values)
    # The emulator does not know `Fn::Join` in a condition.
    conditions = template.get("Conditions", {})
    for name, condition in conditions.items():
        if "Fn::Join" in json.dumps(condition):
            conditions[name] = {"Fn::Equals": [str(truth(condition, conditions, values)), "True"]}
    resources = template["Resources"]
    for name, resource in list(resources.items()):
        if resource["Type"] in UNKNOWN:
            del resources[name]
        if resource["Type"] == "AWS::CloudFormation::Stack":
            resource["Properties"]["TemplateURL"] = expand_nested(resource["Properties"]["TemplateURL"])
        if resource["Type"] == "AWS::ApiGatewayV2::Api" and "Body" in resource["Properties"]:
            resources.update(unfold(name, resource["Properties"]))
        if resource["Type"].startswith("AWS::IAM::"):
            tolerate_what_the_emulator_cannot_evaluate(resource["Properties"])
    return json.dumps(template, indent=1)


def tolerate_what_the_emulator_cannot_evaluate(properties):
    """Removes the conditions on attributes and partitions, and the group of schedules. The emulator enforces the rest.

    It takes every schedule for one of the default group.
    """
    for policy in [properties, *properties.get("Policies", [])]:
        for statement in policy.get("PolicyDocument", {}).get("Statement", []):
            if "Fn::If" in statement:
                _, statement, _ = statement["Fn::If"]
            if statement["Action"] == ["scheduler:CreateSchedule"]:
                statement["Resource"] = "*"
            required = statement.get("Condition", {}).get("Null", {})
            known = [required.pop(key, None) for key in ("dynamodb:Attributes", "dynamodb:LeadingKeys")]
            if any(known):
                del statement["Condition"]["Null"]


def unfold(api, properties):
    """The resources that replace the `Body` of the API named `api`."""
    body = properties.pop("Body")
    properties.pop("FailOnWarnings", None)
    properties["Name"] = body["info"]["title"]
    properties["ProtocolType"] = "HTTP"
    if CORS in body:
        properties["CorsConfiguration"] = {upper(name): value for name, value in body[CORS].items()}
    resources = {}
    for name, scheme in body.get("components", {}).get("securitySchemes", {}).items():
        resources[api + "Authorizer" + plain(name)] = authorizer(api, name, scheme[AUTHORIZER])
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            method = "ANY" if method == ANY else method.upper()
            stem = f"{api}{method}{plain(path)}"
            if stem + "Route" in resources:
                raise ValueError(f"{method} {path} and another route would get the same resource name")
            resources[stem + "Integration"] = integration(api, operation[INTEGRATION])
            resources[stem + "Route"] = route(api, stem, f"{method} {path}", operation)
    return resources


def authorizer(api, name, given):
    given = dict(given)
    kind = given.pop("type")
    if kind != "request":
        raise ValueError(f"the authorizer {name} of {api} has type {kind}; only `request` is supported")
    sources = given.pop("identitySource", [])
    properties = {upper(field): value for field, value in given.items()}
    return {
        "Type": "AWS::ApiGatewayV2::Authorizer",
        "Properties": {
            **properties,
            "ApiId": {"Ref": api},
            "Name": name,
            "AuthorizerType": "REQUEST",
            "IdentitySource": sources,
        },
    }


def integration(api, given):
    return {
        "Type": "AWS::ApiGatewayV2::Integration",
        "Properties": {
            "ApiId": {"Ref": api},
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": given["uri"],
            "PayloadFormatVersion": given["payloadFormatVersion"],
        },
    }


def route(api, stem, key, operation):
    properties = {
        "ApiId": {"Ref": api},
        "RouteKey": key,
        "Target": {"Fn::Join": ["/", ["integrations", {"Ref": stem + "Integration"}]]},
    }
    names = [name for scheme in operation.get("security", []) for name in scheme if name != "NONE"]
    if names:
        properties["AuthorizationType"] = "CUSTOM"
        properties["AuthorizerId"] = {"Ref": api + "Authorizer" + plain(names[0])}
    return {"Type": "AWS::ApiGatewayV2::Route", "Properties": properties}


def upper(name):
    return name[0].upper() + name[1:]


def plain(name):
    """Reduces `name` to letters and digits, as resource names require."""
    return "".join(part.capitalize() for part in re.findall(r"[A-Za-z0-9]+", name))
