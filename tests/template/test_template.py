"""The checks on our template, and for each of them a doctored template that it must refuse."""

import copy
import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import checks
import pytest
from model import ROOT, ROOT_FILE, Model, load, read

BINARIES = sorted(path.stem for path in ROOT.glob("functions/*/src/bin/*.rs"))
ON_THE_TEMPLATE = [
    checks.permissions_are_narrow,
    checks.functions_have_roles_of_their_own,
    checks.environments_match_permissions,
    checks.audit_is_append_only,
    checks.token_keys_are_guarded,
    checks.texts_go_to_numbers_only,
    checks.queues_have_dead_letters,
    checks.queues_hide_long_enough,
    checks.buckets_notify_queues_of_theirs,
    checks.streams_survive_poison,
    checks.alarms_say_what_is_wrong,
    checks.async_failures_are_kept,
    checks.logs_end,
    checks.tables_are_safe,
    checks.buckets_are_safe,
    checks.secrets_are_empty,
    checks.gateway_answers_are_guarded,
    checks.gets_answer_head,
    checks.heads_are_throttled_as_gets,
    checks.caches_are_for_deployments,
    checks.few_addresses_exhaust_no_method,
    checks.throttled_methods_have_a_rule_of_their_own,
    checks.address_rules_count_what_they_are_for,
    checks.firewall_can_be_deployed,
    checks.blocks_can_be_read,
    checks.stacks_have_room,
]
OPENAPI = json.loads((ROOT / "infra/openapi.json").read_text())
WITH_THE_CONTRACT = [
    checks.routes_are_operations,
    checks.operations_have_their_policies,
    checks.caches_hold_what_is_public,
    checks.public_sitters_are_cached,
    checks.caches_tell_answers_apart,
]
# By the binary: functions/sitters/src/browse.rs is the code of sitters-browse.
MAX_AGES = {
    f"{path.parts[-3]}-{path.stem.replace('_', '-')}": int(found[1])
    for path in ROOT.glob("functions/*/src/*.rs")
    if (found := re.search(r"^const MAX_AGE: u32 = (\d+);$", path.read_text(), re.MULTILINE))
}


@pytest.fixture(scope="module")
def model() -> Model:
    return load()


@pytest.mark.parametrize("check", ON_THE_TEMPLATE, ids=lambda check: check.__name__)
def test_holds(check: Callable[[Model], Any], model: Model) -> None:
    assert list(check(model)) == []


UPLOAD_SOURCE = (ROOT / "shared/domain/src/upload.rs").read_text()


def test_uploads_are_leased_long_enough(model: Model) -> None:
    assert list(checks.uploads_are_leased_long_enough(model, UPLOAD_SOURCE)) == []


@pytest.mark.parametrize("seconds", ["30", "180", "LEASE"])
def test_refuses_another_lease(model: Model, seconds: str) -> None:
    source = UPLOAD_SOURCE.replace("from_secs(60)", f"from_secs({seconds})")
    assert source != UPLOAD_SOURCE
    assert len(list(checks.uploads_are_leased_long_enough(model, source))) == 1


def test_every_binary_is_a_function(model: Model) -> None:
    assert list(checks.binaries_are_functions(model, BINARIES)) == []


@pytest.mark.parametrize("check", WITH_THE_CONTRACT, ids=lambda check: check.__name__)
def test_holds_with_the_contract(check: Callable[..., Any], model: Model) -> None:
    assert list(check(model, OPENAPI)) == []


def test_caches_keep_as_long_as_answers_say(model: Model) -> None:
    assert list(checks.caches_keep_as_long_as_answers_say(model, MAX_AGES)) == []


@pytest.mark.parametrize(
    ("role", "policies", "complaint"),
    [
        ("MeGetRole", ["Run"], "MeGetRole lacks SignedIn"),
        ("AuthLoginRole", ["Run", "NoTokenKeys"], "AuthLoginRole lacks Limited"),
        ("SystemHealthRole", ["Run", "SignedIn"], "SystemHealthRole has no need of SignedIn"),
        ("MeGetRole", ["Run", "SignedIn", "Limited"], "MeGetRole has no need of Limited"),
    ],
)
def test_refuses_an_operation_without_its_policies(role: str, policies: list[str], complaint: str) -> None:
    model = doctored(ROOT_FILE, at(role, "ManagedPolicyArns"), [{"Ref": policy} for policy in policies])
    assert complaint in list(checks.operations_have_their_policies(model, OPENAPI))


