"""The restore drill of docs/restore.md: a restored table does not revive what was ended since its backup.

Uses a stack of its own. The emulator's point-in-time recovery copies the current state, so the drill restores an
on-demand backup, which DynamoDB restores in the same way.
"""

import dataclasses
import json
import subprocess

import pytest

from deployment import drivers, stack
from deployment.fixtures import COMMAND_WITHIN_SECONDS, PARAMETERS as COMMON, Deployed
from deployment.gateway import Gateway
from processes import ROOT, wait_until

RESTORED = "latchkey-restored"
# The emulator cannot update the alarms.
PARAMETERS = {**COMMON, "Monitoring": "off"}
# The default of CacheTtl, plus a margin for slow machines.
STALE_SECONDS = 10 + 2

pytestmark = pytest.mark.deployment


@dataclasses.dataclass
class Drill:
    """The stack before and after the restore, and its keys by what happened to them."""

    live: Deployed
    old_table: str
    keys: dict
    revoked: list

    def restore_check(self, *arguments):
        """The exit status and the JSON output of `restore-check`."""
        tables = ["--restored", RESTORED, "--current", self.old_table, "--output", "json"]
        command = ["cargo", "latchkey", "restore-check", *tables, *arguments]
        environment = self.live.emulator.environment
        ended = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=COMMAND_WITHIN_SECONDS
        )
        print(f"$ latchkey {' '.join(command[2:])}\n{ended.stdout}{ended.stderr}")
        return ended.returncode, json.loads(ended.stdout)

    def verify(self, name, status):
        self.live.gateway.call("ANY /verify", status, method="GET", key=self.keys[name], note=f"({name}) ")


@pytest.fixture(scope="module")
def drill(deployed):
    """A stack, a backup of its table, and changes since then."""
    made = stack.Stack(deployed.processes, deployed.emulator, "restored", drivers.TEMPLATE)
    made.deploy(deployed.built, PARAMETERS)
    gateway = Gateway(made, request_ids=True)
    table = made.outputs()["TableName"]
    live = Deployed(deployed.processes, deployed.emulator, made, deployed.built, table, gateway)
    live.bootstrap()

    latchkey = live.latchkey
    account = lambda name: latchkey("account", "create", "--organization", "acme", "--name", name)
    mint = lambda id: latchkey("key", "mint", "--account", id)["key"]["key"]
    disabled, deleted = (account(name)["service_account"]["id"] for name in ["disabled", "deleted"])
    other = latchkey("bootstrap", "--organization", "other", "--name", "Other")["key"]["key"]
    keys = {
        "kept": live.key,
        "scoped": live.mint("sessions.read")["key"],
        "revoked": live.mint("sessions.read")["key"],
        "rotated": live.mint("sessions.read")["key"],
        "of a disabled account": mint(disabled),
        "of a deleted account": mint(deleted),
        "of a disabled organization": other,
    }
    found = Drill(live, table, keys, ["revoked", "rotated", *list(keys)[4:]])
    for name in keys:
        found.verify(name, 204)

    dynamodb = deployed.emulator.client("dynamodb")
    # The emulator ignores the table's `PointInTimeRecoverySpecification`.
    recovery = {"PointInTimeRecoveryEnabled": True}
    dynamodb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=recovery)
    backup = dynamodb.create_backup(TableName=table, BackupName="drill")["BackupDetails"]["BackupArn"]

    live.revoke(keys["revoked"])
    rotated = "_".join(keys["rotated"].split("_")[:3]) + "_"
    new = latchkey("key", "rotate", "--key", rotated, "--grace", "0s")
    keys["created since"] = new["key"]["key"]
    latchkey("account", "disable", "--account", disabled)
    latchkey("account", "delete", "--account", deleted, "--yes")
    latchkey("organization", "disable", "--organization", "other")

    dynamodb.restore_table_from_backup(TargetTableName=RESTORED, BackupArn=backup)
    return found


