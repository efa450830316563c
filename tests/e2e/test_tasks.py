"""What runs without anybody asking."""

import json
import subprocess
import time
from datetime import UTC, datetime, timedelta

import photos
import pytest
from conftest import Person, eventually, fresh_email, login, post, register
from lib.console import ROOT
from lib.stack import Stack


def clean_up(stack: Stack) -> None:
    answer = stack.client("lambda").invoke(FunctionName="nannyradar-dev-RetentionCleanup", Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()


def let_fall_due(stack: Stack, pk: str) -> None:
    """Makes the item's time come: everything that waits for something carries it in the index `due`."""
    table = stack.client("dynamodb")
    items = table.query(
        TableName=stack.outputs["MainTable"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": pk}},
    )["Items"]
    due = [item for item in items if "due_sk" in item]
    assert len(due) == 1, f"{pk} waits for nothing"
    seconds, _, rest = due[0]["due_sk"]["S"].partition("#")
    table.update_item(
        TableName=stack.outputs["MainTable"],
        Key={"pk": due[0]["pk"], "sk": due[0]["sk"]},
        UpdateExpression="SET due_sk = :long_ago",
        ExpressionAttributeValues={":long_ago": {"S": f"{'1'.zfill(len(seconds))}#{rest}"}},
    )


def test_an_account_that_is_never_verified_goes(person: Person) -> None:
    stack, me = person.stack, person.me()
    clean_up(stack)
    assert login(stack, person.email).status_code == 200, "it went before its time"
    let_fall_due(stack, f"USER#{me['id']}")
    clean_up(stack)
    assert login(stack, person.email).status_code == 401
    assert register(stack, person.email).status_code == 202
    assert login(stack, person.email).status_code == 200, "its address is not free again"


def test_an_abandoned_upload_goes(person: Person) -> None:
    form = person.announce(1000)
    # What somebody who crashed before publishing it has left.
    s3, left = person.stack.client("s3"), {"Bucket": person.stack.outputs["MediaBucket"]}
    s3.put_object(**left, Key=f"images/{form['id']}/card.webp", Body=b"somebody's face")
    let_fall_due(person.stack, f"UPLOAD#{form['id']}")
    clean_up(person.stack)
    assert person.request("GET", f"/uploads/{form['id']}").status_code == 404
    assert s3.list_objects_v2(**left, Prefix=f"images/{form['id']}/")["KeyCount"] == 0


def test_an_upload_in_use_stays(person: Person) -> None:
    done = person.upload(photos.plain("JPEG"))
    clean_up(person.stack)
    assert person.me()["avatar"]["upload_id"] == done["id"]


def test_a_file_that_comes_after_its_upload_is_gone_is_deleted(person: Person) -> None:
    form = person.announce(1000)
    let_fall_due(person.stack, f"UPLOAD#{form['id']}")
    clean_up(person.stack)
    assert post(form, photos.plain("JPEG")).ok
    s3, bucket = person.stack.client("s3"), person.stack.outputs["UploadsBucket"]
    eventually(lambda: form["id"] not in str(s3.list_objects_v2(Bucket=bucket).get("Contents", [])))


def test_cleaning_up_says_in_numbers_what_it_did(stack: Stack) -> None:
    clean_up(stack)
    group = "/aws/lambda/nannyradar-dev-RetentionCleanup"
    lines = [event["message"] for event in stack.client("logs").filter_log_events(logGroupName=group)["events"]]
    report = next(fields for line in reversed(lines) if "done" in (fields := structured(line)))
    assert all(isinstance(report[count], int) for count in ("skipped", "failed"))


def structured(line: str) -> dict[str, object]:
    return json.loads(line) if line.startswith("{") else {}


def test_a_message_that_nobody_understands_does_not_hold_up_the_mail(stack: Stack) -> None:
    queue = stack.outputs["EmailQueueUrl"]
    for body in ("poison", "{}", '{"kind":"unknown"}'):
        stack.client("sqs").send_message(QueueUrl=queue, MessageBody=body)
    email = fresh_email()
    register(stack, email)
    assert eventually(lambda: stack.mailbox(email))


def relay(stack: Stack, *arguments: str) -> str:
    script = [ROOT / "scripts/relay", "dev", "--port", str(stack.emulator.port)]
    done = subprocess.run([*script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_was_set_aside_is_published_once(stack: Stack) -> None:
    email = fresh_email()
    register(stack, email)
    assert eventually(lambda: stack.mailbox(email))
    table, main = stack.client("dynamodb"), stack.outputs["MainTable"]
    user = eventually(lambda: table.get_item(TableName=main, Key={"pk": {"S": f"EMAIL#{email}"}, "sk": {"S": "CLAIM"}}).get("Item"))
    user_id = user["user_id"]["S"]
    # An event of a version that is not deployed, and another one behind it.
    at = datetime.now(UTC).replace(microsecond=0)
    event_id = user_id.replace("usr_", "evt_")
    item = {
        "pk": {"S": f"OUTBOX#{at:%Y-%m-%dT%H}#07"},
        "sk": {"S": f"{int(at.timestamp()):012}#{event_id}"},
        "event": {"S": '{"type":"unheard_of"}'},
        "ttl": {"N": str(int(at.timestamp()) + 3600)},
    }
    table.put_item(TableName=main, Item=item)
    queues, failures = stack.client("sqs"), stack.outputs["OutboxFailuresQueueUrl"]
    aside = eventually(lambda: queues.receive_message(QueueUrl=failures, VisibilityTimeout=0).get("Messages"))
    assert any(item["sk"]["S"] in message["Body"] for message in aside), aside
    # A later version can read it.
    event = {"id": event_id, "occurred_at": at.isoformat(), "type": "password_changed", "user_id": user_id}
    item["event"] = {"S": json.dumps(event)}
    table.put_item(TableName=main, Item=item)
    before = len(stack.mailbox(email))
    times = [(at - timedelta(minutes=2)).isoformat(), (at + timedelta(minutes=1)).isoformat()]
    assert "would be published" in relay(stack, *times, "--dry-run")
    assert len(stack.mailbox(email)) == before
    for _ in range(2):
        assert "were published" in relay(stack, *times)
        assert eventually(lambda: len(stack.mailbox(email)) > before)
    # What was sent before, and what is published twice, is not sent again.
    time.sleep(5)
    assert len(stack.mailbox(email)) == before + 1
    queues.purge_queue(QueueUrl=failures)


def test_token_keys_are_not_rotated_before_their_time(person: Person) -> None:
    answer = person.stack.client("lambda").invoke(FunctionName="nannyradar-dev-TokenKeysRotate", Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()
    assert person.request("GET", "/me").status_code == 200
    assert login(person.stack, person.email).status_code == 200


@pytest.mark.parametrize("function", ["MediaProcess", "OutboxRelay", "EmailSend"])
def test_an_empty_batch_is_no_failure(stack: Stack, function: str) -> None:
    answer = stack.client("lambda").invoke(FunctionName=f"nannyradar-dev-{function}", Payload=b'{"Records":[]}')
    assert "FunctionError" not in answer, answer["Payload"].read()


@pytest.mark.parametrize("function", ["CredentialExpiry", "SimilarSitters"])
def test_tasks_may_do_what_they_do(stack: Stack, function: str) -> None:
    answer = stack.client("lambda").invoke(FunctionName=f"nannyradar-dev-{function}", Payload=b"{}")
    report = json.loads(answer["Payload"].read())
    # Other tests may have left something to do.
    assert (report["failed"], report["complete"]) == (0, True), report