@pytest.mark.parametrize("name", ["BooksDisagree", "ChargedBack"])
def test_the_alarms_on_the_books_listen_to_what_is_said(model: Model, name: str) -> None:
    """A filter of logs goes by words; whoever changes them in the code would silence the alarm."""
    said = (ROOT / "functions/payments/src/lib.rs").read_text()
    pattern = model.every("AWS::Logs::MetricFilter")[f"Observability.{name}"]["Properties"]["FilterPattern"]
    words = re.findall(r'"([^"]+)"', pattern)
    assert words and all(f'"{each}"' in said for each in words)


# ---- by what the code says

SECONDS = {"millis": 0.001, "secs": 1, "mins": 60}


def sources(pattern: str) -> dict[str, str]:
    """The text of the files in functions/ that have something, by the binary that they are the code of."""
    found = {}
    for path in ROOT.glob("functions/*/src/*.rs"):
        text, _, _ = path.read_text().partition("#[cfg(test)]")
        if re.search(pattern, text):
            area, name = path.parts[-3], path.stem.replace("_", "-")
            found[name if area == "tasks" else f"{area}-{name}"] = text
    return found


def constant(text: str, name: str) -> float:
    """A number, or a duration in seconds."""
    [value] = re.findall(rf"^(?:pub )?const {name}: [^=]+ = ([^;]+);$", text, re.MULTILINE)
    if duration := re.fullmatch(r"(?:Signed)?Duration::from_(\w+)\((\d+)\)", value):
        return SECONDS[duration[1]] * int(duration[2])
    return int(value)


LEASES = {binary: int(constant(text, "LEASE")) for binary, text in sources(r"runtime::once\(").items()}


def longest_call_to_aws() -> float:
    """Every try fails at its timeout, and every pause is as long as it may be."""
    text = (ROOT / "shared/config/src/aws.rs").read_text()
    attempts, attempt, pause = (constant(text, name) for name in ("ATTEMPTS", "ATTEMPT", "FIRST_PAUSE"))
    return attempts * attempt + sum(pause * 2**n for n in range(int(attempts) - 1))


def longest_call_to_stripe() -> float:
    [whole] = re.findall(r"whole: Duration::from_secs\((\d+)\)", (ROOT / "shared/stripe/src/client.rs").read_text())
    return int(whole)


LOCK = int(constant((ROOT / "shared/api/src/idempotency.rs").read_text(), "LOCK"))
PAGED = set(sources(r"Run::new\("))


def test_the_code_says_what_is_compared() -> None:
    assert LEASES.keys() >= {"email-send", "sms-send", "safety-alert"}
    assert PAGED >= {"bookings-due", "retention-cleanup", "credential-expiry", "similar-sitters", "payments-reconcile"}
    assert (longest_call_to_aws(), longest_call_to_stripe(), LOCK) == (6.75, 8, 30)


def test_leases_end_between_deliveries(model: Model) -> None:
    assert list(checks.leases_end_between_deliveries(model, LEASES)) == []


@pytest.mark.parametrize("lease", [10, 60, 61])
def test_refuses_a_lease_that_is_too_short_or_too_long(model: Model, lease: int) -> None:
    assert len(list(checks.leases_end_between_deliveries(model, {**LEASES, "safety-alert": lease}))) == 1


def test_calls_end_before_functions(model: Model) -> None:
    assert list(checks.calls_end_before_functions(model, longest_call_to_aws(), longest_call_to_stripe())) == []


