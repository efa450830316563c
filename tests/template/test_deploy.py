"""scripts/deploy, without AWS: clients that answer as AWS documents."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lib import arm64, aws
from lib.console import Failure

TARGET = aws.Target("staging", "nannyradar-staging", "eu-west-1", ("Environment=staging", "EmailDomain=s.example"))
DKIM = {"Tokens": ["one", "two"]}


def refuse(code: str, message: str = "no") -> Callable[..., Any]:
    def call(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": message}}, "operation")

    return call


def answer(value: Any) -> Callable[..., Any]:
    return lambda **_: value


NEW = refuse("ValidationError", "Stack with id nannyradar-staging does not exist")
READY = {
    "apigateway.get_account": answer({"cloudwatchRoleArn": "arn"}),
    "lambda.get_account_settings": answer({"AccountLimit": {"ConcurrentExecutions": 1000}}),
    "cloudformation.describe_stacks": NEW,
    "sesv2.get_email_identity": refuse("NotFoundException"),
    "sesv2.get_account": answer({"ProductionAccessEnabled": True}),
    "sts.get_caller_identity": answer({"Account": "123456789012"}),
    "s3.head_bucket": refuse("404"),
    "sns.get_sms_sandbox_account_status": answer({"IsInSandbox": False}),
    "sns.get_sms_attributes": answer({"attributes": {"MonthlySpendLimit": "50", "DeliveryStatusIAMRole": "arn"}}),
}


def account(**changes: Callable[..., Any]) -> aws.Connect:
    """An account that is ready, but for the changes, whose names have `__` for the dot."""
    calls = READY | {name.replace("__", "."): call for name, call in changes.items()}

    def connect(service: str) -> Any:
        return SimpleNamespace(
            **{name.partition(".")[2]: call for name, call in calls.items() if name.startswith(f"{service}.")}
        )

    return connect


def stack(status: str) -> Callable[..., Any]:
    return answer({"Stacks": [{"StackStatus": status}]})


@pytest.mark.parametrize("status", [NEW, *map(stack, ("REVIEW_IN_PROGRESS", "CREATE_COMPLETE", "UPDATE_COMPLETE"))])
def test_deploys_to_an_account_that_is_ready(status: Callable[..., Any]) -> None:
    aws.require_ready(account(cloudformation__describe_stacks=status), TARGET)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"apigateway__get_account": answer({})}, "may not write logs"),
        ({"lambda__get_account_settings": answer({"AccountLimit": {"ConcurrentExecutions": 10}})}, "executions is 10"),
        ({"cloudformation__describe_stacks": stack("ROLLBACK_COMPLETE")}, "is ROLLBACK_COMPLETE"),
        ({"cloudformation__describe_stacks": stack("ROLLBACK_FAILED")}, "is ROLLBACK_FAILED"),
        ({"sesv2__get_email_identity": answer({})}, "the identity s.example"),
        ({"s3__head_bucket": answer({})}, "a bucket nannyradar-staging-uploads-123456789012"),
        ({"s3__head_bucket": refuse("403")}, "a bucket nannyradar-staging-uploads-123456789012"),
    ],
)
def test_refuses_what_would_fail_later(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(Failure, match=problem):
        aws.require_ready(account(**change), TARGET)


def test_what_a_stack_has_made_is_no_obstacle_to_its_next_deployment() -> None:
    connect = account(
        cloudformation__describe_stacks=stack("UPDATE_COMPLETE"),
        sesv2__get_email_identity=answer({}),
        s3__head_bucket=answer({}),
    )
    aws.require_ready(connect, TARGET)


@pytest.mark.parametrize("name", ["cloudformation__describe_stacks", "sesv2__get_email_identity"])
def test_does_not_take_a_refusal_for_an_answer(name: str) -> None:
    with pytest.raises(ClientError):
        aws.require_ready(account(**{name: refuse("AccessDeniedException")}), TARGET)


@pytest.mark.parametrize(
    ("status", "protections"), [(NEW, ["Protect=no", "Protect=yes"]), (stack("UPDATE_COMPLETE"), ["Protect=yes"])]
)
def test_protects_a_stack_once_it_exists(
    monkeypatch: pytest.MonkeyPatch, status: Callable[..., Any], protections: list[str]
) -> None:
    done: list[Any] = []

    def protect(**arguments: Any) -> None:
        done.append(arguments)

    def sam(command: list[Any], **_: Any) -> SimpleNamespace:
        done.append(command[-1])
        return SimpleNamespace(returncode=0)

    connect = account(
        cloudformation__describe_stacks=lambda **_: (stack("CREATE_COMPLETE") if done else status)(),
        cloudformation__update_termination_protection=protect,
        sesv2__get_email_identity=answer({"VerifiedForSendingStatus": True}),
    )
    monkeypatch.setattr(aws.Target, "connect", lambda _, service: connect(service))
    monkeypatch.setattr(aws.subprocess, "run", sam)
    aws.deploy(TARGET)
    assert done == [*protections, {"StackName": "nannyradar-staging", "EnableTerminationProtection": True}]


@pytest.mark.parametrize("deploy", [aws.deploy, aws.deploy_account])
def test_a_deployment_that_is_declined_is_not_repeated_without_a_question(
    monkeypatch: pytest.MonkeyPatch, deploy: Callable[[aws.Target], None]
) -> None:
    done: list[Any] = []

    def sam(command: list[Any], **_: Any) -> SimpleNamespace:
        done.append(command)
        # As after an answer of no.
        return SimpleNamespace(returncode=0)

    connect = account(cloudformation__describe_stacks=stack("REVIEW_IN_PROGRESS"))
    monkeypatch.setattr(aws.Target, "connect", lambda _, service: connect(service))
    monkeypatch.setattr(aws.subprocess, "run", sam)
    with pytest.raises(Failure, match="was not confirmed"):
        deploy(TARGET)
    assert len(done) == 1


def test_a_failed_deployment_is_not_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws.Target, "connect", lambda _, service: account()(service))
    monkeypatch.setattr(aws.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=1))
    with pytest.raises(Failure, match="nannyradar-staging failed"):
        aws.deploy(TARGET)


def test_names_the_records_that_ses_waits_for() -> None:
    waiting = {
        "VerifiedForSendingStatus": False,
        "DkimAttributes": DKIM,
        "MailFromAttributes": {"MailFromDomain": "bounces.s.example", "MailFromDomainStatus": "PENDING"},
    }
    lines = [line.split() for line in aws.records(account(sesv2__get_email_identity=answer(waiting)), TARGET)]
    assert ["one._domainkey.s.example", "CNAME", "one.dkim.amazonses.com"] in lines
    assert ["two._domainkey.s.example", "CNAME", "two.dkim.amazonses.com"] in lines
    assert ["bounces.s.example", "MX", "10", "feedback-smtp.eu-west-1.amazonses.com"] in lines


def test_names_no_records_when_all_are_published() -> None:
    done = {
        "VerifiedForSendingStatus": True,
        "DkimAttributes": DKIM,
        "MailFromAttributes": {"MailFromDomain": "bounces.s.example", "MailFromDomainStatus": "SUCCESS"},
    }
    assert list(aws.records(account(sesv2__get_email_identity=answer(done)), TARGET)) == []


def test_names_what_a_new_account_may_not_do() -> None:
    assert list(aws.restrictions(account())) == []
    new = account(
        sesv2__get_account=answer({"ProductionAccessEnabled": False}),
        sns__get_sms_sandbox_account_status=answer({"IsInSandbox": True}),
        sns__get_sms_attributes=answer({"attributes": {"MonthlySpendLimit": "1"}}),
    )
    assert len(list(aws.restrictions(new))) == 4


@pytest.mark.parametrize("environment", ["account", "staging", "production"])
def test_every_section_can_be_read(environment: str) -> None:
    target = aws.Target.of(environment)
    assert target.name.startswith("nannyradar-") and target.region == "eu-west-1"
    assert environment == "account" or target.email_domain.endswith(".example")


def program(machine: int = arm64.AARCH64, glibc: bytes = b"GLIBC_2.17\0GLIBC_2.34\0", start: bytes = arm64.LITTLE_ENDIAN_64) -> bytes:
    return start + bytes(12) + machine.to_bytes(2, "little") + glibc


def test_runs_on_graviton() -> None:
    assert list(arm64.faults(program())) == []


@pytest.mark.parametrize(
    ("binary", "fault"),
    [
        (program(machine=62), "the machine 62"),
        (program(glibc=b"GLIBC_2.17\0GLIBC_2.35\0"), "glibc 2.35"),
        (program(glibc=b"GLIBC_3.0\0"), "glibc 3.0"),
        (program(glibc=b"musl"), "does not name"),
        (program(start=b"\x7fELF\x01\x01"), "not a 64-bit ELF program"),
        (b"#!/bin/sh\nexec functions", "not a 64-bit ELF program"),
    ],
)
def test_refuses_what_lambda_could_not_start(binary: bytes, fault: str) -> None:
    [found] = arm64.faults(binary)
    assert fault in found
