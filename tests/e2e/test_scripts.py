"""What `scripts/roll-back` and `scripts/prune-versions` change, against an AWS in memory."""

import os
import subprocess
import sys

import pytest

import scripts

FIRST, SECOND, THIRD = (f"2026-11-29T{hour}:00:00.000+0000" for hour in ["10", "11", "12"])
LATER = "2026-11-29T12:02:00.000+0000"


@pytest.fixture
def run(monkeypatch):
    """Runs a script against a fake AWS."""

    def start(name, aws, *arguments):
        module = scripts.load(name)
        monkeypatch.setattr(module.aws, "call", aws.call)
        monkeypatch.setattr(sys, "argv", [f"scripts/{name}", "latchkey", *arguments])
        module.main()

    return start


@pytest.fixture
def aws():
    """After three deployments. The last one changed Chaser and LakeSail, but not the authorizer."""
    return scripts.FakeAws(
        {
            "Authorizer": ({"1": FIRST, "2": SECOND}, "2"),
            "Chaser": ({"1": FIRST, "2": SECOND, "3": LATER}, "3"),
            "Lakesail": ({"1": FIRST, "2": SECOND, "3": THIRD}, "3"),
        }
    )


def test_a_rollback_undoes_the_last_deployment_and_no_earlier_one(run, aws, capsys):
    run("roll-back", aws)
    assert aws.changes == [("Chaser", "2", "r3"), ("Lakesail", "2", "r3")]
    shown = capsys.readouterr().out
    assert "authorizer: stays at version 2" in shown
    assert "scripts/roll-back latchkey --to chaser=3 --to lakesail=3" in shown


def test_a_rollback_skips_versions_that_were_deleted(run, aws):
    del aws.functions["Lakesail"][0]["2"]
    run("roll-back", aws)
    assert ("Lakesail", "1", "r3") in aws.changes


def test_a_second_rollback_goes_one_deployment_further(run, aws):
    for name in ["Chaser", "Lakesail"]:
        aws.functions[name] = (aws.functions[name][0], "2")
    run("roll-back", aws)
    assert [(name, version) for name, version, _ in aws.changes] == [
        ("Authorizer", "1"),
        ("Chaser", "1"),
        ("Lakesail", "1"),
    ]


def test_a_rollback_to_given_versions_leaves_the_other_functions(run, aws):
    run("roll-back", aws, "--to", "lakesail=1")
    assert aws.changes == [("Lakesail", "1", "r3")]


def test_a_dry_run_changes_nothing(run, aws, capsys):
    run("roll-back", aws, "--dry-run")
    assert aws.changes == []
    assert "lakesail: would move live from version 3 to 2" in capsys.readouterr().out


def stale(aws):
    aws.functions["Chaser"] = ({"3": LATER}, "3")


def without_alias(aws):
    aws.functions["Chaser"] = (aws.functions["Chaser"][0], None)


def gradual(aws):
    aws.weights["Chaser"] = {"2": 0.1}


def updating(aws):
    aws.status = "UPDATE_IN_PROGRESS"


@pytest.mark.parametrize(
    ("breaks", "arguments", "message"),
    [
        (stale, [], "the function chaser has no version before 3"),
        (without_alias, [], "the function chaser has no alias live"),
        (gradual, [], "a gradual deployment of chaser is running"),
        (updating, [], "aws cloudformation cancel-update-stack --stack-name latchkey"),
        (lambda _: None, ["--to", "lakesail=1", "--to", "chaser=9"], "the function chaser has no version 9"),
        (lambda _: None, ["--to", "nginx=1"], "the stack has no function nginx"),
    ],
)
def test_a_rollback_that_cannot_finish_changes_nothing(run, aws, breaks, arguments, message):
    breaks(aws)
    with pytest.raises(SystemExit, match=message):
        run("roll-back", aws, *arguments)
    assert aws.changes == []


def test_pruning_keeps_the_newest_versions_and_those_in_use(run):
    versions = {str(number): FIRST for number in range(1, 13)}
    aws = scripts.FakeAws({"Chaser": (versions, "12"), "Lakesail": (versions, "4")})
    aws.weights["Lakesail"] = {"2": 0.1}
    run("prune-versions", aws, "--keep", "3")
    deleted = lambda name: [version for function, version in aws.changes if function == name]
    assert deleted("Chaser") == [str(number) for number in range(1, 10)]
    assert deleted("Lakesail") == ["1", "3", "5", "6", "7", "8", "9"]


def test_pruning_deletes_nothing_of_a_function_with_few_versions(run, aws):
    run("prune-versions", aws)
    assert aws.changes == []


@pytest.mark.parametrize("keep", ["0", "1", "-1", "all"])
def test_pruning_keeps_a_version_to_roll_back_to(run, aws, keep, capsys):
    with pytest.raises(SystemExit):
        run("prune-versions", aws, f"--keep={keep}")
    assert "must be a whole number, at least 2" in capsys.readouterr().err


def test_a_deployment_in_progress_stops_pruning(run, aws):
    updating(aws)
    with pytest.raises(SystemExit, match="UPDATE_IN_PROGRESS"):
        run("prune-versions", aws, "--keep", "2")
    assert aws.changes == []


def test_a_release_contains_the_scripts_and_what_they_import(tmp_path):
    package = scripts.load("package")
    package.copy_scripts(tmp_path / "scripts")
    for name in ["check-on-aws", "prune-versions", "roll-back"]:
        script = tmp_path / "scripts" / name
        assert os.access(script, os.X_OK)
        command = [sys.executable, "-B", script, "--help"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert "STACK" in done.stdout, done.stderr