@pytest.mark.parametrize(("aws", "stripe", "name"), [(10, 8, "SafetyAlert"), (6.75, 20, "PaymentsSetupIntent")])
def test_refuses_a_call_that_outlives_its_function(model: Model, aws: float, stripe: float, name: str) -> None:
    refused = list(checks.calls_end_before_functions(model, aws, stripe))
    assert any(complaint.startswith(f"{name} ends") for complaint in refused)
    assert not any(complaint.startswith("SystemHealth ends") for complaint in refused), "it calls nobody"


def test_requests_end_before_their_lock(model: Model) -> None:
    assert list(checks.requests_end_before_their_lock(model, LOCK)) == []
    assert list(checks.requests_end_before_their_lock(model, 28))


def test_scheduled_tasks_raise_alarms(model: Model) -> None:
    assert list(checks.scheduled_tasks_raise_alarms(model, PAGED)) == []


@pytest.mark.parametrize("name", ["BookingsDueFailedAlarm", "TokenKeysRotateFailedAlarm", "SimilarSittersBacklogAlarm"])
@pytest.mark.parametrize("path", [(), ("AlarmActions",)])
def test_refuses_a_scheduled_task_without_its_alarm(name: str, path: tuple[str, ...]) -> None:
    place = at(name, *path) if path else ["Resources", name]
    assert len(list(checks.scheduled_tasks_raise_alarms(doctored("infra/observability.yaml", place, REMOVE), PAGED))) == 1


def test_refuses_an_alarm_that_rings_after_the_next_run() -> None:
    model = doctored("infra/observability.yaml", at("BookingsDueFailedAlarm", "Period"), 300)
    assert len(list(checks.scheduled_tasks_raise_alarms(model, PAGED))) == 1


def test_the_alarms_on_tasks_listen_to_what_is_logged(model: Model) -> None:
    """The filters go by fields; whoever renames them in the code would silence the alarms."""
    text = (ROOT / "shared/runtime/src/task.rs").read_text()
    [logged] = re.findall(r'tracing::info!\(task = function, (\w+), (\w+), "', text)
    filters = model.every("AWS::Logs::MetricFilter")
    for name, field in zip(("TaskFailed", "TaskIncomplete"), logged, strict=True):
        properties = filters[f"Observability.{name}"]["Properties"]
        [made] = properties["MetricTransformations"]
        assert properties["FilterPattern"] == f"{{ $.{field} >= 0 }}"
        assert (made["MetricName"], made["MetricValue"]) == (name, f"$.{field}")
        assert made["Dimensions"] == [{"Key": "FunctionName", "Value": "$.task"}]


SIGNERS = ["AuthLogin", "AuthOtpVerify", "AuthRefresh", "TokenKeysRotate"]


def test_only_signers_read_the_signing_key(model: Model) -> None:
    assert list(checks.only_signers_read_the_signing_key(model, SIGNERS)) == []


@pytest.mark.parametrize("signer", SIGNERS)
def test_refuses_a_reader_of_the_signing_key(model: Model, signer: str) -> None:
    others = [name for name in SIGNERS if name != signer]
    assert len(list(checks.only_signers_read_the_signing_key(model, others))) == 1


def test_domain_depends_on_nothing_outside() -> None:
    command = ["cargo", "tree", "--locked", "-p", "domain", "-e", "normal", "--prefix", "none", "--format", "{p}"]
    tree = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert list(checks.domain_is_pure([line.split()[0] for line in tree.splitlines() if line])) == []


# ---- each check can fail. A case changes one thing in the template or in a nested one, given by path.

DATA, MESSAGING, OBSERVABILITY = "infra/data.yaml", "infra/messaging.yaml", "infra/observability.yaml"
EDGE = "infra/edge.yaml"
REMOVE = object()


def at(resource: str, *path: str) -> list[str]:
    return ["Resources", resource, "Properties", *path]


def settings(path: str, *name: str) -> list[Any]:
    """Where the method settings of a path stand."""
    paths = [each["ResourcePath"] for each in read(ROOT_FILE)["Resources"]["Api"]["Properties"]["MethodSettings"]]
    return [*at("Api", "MethodSettings"), paths.index("/" + path.replace("/", "~1")), *name]


