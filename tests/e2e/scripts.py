"""Loads the scripts for deployed stacks, and answers their calls to AWS from memory."""

import importlib.machinery
import importlib.util
import sys

from processes import ROOT

FOLDER = ROOT / "scripts"


def load(name):
    """The module of a script, which has no file extension."""
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(FOLDER / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


class FakeAws:
    """A stack with functions, versions, and aliases. Records what a script changes."""

    def __init__(self, functions, status="UPDATE_COMPLETE"):
        """`functions` maps each function to its versions, with their times, and its alias's version."""
        self.functions, self.status = functions, status
        self.weights = {}
        self.changes = []

    def call(self, service, operation, *_, stdin=None, **asked):
        return getattr(self, operation.replace("-", "_"))(**asked)

    def describe_stacks(self, StackName):
        return {
            "Stacks": [{"StackId": "arn:aws:cloudformation:us-east-1:1:stack/x", "StackStatus": self.status}]
        }

    def list_stack_resources(self, StackName):
        kind = "AWS::Lambda::Function"
        return {
            "StackResourceSummaries": [
                {"LogicalResourceId": f"{name}Function", "PhysicalResourceId": name, "ResourceType": kind}
                for name in self.functions
            ]
        }

    def list_versions_by_function(self, FunctionName):
        published, _ = self.functions[FunctionName]
        versions = [{"Version": version, "LastModified": time} for version, time in published.items()]
        return {"Versions": [{"Version": "$LATEST", "LastModified": ""}, *versions]}

    def list_aliases(self, FunctionName):
        _, version = self.functions[FunctionName]
        if version is None:
            return {"Aliases": []}
        routing = {"AdditionalVersionWeights": self.weights.get(FunctionName, {})}
        alias = {"Name": "live", "FunctionVersion": version, "RevisionId": f"r{version}"}
        return {"Aliases": [{**alias, "RoutingConfig": routing}]}

    def update_alias(self, **asked):
        self.changes.append((asked["FunctionName"], asked["FunctionVersion"], asked["RevisionId"]))

    def delete_function(self, FunctionName, Qualifier):
        self.changes.append((FunctionName, Qualifier))
