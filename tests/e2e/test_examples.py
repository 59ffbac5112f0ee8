"""The examples fit the stack that they are for."""

import re

import pytest
from samtranslator.yaml_helper import yaml_parse

from deployment import drivers
from processes import ROOT

PRIVATE = yaml_parse((ROOT / "examples" / "private-api" / "template.yaml").read_text())
PATHS = PRIVATE["Resources"]["Api"]["Properties"]["DefinitionBody"]["paths"]
ROUTES = [
    (name.removesuffix("Function"), event["Properties"]["Path"])
    for name in drivers.functions()
    for event in drivers.RESOURCES[name]["Properties"].get("Events", {}).values()
    # The events function has no route, and GitHub cannot reach a private API.
    if event["Properties"].get("Path") not in (None, "/leaks/github")
]


@pytest.mark.parametrize(("function", "path"), ROUTES)
def test_the_private_api_sends_each_route_to_its_function(function, path):
    uri = PATHS[match(path)]["x-amazon-apigateway-any-method"]["x-amazon-apigateway-integration"]["uri"]
    assert f"${{{function}FunctionArn}}" in uri["Fn::Sub"]


@pytest.mark.parametrize("function", sorted({function for function, _ in ROUTES}))
def test_the_private_api_may_invoke_each_function(function):
    permission = PRIVATE["Resources"][f"{function}Permission"]["Properties"]
    assert permission["FunctionName"] == {"Ref": f"{function}FunctionArn"}
    # Latchkey exports the ARN of the alias, which rollbacks move.
    pattern = PRIVATE["Parameters"][f"{function}FunctionArn"]["AllowedPattern"]
    assert re.fullmatch(pattern, "arn:aws:lambda:us-east-1:123456789012:function:latchkey-F-1A:live")
    assert not re.fullmatch(pattern, "arn:aws:lambda:us-east-1:123456789012:function:latchkey-F-1A")


def match(path):
    """The resource that API Gateway selects: the path itself, or the longest one that takes the rest."""
    if path in PATHS:
        return path
    greedy = [it for it in PATHS if it.endswith("/{path+}") and path.startswith(it.removesuffix("{path+}"))]
    assert greedy, f"the private API has no path for {path}"
    return max(greedy, key=len)