def scope(rule: str, *path: Any) -> list[Any]:
    """What a rule of the firewall counts."""
    names = [each["Name"] for each in read(EDGE)["Resources"]["WebAcl"]["Properties"]["Rules"]]
    return [*at("WebAcl", "Rules"), names.index(rule), "Statement", "RateBasedStatement", *path]


def statement(role: str, place: int, *path: str) -> list[Any]:
    """One of what a role says that it may do."""
    return [*at(role, "Policies"), 0, "PolicyDocument", "Statement", place, *path]


CASES = [
    (checks.permissions_are_narrow, ROOT_FILE, statement("MeGetRole", 0, "Action"), "dynamodb:Scan"),
    (checks.permissions_are_narrow, ROOT_FILE, statement("MeGetRole", 0, "Action"), "dynamodb:*"),
    (checks.permissions_are_narrow, ROOT_FILE, statement("MeGetRole", 0, "Action"), "*"),
    (checks.permissions_are_narrow, ROOT_FILE, statement("MeGetRole", 0, "Resource"), "*"),
    (checks.permissions_are_narrow, ROOT_FILE, statement("MeGetRole", 0, "Resource"), "arn:aws:dynamodb:eu-west-1:1:table/*"),
    (checks.permissions_are_narrow, ROOT_FILE, statement("MeGetRole", 0, "Resource"), {"Fn::Sub": "arn:aws:s3:::*/x"}),
    (checks.permissions_are_narrow, ROOT_FILE, ["Resources", "NewFunction"],  # with the role that SAM would make
     {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "target/lambda/new-function/bootstrap.zip"}}),
    (checks.permissions_are_narrow, ROOT_FILE, statement("MeGetRole", 0, "Resource"), {"Fn::If": ["IsDeployed", "*", "*"]}),
    (checks.permissions_are_narrow, ROOT_FILE, ["Resources", "Apart"],
     {"Type": "AWS::IAM::Policy", "Properties": {"PolicyName": "apart", "Roles": [{"Ref": "MeGetRole"}]}}),
    (checks.permissions_are_narrow, ROOT_FILE, at("SignedIn", "Roles"), [{"Ref": "MeGetRole"}]),
    (checks.permissions_are_narrow, ROOT_FILE, at("MeGetRole", "ManagedPolicyArns"), ["arn:aws:iam::aws:policy/Any"]),
    (checks.functions_have_roles_of_their_own, ROOT_FILE, at("MeGet", "Role"), {"Fn::GetAtt": ["MeUpdateRole", "Arn"]}),
    (checks.environments_match_permissions, ROOT_FILE, statement("PaymentsSetupIntentRole", 2), REMOVE),
    (checks.environments_match_permissions, ROOT_FILE,
     at("PaymentsSetupIntent", "Environment", "Variables", "STRIPE_SECRET_ARN"), REMOVE),
    (checks.environments_match_permissions, ROOT_FILE, statement("BookingsGetRole", 1), REMOVE),
    (checks.environments_match_permissions, ROOT_FILE, statement("SearchReindexRole", 1), REMOVE),
    (checks.environments_match_permissions, ROOT_FILE, statement("SafetyAlertRole", 6), REMOVE),
    (checks.audit_is_append_only, ROOT_FILE, statement("AuthLoginRole", 2, "Action"),
     ["dynamodb:PutItem", "dynamodb:DeleteItem"]),
    (checks.token_keys_are_guarded, ROOT_FILE, statement("MeGetRole", 0, "Action"), ["dynamodb:GetItem", "dynamodb:PutItem"]),
    (checks.token_keys_are_guarded, ROOT_FILE, at("AuthRegisterRole", "ManagedPolicyArns"), [{"Ref": "Run"}]),
    (checks.texts_go_to_numbers_only, ROOT_FILE, statement("SmsSendRole", 3, "NotResource"), "arn:aws:sns:eu-west-1:1:one"),
    *[
        (checks.texts_go_to_numbers_only, ROOT_FILE, statement(role, 3),
         {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic})
        for role, topic in (
            ("SmsSendRole", "*"),
            ("SmsSendRole", {"Fn::GetAtt": ["Messaging", "Outputs.SafetyTopicArn"]}),
            ("SafetyAlertRole", "arn:aws:sns:eu-west-1:1:one"),
            ("SafetyAlertRole", [{"Fn::GetAtt": ["Messaging", "Outputs.SafetyTopicArn"]}, "arn:aws:sns:eu-west-1:1:one"]),
        )
    ],
    (checks.queues_have_dead_letters, MESSAGING, at("EmailQueue", "RedrivePolicy"), REMOVE),
    (checks.queues_have_dead_letters, MESSAGING, ["Resources", "NewQueue"], {"Type": "AWS::SQS::Queue", "Properties": {}}),
    (checks.queues_have_dead_letters, MESSAGING, at("EmailQueue", "RedrivePolicy", "deadLetterTargetArn"),
     {"Fn::GetAtt": ["Unwatched", "Arn"]}),
    (checks.queues_have_dead_letters, MESSAGING, ["Outputs", "DeadLetterQueueNames", "Value", "Fn::Join", 1, 8],
     {"Fn::GetAtt": ["PaymentsDeadLetters", "QueueName"]}),
    (checks.queues_have_dead_letters, OBSERVABILITY, ["Resources", "AlertsDeadLettersAlarm"], REMOVE),
    (checks.queues_hide_long_enough, MESSAGING, at("EmailQueue", "VisibilityTimeout"), 179),
    (checks.queues_hide_long_enough, MESSAGING, at("EmailQueue", "VisibilityTimeout"), REMOVE),
    (checks.queues_hide_long_enough, ROOT_FILE, at("EmailSend", "Timeout"), 31),
    (checks.queues_hide_long_enough, ROOT_FILE, at("EmailSend", "Events", "Queue", "Properties", "FunctionResponseTypes"), REMOVE),
    *[
        (checks.streams_survive_poison, ROOT_FILE, at("OutboxRelay", "Events", "Outbox", "Properties", name), REMOVE)
        for name in ("FilterCriteria", "BisectBatchOnFunctionError", "MaximumRecordAgeInSeconds", "DestinationConfig",
                     "FunctionResponseTypes")
    ],
    *[
        (checks.streams_survive_poison, ROOT_FILE, at("OutboxRelay", "Events", "Urgent", "Properties", name), value)
        for name, value in (("MaximumRetryAttempts", 10), ("MaximumRecordAgeInSeconds", 600),
                            ("MaximumRecordAgeInSeconds", 86400))
    ],
    (checks.alarms_say_what_is_wrong, OBSERVABILITY, at("OutboxLagAlarm", "AlarmDescription"), REMOVE),
    (checks.alarms_say_what_is_wrong, OBSERVABILITY, at("OutboxLagAlarm", "AlarmActions"), REMOVE),
    (checks.async_failures_are_kept, ROOT_FILE, at("RetentionCleanup", "EventInvokeConfig"), REMOVE),
    (checks.buckets_notify_queues_of_theirs, MESSAGING, ["Resources", "UploadsQueuePolicy"], REMOVE),
    *[
        (checks.buckets_notify_queues_of_theirs, MESSAGING,
         [*at("UploadsQueuePolicy", "PolicyDocument", "Statement"), 0, *path], value)
        for path, value in (
            (["Condition"], REMOVE),
            (["Condition", "ArnEquals"], REMOVE),
            (["Condition", "StringEquals"], REMOVE),
            (["Condition", "ArnEquals", "aws:SourceArn"], "arn:aws:s3:::*"),
            (["Principal"], "*"),
            (["Action"], "sqs:*"),
        )
    ],
    (checks.buckets_notify_queues_of_theirs, ROOT_FILE, at("MediaProcess", "Events", "Queue", "Properties", "ScalingConfig"), REMOVE),
    (checks.buckets_notify_queues_of_theirs, ROOT_FILE, at("UploadsBucket", "NotificationConfiguration"),
     {"LambdaConfigurations": [{"Event": "s3:ObjectCreated:*", "Function": {"Fn::GetAtt": ["MediaProcess", "Arn"]}}]}),
    (checks.logs_end, ROOT_FILE, at("ApiAccessLogs", "RetentionInDays"), REMOVE),
    (checks.logs_end, ROOT_FILE, at("FunctionLogs", "RetentionInDays"), REMOVE),
    (checks.logs_end, ROOT_FILE, ["Globals", "Function", "LoggingConfig"], REMOVE),
    (checks.logs_end, ROOT_FILE, at("MeGet", "LoggingConfig"), {"LogGroup": "elsewhere"}),
    (checks.tables_are_safe, DATA, at("Main", "PointInTimeRecoverySpecification"), REMOVE),
    (checks.tables_are_safe, DATA, at("Audit", "SSESpecification", "SSEEnabled"), False),
    (checks.tables_are_safe, DATA, at("Ephemeral", "DeletionProtectionEnabled"), REMOVE),
    (checks.buckets_are_safe, ROOT_FILE, at("MediaBucket", "PublicAccessBlockConfiguration"), {"BlockPublicAcls": True}),
    (checks.buckets_are_safe, ROOT_FILE, at("MediaBucket", "VersioningConfiguration"), REMOVE),
    (checks.buckets_are_safe, ROOT_FILE, at("UploadsBucket", "BucketEncryption"), REMOVE),
    (checks.buckets_are_safe, ROOT_FILE, ["Resources", "UploadsBucketPolicy"], REMOVE),
    (checks.gateway_answers_are_guarded, ROOT_FILE, at("Api", "GatewayResponses", "DEFAULT_5XX"), REMOVE),
    (checks.gateway_answers_are_guarded, ROOT_FILE,
     at("Api", "GatewayResponses", "THROTTLED", "ResponseParameters", "Headers", "Referrer-Policy"), REMOVE),
    (checks.gets_answer_head, ROOT_FILE, at("MeGet", "Events", "Head"), REMOVE),
    (checks.gets_answer_head, ROOT_FILE, at("MeGet", "Events", "Http"), REMOVE),
    (checks.gets_answer_head, ROOT_FILE, at("SystemHealth", "Events", "Head", "Properties", "Path"), "/nowhere"),
    (checks.heads_are_throttled_as_gets, ROOT_FILE, settings("/sitters", "ThrottlingRateLimit"), 100),
    (checks.heads_are_throttled_as_gets, ROOT_FILE, settings("/sitters", "ThrottlingBurstLimit"), REMOVE),
    (checks.heads_are_throttled_as_gets, ROOT_FILE, settings("/sitters", "HttpMethod"), "HEAD"),
    (checks.heads_are_throttled_as_gets, ROOT_FILE, settings("/sitters", "HttpMethod"), "*"),
    (checks.caches_are_for_deployments, ROOT_FILE, at("Api", "CacheClusterEnabled"), True),
    (checks.caches_are_for_deployments, ROOT_FILE, at("Api", "CacheClusterEnabled"), REMOVE),
    (checks.caches_are_for_deployments, ROOT_FILE, settings("/sitters", "CachingEnabled"), True),
    (checks.caches_are_for_deployments, ROOT_FILE, settings("/sitters", "CachingEnabled"),
     {"Fn::If": ["IsProduction", True, False]}),
    (checks.caches_are_for_deployments, ROOT_FILE, settings("/sitters", "CacheDataEncrypted"), False),
    (checks.caches_are_for_deployments, ROOT_FILE, settings("/sitters", "CacheDataEncrypted"), REMOVE),
    (checks.few_addresses_exhaust_no_method, ROOT_FILE, settings("*", "ThrottlingRateLimit"), 200),
    (checks.few_addresses_exhaust_no_method, ROOT_FILE, settings("/auth/login", "ThrottlingRateLimit"), 10),
    (checks.few_addresses_exhaust_no_method, EDGE, scope("webhooks", "Limit"), 20_000),
    # An identifier can be the word webhooks.
    (checks.few_addresses_exhaust_no_method, EDGE, scope("flood", "ScopeDownStatement"),
     {"NotStatement": {"Statement": {"ByteMatchStatement": {
         "FieldToMatch": {"UriPath": {}}, "PositionalConstraint": "CONTAINS", "SearchString": "/webhooks/"}}}}),
    *[
        (checks.throttled_methods_have_a_rule_of_their_own, EDGE, scope(rule, "ScopeDownStatement", *path), value)
        for rule, path, value in (
            ("sign-in", ["AndStatement", "Statements", 1, "ByteMatchStatement", "PositionalConstraint"], "STARTS_WITH"),
            ("sign-in", ["AndStatement", "Statements", 1, "ByteMatchStatement", "SearchString"], "/v1/auth/"),
            ("credentials", ["OrStatement", "Statements", 1, "AndStatement", "Statements", 1, "ByteMatchStatement",
                             "SearchString"], "/me/avatar"),
            ("payments", ["AndStatement", "Statements", 1, "OrStatement", "Statements", 2], REMOVE),
            ("sos", ["AndStatement", "Statements", 2, "ByteMatchStatement", "SearchString"], "/help"),
            ("webhooks", ["AndStatement", "Statements", 0, "ByteMatchStatement", "SearchString"], "PUT"),
        )
    ],
    (checks.address_rules_count_what_they_are_for, EDGE, scope("sos", "ScopeDownStatement", "AndStatement", "Statements", 0), REMOVE),
    (checks.address_rules_count_what_they_are_for, EDGE,
     scope("sign-in", "ScopeDownStatement", "AndStatement", "Statements", 2), REMOVE),
    (checks.firewall_can_be_deployed, EDGE, scope("sos", "Limit"), 99),
    (checks.firewall_can_be_deployed, EDGE, scope("sos", "EvaluationWindowSec"), 30),
    (checks.firewall_can_be_deployed, EDGE, at("WebAcl", "Rules"),
     [{"Name": str(n), "Priority": n, "Statement": {"ManagedRuleGroupStatement": {"Name": "AWSManagedRulesKnownBadInputsRuleSet"}}}
      for n in range(8)]),
    (checks.firewall_can_be_deployed, EDGE, [*at("WebAcl", "Rules"), 0, "Priority"], 1),
    (checks.blocks_can_be_read, EDGE, [*at("WebAcl", "Rules"), 1, "Action"], {"Block": {}}),
    (checks.blocks_can_be_read, EDGE,
     [*at("WebAcl", "Rules"), 1, "Action", "Block", "CustomResponse", "ResponseHeaders", 0, "Value"], "*"),
    *[
        (checks.stacks_have_room, file, ["Resources"], {f"Queue{n}": {"Type": "AWS::SQS::Queue"} for n in range(500)})
        for file in (ROOT_FILE, MESSAGING)
    ],
    *[
        (checks.secrets_are_empty, ROOT_FILE, at(secret, "SecretString"), "hunter2")
        for secret in ("TokenSigningSecret", "StripeSecret", "BackgroundCheckSecret")
    ],
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "file", "path", "value"),
    CASES,
    ids=[f"{case[0].__name__}-{'.'.join(map(str, case[2][1:]))}" for case in CASES],
)
def test_refuses(check: Callable[[Model], Any], file: str, path: list[Any], value: Any) -> None:
    assert list(check(doctored(file, path, value)))


