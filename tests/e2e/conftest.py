"""What all end-to-end tests share: the processes, the local stack, and how a run is reported."""

import signal

import pytest

pytest.register_assert_rewrite("processes", "local_stack", "debian", "deployment")

import local_stack
from processes import Processes

pytest_plugins = ["deployment.fixtures"]

LOCAL_ENDS_WITHIN_SECONDS = 60

processes_of_this_run = Processes()
notes = []
# The exceptions of fixtures that failed, and the first test that needed each.
failed_setups = {}


def pytest_configure():
    """Ends what was started when the run is told to end, as an interrupt does."""
    for told in [signal.SIGTERM, signal.SIGHUP]:
        signal.signal(told, lambda *_: pytest.exit("the run was told to end", returncode=1))


def pytest_collection_modifyitems(items):
    items.sort(key=stage)


def stage(item):
    """The documentation shows a new table, so its commands come first; the deployment takes longest.

    Chaser's SDK calls what is deployed before an upgrade changes it.
    """
    module = item.module.__name__
    if item.get_closest_marker("deployment") is None:
        return 0 if module == "test_documentation" else 1
    return {"test_deployment": 2, "test_upgrade": 4}.get(module, 3)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Says in one line when a fixture has failed before, and shows what the programs wrote last."""
    report = yield
    if not report.failed:
        return report
    if report.when == "setup":
        first = failed_setups.setdefault(call.excinfo.value, item.nodeid)
        if first != item.nodeid:
            report.longrepr = f"An earlier step failed; see the setup of {first}."
            return report
    for program in processes_of_this_run.running:
        report.sections.append((f"last output of {program.name}", program.last_lines()))
    return report


def pytest_terminal_summary(terminalreporter):
    for note in notes:
        terminalreporter.write_line(note)


@pytest.fixture(scope="session")
def note():
    """Adds a line to the summary at the end: a version, a count, or a time."""
    return notes.append


@pytest.fixture(scope="session")
def processes():
    """Starts programs, and ends them with all that they started."""
    yield processes_of_this_run
    processes_of_this_run.stop_all()


@pytest.fixture(scope="session")
def local(processes):
    """The local stack, which must end in order when it is interrupted."""
    stack = local_stack.LocalStack(processes)
    yield stack
    process = stack.program.process
    process.send_signal(signal.SIGINT)
    status = process.wait(LOCAL_ENDS_WITHIN_SECONDS)
    assert status == 0, f"cargo dev ended with status {status}\n{stack.program.last_lines()}"


@pytest.fixture(scope="session")
def neighbor(local):
    """A full-access key of an organization that `/verify` accepts but no proxy names."""
    return local.key_of_new_organization(local_stack.NEIGHBOR)


@pytest.fixture(scope="session")
def stranger(local):
    """A full-access key of an organization that `/verify` does not accept."""
    return local.key_of_new_organization("stranger")
