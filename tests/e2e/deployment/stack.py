"""Builds and deploys a stack, and describes the deployed resources."""

import urllib.parse

from samtranslator.yaml_helper import yaml_parse

from deployment.environment import ARCHITECTURE, FOLDER, sam
from deployment.expand import expand

BUILD_WITHIN_SECONDS = 45 * 60


class Stack:
    """A stack in the emulator, from the template at `source`."""

    def __init__(self, processes, emulator, name, source):
        self.processes = processes
        self.emulator = emulator
        self.name = name
        self.source = yaml_parse(source.read_text())
        # Without loops, which define neither tables nor functions.
        resources = self.source["Resources"].items()
        self.source["Resources"] = {name: it for name, it in resources if isinstance(it, dict)}
        self.folder = FOLDER / name
        self.folder.mkdir()

    def deploy(self, template, parameters):
        """Packages, expands, and deploys `template`, a SAM template that is already built."""
        packaged = self.folder / "packaged.yaml"
        environment = self.emulator.environment
        sam(
            self.processes,
            *["package", "--resolve-s3", "--template-file", template, "--output-template-file", packaged],
            environment=environment,
        )
        expanded = self.folder / "expanded.json"
        expanded.write_text(expand(packaged.read_text(), parameters, self.expand_nested))
        overrides = [f"{name}={value}" for name, value in parameters.items()]
        sam(
            self.processes,
            *["deploy", "--template-file", expanded, "--stack-name", self.name, "--no-confirm-changeset"],
            *(["--parameter-overrides", *overrides] if overrides else []),
            environment=environment,
        )
        self.set_time_to_live()

    def expand_nested(self, url):
        """Expands the nested template that `sam package` put at `url`, and returns a URL that `sam deploy` accepts."""
        place = urllib.parse.urlsplit(url).path.strip("/")
        bucket, key = place.split("/", 1)
        s3 = self.emulator.client("s3")
        text = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        s3.put_object(Bucket=bucket, Key=key, Body=expand(text, {}, self.expand_nested).encode())
        return f"https://s3.amazonaws.com/{place}"

    def set_time_to_live(self):
        """Sets the time to live, because the emulator ignores the table's `TimeToLiveSpecification`."""
        dynamodb = self.emulator.client("dynamodb")
        for name, resource in self.source["Resources"].items():
            wanted = resource.get("Properties", {}).get("TimeToLiveSpecification")
            if wanted is None:
                continue
            table = self.resource(name)
            describe = lambda: dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
            if describe()["TimeToLiveStatus"] != "ENABLED":
                dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=wanted)
            expected = {"TimeToLiveStatus": "ENABLED", "AttributeName": wanted["AttributeName"]}
            assert describe() == expected

    def resource(self, name):
        """The physical ID of a resource."""
        found = self.emulator.client("cloudformation").describe_stack_resource(
            StackName=self.name, LogicalResourceId=name
        )
        return found["StackResourceDetail"]["PhysicalResourceId"]

    def outputs(self):
        stack = self.emulator.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]
        assert stack["StackStatus"].endswith("_COMPLETE"), f"{self.name} is {stack['StackStatus']}"
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def function(self, name):
        """The deployed configuration of a function."""
        found = self.resource(name)
        return self.emulator.client("lambda").get_function_configuration(FunctionName=found)

    def routes(self):
        """The keys of the deployed API's routes."""
        pages = self.emulator.client("apigatewayv2").get_paginator("get_routes")
        return sorted(
            route["RouteKey"]
            for page in pages.paginate(ApiId=self.resource("Api"))
            for route in page["Items"]
        )

    def declared_routes(self):
        """The keys of the routes that the template declares."""
        return sorted(
            f"{event['Properties']['Method'].upper()} {event['Properties']['Path']}"
            for resource in self.source["Resources"].values()
            for event in resource.get("Properties", {}).get("Events", {}).values()
            if event["Type"] == "HttpApi"
        )


def build(processes, source, environment):
    """Builds the functions as a release does, for this machine's processor, and returns the template.

    Does not use `.aws-sam`, which may contain an operator's build for AWS.
    """
    # Uses this machine's linker instead of zig.
    environment = {**environment, "CARGO_LAMBDA_COMPILER": "cargo"}
    output = FOLDER / "build"
    architecture = ["--parameter-overrides", f"Architecture={ARCHITECTURE}"]
    sam(
        processes,
        *["build", "--template-file", source, "--build-dir", output, *architecture],
        environment=environment,
        within=BUILD_WITHIN_SECONDS,
    )
    return output / "template.yaml"
