"""Each function's program under AWS's own Runtime Interface Emulator."""

import json
import pathlib
import statistics
import time

import requests
import samcli

from environment import ROOT, check, free_port, listens, started, wait_for

PROGRAM = pathlib.Path(samcli.__file__).parent / "local" / "rapid" / "aws-lambda-rie-x86_64"
INVOCATIONS = "/2015-03-31/functions/function/invocations"
START_WITHIN_SECONDS = 30
ANSWER_WITHIN_SECONDS = 30
WARM_CALLS = 20

# The event of each function, whether it presents a key of ours, and what is answered.
CASES = {
    "LakesailFunction": ("lakesail/create-key-unknown-key.json", False, {"statusCode": 401}),
    "ChaserFunction": ("chaser/create-key-unknown-key.json", False, {"statusCode": 401}),
    "OauthFunction": ("oauth/verify.json", True, {"statusCode": 204}),
    "AuthorizerFunction": ("authorizer/http-api-2.json", True, {"isAuthorized": True}),
}


def event(case, key):
    text = json.loads((ROOT / "events" / case).read_text())
    if key is not None:
        text["headers"]["authorization"] = f"Bearer {key}"
        if "identitySource" in text:
            text["identitySource"] = [f"Bearer {key}"]
    return text


def drive(stack, built, key, folder):
    for name, (case, ours, expected) in CASES.items():
        environment = {
            **stack.emulator.environment,
            **stack.function(name)["Environment"]["Variables"],
            "AWS_LAMBDA_FUNCTION_NAME": name,
            # So that each call reads the table.
            "LATCHKEY_CACHE_TTL": "0s",
        }
        port, runtime_port = free_port(), free_port()
        command = [
            *[PROGRAM, "--runtime-interface-emulator-address", f"127.0.0.1:{port}"],
            *["--runtime-api-address", f"127.0.0.1:{runtime_port}", built.parent / name / "bootstrap"],
        ]
        with started(command, environment, folder / f"{name}.log") as process:
            wait_for(lambda: listens(port), process, "the RIE", START_WITHIN_SECONDS)
            asked = event(case, key if ours else None)
            first, *warm = [invoke(port, asked, expected, name) for _ in range(1 + WARM_CALLS)]
        print(
            f"  {name:18} {case:38} {json.dumps(expected)}:"
            f" first {first:.0f} ms, then {statistics.median(warm):.1f} ms ({WARM_CALLS} calls)",
            flush=True,
        )


def invoke(port, asked, expected, name):
    with requests.Session() as session:
        session.trust_env = False
        began = time.monotonic()
        url = f"http://127.0.0.1:{port}{INVOCATIONS}"
        answer = session.post(url, json=asked, timeout=ANSWER_WITHIN_SECONDS).json()
        took = (time.monotonic() - began) * 1000
    check(expected.items() <= answer.items(), f"{name} answered {answer}")
    return took
