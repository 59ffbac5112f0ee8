"""The checks of `scripts/check-on-aws` that only AWS answers, against an AWS in memory."""

import types

import pytest

import scripts

scripts.load("check-on-aws")

from on_aws import report, signals  # noqa: E402

SECRET = "IvN5cKaw97OI5UiqesVTZAeHm2LTC1nNrtjeVnn1jxE4RhaSS"
FUNCTIONS = {"authorizer": "A", "chaser": "C", "lakesail": "L", "oauth": "O"}


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Time passes only while a check waits."""
    now = types.SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(signals.time, "monotonic", lambda: now.seconds)
    monkeypatch.setattr(signals.time, "sleep", lambda seconds: setattr(now, "seconds", now.seconds + seconds))
    return now


@pytest.fixture
def answer(monkeypatch):
    """Answers each operation with a function, and records the calls."""
    calls = []

    def set_answers(**answers):
        def call(_, operation, *__, **asked):
            calls.append((operation, asked))
            return answers[operation.replace("-", "_")](asked)

        monkeypatch.setattr(signals.aws, "call", call)
        return calls

    return set_answers


def stack(*alarms, groups=("group",)):
    """A stack with alarms, by their logical IDs, and log groups."""
    resources = [("AWS::CloudWatch::Alarm", name, f"latchkey-{name}") for name in alarms]
    resources += [("AWS::Logs::LogGroup", name, name) for name in groups]
    found = [types.SimpleNamespace(type=kind, logical=name, physical=it) for kind, name, it in resources]
    return types.SimpleNamespace(
        name="latchkey",
        functions=lambda: FUNCTIONS,
        of_type=lambda kind: [it for it in found if it.type == kind],
    )


class Session:
    began = 1_800_000_000
    key = f"sk_ACCOUNT_KEY_{SECRET}"
    keys = [f"sk_ACCOUNT_OTHER_{SECRET[::-1]}"]
    main = {"key": keys[0]}

    def __init__(self, organization_admitted=True):
        self.client = types.SimpleNamespace(send=lambda *_, **__: None)
        self.admitted = lambda _: organization_admitted

    def needs_account(self):
        pass

    def ask_authorizer(self, key):
        return True


# --- Metrics ---


def counts(values, after=0):
    """Answers with a metric's sum, once this check has asked `after` times."""
    asked_before = []

    def get_metric_data(asked):
        asked_before.append(asked)
        results = []
        for query in asked["MetricDataQueries"]:
            metric = query["MetricStat"]["Metric"]
            key = (metric["Dimensions"][0]["Value"], metric["MetricName"])
            default = 1 if key[1] == "Verified" else 0
            value = values.get(key, default) if len(asked_before) > after else 0
            results.append({"Id": query["Id"], "Values": [value] if value else []})
        return {"MetricDataResults": results}

    return get_metric_data


def test_metrics_pass_when_every_function_has_counted_a_verification(answer, clock):
    answer(get_metric_data=counts({("oauth", "Verified"): 7}, after=3))
    detail = signals.metrics(stack(), Session(), 300)
    assert "oauth verified 7" in detail
    assert clock.seconds == 3 * signals.RETRY_SECONDS


def test_metrics_fail_when_a_function_counts_nothing(answer, clock):
    answer(get_metric_data=counts({("chaser", "Verified"): 0}))
    with pytest.raises(report.Failed, match="^chaser counted no verification within 300 s"):
        signals.metrics(stack(), Session(), 300)
    assert clock.seconds > 300


@pytest.mark.parametrize("metric", ["StoreFailures", "LastUsedFailures"])
def test_metrics_fail_when_a_function_counts_failures(answer, metric):
    answer(get_metric_data=counts({("authorizer", metric): 2}))
    with pytest.raises(report.Failed, match=f"^authorizer counted 2 {metric}"):
        signals.metrics(stack(), Session(), 300)


def test_an_authorizer_that_denies_the_organization_need_not_count(answer):
    answer(get_metric_data=counts({("authorizer", "Verified"): 0}))
    assert "authorizer" not in signals.metrics(stack(), Session(organization_admitted=False), 300)


