"""What must hold for every template of ours. A check answers with what is wrong, one sentence each, or with nothing."""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

from lib.stack import binary_of
from model import Model, period

# Actions for which AWS knows no narrower resource than "*".
ANY_RESOURCE = {
    "xray:PutTraceSegments": "traces have no resource",
    "xray:PutTelemetryRecords": "traces have no resource",
    "dynamodb:ListStreams": "the account is the resource",
    "ses:GetAccount": "the account is the resource",
    "sns:ListTopics": "the account is the resource",
    "sns:Publish": "a phone number is no resource; texts_go_to_numbers_only keeps to numbers",
}
# These read a whole table, whatever it costs.
FORBIDDEN_ACTIONS = {"dynamodb:Scan", "dynamodb:PartiQLSelect"}
INSIDE_ONE_THING = re.compile(
    r"(?P<thing>:s3:::[^*/]+(/[^*/]+)*/|:log-group:[^*]+:|:function:\$\{AWS::StackName\}-api-)\*$"
)
# The audit table is append-only.
CHANGING_ACTIONS = {"dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:PartiQLUpdate"}
AUDIT_TABLE = "Data.Audit"
MAIN_TABLE = "Data.Main"
SIGNING_SECRET = "TokenSigningSecret"
SAFETY_TOPIC = "Messaging.SafetyAlerts"
WRITING_ACTIONS = {"dynamodb:PutItem", *CHANGING_ACTIONS}
# The crates that would make the rules of the product depend on how it is served or stored.
NOT_IN_DOMAIN = re.compile(r"^(aws[-_].*|http(-body.*)?|axum.*|lambda_.*|tokio.*|reqwest|hyper.*|tower.*)$")


def binaries_are_functions(model: Model, binaries: dict[str, str]) -> Iterator[str]:
    """By the area that each binary is in: its function stands in the template beside it."""
    code = {name: properties["Code"] for name, properties in model.functions()}
    for binary in binaries:
        owners = [name for name, path in code.items() if path.split("/")[-2] == binary]
        if len(owners) != 1:
            yield f"the binary {binary} is the code of {len(owners)} functions"
    areas = {name: stack.lower() for stack, template in model.stacks.items() for name in template["Resources"]}
    for name, path in code.items():
        binary = binary_of(name)
        if path != f"../../target/lambda/{binary}/bootstrap.zip":
            yield f"{name} has the code {path} and not ../../target/lambda/{binary}/bootstrap.zip"
        if binaries.get(binary) != areas.get(name):
            yield f"{name} is in the area {areas.get(name)}, and the binary {binary} in {binaries.get(binary)}"


# Without these, a flood of anything else would keep calls for help or money waiting.
NEVER_WAITING = {"BookingsSos", "OutboxRelay", "PaymentsWork", "SafetyAlert"}


def urgent_functions_have_concurrency_of_their_own(model: Model) -> Iterator[str]:
    for name, properties in model.functions():
        match properties.get("ReservedConcurrentExecutions"):
            case {"Fn::If": ["IsProduction", int(reserved), {"Ref": "AWS::NoValue"}]} if reserved > 0:
                found = True
            case _:
                found = False
        if found != (name in NEVER_WAITING):
            yield f"{name} {'takes concurrency from all others' if found else 'may wait for the concurrency that others take'}"


def areas_agree(globals_of: dict[str, Any]) -> Iterator[str]:
    """SAM applies Globals within one template, so each area repeats them. By area."""
    first = next(iter(globals_of))
    for area, said in globals_of.items():
        if said != globals_of[first]:
            yield f"the Globals of {area} are not those of {first}"


def functions_are_named_by_convention(model: Model) -> Iterator[str]:
    """The API knows its functions by their names, and its role may call all whose names have "api", and no others."""
    serving = {name for name, _ in model.served()}
    for name, properties in model.functions():
        expected = f"${{AWS::StackName}}-{'api-' * (name in serving)}{name}"
        if model.target(properties["FunctionName"]) != expected:
            yield f"{name} is not called {expected}"


# What functions_are_named_by_convention makes the API's functions, and no others.
CALLED = ("lambda:InvokeFunction", "${AWS::StackName}-api-*")


def routes_lead_to_functions(model: Model) -> Iterator[str]:
    """By the one role that may call them."""
    names = {name for name, _ in model.functions()}
    mays = [(each["Action"], model.target(each["Resource"])) for each in permissions(model)["CallFunctions"]]
    if [(action, arn.rpartition(":function:")[2]) for action, arn in mays] != [CALLED]:
        yield "the role CallFunctions may not call exactly the functions of the API"
    for name, (method, path) in model.served():
        integration = model.api()["paths"][path][method]["x-amazon-apigateway-integration"]
        if name not in names:
            yield f"{method.upper()} {path} leads to {name}, and there is no such function"
        if model.target(integration.get("credentials")) != "CallFunctions":
            yield f"{method.upper()} {path} is not called by the role CallFunctions"
        if integration["httpMethod"] != "POST":
            yield f"{method.upper()} {path} does not call Lambda with POST"
    for name in model.every("AWS::Lambda::Url"):
        yield f"{name} is another way to a function, past the firewall and the throttles"


# The service that assumes each role. API Gateway and SNS send no condition key on their source.
TRUSTED = {"CallFunctions": "apigateway.amazonaws.com", "CallTasks": "scheduler.amazonaws.com"}


