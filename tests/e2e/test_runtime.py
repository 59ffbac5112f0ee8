"""Each function's program responds under AWS's own Runtime Interface Emulator."""

import json
import pathlib
import statistics
import time

import pytest
import requests
import samcli

from deployment import drivers
from deployment.environment import ARCHITECTURE
from processes import ROOT, free_port, listens

PROGRAM = pathlib.Path(samcli.__file__).parent / "local" / "rapid" / f"aws-lambda-rie-{ARCHITECTURE}"
INVOCATIONS = "/2015-03-31/functions/function/invocations"
START_WITHIN_SECONDS = 30
ANSWER_WITHIN_SECONDS = 30
WARM_CALLS = 20
FUNCTIONS = drivers.functions()

pytestmark = pytest.mark.deployment


@pytest.fixture
def runtime(request, deployed, processes):
    """The URL that invokes a function's program, with the settings of the deployed function."""
    name = request.param
    environment = {
        **deployed.emulator.environment,
        **deployed.stack.function(name)["Environment"]["Variables"],
        "AWS_LAMBDA_FUNCTION_NAME": name,
        # Makes each call read the table.
        "LATCHKEY_CACHE_TTL": "0s",
    }
    port, runtime_port = free_port(), free_port()
    command = [
        *[PROGRAM, "--runtime-interface-emulator-address", f"127.0.0.1:{port}"],
        *["--runtime-api-address", f"127.0.0.1:{runtime_port}", deployed.built.parent / name / "bootstrap"],
    ]
    with processes.started(command, name, cwd=ROOT, env=environment) as program:
        program.wait_until(lambda: listens(port), START_WITHIN_SECONDS)
        yield f"http://127.0.0.1:{port}{INVOCATIONS}"


@pytest.mark.parametrize("runtime, folder", FUNCTIONS.items(), ids=FUNCTIONS.values(), indirect=["runtime"])
def test_the_program_answers(deployed, runtime, folder, note):
    case = drivers.load(folder).RUNTIME
    asked = json.loads((ROOT / "events" / folder / case["event"]).read_text())
    if case["valid_key"]:
        present(deployed.key, asked)
    first, *warm = [invoke(runtime, asked, case["answer"]) for _ in range(1 + WARM_CALLS)]
    note(f"{folder} under the RIE: first {first:.0f} ms, then {statistics.median(warm):.1f} ms")


def present(key, event):
    event["headers"]["authorization"] = f"Bearer {key}"
    if "identitySource" in event:
        event["identitySource"] = [f"Bearer {key}"]


def invoke(url, asked, expected):
    """Invokes the function, checks the response, and returns the time in milliseconds."""
    with requests.Session() as session:
        session.trust_env = False
        began = time.monotonic()
        answer = session.post(url, json=asked, timeout=ANSWER_WITHIN_SECONDS).json()
        took = (time.monotonic() - began) * 1000
    assert expected.items() <= answer.items(), answer
    return took