PARAMETERS = at("SittersReviews", "Events", "Http", "Properties", "RequestParameters")
CONTRACT_CASES = [
    (checks.caches_hold_what_is_public, settings("/me/password", "CachingEnabled"), True),
    (checks.caches_hold_what_is_public, settings("*", "CachingEnabled"), True),
    (checks.caches_hold_what_is_public, settings("/sitters/{id}/reviews", "ResourcePath"), "/~1sitters~1recommended"),
    (checks.caches_hold_what_is_public, settings("/sitters/{id}/reviews", "HttpMethod"), "*"),
    (checks.caches_hold_what_is_public, settings("/sitters/{id}/reviews", "ResourcePath"), "/~1sitters~1search"),
    (checks.public_sitters_are_cached, settings("/sitters", "CachingEnabled"), False),
    (checks.public_sitters_are_cached, settings("/sitters/{id}/reviews", "CachingEnabled"), REMOVE),
    (checks.public_sitters_are_cached, settings("/sitters/{id}/availability"), REMOVE),
    (checks.caches_tell_answers_apart, PARAMETERS, REMOVE),
    *[(checks.caches_tell_answers_apart, [*PARAMETERS, place], REMOVE) for place in range(5)],
    (checks.caches_tell_answers_apart, [*PARAMETERS, 0], "method.request.path.id"),
    (checks.caches_tell_answers_apart, [*PARAMETERS, 1],
     {"method.request.querystring.limit": {"Required": False, "Caching": False}}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "path", "value"),
    CONTRACT_CASES,
    ids=[f"{case[0].__name__}-{'.'.join(map(str, case[1][1:]))}" for case in CONTRACT_CASES],
)
def test_refuses_with_the_contract(check: Callable[..., Any], path: list[Any], value: Any) -> None:
    assert list(check(doctored(ROOT_FILE, path, value), OPENAPI))


