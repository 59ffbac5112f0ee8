"""Deploying the packaged release with other parameters over a stack keeps every key and the table."""

import zipfile

import pytest

from deployment import drivers
from deployment.environment import FOLDER
from deployment.fixtures import PARAMETERS
from processes import ROOT

CHANGED = {"KeyPrefix": "lk", "CacheTtl": "1s"}
VARIABLES = {"LATCHKEY_PREFIX": "lk", "LATCHKEY_CACHE_TTL": "1s"}
FUNCTIONS = list(drivers.functions())
PACKAGED_WITHIN_SECONDS = 120

pytestmark = pytest.mark.deployment


@pytest.fixture(scope="module")
def before(deployed, orders):
    """The resources, the code, and the keys from before the upgrade."""
    code = {name: deployed.stack.function(name)["CodeSha256"] for name in FUNCTIONS}
    keys = {"first key": deployed.key, "scoped key": deployed.mint("keys.read")["key"]}
    return {"resources": resources(deployed.stack), "code": code, "keys": keys, "versions": versions(deployed.stack)}


@pytest.fixture(scope="module")
def released(deployed, processes):
    """The template in the release's archive, which refers to the functions' archives next to it."""
    # An added file makes each archive differ from the first deployment without another build.
    for name in FUNCTIONS:
        (deployed.built.parent / name / "release").write_text("2\n")
    command = ["scripts/package", "functions", "--built", deployed.built.parent]
    archive = ROOT / processes.run(command, PACKAGED_WITHIN_SECONDS).strip()
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(FOLDER / "released")
    return FOLDER / "released" / archive.stem / "template.yaml"


@pytest.fixture(scope="module")
def upgraded(deployed, before, released):
    deployed.stack.deploy(released, {**PARAMETERS, **CHANGED})
    return deployed


def resources(stack):
    return {name: stack.resource(name) for name in ["Table", "Api", *FUNCTIONS]}


def versions(stack):
    """The version that each function's alias is at."""
    alias = lambda name: stack.emulator.client("lambda").get_alias(FunctionName=stack.resource(name), Name="live")
    return {name: alias(name)["FunctionVersion"] for name in FUNCTIONS}


def test_the_table_the_api_and_the_functions_stay(upgraded, before):
    assert resources(upgraded.stack) == before["resources"]


def test_every_route_is_still_deployed(upgraded):
    assert upgraded.stack.routes() == upgraded.stack.declared_routes()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_function_has_its_new_code(upgraded, before, name):
    assert upgraded.stack.function(name)["CodeSha256"] != before["code"][name]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_function_has_its_new_settings(upgraded, name):
    variables = upgraded.stack.function(name)["Environment"]["Variables"]
    assert VARIABLES.items() <= variables.items()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_alias_moves_to_a_new_version_with_the_new_settings(upgraded, before, name):
    version = versions(upgraded.stack)[name]
    assert version != before["versions"][name]
    found = upgraded.emulator.client("lambda").get_function_configuration(
        FunctionName=upgraded.stack.resource(name), Qualifier=version
    )
    assert VARIABLES.items() <= found["Environment"]["Variables"].items()


@pytest.mark.parametrize("name", ["first key", "scoped key"])
def test_a_key_from_before_is_still_valid(upgraded, orders, before, name):
    check_valid(upgraded, orders, before["keys"][name])


@pytest.mark.parametrize("dialect", drivers.that_have("use_root_key"))
def test_the_root_key_from_before_is_still_valid(upgraded, dialect):
    drivers.load(dialect).use_root_key(upgraded)


@pytest.mark.parametrize("dialect", drivers.that_have("mint"))
def test_a_new_key_has_the_new_prefix_and_is_valid(upgraded, orders, dialect):
    key = drivers.load(dialect).mint(upgraded)
    assert key.startswith("lk_")
    check_valid(upgraded, orders, key)


def check_valid(upgraded, orders, key):
    upgraded.gateway.call("ANY /verify", 204, method="GET", key=key)
    orders.call("GET /orders", 200, ["caller"], key=key)
