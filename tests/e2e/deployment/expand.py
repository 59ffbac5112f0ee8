"""Expands a SAM template as CloudFormation does, for an emulator with fewer features.

The SAM transform puts the routes, integrations, and authorizers of an HTTP API into its OpenAPI `Body`.
The emulator ignores the `Body`, so this code creates a resource for each of them. It also removes a
condition from the roles that the emulator cannot evaluate.
"""

import json
import logging
import os
import re
import types

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

INTEGRATION = "x-amazon-apigateway-integration"
AUTHORIZER = "x-amazon-apigateway-authorizer"
ANY = "x-amazon-apigateway-any-method"
CORS = "x-amazon-apigateway-cors"


def expand(text, region):
    """Converts a packaged SAM template to a CloudFormation template in JSON."""
    os.environ.setdefault("AWS_DEFAULT_REGION", region)
    # Hides the error that the transform logs because nothing receives its metrics.
    logging.getLogger("samtranslator.metrics.metrics").setLevel(logging.ERROR)
    # AWS managed policies are not loaded, so a template must name them by ARN.
    template = transform(yaml_parse(text), {}, types.SimpleNamespace(load=dict))
    resources = template["Resources"]
    for name, resource in list(resources.items()):
        if resource["Type"] == "AWS::ApiGatewayV2::Api" and "Body" in resource["Properties"]:
            resources.update(unfold(name, resource["Properties"]))
        if resource["Type"] == "AWS::IAM::Role":
            tolerate_unknown_attributes(resource["Properties"])
    return json.dumps(template, indent=1)


def tolerate_unknown_attributes(role):
    """Removes the condition on attributes. The emulator cannot evaluate it, but enforces the rest."""
    for policy in role.get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            required = statement.get("Condition", {}).get("Null", {})
            if required.pop("dynamodb:Attributes", None):
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
