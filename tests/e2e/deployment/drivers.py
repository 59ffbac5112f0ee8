"""What a function's folder says about driving it: `functions/<name>/tests/deployment.py`.

`RUNTIME` names an event of `events/<name>/`, whether it gets a valid key, and the answer to it.
A function with routes has `drive(deployed)`, which calls each of them until it succeeds.
A dialect may have `mint(deployed)`, which gives a new key, and `use_root_key(deployed)`.
"""

import importlib.util

import pytest
from samtranslator.yaml_helper import yaml_parse

from processes import ROOT

TEMPLATE = ROOT / "template.yaml"
FUNCTION = "AWS::Serverless::Function"


def functions():
    """The functions of the template, by the name of the resource, and the folder of each."""
    resources = yaml_parse(TEMPLATE.read_text())["Resources"]
    found = {name: resource for name, resource in resources.items() if resource["Type"] == FUNCTION}
    return {name: resource["Metadata"]["BuildProperties"]["Binary"] for name, resource in found.items()}


def with_routes():
    """The folders of the functions that have routes."""
    resources = yaml_parse(TEMPLATE.read_text())["Resources"]
    return [folder for name, folder in functions().items() if resources[name]["Properties"].get("Events")]


def that_have(function):
    """The folders of the functions that say how to do something."""
    return [folder for folder in functions().values() if hasattr(load(folder), function)]


def load(folder):
    path = ROOT / "functions" / folder / "tests" / "deployment.py"
    if not path.exists():
        pytest.fail(f"{path.relative_to(ROOT)} is missing; it must drive the function", pytrace=False)
    spec = importlib.util.spec_from_file_location(f"driver_of_{folder}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
