"""What the functions call against what their roles allow. A check answers with what is wrong, one sentence each."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import parliament
from evaluate import Call, Names, Statement, allows, applies, boundary, like, resolved, statements
from model import ROOT, Model

RECORDINGS = ROOT / "target/aws-calls"

# Permissions that no test can use, as role, action and resource, and why each is right. Patterns, as in a policy.
JUSTIFIED = {
    ("*", "s3:GetObject", "*:::nannyradar-*-media-*/*"):
        "links are signed with the role, and what they allow is asked for by who follows them",
    ("UploadsCreateRole", "s3:PutObject", "*:::nannyradar-*-uploads-*/incoming/*"):
        "the form is signed with the role, and what it allows is asked for by who sends it",
    ("SittersSearchRole", "sqs:SendMessage", "*:Messaging.AnalyticsQueue"):
        "the queue is known by the environment only; what cannot be counted is answered nevertheless",
    ("SittersGetRole", "sqs:SendMessage", "*:Messaging.AnalyticsQueue"):
        "as for searches",
    ("SystemReadyRole", "sqs:GetQueueAttributes", "*:Messaging.EmailQueue"):
        "the queue is known by the environment only",
    ("MediaProcessRole", "*", "*"):
        "its tests stand in for S3 with a server of their own",
}  # fmt: skip
# Whoever writes these to the main table announces something.
EVENTS = ("OUTBOX#", "URGENT#")


def recorded(model: Model) -> list[Call]:
    """The calls that tests have recorded. An error if there are none: everything would be allowed, and nothing used."""
    files = sorted(RECORDINGS.glob("*.jsonl"))
    if not files:
        raise FileNotFoundError(f"no calls are recorded in {RECORDINGS}; run scripts/test --only unit")
    lines = {line for file in files for line in file.read_text().splitlines()}
    names, functions = Names(model), by_route(model)
    calls = set()
    for line in lines:
        recording = json.loads(line)
        call = recording["call"]
        keys = tuple((key, frozenset(values)) for key, values in call["keys"].items())
        calls.add(Call(functions(recording["function"]), call["action"], arn(names, call), keys))
    return sorted(calls, key=str)


def by_route(model: Model) -> Callable[[str], str]:
    """Finds the function that a recording names, by itself or by the method and the path that it serves."""
    found = {name: name for name, _ in model.functions()}
    found |= {f"{method.upper()} {path}": name for name, (method, path) in model.served()}
    return found.__getitem__


def arn(names: Names, call: dict[str, Any]) -> str:
    """Of the resource that a test names: tables and buckets by what they are for, all else by its logical id."""
    service, resource = call["action"].partition(":")[0], call["resource"]
    name, slash, rest = resource.partition("/")
    match service:
        case "dynamodb":
            return names.arn(f"Data.{name.capitalize()}", slash + rest)
        case "kms":
            return names.arn("FieldKey")
        case "s3":
            return f"arn:aws:s3:::{names.named(f'{name.capitalize()}Bucket')}{slash}{rest}"
        case "secretsmanager":
            return names.arn(name)
        case "sqs":
            return names.arn(f"Messaging.{name}")
        case "sns":
            return resource if resource in ("*", "a phone number") else names.arn(f"Messaging.{name}")
        case "ses":
            rest = f"Messaging.{rest}" if name == "configuration-set" else rest
            return f"arn:aws:ses:eu-west-1:123456789012:{name}/{rest}" if slash else resource
    raise NotImplementedError(f"the service {service}")


def by_platform(model: Model) -> Iterator[Call]:
    """The calls that Lambda makes with a function's role, and the secrets that the code reads when it starts."""
    names, functions = Names(model), model.every("AWS::Lambda::Function")
    secrets = model.every("AWS::SecretsManager::Secret")
    for name, function in functions.items():
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            yield Call(name, action, names.arn("FunctionLogs"))
        for action in ("xray:PutTraceSegments", "xray:PutTelemetryRecords"):
            yield Call(name, action, "*")
        for value in function["Properties"]["Environment"]["Variables"].values():
            if model.target(value) in secrets:
                yield Call(name, "secretsmanager:GetSecretValue", names.text(value))
    for mapping in model.every("AWS::Lambda::EventSourceMapping").values():
        properties = mapping["Properties"]
        name, source = model.target(properties["FunctionName"]), names.text(properties["EventSourceArn"])
        if ":dynamodb:" in source:
            # Of all streams, for which AWS knows no narrower resource.
            yield Call(name, "dynamodb:ListStreams", "*")
        actions = (
            ("DescribeStream", "GetRecords", "GetShardIterator")
            if ":dynamodb:" in source
            else ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
        )
        service = source.split(":")[2]
        yield from (Call(name, f"{service}:{action}", source) for action in actions)
        yield from failures(names, name, properties)
    for config in model.every("AWS::Lambda::EventInvokeConfig").values():
        yield from failures(names, model.target(config["Properties"]["FunctionName"]), config["Properties"])


def failures(names: Names, function: str, properties: dict[str, Any]) -> Iterator[Call]:
    if destination := properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"):
        yield Call(function, "sqs:SendMessage", names.text(destination))


