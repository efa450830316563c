"""All stacks as one: SAM translated, nested stacks beside the root, and every reference followed to the resource it leads to."""

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lib import sam

ROOT = Path(__file__).resolve().parents[2]
Resource = dict[str, Any]
Template = dict[str, Any]
FUNCTION = re.compile(
    r"arn:\$\{AWS::Partition\}:apigateway:\$\{AWS::Region\}:lambda:path/2015-03-31/functions/"
    r"arn:\$\{AWS::Partition\}:lambda:\$\{AWS::Region\}:\$\{AWS::AccountId\}:function:\$\{AWS::StackName\}-api-(\w+)/invocations"
)
# The others' resources are named by themselves, because no two of them have the same name.
QUALIFIED = {"Data", "Messaging", "Observability", "Edge"}


def qualified(stack: str, name: str) -> str:
    return f"{stack}.{name}" if stack in QUALIFIED else name


@dataclass
class Model:
    stacks: dict[str, Template]
    """The templates as CloudFormation gets them: the root as "", the nested ones by the logical ids of their stacks."""
    resources: dict[str, Resource]
    """All resources. A reference in them names a resource here, or a parameter of the root."""
    outputs: dict[str, Any]
    """What the root tells of itself."""

    def every(self, kind: str) -> dict[str, Resource]:
        """All resources of a type."""
        return {name: resource for name, resource in self.resources.items() if resource["Type"] == kind}

    def functions(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Our functions and their properties."""
        for name, resource in self.every("AWS::Lambda::Function").items():
            yield name, resource["Properties"]

    def api(self) -> dict[str, Any]:
        """The definition of the REST API."""
        [api] = self.every("AWS::ApiGateway::RestApi").values()
        return api["Properties"]["Body"]

    def served(self) -> Iterator[tuple[str, tuple[str, str]]]:
        """The functions that answer requests, each with the method and the path of one."""
        for path, item in self.api()["paths"].items():
            for method, operation in item.items():
                integration = operation["x-amazon-apigateway-integration"]
                if integration["type"] == "aws_proxy":
                    found = FUNCTION.fullmatch(self.target(integration["uri"]))
                    yield found[1] if found else "nothing", (method, path)

    def target(self, value: Any) -> str:
        """The resource or the parameter that a reference leads to, or what stands in its place."""
        match value:
            case str():
                return value
            case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]} | {"Fn::Sub": str(name)}:
                return name
        return json.dumps(value)


SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


def period(schedule: Resource) -> int:
    """How often a schedule calls its function, in seconds."""
    expression = schedule["Properties"]["ScheduleExpression"]
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    assert rate, f"the checks do not know the schedule {expression}"
    return int(rate[1]) * SECONDS[rate[2]]


REMOVE = object()


def doctor(place: Any, path: list[Any], value: Any) -> None:
    """Puts another value where a path leads to, or removes what is there."""
    *parents, last = path
    for name in parents:
        place = place[name]
    if value is REMOVE:
        del place[last]
    else:
        place[last] = value


def load() -> Model:
    """The project's templates. Everybody gets a copy of their own."""
    return copy.deepcopy(joined())


@cache
def joined() -> Model:
    stacks = sam.stacks()
    join = Join(stacks)
    resources: dict[str, Resource] = {}
    for stack, template in stacks.items():
        for name, resource in template["Resources"].items():
            # A nested stack may be called as a resource in it. Any other two of one name would hide each other.
            if qualified(stack, name) in resources and resources[qualified(stack, name)]["Type"] != sam.STACK:
                raise ValueError(f"two resources are called {name}; one is in the stack {stack}")
            resources[qualified(stack, name)] = join.resolve(resource, stack)
    outputs = {name: join.resolve(output["Value"], "") for name, output in stacks[""]["Outputs"].items()}
    return Model(stacks, resources, outputs)


@dataclass(frozen=True)
class Join:
    """Follows the references of nested stacks."""

    stacks: dict[str, Template]

    def resolve(self, value: Any, stack: str) -> Any:
        """A value of a stack, with the names that its resources have in the model."""
        match value:
            case {"Ref": str(name)}:
                return self.named(name, stack)
            case {"Fn::GetAtt": str(path)}:
                return self.attribute(path, stack)
            case {"Fn::GetAtt": list(path)}:
                return self.attribute(".".join(path), stack)
            case {"Fn::Sub": str(pattern)}:
                return {"Fn::Sub": re.sub(r"\$\{([^}]+)\}", lambda found: self.text(found[1], stack), pattern)}
            case dict():
                return {key: self.resolve(each, stack) for key, each in value.items()}
            case list():
                return [self.resolve(each, stack) for each in value]
        return value

    def named(self, name: str, stack: str) -> Any:
        template = self.stacks[stack]
        if name in template["Resources"]:
            return {"Ref": qualified(stack, name)}
        if not stack or name not in template.get("Parameters", {}):
            return {"Ref": name}
        passed = self.stacks[""]["Resources"][stack]["Properties"]["Parameters"]
        if name in passed:
            return self.resolve(passed[name], "")
        return template["Parameters"][name]["Default"]

    def attribute(self, path: str, stack: str) -> Any:
        name, _, attribute = path.partition(".")
        if attribute.startswith("Outputs."):
            return self.resolve(self.stacks[name]["Outputs"][attribute.removeprefix("Outputs.")]["Value"], name)
        return {"Fn::GetAtt": [qualified(stack, name), attribute]}

    def text(self, path: str, stack: str) -> str:
        """What stands in a text in place of a reference."""
        name, _, attribute = path.partition(".")
        match self.attribute(path, stack) if attribute else self.named(name, stack):
            case str(text) | {"Fn::Sub": str(text)}:
                return text
            case {"Ref": found}:
                return f"${{{found}}}"
            case {"Fn::GetAtt": [found, of]}:
                return f"${{{found}.{of}}}"
        return f"${{{path}}}"
