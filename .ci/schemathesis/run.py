"""Runs schemathesis with each OpenAPI document against the local service; any failure ends it.

Takes the settings of `.latchkey/dev.env` from its environment.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import requests

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# The examples bound a run, to half a minute; this is for one that hangs.
DONE_WITHIN_SECONDS = 300
# The command line may have to be compiled.
MADE_WITHIN_SECONDS = 900
ANSWER_WITHIN_SECONDS = 60
# A root key and an account's are refused each other's operations, so each gets its own; `identity` takes both.
RUNS = [
    ("lakesail", "ours", ["--exclude-tag=root-keys"]),
    ("lakesail", "root", ["--include-tag=root-keys", "--include-tag=identity"]),
    ("chaser", "ours", []),
]


def own_token():
    """The key of a service account made for this run, which mints keys for itself, too."""
    headers = {"Authorization": f"Bearer {os.environ['LATCHKEY_TOKEN']}"}

    def post(path, body):
        url = f"{os.environ['LATCHKEY_URL']}/api/org/v1/service-accounts{path}"
        answer = requests.post(url, json=body, headers=headers, timeout=ANSWER_WITHIN_SECONDS)
        answer.raise_for_status()
        return answer.json()

    account = post("", {"username": "schemathesis", "description": ""})["id"]
    return post(f"/{account}/keys", {})["key"]


def other_token():
    """The key of an organization that must not see anything of ours."""
    # By another name each time, for who runs this twice.
    organization = f"other-{os.getpid()}"
    command = f"cargo latchkey --output json bootstrap --organization {organization} --name Other"
    made = subprocess.run(
        command.split(), cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=MADE_WITHIN_SECONDS
    )
    return json.loads(made.stdout)["key"]["key"]


def identity(name, token):
    return {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {token}"}]}


def run(document, name, selection, folder):
    report = folder / "report.json"
    command = [
        pathlib.Path(sys.executable).parent / "st",
        f"--config-file={HERE / 'schemathesis.toml'}",
        "run",
        ROOT / "openapi" / f"{document}.yaml",
        f"--url={os.environ['LATCHKEY_URL']}",
        f"--report-json-path={report}",
        *selection,
    ]
    # It runs in a folder of its own and compiles no hooks, so that nothing is left behind.
    settings = {"LATCHKEY_IDENTITY": name, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {**os.environ, **settings}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        timeout=DONE_WITHIN_SECONDS,
    )
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\nschemathesis failed with {document}.yaml as {name}")
    return json.loads(report.read_text())


def main():
    # The hooks use it, too.
    os.environ["LATCHKEY_TOKEN"] = own_token()
    operations = set()
    cases = seconds = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        identities = folder / "identities.json"
        known = [
            identity("ours", os.environ["LATCHKEY_TOKEN"]),
            identity("root", os.environ["LATCHKEY_ROOT_TOKEN"]),
            identity("other", other_token()),
        ]
        identities.write_text(json.dumps({"auth": known}))
        os.environ["LATCHKEY_IDENTITIES"] = str(identities)
        for document, name, selection in RUNS:
            report = run(document, name, selection, folder)
            operations |= {(document, operation) for operation in report["valid_rates"]}
            cases += report["test_cases"]["generated"]
            seconds += report["running_time"]
    print(f"schemathesis: {len(operations)} operations, {cases} cases in {seconds:.0f} s, no failure")


main()