def roles(model: Model) -> dict[str, str]:
    """The role of each function."""
    functions = model.every("AWS::Lambda::Function")
    return {name: model.target(function["Properties"]["Role"]) for name, function in functions.items()}


def calls_are_allowed(model: Model, calls: Iterable[Call]) -> Iterator[str]:
    policies = {name: [each for _, each in statements(model, role)] for name, role in roles(model).items()}
    bounds = {name: boundary(model, role) for name, role in roles(model).items()}
    refused = {
        (call.function, shape(call))
        for call in calls
        if not allows(policies[call.function], call) or not allows(bounds[call.function], call)
    }
    for name, call in sorted(refused):
        yield f"{name} may not call {call}"


def shape(call: Call) -> str:
    """A call without what differs each time, so that it is complained of once."""
    return re.sub(r"[#/][^#/,]*[0-9][^#/,]*", lambda found: found[0][0] + "…", str(call))


def permissions_are_used(model: Model, calls: Iterable[Call]) -> Iterator[str]:
    by_role: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        by_role[roles(model)[call.function]].append(call)
    reasons = set()
    for role in sorted(set(roles(model).values())):
        for owner, statement in statements(model, role):
            if statement["Effect"] != "Allow":
                continue
            made = [call for call in by_role[role] if applies(statement, call)]
            of = role if owner == role else f"{role}, by {owner},"
            for action in statement["Action"]:
                for element in ("Resource", "NotResource"):
                    for resource in statement.get(element, []):
                        if used(statement, action, element, resource, made):
                            continue
                        if reason := justified(role, action, resource):
                            reasons.add(reason)
                        else:
                            yield f"{of} may {action} on {resource} and no test does"
            for key, pattern in patterns(statement):
                if not any(like(pattern, value) for call in made for value in dict(call.keys).get(key, ())):
                    yield f"{of} may use {key} {pattern} with {', '.join(statement['Action'])} and no test does"
    for reason in sorted(JUSTIFIED.keys() - reasons):
        yield f"{' '.join(reason)} is justified and needs no reason"


def used(statement: Statement, action: str, element: str, resource: str, made: list[Call]) -> bool:
    one = {**statement, "Action": [action], element: [resource]}
    return any(applies(one, call) for call in made)


def patterns(statement: Statement) -> Iterator[tuple[str, str]]:
    """What the conditions of a statement let through."""
    for keys in statement["Condition"].values():
        for key, values in keys.items():
            yield from ((key, value) for value in values)


def justified(role: str, action: str, resource: str) -> tuple[str, str, str] | None:
    for reason in JUSTIFIED:
        if all(like(pattern, value) for pattern, value in zip(reason, (role, action, resource))):
            return reason
    return None


def announcing_is_all_that_is_allowed(model: Model, calls: Iterable[Call]) -> Iterator[str]:
    """A function that writes nothing but events to the main table may write nothing else."""
    table = Names(model).arn("Data.Main")
    written: dict[str, set[str]] = defaultdict(set)
    for call in calls:
        if (call.action, call.resource) == ("dynamodb:PutItem", table):
            written[call.function] |= dict(call.keys)["dynamodb:LeadingKeys"]
    probe = (("dynamodb:LeadingKeys", frozenset({"USER#somebody"})),)
    for name, keys in sorted(written.items()):
        policy = [each for _, each in statements(model, roles(model)[name])]
        if all(key.startswith(EVENTS) for key in keys) and allows(
            policy, Call(name, "dynamodb:PutItem", table, probe)
        ):
            yield f"{name} writes nothing but events, and may write any key"


def keys_are_used_for_named_fields(model: Model, _: Iterable[Call]) -> Iterator[str]:
    """One key encrypts several kinds of fields, so who may use it may do so for a kind of field."""
    for role in sorted(set(roles(model).values())):
        for _, statement in statements(model, role):
            fields = [key for key, _ in patterns(statement)]
            if statement["Action"][0].startswith("kms:") and "kms:EncryptionContext:field" not in fields:
                yield f"{role} may {', '.join(statement['Action'])} every kind of field"


def policies(model: Model) -> Iterator[tuple[str, list[Statement]]]:
    """All policies of ours, with the role or the shared policy that has them."""
    names = Names(model)
    for name, policy in model.every("AWS::IAM::ManagedPolicy").items():
        yield name, [resolved(names, each) for each in policy["Properties"]["PolicyDocument"]["Statement"]]
    for name, role in model.every("AWS::IAM::Role").items():
        for policy in role["Properties"].get("Policies", []):
            yield name, [resolved(names, each) for each in policy["PolicyDocument"]["Statement"]]


def policies_are_sound(model: Model, _: Iterable[Call]) -> Iterator[str]:
    """By the rules of parliament: actions that there are, on resources and with condition keys that they have."""
    for name, found in policies(model):
        # Without what is empty, which is no policy.
        statements = [{key: value for key, value in each.items() if value} for each in found]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        for finding in parliament.analyze_policy_string(policy).findings:
            # The boundary permits nothing by itself.
            if (name, finding.issue) != ("Boundary", "RESOURCE_STAR"):
                yield f"{name}: {finding.issue} {finding.detail}"
