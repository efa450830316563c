"""How IAM decides on a call, for the elements of policies that ours have. What it does not know it refuses to decide."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from model import Model

Statement = dict[str, Any]
PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "123456789012",
    "AWS::StackName": "nannyradar-production",
    "AWS::URLSuffix": "amazonaws.com",
    "Environment": "production",
}
# What Ref and GetAtt of a resource lead to; its name in the place of the braces.
ARNS = {
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:eu-west-1:123456789012:table/{}",
    "AWS::KMS::Key": "arn:aws:kms:eu-west-1:123456789012:key/{}",
    "AWS::SQS::Queue": "arn:aws:sqs:eu-west-1:123456789012:{}",
    "AWS::SNS::Topic": "arn:aws:sns:eu-west-1:123456789012:{}",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:{}",
    "AWS::Logs::LogGroup": "arn:aws:logs:eu-west-1:123456789012:log-group:{}:*",
    "AWS::SES::ConfigurationSet": "{}",
}


@dataclass(frozen=True)
class Call:
    """One action of a function on one resource, given by ARN, with the condition keys of the request."""

    function: str
    action: str
    resource: str
    keys: tuple[tuple[str, frozenset[str]], ...] = ()

    def __str__(self) -> str:
        keys = "".join(f", {key}: {', '.join(sorted(values))}" for key, values in self.keys)
        return f"{self.action} on {self.resource}{keys}"


@dataclass(frozen=True)
class Names:
    """The values of a template, as they are where it is deployed."""

    model: Model

    def arn(self, name: str, suffix: str = "") -> str:
        """Of a resource, named as in Model.every()."""
        return ARNS[self.model.resources[name]["Type"]].format(name) + suffix

    def text(self, value: Any) -> str:
        """A value of the template."""
        match value:
            case str():
                return value
            case {"Fn::If": ["IsDeployed", deployed, _]}:
                return self.text(deployed)
            case {"Fn::Sub": str(pattern)}:
                return re.sub(r"\$\{([^}]+)\}", lambda found: self.named(found[1]), pattern)
            case {"Ref": str(name)}:
                return self.named(name)
            case {"Fn::GetAtt": list(path)}:
                return self.named(".".join(path))
        raise NotImplementedError(f"the value {value}")

    def named(self, path: str) -> str:
        """What a Ref or a GetAtt leads to."""
        if path in PSEUDO:
            return PSEUDO[path]
        root = self.model.stacks[""]
        if path in root["Parameters"]:
            return str(root["Parameters"][path]["Default"])
        name = max((name for name in self.model.resources if f"{path}.".startswith(f"{name}.")), key=len)
        resource = self.model.resources[name]
        if resource["Type"] == "AWS::S3::Bucket":
            return self.text(resource["Properties"]["BucketName"])
        suffix = {"": "", "Arn": "", "Id": "", "StreamArn": "/stream/1"}[path.removeprefix(name).removeprefix(".")]
        return self.arn(name, suffix)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def deployed(value: Any) -> Any:
    """What stands in a policy only where it is deployed, which may be a list."""
    return value["Fn::If"][1] if isinstance(value, dict) and value.get("Fn::If", [""])[0] == "IsDeployed" else value


def statements(model: Model, role: str) -> list[tuple[str, Statement]]:
    """All that is said of a role, by itself and by the managed policies that it has, with who says it."""
    names, roles, managed = Names(model), model.every("AWS::IAM::Role"), model.every("AWS::IAM::ManagedPolicy")
    properties = roles[role]["Properties"]
    policies = [(role, policy) for policy in properties.get("Policies", [])]
    # What AWS's own policies allow, the boundary reduces to what the policy Run allows.
    shared = [model.target(policy) for policy in properties.get("ManagedPolicyArns", [])]
    shared = list(dict.fromkeys("Run" if name.startswith("arn:aws:iam::aws:") else name for name in shared))
    policies += [(name, managed[name]["Properties"]) for name in shared]
    return [
        (name, resolved(names, statement))
        for name, policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def boundary(model: Model, role: str) -> list[Statement]:
    """The most that a role may do. None is a boundary that allows everything."""
    bounds = model.resources[role]["Properties"].get("PermissionsBoundary")
    if bounds is None:
        return [{"Effect": "Allow", "Action": ["*"], "Resource": ["*"], "Condition": {}}]
    policy = model.every("AWS::IAM::ManagedPolicy")[model.target(bounds)]
    return [resolved(Names(model), each) for each in policy["Properties"]["PolicyDocument"]["Statement"]]


def resolved(names: Names, statement: Statement) -> Statement:
    """With lists everywhere, and with ARNs for resources."""
    known = {"Sid", "Effect", "Action", "Resource", "NotResource", "Condition"}
    if unknown := statement.keys() - known:
        raise NotImplementedError(f"a statement with {', '.join(unknown)}")
    found = {"Effect": statement["Effect"], "Action": as_list(statement["Action"])}
    for element in ("Resource", "NotResource"):
        if element in statement:
            found[element] = [names.text(each) for each in as_list(deployed(statement[element]))]
    found["Condition"] = {
        operator: {key: [names.text(each) for each in as_list(values)] for key, values in keys.items()}
        for operator, keys in statement.get("Condition", {}).items()
    }
    return found


@cache
def pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    """A text in which * is for any characters, and ? for one."""
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."), flags | re.DOTALL)


def like(text: str, value: str) -> bool:
    return pattern(text).fullmatch(value) is not None


COMPARISONS = {"StringEquals": lambda wanted, value: wanted == value, "StringLike": like}


def holds(condition: dict[str, dict[str, list[str]]], keys: dict[str, frozenset[str]]) -> bool:
    """Every operator and every key of it."""
    return all(
        key_holds(operator, wanted, keys.get(key))
        for operator, each in condition.items()
        for key, wanted in each.items()
    )


def key_holds(operator: str, wanted: list[str], values: frozenset[str] | None) -> bool:
    quantifier, _, name = operator.rpartition(":")
    if_exists = name.endswith("IfExists")
    compare = COMPARISONS.get(name.removesuffix("IfExists"))
    if compare is None or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise NotImplementedError(f"the operator {operator}")
    if values is None:
        # What the request does not say is taken for an empty set, of which everything is true.
        return if_exists or quantifier == "ForAllValues"
    one = [any(compare(each, value) for each in wanted) for value in values]
    if not quantifier and len(one) != 1:
        raise NotImplementedError(f"{operator} of {len(one)} values")
    return any(one) if quantifier == "ForAnyValue" else all(one)


def applies(statement: Statement, call: Call) -> bool:
    if not any(pattern(each, re.IGNORECASE).fullmatch(call.action) for each in statement["Action"]):
        return False
    if "NotResource" in statement:
        reached = not any(like(each, call.resource) for each in statement["NotResource"])
    else:
        reached = any(like(each, call.resource) for each in statement["Resource"])
    return reached and holds(statement["Condition"], dict(call.keys))


def allows(policy: list[Statement], call: Call) -> bool:
    """A denial counts more than any permission, and what nothing allows is denied."""
    effects = {statement["Effect"] for statement in policy if applies(statement, call)}
    return effects == {"Allow"}
