"""The checks on our template, and for each of them a doctored template that it must refuse."""

import copy
import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import checks
import pytest
from model import REMOVE, ROOT, Model, doctor, load

from lib import sam

# By the area that each is in.
BINARIES = {path.stem: path.parts[-4] for path in ROOT.glob("functions/*/src/bin/*.rs")}
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
    checks.gateway_answers_are_problems,
    checks.functions_are_named_by_convention,
    checks.urgent_functions_have_concurrency_of_their_own,
    checks.routes_lead_to_functions,
    checks.roles_trust_their_service,
    checks.stage_is_as_decided,
    checks.gets_answer_head,
    checks.heads_are_throttled_as_gets,
    checks.caches_are_for_deployments,
    checks.few_addresses_exhaust_no_method,
    checks.throttled_methods_have_a_rule_of_their_own,
    checks.address_rules_count_what_they_are_for,
    checks.firewall_can_be_deployed,
    checks.blocks_can_be_read,
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


GLOBALS = {
    path.parent.name: sam.parse(path).get("Globals") for path in sorted(ROOT.glob("functions/*/template.yaml"))
}


def test_areas_agree() -> None:
    assert len(GLOBALS) == len(set(BINARIES.values()))
    assert list(checks.areas_agree(GLOBALS)) == []


def test_refuses_an_area_with_globals_of_its_own() -> None:
    other = copy.deepcopy(GLOBALS["me"])
    other["Function"]["Timeout"] = 11
    assert list(checks.areas_agree({**GLOBALS, "me": other})) == ["the Globals of me are not those of admin"]


@pytest.mark.parametrize("check", WITH_THE_CONTRACT, ids=lambda check: check.__name__)
def test_holds_with_the_contract(check: Callable[..., Any], model: Model) -> None:
    assert list(check(model, OPENAPI)) == []


def test_caches_keep_no_longer_than_answers_say(model: Model) -> None:
    assert list(checks.caches_keep_no_longer_than_answers_say(model, MAX_AGES)) == []


@pytest.mark.parametrize(
    ("role", "policies", "complaint"),
    [
        ("MeGetRole", [], "MeGetRole lacks SignedIn"),
        ("AuthLoginRole", ["WriteTrail"], "AuthLoginRole lacks Limited"),
        ("SystemHealthRole", ["SignedIn"], "SystemHealthRole has no need of SignedIn"),
        ("MeGetRole", ["SignedIn", "Limited"], "MeGetRole has no need of Limited"),
    ],
)
def test_refuses_an_operation_without_its_policies(role: str, policies: list[str], complaint: str) -> None:
    model = doctored(at(role, "ManagedPolicyArns"), [{"Ref": policy} for policy in policies])
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
    place = at(f"Observability.{name}", *path) if path else [f"Observability.{name}"]
    assert len(list(checks.scheduled_tasks_raise_alarms(doctored(place, REMOVE), PAGED))) == 1


def test_refuses_an_alarm_that_rings_after_the_next_run() -> None:
    model = doctored(at("Observability.BookingsDueFailedAlarm", "Period"), 300)
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

def at(resource: str, *path: Any) -> list[Any]:
    return [resource, "Properties", *path]


def settings(path: str, *name: str) -> list[Any]:
    """Where the method settings of a path stand."""
    paths = [each["ResourcePath"] for each in load().resources["Apiv1Stage"]["Properties"]["MethodSettings"]]
    return [*at("Apiv1Stage", "MethodSettings"), paths.index("/" + path.replace("/", "~1")), *name]


def scope(rule: str, *path: Any) -> list[Any]:
    """What a rule of the firewall counts."""
    names = [each["Name"] for each in load().resources["Edge.WebAcl"]["Properties"]["Rules"]]
    return [*at("Edge.WebAcl", "Rules"), names.index(rule), "Statement", "RateBasedStatement", *path]


def statement(role: str, place: int, *path: str) -> list[Any]:
    """One of what a role says that it may do, by itself."""
    return [*at(role, "Policies"), 0, "PolicyDocument", "Statement", place, *path]


