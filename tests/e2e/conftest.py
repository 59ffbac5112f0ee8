"""Fixtures that all end-to-end tests share, and the report of a run."""

import signal

import pytest

pytest.register_assert_rewrite("processes", "local_stack", "debian", "deployment")

import local_stack
from processes import Processes

pytest_plugins = ["deployment.fixtures"]

LOCAL_ENDS_WITHIN_SECONDS = 60

processes_of_this_run = Processes()
notes = []
# The exceptions of failed fixtures, with the first test that needed each.
failed_setups = {}


def pytest_configure():
    """Ends the started programs on SIGTERM and SIGHUP too, not only on an interrupt."""
    for told in [signal.SIGTERM, signal.SIGHUP]:
        signal.signal(told, lambda *_: pytest.exit("the run was ended by a signal", returncode=1))


def pytest_collection_modifyitems(items):
    items.sort(key=stage)


def stage(item):
    """Orders the tests: documentation first, because it needs a new table, and deployment last.

    Deployment takes the longest. Chaser's SDK calls the deployed stack before the upgrade changes it.
    """
    module = item.module.__name__
    if item.get_closest_marker("deployment") is None:
        return 0 if module == "test_documentation" else 1
    return {"test_deployment": 2, "test_upgrade": 4}.get(module, 3)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Reports an earlier failure of a fixture in one line, and shows the programs' last output."""
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
    """Adds a line to the final summary, such as a version, a count, or a time."""
    return notes.append


@pytest.fixture(scope="session")
def processes():
    """Starts programs, and ends them and all of their descendants."""
    yield processes_of_this_run
    processes_of_this_run.stop_all()


@pytest.fixture(scope="session")
def local(processes):
    """The local stack, which must exit cleanly when it is interrupted."""
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
