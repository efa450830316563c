"""The checks for AWS, and for each of them doctored templates that it must refuse."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import readiness
from model import REMOVE, ROOT, doctor, load

from lib import sam

CHECKS = [
    readiness.names_follow_from_the_stack,
    readiness.kept_names_can_be_made_again,
    readiness.what_is_protected_is_kept,
    readiness.first_deployments_are_not_protected,
    readiness.access_logs_use_variables_that_exist,
    readiness.schedules_can_be_created,
    readiness.schedules_that_stop_raise_alarms,
    readiness.queues_without_a_reader_raise_alarms,
    readiness.tables_that_throttle_raise_alarms,
]


@pytest.fixture(scope="module")
def stacks() -> readiness.Templates:
    return load().stacks


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_holds(check: Callable[..., Any], stacks: readiness.Templates) -> None:
    assert list(check(stacks)) == []


def account() -> dict[str, Any]:
    return copy.deepcopy(sam.parse(ROOT / "infra/account.yaml"))


def test_the_account_raises_alarms() -> None:
    assert list(readiness.the_account_raises_alarms(account())) == []


@pytest.mark.parametrize(
    "resource",
    ["LambdaThrottlesAlarm", "LambdaConcurrencyAlarm", "SmsSpendAlarm", "SmsFailuresAlarm", "ApiGatewayAccount", "MonthlyCost"],
)
def test_refuses_an_account_without(resource: str) -> None:
    template = account()
    del template["Resources"][resource]
    assert len(list(readiness.the_account_raises_alarms(template))) == 1


def sub(text: str) -> dict[str, str]:
    return {"Fn::Sub": text}


# The check, the stack, the resource, the path in it, what is put there, and what the check then says.
DOCTORED = [
    (readiness.names_follow_from_the_stack, "", "MediaBucket", "Properties.BucketName", "media", "name of MediaBucket"),
    (
        readiness.names_follow_from_the_stack, "", "MediaBucket", "Properties.BucketName",
        sub("nannyradar-${Environment}-media-${AWS::AccountId}"), "name of MediaBucket",
    ),
    (
        readiness.names_follow_from_the_stack, "Messaging", "EmailConfiguration", "Properties.Name",
        sub("nannyradar-${EmailDomain}"), "name of Messaging.EmailConfiguration",
    ),
    (readiness.names_follow_from_the_stack, "Messaging", "EmailQueue", "Properties.QueueName", "email", "Messaging.EmailQueue"),
    (readiness.names_follow_from_the_stack, "Messaging", "SafetyAlerts", "Properties.TopicName", "help", "Messaging.SafetyAlerts"),
    (readiness.names_follow_from_the_stack, "", "HashSecret", "Properties.Name", sub("${Environment}/hash"), "HashSecret"),
    (readiness.names_follow_from_the_stack, "", "Messaging", "Properties.Parameters.Stack", "x", "Messaging.EmailConfiguration"),
    (readiness.names_follow_from_the_stack, "Edge", "WebAcl", "Properties.Name", "nannyradar", "name of Edge.WebAcl"),
    (readiness.names_follow_from_the_stack, "Data", "Main", "Properties.TableName", "main", "name of Data.Main"),
    (readiness.kept_names_can_be_made_again, "", "MediaBucket", "DeletionPolicy", "Retain", "MediaBucket"),
    (
        readiness.kept_names_can_be_made_again, "", "UploadsBucket", "DeletionPolicy",
        {"Fn::If": ["IsProduction", "Retain", "Delete"]}, "UploadsBucket",
    ),
    (readiness.what_is_protected_is_kept, "Data", "Main", "DeletionPolicy", "Delete", "Data.Main"),
    (readiness.what_is_protected_is_kept, "Data", "Main", "DeletionPolicy", REMOVE, "its DeletionPolicy"),
    (readiness.what_is_protected_is_kept, "Data", "Main", "UpdateReplacePolicy", REMOVE, "its UpdateReplacePolicy"),
    (readiness.what_is_protected_is_kept, "Data", "Search", "Properties.DeletionProtectionEnabled", True, "Data.Search"),
    (
        readiness.first_deployments_are_not_protected, "Data", "Audit", "Properties.DeletionProtectionEnabled", True,
        "Data.Audit",
    ),
    (
        readiness.first_deployments_are_not_protected, "Data", "Audit", "Properties.DeletionProtectionEnabled",
        {"Fn::If": ["IsDeployed", True, False]}, "Data.Audit",
    ),
    (
        readiness.schedules_can_be_created, "Bookings", "BookingsDueMinutely", "Properties.Target.RoleArn",
        {"Fn::GetAtt": ["BookingsDueRole", "Arn"]}, "BookingsDueMinutely has not",
    ),
    (
        readiness.schedules_can_be_created, "", "Payments", "Properties.Parameters.CallTasks",
        {"Fn::GetAtt": ["Policies", "Outputs.Run"]}, "PaymentsReconcileHourly has not",
    ),
    (
        readiness.schedules_can_be_created, "Policies", "CallTasks", "Properties.Policies",
        [{"PolicyDocument": {"Statement": [{"Resource": [sub("${Stack}-BookingsDue")]}]}}], "schedule of TokenKeysRotate may not",
    ),
    (
        readiness.schedules_can_be_created, "Bookings", "BookingsDueMinutely", "Properties.Name", sub("${Stack}-Renamed"),
        "CallTasks may call BookingsDue,",
    ),
    (
        readiness.schedules_that_stop_raise_alarms, "Observability", "BookingsDueMissedAlarm", "Properties.AlarmActions",
        REMOVE, "schedule of BookingsDue stops",
    ),
    (
        readiness.schedules_that_stop_raise_alarms, "Observability", "PaymentsReconcileMissedAlarm",
        "Properties.TreatMissingData", "notBreaching", "PaymentsReconcile is silent",
    ),
    (
        readiness.schedules_that_stop_raise_alarms, "Observability", "TokenKeysRotateMissedAlarm", "Properties.Period",
        3600, "TokenKeysRotate rings between",
    ),
    (
        readiness.queues_without_a_reader_raise_alarms, "Observability", "UploadsLagAlarm", "Properties.MetricName",
        "NumberOfMessagesSent", "UploadsQueue",
    ),
    (
        readiness.queues_without_a_reader_raise_alarms, "Observability", "AlertsLagAlarm", "Properties.AlarmActions",
        [], "AlertsQueue",
    ),
    (
        readiness.tables_that_throttle_raise_alarms, "Observability", "SearchReadThrottlesAlarm", "Properties.MetricName",
        "WriteThrottleEvents", "ReadThrottleEvents of the table Search",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "stack", "resource", "path", "value", "complaint"),
    DOCTORED,
    ids=[f"{number}-{case[0].__name__}-{case[2]}" for number, case in enumerate(DOCTORED)],
)
def test_refuses(
    stacks: readiness.Templates,
    check: Callable[..., Any],
    stack: str,
    resource: str,
    path: str,
    value: Any,
    complaint: str,
) -> None:
    doctored = copy.deepcopy(stacks)
    doctor(doctored[stack]["Resources"][resource], path.split("."), value)
    found = list(check(doctored))
    assert any(complaint in sentence for sentence in found), found


@pytest.mark.parametrize("variable", ["identity.sourceIP", "error.responseStatus", "integrationTime", "routeKey"])
def test_refuses_a_variable_of_another_kind_of_api(stacks: readiness.Templates, variable: str) -> None:
    doctored = copy.deepcopy(stacks)
    [stage] = [resource for _, _, resource in readiness.every(doctored) if resource["Type"] == "AWS::ApiGateway::Stage"]
    stage["Properties"]["AccessLogSetting"]["Format"] += f" $context.{variable}"
    [sentence] = readiness.access_logs_use_variables_that_exist(doctored)
    assert f"$context.{variable}," in sentence


def test_refuses_a_schedule_without_an_alarm(stacks: readiness.Templates) -> None:
    doctored = copy.deepcopy(stacks)
    doctored["Data"]["Resources"]["Extra"] = {
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {"Name": sub("${Stack}-MediaCleanup"), "ScheduleExpression": "rate(1 hour)"},
    }
    assert list(readiness.schedules_that_stop_raise_alarms(doctored)) == ["no alarm rings when the schedule of MediaCleanup stops"]


def test_refuses_a_queue_and_a_table_without_an_alarm(stacks: readiness.Templates) -> None:
    doctored = copy.deepcopy(stacks)
    doctored["Messaging"]["Resources"]["PushQueue"] = doctored["Messaging"]["Resources"]["EmailQueue"]
    doctored["Data"]["Resources"]["Extra"] = doctored["Data"]["Resources"]["Search"]
    assert list(readiness.queues_without_a_reader_raise_alarms(doctored)) == ["no alarm rings when messages wait in PushQueue"]
    assert len(list(readiness.tables_that_throttle_raise_alarms(doctored))) == 2
