"""Builds, deploys and looks at a stack."""

from samtranslator.yaml_helper import yaml_parse

from environment import REGION, check, environment_without_aws, sam
from expand import expand

BUILD_WITHIN_SECONDS = 45 * 60


class Stack:
    """A stack in the emulator, made of the template at `source`."""

    def __init__(self, emulator, name, source, folder):
        self.emulator = emulator
        self.name = name
        self.source = yaml_parse(source.read_text())
        self.folder = folder / name
        self.folder.mkdir()

    def deploy(self, template, parameters):
        """Packages, expands and deploys `template`, a SAM template that is built."""
        packaged = self.folder / "packaged.yaml"
        environment = self.emulator.environment
        sam(
            *["package", "--resolve-s3", "--template-file", template, "--output-template-file", packaged],
            environment=environment,
        )
        expanded = self.folder / "expanded.json"
        expanded.write_text(expand(packaged.read_text(), REGION))
        overrides = [f"{name}={value}" for name, value in parameters.items()]
        sam(
            *["deploy", "--template-file", expanded, "--stack-name", self.name, "--no-confirm-changeset"],
            *(["--parameter-overrides", *overrides] if overrides else []),
            environment=environment,
        )
        self.set_time_to_live()
        routes, declared = self.routes(), self.declared_routes()
        check(routes == declared, f"of the routes {declared} only {routes} are deployed")
        print(f"  deployed {self.name} with {len(routes)} routes, as many as its template has events")

    def set_time_to_live(self):
        """The emulator ignores a table's `TimeToLiveSpecification`."""
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
            check(describe() == expected, f"the time to live of {table} is {describe()}")

    def resource(self, name):
        """The physical id of a resource."""
        found = self.emulator.client("cloudformation").describe_stack_resource(
            StackName=self.name, LogicalResourceId=name
        )
        return found["StackResourceDetail"]["PhysicalResourceId"]

    def outputs(self):
        stack = self.emulator.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]
        check(stack["StackStatus"].endswith("_COMPLETE"), f"{self.name} is {stack['StackStatus']}")
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def function(self, name):
        """The configuration of a function as it is deployed."""
        found = self.resource(name)
        return self.emulator.client("lambda").get_function_configuration(FunctionName=found)

    def routes(self):
        """The keys of the API's routes as they are deployed."""
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


def build(source, folder):
    """Builds the functions as a release does, for this machine's processor, and says where.

    Apart from `.aws-sam`, where what an operator built for AWS may lie.
    """
    # Builds for this machine, without zig.
    environment = {**environment_without_aws(), "CARGO_LAMBDA_COMPILER": "cargo"}
    output = folder / "build"
    architecture = ["--parameter-overrides", "Architecture=x86_64"]
    sam(
        *["build", "--template-file", source, "--build-dir", output, *architecture],
        environment=environment,
        within=BUILD_WITHIN_SECONDS,
    )
    return output / "template.yaml"