def route(path: str, method: str, *integration: str) -> list[Any]:
    """A method of the API, or something of what is behind it."""
    behind = ["x-amazon-apigateway-integration", *integration] if integration else []
    return [*at("Api", "Body", "paths"), path, method, *behind]


def gateway(kind: str, *path: str) -> list[Any]:
    """What the gateway answers by itself."""
    return [*at("Api", "Body", "x-amazon-apigateway-gateway-responses"), kind, *path]


def without(role: str, policy: str) -> tuple[list[Any], list[Any]]:
    """A role without one of the shared policies: where they stand, and the others."""
    shared = load().resources[role]["Properties"]["ManagedPolicyArns"]
    left = [each for each in shared if each != {"Ref": policy}]
    assert left != shared
    return at(role, "ManagedPolicyArns"), left


CASES = [
    (checks.permissions_are_narrow, statement("MeGetRole", 0, "Action"), "dynamodb:Scan"),
    (checks.permissions_are_narrow, statement("MeGetRole", 0, "Action"), "dynamodb:*"),
    (checks.permissions_are_narrow, statement("MeGetRole", 0, "Action"), "*"),
    (checks.permissions_are_narrow, statement("MeGetRole", 0, "Resource"), "*"),
    (checks.permissions_are_narrow, statement("MeGetRole", 0, "Resource"), "arn:aws:dynamodb:eu-west-1:1:table/*"),
    (checks.permissions_are_narrow, statement("MeGetRole", 0, "Resource"), {"Fn::Sub": "arn:aws:s3:::*/x"}),
    (checks.permissions_are_narrow, at("Boundary", "PolicyDocument", "Statement", 0, "Action"), "logs:*"),
    (checks.permissions_are_narrow, at("Boundary", "PolicyDocument", "Statement", 1, "Action"), "dynamodb:Scan"),
    (checks.permissions_are_narrow, at("MeGetRole", "PermissionsBoundary"), REMOVE),
    (checks.permissions_are_narrow, at("MeGetRole", "PermissionsBoundary"), {"Ref": "Run"}),
    (checks.permissions_are_narrow, statement("MeGetRole", 0, "Resource"), {"Fn::If": ["IsDeployed", "*", "*"]}),
    (checks.permissions_are_narrow, ["Apart"],
     {"Type": "AWS::IAM::Policy", "Properties": {"PolicyName": "apart", "Roles": [{"Ref": "MeGetRole"}]}}),
    (checks.permissions_are_narrow, at("SignedIn", "Roles"), [{"Ref": "MeGetRole"}]),
    (checks.permissions_are_narrow, at("MeGetRole", "ManagedPolicyArns"), ["arn:aws:iam::aws:policy/Any"]),
    (checks.permissions_are_narrow, at("EmailSendRole", "ManagedPolicyArns"),
     ["arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"]),
    (checks.functions_have_roles_of_their_own, at("MeGet", "Role"), {"Fn::GetAtt": ["MeUpdateRole", "Arn"]}),
    (checks.environments_match_permissions, *without("PaymentsSetupIntentRole", "ReadStripeSecret")),
    (checks.environments_match_permissions,
     at("PaymentsSetupIntent", "Environment", "Variables", "STRIPE_SECRET_ARN"), REMOVE),
    (checks.environments_match_permissions, *without("BookingsGetRole", "OpenDataKeys")),
    (checks.environments_match_permissions, statement("SearchReindexRole", 1), REMOVE),
    (checks.environments_match_permissions, statement("SafetyAlertRole", 5), REMOVE),
    (checks.audit_is_append_only, at("WriteTrail", "PolicyDocument", "Statement", 0, "Action"),
     ["dynamodb:PutItem", "dynamodb:DeleteItem"]),
    (checks.token_keys_are_guarded, at("Boundary", "PolicyDocument", "Statement", 2, "Condition"),
     {"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": ["OTHER_KEYS"]}}),
    (checks.token_keys_are_guarded, at("Boundary", "PolicyDocument", "Statement", 2, "Action"), ["dynamodb:PutItem"]),
    (checks.token_keys_are_guarded, at("AuthRegisterRole", "PermissionsBoundary"), REMOVE),
    (checks.texts_go_to_numbers_only, statement("SmsSendRole", 3, "NotResource"), "arn:aws:sns:eu-west-1:1:one"),
    *[
        (checks.texts_go_to_numbers_only, statement(role, 3),
         {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic})
        for role, topic in (
            ("SmsSendRole", "*"),
            ("SmsSendRole", {"Ref": "Messaging.SafetyAlerts"}),
            ("SafetyAlertRole", "arn:aws:sns:eu-west-1:1:one"),
            ("SafetyAlertRole", [{"Ref": "Messaging.SafetyAlerts"}, "arn:aws:sns:eu-west-1:1:one"]),
        )
    ],
    (checks.queues_have_dead_letters, at("Messaging.EmailQueue", "RedrivePolicy"), REMOVE),
    (checks.queues_have_dead_letters, ["Messaging.NewQueue"], {"Type": "AWS::SQS::Queue", "Properties": {}}),
    (checks.queues_have_dead_letters, at("Messaging.EmailQueue", "RedrivePolicy", "deadLetterTargetArn"),
     {"Fn::GetAtt": ["Messaging.Unwatched", "Arn"]}),
    (checks.queues_have_dead_letters, at("Observability.AlertsDeadLettersAlarm", "Dimensions", 0, "Value", "Fn::Select", 0), 1),
    (checks.queues_have_dead_letters, ["Observability.AlertsDeadLettersAlarm"], REMOVE),
    (checks.queues_hide_long_enough, at("Messaging.EmailQueue", "VisibilityTimeout"), 179),
    (checks.queues_hide_long_enough, at("Messaging.EmailQueue", "VisibilityTimeout"), REMOVE),
    (checks.queues_hide_long_enough, at("EmailSend", "Timeout"), 31),
    (checks.queues_hide_long_enough, at("EmailSendQueue", "FunctionResponseTypes"), REMOVE),
    *[
        (checks.streams_survive_poison, at("OutboxRelayOutbox", name), REMOVE)
        for name in ("FilterCriteria", "BisectBatchOnFunctionError", "MaximumRecordAgeInSeconds", "DestinationConfig",
                     "FunctionResponseTypes")
    ],
    *[
        (checks.streams_survive_poison, at("OutboxRelayUrgent", name), value)
        for name, value in (("MaximumRetryAttempts", 10), ("MaximumRecordAgeInSeconds", 600),
                            ("MaximumRecordAgeInSeconds", 86400))
    ],
    (checks.alarms_say_what_is_wrong, at("Observability.OutboxLagAlarm", "AlarmDescription"), REMOVE),
    (checks.alarms_say_what_is_wrong, at("Observability.OutboxLagAlarm", "AlarmActions"), REMOVE),
    (checks.async_failures_are_kept, ["RetentionCleanupEventInvokeConfig"], REMOVE),
    (checks.async_failures_are_kept, ["MeGetByTopic"],
     {"Type": "AWS::Lambda::Permission", "Properties": {"FunctionName": {"Ref": "MeGet"}, "Principal": "sns.amazonaws.com"}}),
    (checks.buckets_notify_queues_of_theirs, ["Messaging.UploadsQueuePolicy"], REMOVE),
    *[
        (checks.buckets_notify_queues_of_theirs,
         [*at("Messaging.UploadsQueuePolicy", "PolicyDocument", "Statement"), 0, *path], value)
        for path, value in (
            (["Condition"], REMOVE),
            (["Condition", "ArnEquals"], REMOVE),
            (["Condition", "StringEquals"], REMOVE),
            (["Condition", "ArnEquals", "aws:SourceArn"], "arn:aws:s3:::*"),
            (["Principal"], "*"),
            (["Action"], "sqs:*"),
        )
    ],
    (checks.buckets_notify_queues_of_theirs, at("MediaProcessQueue", "ScalingConfig"), REMOVE),
    (checks.buckets_notify_queues_of_theirs, at("UploadsBucket", "NotificationConfiguration"),
     {"LambdaConfigurations": [{"Event": "s3:ObjectCreated:*", "Function": {"Fn::GetAtt": ["MediaProcess", "Arn"]}}]}),
    (checks.logs_end, at("AccessLogs", "RetentionInDays"), REMOVE),
    (checks.logs_end, at("FunctionLogs", "RetentionInDays"), REMOVE),
    (checks.logs_end, at("MeGet", "LoggingConfig"), REMOVE),
    (checks.logs_end, at("MeGet", "LoggingConfig"), {"LogGroup": "elsewhere"}),
    (checks.tables_are_safe, at("Data.Main", "PointInTimeRecoverySpecification"), REMOVE),
    (checks.tables_are_safe, at("Data.Ephemeral", "DeletionProtectionEnabled"), REMOVE),
    (checks.buckets_are_safe, at("MediaBucket", "PublicAccessBlockConfiguration"), {"BlockPublicAcls": True}),
    (checks.buckets_are_safe, at("MediaBucket", "VersioningConfiguration"), REMOVE),
    (checks.buckets_are_safe, at("UploadsBucket", "BucketEncryption"), REMOVE),
    (checks.buckets_are_safe, ["UploadsBucketPolicy"], REMOVE),
    (checks.gateway_answers_are_guarded, gateway("DEFAULT_5XX"), REMOVE),
    (checks.gateway_answers_are_guarded,
     gateway("THROTTLED", "responseParameters", "gatewayresponse.header.Referrer-Policy"), REMOVE),
    *[
        (checks.gateway_answers_are_problems, gateway("THROTTLED", *path), value)
        for path, value in (
            (["statusCode"], REMOVE),
            (["statusCode"], "503"),
            (["responseTemplates", "application/json"], '{"status":$context.error.responseStatus}'),
            (["responseTemplates", "application/json"], '{"status":429,}'),
            (["responseTemplates", "application/json"], '{"status":429}'),
        )
    ],
    (checks.urgent_functions_have_concurrency_of_their_own, at("SafetyAlert", "ReservedConcurrentExecutions"), REMOVE),
    (checks.urgent_functions_have_concurrency_of_their_own, at("SafetyAlert", "ReservedConcurrentExecutions"), 0),
    (checks.urgent_functions_have_concurrency_of_their_own, at("MeGet", "ReservedConcurrentExecutions"),
     {"Fn::If": ["IsProduction", 1, {"Ref": "AWS::NoValue"}]}),
    (checks.functions_are_named_by_convention, at("MeGet", "FunctionName"), {"Fn::Sub": "${AWS::StackName}-MeGet"}),
    (checks.functions_are_named_by_convention, at("EmailSend", "FunctionName"), {"Fn::Sub": "${AWS::StackName}-api-EmailSend"}),
    (checks.permissions_are_narrow, at("CallFunctions", "ManagedPolicyArns"), ["arn:aws:iam::aws:policy/AdministratorAccess"]),
    (checks.permissions_are_narrow, at("CallTasks", "ManagedPolicyArns"), ["arn:aws:iam::aws:policy/AdministratorAccess"]),
    *[
        (checks.roles_trust_their_service, [*at(role, "AssumeRolePolicyDocument", "Statement"), 0, *path], value)
        for role, path, value in (
            ("CallFunctions", ["Principal"], {"AWS": "*"}),
            ("CallFunctions", ["Condition"], {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}),
            ("CallTasks", ["Principal"], {"Service": "lambda.amazonaws.com"}),
            ("MeGetRole", ["Principal"], "*"),
        )
    ],
    (checks.routes_lead_to_functions, ["Open"], {"Type": "AWS::Lambda::Url", "Properties": {}}),
    (checks.routes_lead_to_functions, route("/me", "get", "httpMethod"), "GET"),
    (checks.routes_lead_to_functions, route("/me", "get", "uri"),
     {"Fn::Sub": "arn:aws:apigateway:us-east-1:lambda:path/x:function:${AWS::StackName}-api-MeGet/invocations"}),
    (checks.stage_is_as_decided, settings("*", "DataTraceEnabled"), True),
    (checks.stage_is_as_decided, settings("/auth/login", "MetricsEnabled"), True),
    (checks.stage_is_as_decided, settings("/auth/login"), REMOVE),
    (checks.stage_is_as_decided, route("/me", "options"), REMOVE),
    (checks.stage_is_as_decided, at("Domain", "SecurityPolicy"), "TLS_1_0"),
    (checks.stage_is_as_decided, ["Edge.WebAclAssociation"], REMOVE),
    (checks.routes_lead_to_functions, ["MeGet"], REMOVE),
    (checks.routes_lead_to_functions, statement("CallFunctions", 0, "Resource"), {"Fn::Sub": "arn:x:function:${AWS::StackName}-*"}),
    (checks.routes_lead_to_functions, statement("CallFunctions", 0), REMOVE),
    (checks.routes_lead_to_functions, route("/me", "get", "credentials"), REMOVE),
    (checks.routes_lead_to_functions, route("/me", "get", "uri"), {"Fn::Sub": "elsewhere"}),
    (checks.gets_answer_head, route("/me", "head"), REMOVE),
    (checks.gets_answer_head, route("/me", "get"), REMOVE),
    (checks.heads_are_throttled_as_gets, settings("/sitters", "ThrottlingRateLimit"), 100),
    (checks.heads_are_throttled_as_gets, settings("/sitters", "ThrottlingBurstLimit"), REMOVE),
    (checks.heads_are_throttled_as_gets, settings("/sitters", "HttpMethod"), "HEAD"),
    (checks.heads_are_throttled_as_gets, settings("/sitters", "HttpMethod"), "*"),
    (checks.caches_are_for_deployments, at("Apiv1Stage", "CacheClusterEnabled"), True),
    (checks.caches_are_for_deployments, at("Apiv1Stage", "CacheClusterEnabled"), REMOVE),
    (checks.caches_are_for_deployments, settings("*", "CachingEnabled"), REMOVE),
    (checks.caches_are_for_deployments, settings("/sitters", "CachingEnabled"), True),
    (checks.caches_are_for_deployments, settings("/sitters", "CachingEnabled"),
     {"Fn::If": ["IsProduction", True, False]}),
    (checks.caches_are_for_deployments, settings("/sitters", "CacheDataEncrypted"), False),
    (checks.caches_are_for_deployments, settings("/sitters", "CacheDataEncrypted"), REMOVE),
    (checks.few_addresses_exhaust_no_method, settings("*", "ThrottlingRateLimit"), 200),
    (checks.few_addresses_exhaust_no_method, settings("/auth/login", "ThrottlingRateLimit"), 10),
    (checks.few_addresses_exhaust_no_method, scope("webhooks", "Limit"), 20_000),
    # An identifier can be the word webhooks.
    (checks.few_addresses_exhaust_no_method, scope("flood", "ScopeDownStatement"),
     {"NotStatement": {"Statement": {"ByteMatchStatement": {
         "FieldToMatch": {"UriPath": {}}, "PositionalConstraint": "CONTAINS", "SearchString": "/webhooks/"}}}}),
    *[
        (checks.throttled_methods_have_a_rule_of_their_own, scope(rule, "ScopeDownStatement", *path), value)
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
    (checks.address_rules_count_what_they_are_for, scope("sos", "ScopeDownStatement", "AndStatement", "Statements", 0), REMOVE),
    (checks.address_rules_count_what_they_are_for, scope("sign-in", "ScopeDownStatement", "AndStatement", "Statements", 2), REMOVE),
    (checks.firewall_can_be_deployed, scope("sos", "Limit"), 99),
    (checks.firewall_can_be_deployed, scope("sos", "EvaluationWindowSec"), 30),
    (checks.firewall_can_be_deployed, at("Edge.WebAcl", "Rules"),
     [{"Name": str(n), "Priority": n, "Statement": {"ManagedRuleGroupStatement": {"Name": "AWSManagedRulesKnownBadInputsRuleSet"}}}
      for n in range(8)]),
    (checks.firewall_can_be_deployed, [*at("Edge.WebAcl", "Rules"), 0, "Priority"], 1),
    (checks.blocks_can_be_read, [*at("Edge.WebAcl", "Rules"), 1, "Action"], {"Block": {}}),
    (checks.blocks_can_be_read, [*at("Edge.WebAcl", "Rules"), 1, "Action", "Block", "CustomResponse", "ResponseHeaders", 0, "Value"], "*"),
    *[
        (checks.secrets_are_empty, at(secret, "SecretString"), "hunter2")
        for secret in ("TokenSigningSecret", "StripeSecret", "BackgroundCheckSecret")
    ],
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "path", "value"),
    CASES,
    ids=[f"{case[0].__name__}-{'.'.join(map(str, case[1]))}" for case in CASES],
)
def test_refuses(check: Callable[[Model], Any], path: list[Any], value: Any) -> None:
    assert list(check(doctored(path, value)))


