"""Environment variables for AWS's tools."""

import os
import pathlib
import platform
import sys

from processes import FOLDER as LOGS
from processes import ROOT

REGION = "us-east-1"
FOLDER = LOGS / "deployment"
# Lambda's name for this machine's processor, on which the emulator runs the functions.
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine())
COMMAND_WITHIN_SECONDS = 300


def environment_without_aws():
    """The user's environment without its AWS variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "AWS_DEFAULT_REGION": REGION, "SAM_CLI_TELEMETRY": "0"}


def aws_environment(url):
    """An environment in which AWS's tools use the emulator at `url`."""
    return {
        **environment_without_aws(),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_DYNAMODB": url,
        "AWS_ENDPOINT_URL_EVENTBRIDGE": url,
        "AWS_ENDPOINT_URL_SCHEDULER": url,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": url,
        "NO_PROXY": "127.0.0.1,localhost",
    }


def sam(processes, *arguments, environment, within=COMMAND_WITHIN_SECONDS):
    program = pathlib.Path(sys.executable).with_name("sam")
    command = [program, *arguments, "--config-file", ROOT / "samconfig.toml"]
    return processes.run(command, within, env=environment)
