"""A deployed stack: its parameters, outputs, resources, and functions."""

import dataclasses
import re
import sys

from on_aws import aws

ALIAS = "live"


@dataclasses.dataclass
class Resource:
    """A resource of the stack or of one of its nested stacks."""

    logical: str
    physical: str
    type: str


class Stack:
    def __init__(self, name):
        """Reads the stack. Exits if it does not exist."""
        try:
            [found] = aws.call("cloudformation", "describe-stacks", StackName=name)["Stacks"]
        except aws.AwsError as error:
            sys.exit(f"error: cannot read the stack {name}: {error}")
        self.name = name
        self.account = found["StackId"].split(":")[4]
        self.status = found["StackStatus"]
        self.parameters = {
            it["ParameterKey"]: it.get("ParameterValue", "") for it in found.get("Parameters", [])
        }
        self.outputs = {it["OutputKey"]: it["OutputValue"] for it in found.get("Outputs", [])}
        self.resources = list(resources(name))

    def parameter(self, name, default=""):
        """The value of a parameter, or `default` if the stack's template does not have it yet."""
        return self.parameters.get(name, default)

    def number(self, name, default=0):
        return int(float(self.parameter(name, str(default)) or default))

    def of_type(self, kind):
        return [it for it in self.resources if it.type == kind]

    def find(self, logical):
        """The physical ID of the resource with this logical ID, or `None`."""
        return next((it.physical for it in self.resources if it.logical == logical), None)

    def functions(self):
        """The functions, such as `lakesail`: their names in Lambda."""
        found = self.of_type("AWS::Lambda::Function")
        return {short(it.logical): it.physical for it in found}

    def stop_if_updating(self, purpose):
        """Exits while CloudFormation or CodeDeploy may still move the aliases."""
        if self.status.endswith("_IN_PROGRESS"):
            sys.exit(
                f"error: the stack is {self.status}, so this is not the time to {purpose}\n"
                "To undo the deployment that is running, and its gradual rollout, run:\n"
                f"  aws cloudformation cancel-update-stack --stack-name {self.name}"
            )


def short(logical):
    """The name of a function in these scripts: `LakesailFunction` is `lakesail`."""
    return re.sub(r"Function$", "", logical).lower()


def resources(stack):
    for it in aws.call("cloudformation", "list-stack-resources", StackName=stack)["StackResourceSummaries"]:
        physical = it.get("PhysicalResourceId", "")
        yield Resource(it["LogicalResourceId"], physical, it["ResourceType"])
        if it["ResourceType"] == "AWS::CloudFormation::Stack" and physical:
            yield from resources(physical)


def versions(function):
    """The published versions of a function, oldest first."""
    found = aws.call("lambda", "list-versions-by-function", FunctionName=function)["Versions"]
    numbered = [version for version in found if version["Version"].isdigit()]
    return sorted(numbered, key=lambda version: int(version["Version"]))


def aliases(function):
    return aws.call("lambda", "list-aliases", FunctionName=function)["Aliases"]


def alias(function):
    """The alias that callers use, or `None`."""
    return next((it for it in aliases(function) if it["Name"] == ALIAS), None)


def weights(found):
    """The versions beside its main one to which an alias sends a share of the requests."""
    return (found.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