def roles_trust_their_service(model: Model) -> Iterator[str]:
    for name, role in model.every("AWS::IAM::Role").items():
        service = TRUSTED.get(name, "lambda.amazonaws.com")
        [trust] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        expected = {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Principal": {"Service": [service]}}
        principal = {kind: as_list(each) for kind, each in trust["Principal"].items()} if isinstance(trust["Principal"], dict) else trust["Principal"]
        if {**trust, "Action": as_list(trust["Action"]), "Principal": principal} != expected:
            yield f"{name} can be assumed by others than {service}"


# What costs a hash, an email, a text or a call of Stripe.
THROTTLED = {
    "/auth/login", "/auth/register", "/auth/otp/send", "/auth/otp/verify", "/auth/password/forgot", "/auth/password/reset",
    "/auth/verify-email/resend", "/me/password", "/me/email", "/me/second-step", "/payments/setup-intent",
    "/payouts/onboarding", "/bookings/{id}/payment",
}  # fmt: skip


def stage_is_as_decided(model: Model) -> Iterator[str]:
    [stage] = (each["Properties"] for each in model.every("AWS::ApiGateway::Stage").values())
    for settings in stage["MethodSettings"]:
        if settings.get("DataTraceEnabled") is not False:
            yield f"bodies of {settings['ResourcePath']} are logged"
        if settings.get("MetricsEnabled") is not False:
            yield f"metrics of {settings['ResourcePath']} cost money and are not used"
    throttled = {path for _, path in method_throttles(model)}
    for path in sorted(THROTTLED - throttled):
        yield f"{path} has no throttle of its own"
    for path, item in model.api()["paths"].items():
        if "options" not in item:
            yield f"browsers cannot call {path}"
    for name, domain in model.every("AWS::ApiGateway::DomainName").items():
        if domain["Properties"].get("SecurityPolicy") != "TLS_1_2":
            yield f"the domain {name} accepts old versions of TLS"
    if not model.every("AWS::WAFv2::WebACLAssociation"):
        yield "the firewall is connected with nothing"


def gets_answer_head(model: Model) -> Iterator[str]:
    """RFC 9110, 9.1: a server supports GET and HEAD. API Gateway sends HEAD only to a method of that name."""
    routes = {(name, *route) for name, route in model.served()}
    paths = {method: {(name, path) for name, each, path in routes if each == method} for method in ("get", "head")}
    for name, path in sorted(paths["get"] - paths["head"]):
        yield f"{name} answers GET {path} and not HEAD"
    for name, path in sorted(paths["head"] - paths["get"]):
        yield f"{name} answers HEAD {path} and not GET"


def heads_are_throttled_as_gets(model: Model) -> Iterator[str]:
    """And never cached: the cache keeps answers by resource and parameters, so GET could get the empty answer to HEAD."""
    for stage in model.every("AWS::ApiGateway::Stage").values():
        settings = {(each["HttpMethod"], each["ResourcePath"]): each for each in stage["Properties"]["MethodSettings"]}
        of_all = settings["*", "/*"]
        for _, (_, path) in (each for each in model.served() if each[1][0] == "head"):
            pointer = "/" + path.replace("~", "~0").replace("/", "~1")
            get, head = (
                next((settings[key] for key in ((method, pointer), ("*", pointer)) if key in settings), of_all)
                for method in ("GET", "HEAD")
            )
            for limit in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
                if get.get(limit) != head.get(limit):
                    yield f"HEAD {path} has not the {limit} of GET"
            if head.get("CachingEnabled"):
                yield f"HEAD {path} is cached"


def routes_are_operations(model: Model, openapi: dict[str, Any]) -> Iterator[str]:
    """But for HEAD, which the contract does not list: it is GET without the body."""
    routes = [route for _, route in model.served() if route[0] != "head"]
    operations = {
        (method, path)
        for path, item in openapi.get("paths", {}).items()
        for method in item
        if method in ("get", "put", "post", "delete", "patch", "options")
    }
    for method, path in sorted(set(routes) - operations):
        yield f"{method.upper()} {path} is a route and not an operation of infra/openapi.json"
    for method, path in sorted(operations - set(routes)):
        yield f"{method.upper()} {path} is an operation of infra/openapi.json and has no function"
    for method, path in sorted({route for route in routes if routes.count(route) > 1}):
        yield f"{method.upper()} {path} is the route of two functions"


# The policies of AWS that SAM gives every role that it makes. The boundary leaves of them what Run allows.
BY_SAM = {
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess",
}
BOUNDARY = "Boundary"


def boundary(model: Model, role: dict[str, Any]) -> str:
    return model.target(role["Properties"].get("PermissionsBoundary", ""))


def statements(model: Model) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything that is allowed, by the role or the shared policy that says so. The boundary is no permission: whatever
    it lets through, a policy must allow by itself."""
    for name, policy in model.every("AWS::IAM::ManagedPolicy").items():
        if name != BOUNDARY:
            yield from ((name, statement) for statement in allowed(policy["Properties"]))
    for name, role in model.every("AWS::IAM::Role").items():
        for policy in role["Properties"].get("Policies", []):
            yield from ((name, statement) for statement in allowed(policy))


def allowed(policy: dict[str, Any]) -> list[dict[str, Any]]:
    return [statement for statement in policy["PolicyDocument"]["Statement"] if statement["Effect"] == "Allow"]


def shares(model: Model) -> dict[str, set[str]]:
    """The shared policies of each role."""
    return {
        name: {model.target(policy) for policy in role["Properties"].get("ManagedPolicyArns", [])}
        for name, role in model.every("AWS::IAM::Role").items()
    }


def permissions(model: Model) -> dict[str, list[dict[str, Any]]]:
    """All that each role is allowed, by itself and by the shared policies that it has."""
    says: dict[str, list[dict[str, Any]]] = {}
    for name, statement in statements(model):
        says.setdefault(name, []).append(statement)
    return {
        name: [statement for each in (name, *policies) for statement in says.get(each, [])]
        for name, policies in shares(model).items()
    }


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def as_deployed(value: Any) -> Any:
    """What the emulator gets instead counts only where it runs."""
    return value["Fn::If"][1] if isinstance(value, dict) and value.get("Fn::If", [""])[0] == "IsDeployed" else value


def resources(statement: dict[str, Any]) -> list[Any]:
    """What a statement is about. Everything but something is taken for everything."""
    return as_list(as_deployed(statement.get("Resource", "*")))


def permissions_are_narrow(model: Model) -> Iterator[str]:
    limits = allowed(model.every("AWS::IAM::ManagedPolicy")[BOUNDARY]["Properties"])
    for name, statement in [*statements(model), *((BOUNDARY, limit) for limit in limits)]:
        for action in as_list(statement["Action"]):
            if "*" in action or action in FORBIDDEN_ACTIONS:
                yield f"{name} allows {action}"
    for name, statement in statements(model):
        actions = as_list(statement["Action"])
        for resource in resources(statement):
            arn = model.target(resource)
            if arn == "*" and set(actions) <= set(ANY_RESOURCE):
                continue
            # Everything inside one named thing is fine: the objects of a bucket, the streams of a log group, the API's functions.
            if "*" in INSIDE_ONE_THING.sub("", arn):
                yield f"{name} reaches {arn} with {', '.join(actions)}"
    ours = model.every("AWS::IAM::ManagedPolicy")
    bounded = {name for name, role in model.every("AWS::IAM::Role").items() if boundary(model, role) == BOUNDARY}
    apart = [*model.every("AWS::IAM::Policy"), *(name for name in ours if "Roles" in ours[name]["Properties"])]
    for name in apart:
        yield f"{name} says whose it is; roles are to say themselves what they may do"
    for name, role in model.every("AWS::IAM::Role").items():
        others = shares(model)[name] - ours.keys()
        if others - BY_SAM or (others and name not in bounded):
            yield f"{name} has a managed policy of AWS, and those reach every resource of a kind"


def functions_have_roles_of_their_own(model: Model) -> Iterator[str]:
    for name, properties in model.functions():
        if model.target(properties.get("Role")) != f"{name}Role":
            yield f"{name} has not the role {name}Role"


def environments_match_permissions(model: Model) -> Iterator[str]:
    """Who is told of a secret, a key, a queue or a topic may use it; secrets and keys are for nobody else."""
    private = model.every("AWS::SecretsManager::Secret").keys() | model.every("AWS::KMS::Key").keys()
    shared = model.every("AWS::SQS::Queue").keys() | model.every("AWS::SNS::Topic").keys()
    may = {
        role: {model.target(resource) for statement in statements for resource in resources(statement)}
        for role, statements in permissions(model).items()
    }
    for name, function in model.every("AWS::Lambda::Function").items():
        variables = function["Properties"]["Environment"]["Variables"].values()
        named, used = {model.target(value) for value in variables}, may[model.target(function["Properties"]["Role"])]
        for each in sorted((named & (private | shared)) - used):
            yield f"{name} is told of {each} and may not use it"
        for each in sorted((used & private) - named):
            yield f"{name} may use {each} and is not told of it"


def only_signers_read_the_signing_key(model: Model, signers: list[str]) -> Iterator[str]:
    """Whoever reads the private keys can sign for anybody."""
    for role, statements in permissions(model).items():
        reads = any(model.target(resource) == SIGNING_SECRET for each in statements for resource in resources(each))
        if reads and role not in [f"{signer}Role" for signer in signers]:
            yield f"{role} may read the keys that tokens are signed with"


def texts_go_to_numbers_only(model: Model) -> Iterator[str]:
    """And calls for help to the one topic there is for them."""
    for name, statement in statements(model):
        if "sns:Publish" not in as_list(statement["Action"]):
            continue
        spared = [model.target(resource) for resource in as_list(statement.get("NotResource", []))]
        to_numbers = any(arn.endswith(":sns:*:*:*") for arn in spared)
        for_help = [model.target(resource) for resource in resources(statement)] == [SAFETY_TOPIC]
        if not to_numbers and not (for_help and name == "SafetyAlertRole"):
            yield f"{name} may publish to topics that are not its own"


def audit_is_append_only(model: Model) -> Iterator[str]:
    for name, statement in statements(model):
        if any(model.target(resource) == AUDIT_TABLE for resource in resources(statement)):
            for action in CHANGING_ACTIONS & set(as_list(statement["Action"])):
                yield f"{name} allows {action} on the audit table"


def token_keys_are_guarded(model: Model) -> Iterator[str]:
    """The boundary denies it, so every role has it, but for that of the function that makes the keys."""
    denied = [
        each
        for each in model.every("AWS::IAM::ManagedPolicy")[BOUNDARY]["Properties"]["PolicyDocument"]["Statement"]
        if each["Effect"] == "Deny"
        and model.target(each["Resource"]) == MAIN_TABLE
        and each.get("Condition") == {"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": ["TOKEN_KEYS"]}}
        and set(as_list(each["Action"])) >= {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}
    ]
    if not denied:
        yield "the boundary does not deny to write the published token keys"
    for name, function in model.every("AWS::Lambda::Function").items():
        role = model.target(function["Properties"]["Role"])
        if boundary(model, model.resources[role]) != BOUNDARY and name != "TokenKeysRotate":
            yield f"{role} has no boundary"


def operations_have_their_policies(model: Model, openapi: dict[str, Any]) -> Iterator[str]:
    """What the contract says of an operation, its function may do: ask which tokens have ended, take from buckets."""
    for policy, says in (
        ("SignedIn", lambda operation: operation.get("security")),
        ("Limited", lambda operation: "429" in operation["responses"]),
    ):
        has = {role for role, policies in shares(model).items() if policy in policies}
        needs = {
            f"{name}Role"
            for name, (method, path) in model.served()
            if (operation := openapi["paths"].get(path, {}).get(method)) and says(operation)
        }
        for role in sorted(needs ^ has):
            yield f"{role} {'lacks' if role in needs else 'has no need of'} {policy}"


def failure_queues(model: Model) -> set[str]:
    """Queues at the end of the road: the dead letters of another one, or a destination of failures."""
    found = set()
    for name, queue in model.every("AWS::SQS::Queue").items():
        policy = queue["Properties"].get("RedrivePolicy")
        if policy:
            found.add(model.target(policy["deadLetterTargetArn"]))
    for kind in ("AWS::Lambda::EventSourceMapping", "AWS::Lambda::EventInvokeConfig"):
        for resource in model.every(kind).values():
            destination = resource["Properties"].get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
            if destination:
                found.add(model.target(destination))
    return found


def queues_have_dead_letters(model: Model) -> Iterator[str]:
    ends = failure_queues(model)
    for name, queue in model.every("AWS::SQS::Queue").items():
        if name not in ends and not queue["Properties"].get("RedrivePolicy"):
            yield f"the queue {name} has no dead-letter queue"
    for name in sorted(ends - heard(model)):
        yield f"nobody hears when something arrives in {name}"


def heard(model: Model) -> set[str]:
    """The queues whose alarm, which is named after them, watches them."""
    found = set()
    for name, alarm in model.every("AWS::CloudWatch::Alarm").items():
        for dimension in alarm["Properties"].get("Dimensions", []):
            match dimension["Value"]:
                # One of the names that the stack of the queues tells in one text.
                case {"Fn::Select": [int(place), {"Fn::Join": [_, names]}]}:
                    queue = model.target(names[place])
                    if f"{queue.rpartition('.')[2]}Alarm" == name.rpartition(".")[2]:
                        found.add(queue)
    return found


# For so many seconds an upload belongs to the worker that has claimed it (PROCESSING_LEASE in shared/domain/src/upload.rs).
PROCESSING_LEASE = re.compile(r"pub const PROCESSING_LEASE: SignedDuration = SignedDuration::from_secs\((\d+)\);")


def uploads_are_leased_long_enough(model: Model, source: str) -> Iterator[str]:
    """A lease outlives its worker, and has ended when the message of a crashed worker is redelivered."""
    found = PROCESSING_LEASE.search(source)
    if not found:
        yield "the domain has no PROCESSING_LEASE in seconds"
        return
    lease = int(found[1])
    timeout = model.every("AWS::Lambda::Function")["MediaProcess"]["Properties"]["Timeout"]
    visibility = model.every("AWS::SQS::Queue")["Messaging.UploadsQueue"]["Properties"]["VisibilityTimeout"]
    if not timeout < lease < visibility:
        yield f"the lease of {lease} s is not between the timeout of {timeout} s and the visibility timeout of {visibility} s"


def buckets_notify_queues_of_theirs(model: Model) -> Iterator[str]:
    """A bucket calls functions through a queue, which bounds how many run at once, and nobody else writes to that queue."""
    policies = {
        model.target(queue): policy["Properties"]["PolicyDocument"]["Statement"]
        for policy in model.every("AWS::SQS::QueuePolicy").values()
        for queue in policy["Properties"]["Queues"]
    }
    bounded = {
        model.target(mapping["Properties"]["EventSourceArn"])
        for mapping in model.every("AWS::Lambda::EventSourceMapping").values()
        if mapping["Properties"].get("ScalingConfig", {}).get("MaximumConcurrency")
    }
    for name, bucket in model.every("AWS::S3::Bucket").items():
        notifications = bucket["Properties"].get("NotificationConfiguration", {})
        if set(notifications) - {"QueueConfigurations"}:
            yield f"the bucket {name} notifies something else than a queue"
        arn = {"Fn::Sub": "arn:${AWS::Partition}:s3:::" + model.target(bucket["Properties"]["BucketName"])}
        only = {"ArnEquals": {"aws:SourceArn": arn}, "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
        for configuration in notifications.get("QueueConfigurations", []):
            queue = model.target(configuration["Queue"])
            if queue not in bounded:
                yield f"the queue {queue} of the bucket {name} has no MaximumConcurrency"
            allowed = [statement for statement in policies.get(queue, []) if statement["Effect"] == "Allow"]
            if not allowed:
                yield f"the bucket {name} may not send to {queue}"
            for statement in allowed:
                if (
                    statement["Principal"] != {"Service": "s3.amazonaws.com"}
                    or statement["Action"] != "sqs:SendMessage"
                    or statement.get("Condition") != only
                ):
                    yield f"others than the bucket {name} may use {queue}"


def queues_hide_long_enough(model: Model) -> Iterator[str]:
    queues = model.every("AWS::SQS::Queue")
    for name, mapping in model.every("AWS::Lambda::EventSourceMapping").items():
        queue = queues.get(model.target(mapping["Properties"]["EventSourceArn"]))
        if queue is None:
            continue
        function = model.every("AWS::Lambda::Function")[model.target(mapping["Properties"]["FunctionName"])]
        timeout, visibility = function["Properties"]["Timeout"], queue["Properties"].get("VisibilityTimeout", 30)
        if visibility < 6 * timeout:
            yield f"{name}: visibility {visibility} s is less than six times the timeout of {timeout} s"
        if "ReportBatchItemFailures" not in mapping["Properties"].get("FunctionResponseTypes", []):
            yield f"{name} does not report the failures of single messages"


def consumers(model: Model) -> Iterator[tuple[str, str, int, int]]:
    """The functions that a queue calls, each with the queue, its own timeout and the queue's visibility timeout."""
    queues, functions = model.every("AWS::SQS::Queue"), model.every("AWS::Lambda::Function")
    for mapping in model.every("AWS::Lambda::EventSourceMapping").values():
        queue = model.target(mapping["Properties"]["EventSourceArn"])
        if queue in queues:
            name = model.target(mapping["Properties"]["FunctionName"])
            timeout = functions[name]["Properties"]["Timeout"]
            yield name, queue, timeout, queues[queue]["Properties"].get("VisibilityTimeout", 30)


def leases_end_between_deliveries(model: Model, leases: dict[str, int]) -> Iterator[str]:
    """By the binary, in seconds. A lease that is shorter than an execution lets two do the same work; one that is not
    shorter than the visibility timeout makes the next delivery find it taken, and counts as one of its tries."""
    for name, queue, timeout, visibility in consumers(model):
        lease = leases.get(binary_of(name))
        if lease is not None and not timeout < lease < visibility:
            yield f"{name}: a lease of {lease} s is not between the timeout of {timeout} s and the {visibility} s of {queue}"


def calls_end_before_functions(model: Model, aws: float, stripe: float) -> Iterator[str]:
    """The longest that one call may take, all its tries included, in seconds."""
    calls_aws = {role for role, policies in permissions(model).items() if any(not only_logs(each) for each in policies)}
    for name, function in model.every("AWS::Lambda::Function").items():
        timeout = function["Properties"]["Timeout"]
        longest = aws if model.target(function["Properties"]["Role"]) in calls_aws else 0
        if "STRIPE_API_URL" in function["Properties"]["Environment"]["Variables"]:
            longest = max(longest, stripe)
        if longest >= timeout:
            yield f"{name} ends after {timeout} s, and a call that it makes after {longest} s"


def only_logs(statement: dict[str, Any]) -> bool:
    return all(action.startswith(("logs:", "xray:")) for action in as_list(statement["Action"]))


def requests_end_before_their_lock(model: Model, lock: int) -> Iterator[str]:
    """The lock of an idempotency key, in seconds."""
    for name in sorted({name for name, _ in model.served()}):
        timeout = model.every("AWS::Lambda::Function")[name]["Properties"]["Timeout"]
        if timeout >= lock:
            yield f"{name} may run for {timeout} s, and the lock of its idempotency key ends after {lock} s"


def scheduled(model: Model) -> Iterator[tuple[str, int]]:
    """The functions that a schedule calls, and how often, in seconds."""
    for schedule in model.every("AWS::Scheduler::Schedule").values():
        name = model.target(schedule["Properties"]["Target"]["Arn"])
        yield name, period(schedule)


def scheduled_tasks_raise_alarms(model: Model, paged: set[str]) -> Iterator[str]:
    """Whatever a run could not do, within the task's own period; and, of the binaries that work through what is due page by
    page, runs that do not get to the end."""
    for name, seconds in scheduled(model):
        wanted = ["TaskFailed"] + ["TaskIncomplete"] * (binary_of(name) in paged)
        for metric in wanted:
            alarms = [alarm for alarm in alarms_on(model, metric) if dimension(alarm) == f"${{AWS::StackName}}-{name}"]
            if not alarms:
                yield f"nobody hears of {metric} of {name}"
            if metric == "TaskFailed" and any(alarm["Period"] * alarm["EvaluationPeriods"] > seconds for alarm in alarms):
                yield f"{name} runs again before its alarm rings"


def alarms_on(model: Model, metric: str) -> Iterator[dict[str, Any]]:
    """The alarms on a metric that the logs are made into."""
    for alarm in model.every("AWS::CloudWatch::Alarm").values():
        properties = alarm["Properties"]
        if properties["MetricName"] == metric and properties.get("AlarmActions") and properties.get("Threshold") == 0:
            yield properties


def dimension(alarm: dict[str, Any]) -> str:
    [dimension] = alarm["Dimensions"]
    return dimension["Value"]["Fn::Sub"]


def alarms_say_what_is_wrong(model: Model) -> Iterator[str]:
    for name, alarm in model.every("AWS::CloudWatch::Alarm").items():
        if not alarm["Properties"].get("AlarmDescription"):
            yield f"the alarm {name} does not say what is wrong"
        if not alarm["Properties"].get("AlarmActions"):
            yield f"the alarm {name} notifies nobody"


def streams_survive_poison(model: Model) -> Iterator[str]:
    tables = model.every("AWS::DynamoDB::Table")
    for name, mapping in model.every("AWS::Lambda::EventSourceMapping").items():
        properties = mapping["Properties"]
        if model.target(properties["EventSourceArn"]) not in tables:
            continue
        for needed in ("FilterCriteria", "BisectBatchOnFunctionError"):
            if not properties.get(needed):
                yield f"the stream source {name} has no {needed}"
        # Attempts come every second or so while a queue does not answer, so their number is no measure of an outage.
        if properties.get("MaximumRetryAttempts", -1) != -1:
            yield f"the stream source {name} gives up after a number of attempts"
        # The stream keeps a record for a day, and what is poison must be out of the way well before.
        hours = properties.get("MaximumRecordAgeInSeconds", -1) / 3600
        if not 2 <= hours <= 12:
            yield f"the stream source {name} does not retry for hours and end well within a day"
        if not properties.get("DestinationConfig", {}).get("OnFailure"):
            yield f"the stream source {name} has no destination for failures"
        if "ReportBatchItemFailures" not in properties.get("FunctionResponseTypes", []):
            yield f"the stream source {name} does not report the failures of single records"


def async_failures_are_kept(model: Model) -> Iterator[str]:
    kept = {
        model.target(resource["Properties"]["FunctionName"])
        for resource in model.every("AWS::Lambda::EventInvokeConfig").values()
        if resource["Properties"].get("DestinationConfig", {}).get("OnFailure")
    }
    for permission in model.every("AWS::Lambda::Permission"):
        # S3, SNS and the like; the API has a role, and schedules are below.
        yield f"{permission} lets a service call a function by itself; let it write to a queue"
    for name, _ in scheduled(model):
        if name not in kept:
            yield f"{name} is called asynchronously, and its failures go nowhere"


def logs_end(model: Model) -> Iterator[str]:
    groups = model.every("AWS::Logs::LogGroup")
    for name, group in groups.items():
        if not group["Properties"].get("RetentionInDays"):
            yield f"the log group {name} is kept for ever"
    for name, function in model.every("AWS::Lambda::Function").items():
        if model.target(as_deployed(function["Properties"].get("LoggingConfig", {}).get("LogGroup"))) not in groups:
            yield f"{name} writes to a log group that is not in the template"


def tables_are_safe(model: Model) -> Iterator[str]:
    for name, table in model.every("AWS::DynamoDB::Table").items():
        properties = table["Properties"]
        restorable = properties.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled", False)
        # What goes with its stack may be lost, and what has ended in it must not come back.
        if restorable == (table["DeletionPolicy"] == "Delete"):
            yield f"the table {name} {'can' if restorable else 'cannot'} be restored"
        if "DeletionProtectionEnabled" not in properties:
            yield f"the table {name} does not say whether it is protected from deletion"


def buckets_are_safe(model: Model) -> Iterator[str]:
    tls_only = {
        model.target(policy["Properties"]["Bucket"])
        for policy in model.every("AWS::S3::BucketPolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
    }
    for name, bucket in model.every("AWS::S3::Bucket").items():
        properties = bucket["Properties"]
        block = properties.get("PublicAccessBlockConfiguration", {})
        names = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        if not all(block.get(option) is True for option in names):
            yield f"the bucket {name} may be public"
        if properties.get("VersioningConfiguration", {}).get("Status") != "Enabled":
            yield f"the bucket {name} has no versions"
        if not properties.get("BucketEncryption"):
            yield f"the bucket {name} is not encrypted"
        if name not in tls_only:
            yield f"the bucket {name} can be used without TLS"


def secrets_are_empty(model: Model) -> Iterator[str]:
    for name, secret in model.every("AWS::SecretsManager::Secret").items():
        if "SecretString" in secret["Properties"]:
            yield f"the value of {name} stands in the template"


# Of what the gateway answers by itself; frame-ancestors needs quotes, which do not fit, so X-Frame-Options stands for it.
GATEWAY_HEADERS = {
    "Cache-Control", "Content-Security-Policy", "Content-Type", "Cross-Origin-Resource-Policy", "Permissions-Policy",
    "Referrer-Policy", "Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options",
    "Access-Control-Allow-Origin",
}  # fmt: skip


def gateway_answers_are_guarded(model: Model) -> Iterator[str]:
    responses = model.api()["x-amazon-apigateway-gateway-responses"]
    for name in sorted({"DEFAULT_4XX", "DEFAULT_5XX"} - responses.keys()):
        yield f"the gateway answers {name} in its own words"
    for name, response in responses.items():
        sent = {header.removeprefix("gatewayresponse.header.") for header in response.get("responseParameters", {})}
        for header in sorted(GATEWAY_HEADERS - sent):
            yield f"the gateway's {name} has no {header}"


# Variables of the context that are texts without quotes in them, which a template puts between its own.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
TEXTS = {"$context.requestId"}


def gateway_answers_are_problems(model: Model) -> Iterator[str]:
    """Each template is JSON in our one shape, whatever the variables in it are, with the status that is sent."""
    for name, response in model.api()["x-amazon-apigateway-gateway-responses"].items():
        text = response["responseTemplates"]["application/json"]
        if unknown := set(re.findall(r"\$[\w.]+", text)) - TEXTS:
            yield f"the gateway's {name} has {', '.join(sorted(unknown))}, which may not be JSON"
            continue
        try:
            body = json.loads(text)
        except json.JSONDecodeError as error:
            yield f"the gateway's {name} is not JSON: {error}"
            continue
        if missing := {"type", "title", "status", "code", "detail", "request_id", "errors"} - body.keys():
            yield f"the gateway's {name} has no {', '.join(sorted(missing))}"
        elif str(body["status"]) != str(response.get("statusCode")):
            yield f"the gateway's {name} is sent as {response.get('statusCode')} and says {body['status']}"


# Beside its parameters: a 304 is for whom has that version, and CORS headers are for who calls from there.
KEY_HEADERS = {"method.request.header.If-None-Match", "method.request.header.Origin"}
PLACES = {"path": "path", "query": "querystring", "header": "header"}
ONLY_DEPLOYED = {"Fn::If": ["IsDeployed", True, False]}


def cached(model: Model) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The methods whose answers the stage keeps, as method, path and settings."""
    for stage in model.every("AWS::ApiGateway::Stage").values():
        for settings in stage["Properties"].get("MethodSettings", []):
            if settings.get("CachingEnabled"):
                path = settings["ResourcePath"].removeprefix("/").replace("~1", "/").replace("~0", "~")
                yield settings["HttpMethod"].lower(), path, settings


def public(openapi: dict[str, Any]) -> set[tuple[str, str]]:
    """What anybody may read."""
    return {
        ("get", path)
        for path, item in openapi["paths"].items()
        if "get" in item and not item["get"].get("security", openapi.get("security"))
    }


def caches_hold_what_is_public(model: Model, openapi: dict[str, Any]) -> Iterator[str]:
    for method, path, _ in cached(model):
        if (method, path) not in public(openapi):
            yield f"{method.upper()} {path} is cached and not for everybody to read"
        elif "429" in openapi["paths"][path][method]["responses"]:
            yield f"{method.upper()} {path} is cached, and so may be its refusal of somebody else"


def public_sitters_are_cached(model: Model, openapi: dict[str, Any]) -> Iterator[str]:
    kept = {(method, path) for method, path, _ in cached(model)}
    for method, path in sorted(public(openapi) - kept):
        operation = openapi["paths"][path][method]
        limited = "429" in operation["responses"]
        counted = "search_id" in {parameter["name"] for parameter in operation.get("parameters", [])}
        if (path == "/sitters" or path.startswith("/sitters/")) and not limited and not counted:
            yield f"{method.upper()} {path} is for everybody to read and not cached"


def caches_tell_answers_apart(model: Model, openapi: dict[str, Any]) -> Iterator[str]:
    [api] = model.every("AWS::ApiGateway::RestApi").values()
    for method, path, _ in cached(model):
        operation = openapi["paths"].get(path, {}).get(method, {})
        wanted = KEY_HEADERS | {
            f"method.request.{PLACES[parameter['in']]}.{parameter['name']}"
            for parameter in operation.get("parameters", [])
        }
        deployed = api["Properties"]["Body"]["paths"].get(path, {}).get(method, {})
        keys = deployed.get("x-amazon-apigateway-integration", {}).get("cacheKeyParameters", [])
        for key in sorted(wanted - set(keys)):
            yield f"{method.upper()} {path} is cached without the key {key}"


# API Gateway keeps a refusal, too.
LONGEST_CACHE = 60


def caches_keep_no_longer_than_answers_say(model: Model, max_ages: dict[str, int]) -> Iterator[str]:
    """By what the code of each function has as MAX_AGE, in seconds."""
    functions = {route: binary_of(name) for name, route in model.served()}
    for method, path, settings in cached(model):
        says, keeps = max_ages.get(functions.get((method, path), ""), 0), settings.get("CacheTtlInSeconds", 300)
        if keeps > min(says, LONGEST_CACHE):
            yield f"{method.upper()} {path} is cached for {keeps} s, and its answer says {says}"


def caches_are_for_deployments(model: Model) -> Iterator[str]:
    for name, stage in model.every("AWS::ApiGateway::Stage").items():
        if stage["Properties"].get("CacheClusterEnabled") != ONLY_DEPLOYED:
            yield f"the stage {name} has a cache elsewhere than where it is deployed, or none"
        [everywhere] = [each for each in stage["Properties"]["MethodSettings"] if each["ResourcePath"] == "/*"]
        if everywhere.get("CachingEnabled") is not False:
            yield f"the stage {name} does not say that other methods are not cached"
    for method, path, settings in cached(model):
        if settings["CachingEnabled"] != ONLY_DEPLOYED:
            yield f"{method.upper()} {path} is cached elsewhere than where it is deployed"
        if settings.get("CacheDataEncrypted") is not True:
            yield f"{method.upper()} {path} is cached in the clear"


def method_throttles(model: Model) -> dict[tuple[str, str], int]:
    """Requests per second that the stage admits, by method and path. `("*", "*")` is for methods without their own."""
    [stage] = model.every("AWS::ApiGateway::Stage").values()
    return {
        (each["HttpMethod"].lower(), each["ResourcePath"].removeprefix("/").replace("~1", "/")): each["ThrottlingRateLimit"]
        for each in stage["Properties"]["MethodSettings"]
    }


def firewall(model: Model) -> list[dict[str, Any]]:
    [acl] = model.every("AWS::WAFv2::WebACL").values()
    return acl["Properties"]["Rules"]


def address_rules(model: Model) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rules that count the requests of each source address."""
    for rule in firewall(model):
        counted = rule["Statement"].get("RateBasedStatement")
        if counted and counted["AggregateKeyType"] == "IP":
            yield rule["Name"], counted


def matches(statement: dict[str, Any] | None, method: str, path: str) -> bool:
    """Whether a statement of the firewall matches a request. Without a statement, every request matches."""
    if statement is None:
        return True
    [(kind, body)] = statement.items()
    match kind:
        case "AndStatement":
            return all(matches(each, method, path) for each in body["Statements"])
        case "OrStatement":
            return any(matches(each, method, path) for each in body["Statements"])
        case "NotStatement":
            return not matches(body["Statement"], method, path)
        case "ByteMatchStatement":
            value = method.upper() if "Method" in body["FieldToMatch"] else path
            wanted = body["SearchString"]
            return {
                "EXACTLY": value == wanted,
                "CONTAINS": wanted in value,
                "STARTS_WITH": value.startswith(wanted),
                "ENDS_WITH": value.endswith(wanted),
            }[body["PositionalConstraint"]]
    raise AssertionError(f"the check does not know {kind}")


# The stage's own URL, and a custom domain with and without a base path.
PREFIXES = ("/v1", "", "/api/v1")
# So many addresses, each at its limit, are needed to use up the throttle of a method.
ADDRESSES = 50


def address_limit(model: Model, method: str, path: str) -> tuple[float, set[str]]:
    """Requests per second that the firewall admits from one address, and the rules that count such a request. The
    least strict of what holds under each prefix and with each identifier, which can be any word of another path."""
    words = {word for _, (_, served_path) in model.served() for word in served_path.split("/") if word and "{" not in word}
    identifiers = sorted({"bkg_01h455vb4pex5vsknk084sn02q", *words}) if "{" in path else [""]
    found = []
    for prefix, identifier in itertools.product(PREFIXES, identifiers):
        request = prefix + re.sub(r"\{\w+\}", identifier, path)
        rules = [(name, rule) for name, rule in address_rules(model) if matches(rule.get("ScopeDownStatement"), method, request)]
        rates = [rule["Limit"] / rule["EvaluationWindowSec"] for _, rule in rules]
        found.append((min(rates, default=float("inf")), {name for name, _ in rules}))
    return max(rate for rate, _ in found), set.intersection(*(names for _, names in found))


def few_addresses_exhaust_no_method(model: Model) -> Iterator[str]:
    throttles = method_throttles(model)
    for _, (method, path) in model.served():
        rate, (limit, _) = throttles.get((method, path), throttles["*", "*"]), address_limit(model, method, path)
        if limit * ADDRESSES > rate:
            yield f"{method.upper()} {path}: {rate / limit:.0f} addresses use up the {rate} requests a second of everybody"


def throttled_methods_have_a_rule_of_their_own(model: Model) -> Iterator[str]:
    """Beside the one against floods, for each method that changes something and has a throttle of its own."""
    for method, path in method_throttles(model):
        _, rules = address_limit(model, method, path)
        if method not in ("*", "get") and not rules - {"flood"}:
            yield f"{method.upper()} {path} is throttled for everybody together, and no rule limits one address"


def address_rules_count_what_they_are_for(model: Model) -> Iterator[str]:
    """Preflights and reads are not counted with what costs something, and neither is a refresh with a sign-in."""
    narrow = [(name, rule) for name, rule in address_rules(model) if name != "flood"]
    for path in {path for _, (_, path) in model.served()}:
        for method in ("GET", "HEAD", "OPTIONS"):
            for name, rule in narrow:
                if matches(rule.get("ScopeDownStatement"), method, f"/v1{path}"):
                    yield f"the rule {name} counts {method} {path}"
    _, counted = address_limit(model, "post", "/auth/refresh")
    if counted != {"flood"}:
        yield f"POST /auth/refresh is counted by {', '.join(sorted(counted))}"


# What the firewall costs without a further charge, in the capacity units of AWS WAF.
MOST_UNITS = 1500
UNITS = {"CONTAINS": 10, "EXACTLY": 2, "STARTS_WITH": 2, "ENDS_WITH": 2}
UNITS_OF_GROUPS = {"AWSManagedRulesAmazonIpReputationList": 25, "AWSManagedRulesKnownBadInputsRuleSet": 200}


def units(statement: dict[str, Any]) -> int:
    [(kind, body)] = statement.items()
    match kind:
        case "ManagedRuleGroupStatement":
            return UNITS_OF_GROUPS[body["Name"]]
        case "ByteMatchStatement":
            transformations = [each for each in body["TextTransformations"] if each["Type"] != "NONE"]
            return UNITS[body["PositionalConstraint"]] + 10 * len(transformations)
        case "RateBasedStatement":
            return 2 + (units(body["ScopeDownStatement"]) if "ScopeDownStatement" in body else 0)
    return 1 + sum(units(each) for each in body.get("Statements", [body.get("Statement")]))


def firewall_can_be_deployed(model: Model) -> Iterator[str]:
    total = sum(units(rule["Statement"]) for rule in firewall(model))
    if total > MOST_UNITS:
        yield f"the rules need {total} capacity units"
    for name, rule in address_rules(model):
        if rule["Limit"] < 100 or rule["EvaluationWindowSec"] not in (60, 120, 300, 600):
            yield f"AWS WAF does not take the limit or the window of the rule {name}"
    priorities = [rule["Priority"] for rule in firewall(model)]
    if len(set(priorities)) < len(priorities):
        yield "two rules have the same priority"


def blocks_can_be_read(model: Model) -> Iterator[str]:
    """A browser shows a response to the web app only if it names the app's origin."""
    for rule in firewall(model):
        if "RateBasedStatement" not in rule["Statement"]:
            continue
        response = rule["Action"]["Block"].get("CustomResponse", {})
        headers = {header["Name"]: model.target(header["Value"]) for header in response.get("ResponseHeaders", [])}
        if response.get("ResponseCode") != 429 or "CustomResponseBodyKey" not in response:
            yield f"the rule {rule['Name']} does not answer 429 with a body"
        if headers.get("Access-Control-Allow-Origin") != "WebOrigin":
            yield f"the rule {rule['Name']} answers what a browser hides"


def domain_is_pure(crates: list[str]) -> Iterator[str]:
    for crate in crates:
        if NOT_IN_DOMAIN.match(crate):
            yield f"domain depends on {crate}"