@pytest.mark.parametrize("function", ["events", "warnings", "webhooks"])
def test_a_function_that_nobody_calls_with_a_key_verifies_nothing(answer, monkeypatch, function):
    monkeypatch.setitem(FUNCTIONS, function, "X")
    answer(get_metric_data=counts({(function, "Verified"): 0, (function, "StoreFailures"): 2}))
    assert function not in signals.metrics(stack(), Session(), 300)


# --- Logs ---


@pytest.mark.parametrize("secret", [SECRET, SECRET[::-1]])
def test_a_key_in_a_log_line_is_found_and_not_repeated(answer, secret):
    line = f'{{"message":"received sk_ACCOUNT_KEY_{secret}"}}'
    answer(filter_log_events=lambda _: {"events": [{"message": "fine"}, {"message": line}]})
    with pytest.raises(report.Failed, match="^1 lines of group contain a key") as failed:
        signals.no_key_in_logs(stack(), Session())
    assert secret not in str(failed.value)


def test_the_search_for_a_key_sends_no_key(answer):
    calls = answer(filter_log_events=lambda _: {"events": [{"message": "fine"}]})
    assert signals.no_key_in_logs(stack(groups=("a", "b")), Session()) == "2 lines"
    assert [asked["logGroupName"] for _, asked in calls] == ["a", "b"]
    assert SECRET not in str(calls)


def test_logs_without_lines_prove_nothing(answer):
    answer(filter_log_events=lambda _: {"events": []})
    with pytest.raises(report.Skipped, match="no log line arrived"):
        signals.no_key_in_logs(stack(), Session())


# --- Alarms ---


def described(**overrides):
    return lambda asked: {
        "MetricAlarms": [
            {"AlarmName": name, "AlarmActions": ["topic"], "StateValue": "OK", **overrides}
            for name in asked["AlarmNames"]
        ]
    }


def test_alarms_for_people_must_notify_somebody(answer):
    answer(describe_alarms=described(AlarmActions=[]))
    with pytest.raises(report.Failed, match="2 alarms notify nobody; set AlarmEmail"):
        signals.alarms(stack("RefusedAlarm", "ThrottlesAlarm"))


def test_an_alarm_that_is_on_is_named(answer):
    answer(describe_alarms=described(StateValue="ALARM"))
    with pytest.raises(report.Failed, match="in alarm: latchkey-RefusedAlarm"):
        signals.alarms(stack("RefusedAlarm"))


def test_the_alarms_of_codedeploy_need_not_notify_anybody(answer):
    calls = answer(describe_alarms=described())
    assert signals.alarms(stack("RefusedAlarm", "OauthBrake")) == "1 alarms"
    assert calls == [("describe-alarms", {"AlarmNames": ["latchkey-RefusedAlarm"]})]


def test_a_stack_without_monitoring_is_skipped():
    with pytest.raises(report.Skipped, match="Monitoring is off"):
        signals.alarms(stack())


@pytest.mark.parametrize(
    ("history", "message"),
    [
        (["Successfully executed action topic"], None),
        (["Failed to execute action topic"], "check the topic's policy"),
        ([], "ran no action within 60 s"),
    ],
)
def test_a_test_alarm_ends_in_every_case(answer, history, message):
    items = [{"HistorySummary": summary} for summary in history]
    calls = answer(
        describe_alarms=described(),
        set_alarm_state=lambda _: {},
        describe_alarm_history=lambda _: {"AlarmHistoryItems": items},
    )
    if message is None:
        assert "Successfully" in signals.notification(stack("RefusedAlarm"))
    else:
        with pytest.raises(report.Failed, match=message):
            signals.notification(stack("RefusedAlarm"))
    states = [asked["StateValue"] for operation, asked in calls if operation == "set-alarm-state"]
    assert states == ["ALARM", "OK"]


# --- Throttling ---


@pytest.mark.parametrize(
    ("statuses", "message"),
    [([200, 429], None), ([200], "none of 400 requests"), ([200, 429, 500], "the statuses \\[500\\]")],
)
def test_too_many_requests_get_429_and_nothing_else(statuses, message):
    sent = iter(statuses * signals.THROTTLED_REQUESTS)
    client = types.SimpleNamespace(send=lambda *_: types.SimpleNamespace(status=next(sent)))
    if message is None:
        assert "200 of 400" in signals.throttling(client)
    else:
        with pytest.raises(report.Failed, match=message):
            signals.throttling(client)