def test_refuses_a_cache_that_does_not_know_a_parameter(model: Model) -> None:
    openapi = copy.deepcopy(OPENAPI)
    openapi["paths"]["/sitters"]["get"]["parameters"].append({"in": "query", "name": "town"})
    assert len(list(checks.caches_tell_answers_apart(model, openapi))) == 1


def test_refuses_to_cache_what_is_no_longer_public(model: Model) -> None:
    openapi = copy.deepcopy(OPENAPI)
    openapi["paths"]["/sitters"]["get"]["security"] = [{"access_token": []}]
    assert len(list(checks.caches_hold_what_is_public(model, openapi))) == 1


@pytest.mark.parametrize("value", [61, REMOVE], ids=["another", "none"])
def test_refuses_another_age(value: Any) -> None:
    model = doctored(ROOT_FILE, settings("/sitters", "CacheTtlInSeconds"), value)
    assert len(list(checks.caches_keep_as_long_as_answers_say(model, MAX_AGES))) == 1


def test_refuses_to_cache_what_says_no_age(model: Model) -> None:
    ages = {binary: age for binary, age in MAX_AGES.items() if binary != "sitters-browse"}
    assert len(list(checks.caches_keep_as_long_as_answers_say(model, ages))) == 1


def doctored(file: str, path: list[Any], value: Any) -> Model:
    template = copy.deepcopy(read(file))
    *parents, last = path
    place = template
    for name in parents:
        place = place[name]
    if value is REMOVE:
        del place[last]
    else:
        place[last] = value
    return load(file, template)