KEYS = route("/sitters/{id}/reviews", "get", "cacheKeyParameters")
CONTRACT_CASES = [
    (checks.caches_hold_what_is_public, settings("/me/password", "CachingEnabled"), True),
    (checks.caches_hold_what_is_public, settings("*", "CachingEnabled"), True),
    (checks.caches_hold_what_is_public, settings("/sitters/{id}/reviews", "ResourcePath"), "/~1sitters~1recommended"),
    (checks.caches_hold_what_is_public, settings("/sitters/{id}/reviews", "HttpMethod"), "*"),
    (checks.caches_hold_what_is_public, settings("/sitters/{id}/reviews", "ResourcePath"), "/~1sitters~1search"),
    (checks.public_sitters_are_cached, settings("/sitters", "CachingEnabled"), False),
    (checks.public_sitters_are_cached, settings("/sitters/{id}/reviews", "CachingEnabled"), REMOVE),
    (checks.public_sitters_are_cached, settings("/sitters/{id}/availability"), REMOVE),
    (checks.caches_tell_answers_apart, KEYS, REMOVE),
    *[(checks.caches_tell_answers_apart, [*KEYS, place], REMOVE) for place in range(5)],
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "path", "value"),
    CONTRACT_CASES,
    ids=[f"{case[0].__name__}-{'.'.join(map(str, case[1]))}" for case in CONTRACT_CASES],
)
def test_refuses_with_the_contract(check: Callable[..., Any], path: list[Any], value: Any) -> None:
    assert list(check(doctored(path, value), OPENAPI))


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
    model = doctored(settings("/sitters", "CacheTtlInSeconds"), value)
    assert len(list(checks.caches_keep_no_longer_than_answers_say(model, MAX_AGES))) == 1


def test_refuses_to_cache_what_says_no_age(model: Model) -> None:
    ages = {binary: age for binary, age in MAX_AGES.items() if binary != "sitters-browse"}
    assert len(list(checks.caches_keep_no_longer_than_answers_say(model, ages))) == 1


def doctored(path: list[Any], value: Any) -> Model:
    """The project's stacks with another value at one place of the resources."""
    model = load()
    doctor(model.resources, path, value)
    return model


def test_refuses_a_binary_without_a_function(model: Model) -> None:
    assert list(checks.binaries_are_functions(model, {**BINARIES, "me-delete": "me"}))


@pytest.mark.parametrize("areas", [{}, {"me-get": "auth"}], ids=["none", "another"])
def test_refuses_a_function_without_a_binary_in_its_area(model: Model, areas: dict[str, str]) -> None:
    others = {binary: area for binary, area in BINARIES.items() if binary != "me-get"}
    assert list(checks.binaries_are_functions(model, {**others, **areas}))


def test_refuses_a_function_with_the_code_of_another() -> None:
    code = "../../target/lambda/me-update/bootstrap.zip"
    assert list(checks.binaries_are_functions(doctored(at("MeGet", "Code"), code), BINARIES))


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