def test_the_restored_table_revives_what_was_ended(drill):
    """Otherwise the drill would show nothing."""
    status, report = drill.restore_check()
    assert status != 0
    ended = [(found["subject"], found["change"]) for found in report["differences"]]
    assert ended == [
        ("organization", "disabled"),
        ("service_account", "deleted"),
        ("service_account", "disabled"),
        ("key", "revoked"),
        ("key", "rotated"),
    ]
    lost = [(found["subject"], found["change"]) for found in report["lost"]]
    assert lost == [("key", "created")]


def test_what_was_ended_is_ended_again(drill):
    status, report = drill.restore_check("--apply", "--copy-new", "--yes")
    assert (status, report["applied"]) == (0, True)
    assert [found["copied"] for found in report["lost"]] == [True]


def test_the_settings_that_the_restore_left_out_are_found(drill):
    dynamodb = drill.live.emulator.client("dynamodb")
    _, report = drill.restore_check()
    found = {setting["setting"]: setting["command"] for setting in report["settings"]}
    missing = {"time to live", "point-in-time recovery", "deletion protection", "stream"}
    assert missing <= set(found)
    assert all(command.startswith("aws dynamodb ") for command in found.values())
    dynamodb.update_time_to_live(
        TableName=RESTORED, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    dynamodb.update_continuous_backups(
        TableName=RESTORED, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    dynamodb.update_table(TableName=RESTORED, DeletionProtectionEnabled=True)
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    dynamodb.update_table(TableName=RESTORED, StreamSpecification=stream)
    _, report = drill.restore_check()
    assert missing.isdisjoint(setting["setting"] for setting in report["settings"])


@pytest.fixture(scope="module")
def switched(drill):
    """The stack with the restored table. A key was revoked in the old table just before."""
    drill.live.revoke(drill.keys["scoped"])
    made = drill.live.stack
    # The stack no longer has a table of its own.
    made.set_time_to_live = lambda: None
    described = drill.live.emulator.client("dynamodb").describe_table(TableName=RESTORED)["Table"]
    existing = {"ExistingTableName": RESTORED, "ExistingTableStreamArn": described["LatestStreamArn"]}
    made.deploy(drill.live.built, {**PARAMETERS, **existing})
    assert made.outputs()["TableName"] == RESTORED
    return drill


def test_events_come_from_the_restored_table(switched):
    live = switched.live
    mapping = live.emulator.client("lambda").get_event_source_mapping(UUID=live.stack.resource("EventsMapping"))
    assert f"table/{RESTORED}/stream/" in mapping["EventSourceArn"]


def test_the_old_table_is_kept(switched):
    tables = switched.live.emulator.client("dynamodb").list_tables()["TableNames"]
    assert {RESTORED, switched.old_table} <= set(tables)


def test_a_second_check_finds_what_was_revoked_in_between(switched):
    status, report = switched.restore_check("--apply", "--yes")
    assert status == 0
    assert [found["change"] for found in report["differences"]] == ["revoked"]
    status, report = switched.restore_check()
    assert (status, report["differences"]) == (0, [])


def test_ended_keys_stay_rejected_and_others_work(switched, note):
    verify = "/verify"
    gateway = switched.live.gateway
    gone = lambda: gateway.send("GET", verify, key=switched.keys["scoped"]).status_code == 401
    wait_until(gone, STALE_SECONDS, "a key that was revoked before the second check still works")
    for name in switched.revoked:
        switched.verify(name, 401)
    for name in ["kept", "created since"]:
        switched.verify(name, 204)
    minted = gateway.call(
        "POST /api/org/v1/service-accounts/{sa}/keys", 201, ["key"], {"sa": switched.live.account},
        key=switched.keys["kept"], json={},
    )
    gateway.call("ANY /verify", 204, method="GET", key=minted["key"], note="(created after the restore) ")
    note(f"restore: {len(switched.revoked) + 1} ended keys stayed rejected in the restored table")
