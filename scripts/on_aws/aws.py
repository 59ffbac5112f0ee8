"""Calls AWS through the AWS CLI."""

import json
import os
import re
import subprocess
import sys

# Both versions of the AWS CLI report an error from AWS in this form.
ERROR = re.compile(r"An error occurred \((?P<code>[\w.]+)\).*?: (?P<message>.*)", re.DOTALL)


class AwsError(Exception):
    """An error from AWS, or from the AWS CLI if `code` is empty."""

    def __init__(self, action, code, message):
        super().__init__(f"{action}: {code}: {message}" if code else f"{action}: {message}")
        self.code = code


def call(service, operation, *arguments, stdin=None, **parameters):
    """Calls an operation with the API's own parameter names, and returns its response.

    The parameters become arguments, which other users of the machine can see. Pass secrets in `stdin`.
    """
    command = ["aws", service, operation, *arguments, "--output", "json"]
    if parameters:
        command += ["--cli-input-json", json.dumps(parameters)]
    done = run(command, stdin)
    if done.returncode:
        raise error(f"{service} {operation}", done.stderr)
    return json.loads(done.stdout) if done.stdout.strip() else {}


def invoke(function, qualifier, event):
    """Invokes a function, and returns its response. The event reaches the AWS CLI in a pipe."""
    # The AWS CLI writes the function's response to the first output, and its own to the second.
    command = ["aws", "lambda", "invoke", "--function-name", function, "--qualifier", qualifier]
    command += ["--payload", "fileb:///dev/stdin", "/dev/stderr", "--output", "json"]
    done = run(command, json.dumps(event))
    if done.returncode:
        raise error("lambda invoke", done.stderr)
    status = json.loads(done.stdout)
    if "FunctionError" in status:
        raise AwsError("lambda invoke", status["FunctionError"], done.stderr.strip())
    return json.loads(done.stderr)


def run(command, stdin):
    try:
        return subprocess.run(
            command, capture_output=True, text=True, input=stdin or "", env={**os.environ, "AWS_PAGER": ""}
        )
    except FileNotFoundError:
        sys.exit("error: the AWS CLI is not installed; install it, or use AWS CloudShell")


def error(action, text):
    found = ERROR.search(text)
    if found:
        return AwsError(action, found["code"], found["message"].strip())
    lines = text.strip().splitlines() or ["the AWS CLI printed no message"]
    return AwsError(action, "", lines[-1])
