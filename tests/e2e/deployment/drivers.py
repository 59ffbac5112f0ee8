"""Loads `functions/<name>/tests/deployment.py`, which shows how to call a deployed function.

`RUNTIME` names an event in `events/<name>/`, whether it gets a valid key, and the expected response.
A function with routes has `drive(deployed)`, which calls each route with success.
A dialect may have `mint(deployed)`, which returns a new key, and `use_root_key(deployed)`.
"""

import importlib.util

from samtranslator.yaml_helper import yaml_parse

from processes import ROOT

TEMPLATE = ROOT / "template.yaml"
# Without loops, which define no functions.
RESOURCES = {
    name: resource
    for name, resource in yaml_parse(TEMPLATE.read_text())["Resources"].items()
    if isinstance(resource, dict)
}


def functions():
    """The template's functions: the name of each resource, and its folder in `functions/`."""
    found = {name: it for name, it in RESOURCES.items() if it["Type"] == "AWS::Serverless::Function"}
    return {name: it["Metadata"]["BuildProperties"]["Binary"] for name, it in found.items()}


def with_routes():
    """The folders of the functions with routes."""
    return [folder for name, folder in functions().items() if RESOURCES[name]["Properties"].get("Events")]


def that_have(function):
    """The folders of the functions whose file defines a function with this name."""
    folders = [folder for folder in functions().values() if path(folder).exists()]
    return [folder for folder in folders if hasattr(load(folder), function)]


def path(folder):
    return ROOT / "functions" / folder / "tests" / "deployment.py"


def load(folder):
    assert path(folder).exists(), f"add {path(folder).relative_to(ROOT)}, with calls to the function's routes"
    spec = importlib.util.spec_from_file_location(f"driver_of_{folder}", path(folder))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
