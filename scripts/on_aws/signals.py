"""Checks metrics, alarms, the contents of the logs, and the throttling of a deployed stack."""

import concurrent.futures
import datetime
import time

from on_aws import aws
from on_aws.report import Failed, Skipped, require

# Metrics arrive a minute or two after the requests that they count.
RETRY_SECONDS = 15
LINES_MAX = 10_000
LOGS_WITHIN_SECONDS = 60
ALARM_WITHIN_SECONDS = 60
THROTTLED_REQUESTS = 400
CONNECTIONS = 40
FAILURES = ["StoreFailures", "LastUsedFailures"]


def metrics(stack, session, wait):
    """Waits until each function has counted a verification, and checks that nothing failed."""
    session.needs_account()
    deadline = time.monotonic() + wait
    names = verifying(stack)
    # A denied verification may not count.
    busy = [name for name in names if name != "authorizer" or session.admitted("AuthorizerOrganizations")]
    while True:
        found = sums(stack, session.began - 60)
        missing = [name for name in busy if not found[name, "Verified"]]
        if not missing:
            break
        if time.monotonic() > deadline:
            raise Failed(
                f"{', '.join(missing)} counted no verification within {wait} s; "
                "look for errors in the log groups, or allow more time with --wait"
            )
        time.sleep(RETRY_SECONDS)
        keep_busy(session)
    for name, metric in [(name, metric) for metric in FAILURES for name in names]:
        count = found[name, metric]
        require(not count, f"{name} counted {count:.0f} {metric}; look for the reason in its log group")
    return ", ".join(f"{name} verified {found[name, 'Verified']:.0f}" for name in busy)


def verifying(stack):
    """The functions that verify keys, which is each but those for events, webhooks, and warnings."""
    return sorted(name for name in stack.functions() if name not in ["events", "warnings", "webhooks"])


def sums(stack, began):
    """The sum of each metric of each function since `began`."""
    wanted = [(name, metric) for name in verifying(stack) for metric in ["Verified", *FAILURES]]
    queries = []
    for index, (name, metric) in enumerate(wanted):
        dimensions = [{"Name": "Function", "Value": name}]
        place = {"Namespace": f"Latchkey/{stack.name}", "MetricName": metric, "Dimensions": dimensions}
        queries.append({"Id": f"m{index}", "MetricStat": {"Metric": place, "Period": 60, "Stat": "Sum"}})
    now = time.time() + 60
    found = aws.call(
        *["cloudwatch", "get-metric-data"],
        **{"MetricDataQueries": queries, "StartTime": stamp(began), "EndTime": stamp(now)},
    )["MetricDataResults"]
    by_id = {result["Id"]: sum(result["Values"]) for result in found}
    return {key: by_id.get(f"m{index}", 0) for index, key in enumerate(wanted)}


def stamp(seconds):
    return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc).isoformat()


def keep_busy(session):
    """A function writes its counts to the log during an invocation, at most once a minute."""
    key = session.main["key"]
    for path in ["/verify", "/api/org/v1/me", "/v1/accounts/current"]:
        session.client.send("GET", path, key=key)
    session.ask_authorizer(key)


def no_key_in_logs(stack, session):
    """Reads all log lines since the check began, and looks for the secrets of its keys in memory.

    A search by CloudWatch Logs would put the secrets into its own requests.
    """
    session.needs_account()
    secrets = [key.rsplit("_", 1)[1] for key in [*session.keys, session.key]]
    groups = sorted({it.physical for it in stack.of_type("AWS::Logs::LogGroup")})
    deadline = time.monotonic() + LOGS_WITHIN_SECONDS
    while True:
        lines = {group: read(group, session.began) for group in groups}
        if any(lines.values()) or time.monotonic() > deadline:
            break
        time.sleep(RETRY_SECONDS)
    for group, found in lines.items():
        leaks = sum(any(secret in line for secret in secrets) for line in found)
        require(not leaks, f"{leaks} lines of {group} contain a key; revoke it, and report this as a bug")
    count = sum(map(len, lines.values()))
    if not count:
        raise Skipped(f"no log line arrived within {LOGS_WITHIN_SECONDS} s")
    full = [group for group, found in lines.items() if len(found) >= LINES_MAX]
    return f"{count} lines{', and more that were not read' if full else ''}"


def read(group, began):
    found = aws.call(
        *["logs", "filter-log-events", "--max-items", str(LINES_MAX)],
        **{"logGroupName": group, "startTime": int((began - 1) * 1000)},
    )
    return [event["message"] for event in found["events"]]


def alarms(stack):
    """Checks that the alarms exist, notify somebody, and are quiet."""
    found = notifying(stack)
    silent = [it["AlarmName"] for it in found if not it.get("AlarmActions")]
    require(not silent, f"{len(silent)} alarms notify nobody; set AlarmEmail or AlarmTopicArn")
    loud = sorted(it["AlarmName"] for it in found if it.get("StateValue") == "ALARM")
    require(not loud, f"in alarm: {', '.join(loud)}; each description says what to do")
    return f"{len(found)} alarms"


def notifying(stack):
    """The alarms that are for people, and not for CodeDeploy."""
    wanted = [it for it in stack.of_type("AWS::CloudWatch::Alarm") if not it.logical.endswith("Brake")]
    names = [it.physical for it in wanted]
    if not names:
        raise Skipped("Monitoring is off")
    found = aws.call("cloudwatch", "describe-alarms", AlarmNames=names)["MetricAlarms"]
    require(len(found) == len(names), f"{len(names) - len(found)} alarms are missing; deploy the stack again")
    return found


def notification(stack):
    """Sets off one alarm, waits until it has notified its topic, and sets it back."""
    name = min(it["AlarmName"] for it in notifying(stack))
    began = time.time()
    set_state(name, "ALARM")
    try:
        deadline = time.monotonic() + ALARM_WITHIN_SECONDS
        while time.monotonic() < deadline:
            asked = {"AlarmName": name, "HistoryItemType": "Action", "StartDate": stamp(began - 1)}
            items = aws.call("cloudwatch", "describe-alarm-history", **asked)["AlarmHistoryItems"]
            summaries = [item["HistorySummary"] for item in items]
            failed = [summary for summary in summaries if summary.startswith("Failed")]
            require(not failed, f"{name}: {'; '.join(failed)}; check the topic's policy and its key's policy")
            if summaries:
                return f"{name}: {summaries[0]}"
            time.sleep(5)
    finally:
        set_state(name, "OK")
    raise Failed(f"{name} ran no action within {ALARM_WITHIN_SECONDS} s; set AlarmEmail or AlarmTopicArn")


def set_state(name, state):
    reason = "Test by scripts/check-on-aws"
    aws.call("cloudwatch", "set-alarm-state", AlarmName=name, StateValue=state, StateReason=reason)


def throttling(client):
    """Sends more requests to the health route than its limit allows."""
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        found = list(pool.map(lambda _: client.send("GET", "/health").status, range(THROTTLED_REQUESTS)))
    throttled = found.count(429)
    others = sorted({status for status in found if status not in (200, 429)})
    require(throttled, f"none of {len(found)} requests to /health got a 429; check the route's limit")
    require(not others, f"some requests to /health got the statuses {others}")
    return f"{throttled} of {len(found)} requests got a 429"
