"""Events as AWS documents them, with fields that the emulator does not send, replayed against the functions."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Person
from lib.stack import Stack

EVENTS = Path(__file__).parent / "events"


def read(name: str) -> dict[str, Any]:
    return json.loads((EVENTS / f"{name}.json").read_text())


def replay(stack: Stack, binary: str, event: dict[str, Any]) -> dict[str, Any]:
    name = stack.functions()[binary]["FunctionName"]
    answer = stack.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    report = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, report
    return report


@pytest.mark.parametrize(
    ("domain", "path"),
    [("70ixmpl4fl.execute-api.eu-west-1.amazonaws.com", "/health"), ("api.nannyradar.example", "/v1/health")],
    ids=["gateway", "domain of our own"],
)
def test_a_request_without_a_body(stack: Stack, domain: str, path: str) -> None:
    event = read("rest-api")
    # With the base path of a domain of our own, and without the stage of the gateway's.
    event["path"] = path
    event["requestContext"] |= {"domainName": domain, "path": "/v1/health"}
    answer = replay(stack, "system-health", event)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert json.loads(answer["body"])["status"] == "ok"
    headers = {name.lower(): values for name, values in answer["multiValueHeaders"].items()}
    assert headers["content-type"] == ["application/json"]


@pytest.mark.parametrize(("body", "status"), [('{"email":"a@b.example","password":"wrong-horse-12"}', 401), ("{", 400)])
def test_a_request_with_a_body(stack: Stack, body: str, status: int) -> None:
    event = read("rest-api")
    event |= {"resource": "/auth/login", "path": "/auth/login", "httpMethod": "POST", "body": body}
    event["requestContext"] |= {"resourcePath": "/auth/login", "path": "/v1/auth/login", "httpMethod": "POST"}
    answer = replay(stack, "auth-login", event)
    problem = json.loads(answer["body"])
    assert (answer["statusCode"], problem["status"]) == (status, status), problem
    # By which a user's report leads to the gateway's log.
    assert problem["request_id"] == event["requestContext"]["requestId"]


def delivered(body: str) -> dict[str, Any]:
    event = read("sqs")
    event["Records"][0]["body"] = body
    return event


@pytest.mark.parametrize("name", ["s3", "s3-test"])
def test_a_notification_of_s3(stack: Stack, name: str) -> None:
    """The object of the event is no upload of ours, and the test event is sent when the bucket is created."""
    assert replay(stack, "media-process", delivered(json.dumps(read(name)))) == {"batchItemFailures": []}


@pytest.mark.parametrize("binary", ["media-process", "search-index", "email-send"])
def test_a_message_that_cannot_be_read_fails_alone(stack: Stack, binary: str) -> None:
    event = delivered("Test message.")
    answer = replay(stack, binary, event)
    assert answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}


def test_a_record_of_the_stream(stack: Stack, person: Person) -> None:
    """With an event of the outbox as it is in the table. Its consumers have seen it, and ignore it."""
    outbox = stack.client("dynamodb").scan(
        TableName=stack.outputs["MainTable"],
        FilterExpression="begins_with(pk, :outbox)",
        ExpressionAttributeValues={":outbox": {"S": "OUTBOX#"}},
    )["Items"]
    assert outbox, f"{person.email} has registered"
    event = read("dynamodb")
    event["Records"][0]["dynamodb"] |= {"Keys": {key: outbox[0][key] for key in ("pk", "sk")}, "NewImage": outbox[0]}
    assert replay(stack, "outbox-relay", event) == {"batchItemFailures": []}