def test_refuses_a_binary_without_a_function(model: Model) -> None:
    assert list(checks.binaries_are_functions(model, [*model_binaries(model), "me-delete"]))


def test_refuses_a_function_without_a_binary(model: Model) -> None:
    assert list(checks.binaries_are_functions(model, model_binaries(model)[1:]))


def test_refuses_a_function_with_the_code_of_another() -> None:
    assert list(
        checks.binaries_are_functions(doctored(ROOT_FILE, at("MeGet", "CodeUri"), "target/lambda/me-update/bootstrap.zip"), BINARIES)
    )


def model_binaries(model: Model) -> list[str]:
    return [properties["CodeUri"].split("/")[2] for _, properties in model.functions()]


@pytest.mark.parametrize(
    "paths",
    [{}, {"/me": {"get": {}}}, {"/nowhere": {"get": {}}}, {"/me": {"put": {}}}],
    ids=["none", "few", "path", "method"],
)
def test_refuses_another_contract(model: Model, paths: dict[str, Any]) -> None:
    assert list(checks.routes_are_operations(model, {"paths": paths}))


@pytest.mark.parametrize(
    "crate", ["aws-sdk-dynamodb", "aws_lambda_events", "axum", "http", "lambda_http", "tokio", "reqwest", "hyper"]
)
def test_refuses_what_domain_must_not_know(crate: str) -> None:
    assert list(checks.domain_is_pure(["domain", crate]))
