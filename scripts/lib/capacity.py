"""How much of CloudFormation's limits the stacks use, today and with more functions of the same kinds."""

import copy
import json
import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

Template = dict[str, Any]

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html, for a template in S3.
LIMITS = {"resources": 500, "bytes": 1_000_000, "parameters": 200, "outputs": 200, "mappings": 200}
# What is left is for gradual deployments, which need a version and an alias of each function.
MOST = 0.6
FUNCTIONS = 200


def usage(template: Template) -> dict[str, int]:
    """Of a template as SAM has translated it."""
    sections = {name: len(template.get(name.capitalize(), {})) for name in LIMITS if name != "bytes"}
    return {**sections, "bytes": len(json.dumps(template, separators=(",", ":")))}


def functions(template: Template) -> list[str]:
    return [name for name, each in template["Resources"].items() if each["Type"] == "AWS::Lambda::Function"]


def with_functions(stacks: dict[str, Template], count: int = FUNCTIONS) -> dict[str, Template]:
    """The stacks with so many functions: each area grows alike, and the API has a path for each copy of one."""
    factor = count / sum(len(functions(template)) for template in stacks.values())
    return {name: grown(template, factor) for name, template in stacks.items()}


def grown(template: Template, factor: float) -> Template:
    template = copy.deepcopy(template)
    resources, names = template["Resources"], functions(template)
    # A function and everything that SAM makes of it: its role, its schedule, its sources of events.
    parts: dict[str, list[str]] = defaultdict(list)
    for resource in list(resources):
        owners = [name for name in names if resource.startswith(name)]
        if owners:
            parts[max(owners, key=len)].append(resource)
    for number in range(len(names), math.ceil(len(names) * factor)):
        for resource in parts[names[number % len(names)]]:
            resources[f"{resource}Copy{number}"] = resources[resource]
    for resource in list(resources.values()):
        if resource["Type"] == "AWS::ApiGateway::RestApi":
            paths = resource["Properties"]["Body"]["paths"]
            known = list(paths)
            for number in range(len(known), math.ceil(len(known) * factor)):
                path = known[number % len(known)]
                paths[f"{path}/copy-{number}"] = paths[path]
    return template


def shares(template: Template) -> dict[str, float]:
    """How much of each limit a template uses."""
    return {name: used / LIMITS[name] for name, used in usage(template).items()}


def excesses(stacks: dict[str, Template]) -> Iterator[str]:
    for name, template in stacks.items():
        for limit, share in shares(template).items():
            if share > MOST:
                yield f"the stack {name or 'at the root'} uses {share:.0%} of the {LIMITS[limit]} {limit} of a stack"


def table(stacks: dict[str, Template]) -> str:
    """Both states, as lines of text."""
    later = with_functions(stacks)
    lines = [
        f"{'':<15}{'today':^30}{f'with {FUNCTIONS} functions':^30}",
        f"{'stack':<15}" + f"{'functions':>10}{'resources':>10}{'bytes':>10}" * 2 + f"{'most used':>18}",
    ]
    for name, template in stacks.items():
        counts = "".join(
            f"{len(functions(each)):>10}{usage(each)['resources']:>10}{usage(each)['bytes']:>10}"
            for each in (template, later[name])
        )
        limit, share = max(shares(later[name]).items(), key=lambda found: found[1])
        lines.append(f"{name or 'root':<15}{counts}{share:>8.0%} {limit}")
    return "\n".join(lines)
