"""The released programs under a misbehaving DynamoDB, killed processes, wrong clocks, and load."""

import pytest

from deployment import drivers
from processes import ROOT

PLANS = 200
LOAD_SECONDS = 60
CLIENTS = 32
SIMULATED_WITHIN_SECONDS = 1800

pytestmark = pytest.mark.deployment


@pytest.fixture
def simulate(built, processes, tmp_path):
    """Runs the simulator with the programs that the deployment uses, and returns the lines that it prints."""
    for resource, folder in drivers.functions().items():
        (tmp_path / folder).symlink_to(built.parent / resource)

    def run(*options):
        command = ["cargo", "simulate", "--functions", tmp_path, *options]
        return processes.run(command, SIMULATED_WITHIN_SECONDS, cwd=ROOT).splitlines()

    return run


def test_nothing_is_lost_doubled_or_let_in(simulate, note):
    lines = simulate("--plans", PLANS)
    faults = sum(int(line.split()[0]) for line in lines if "  fault: " in line)
    note(f"{lines[-1]}; {faults} faults")
    assert faults > PLANS


def test_clients_that_share_the_service_lose_no_request(simulate, note):
    for line in simulate("--load", LOAD_SECONDS, "--clients", CLIENTS):
        note(line)
