"""The template as CloudFormation gets it: loops expanded, SAM translated, nested stacks beside the root."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
Resource = dict[str, Any]


class _NoManagedPolicies:
    """SAM asks IAM for the ARNs of managed policies. We name none, so nobody has to be asked."""

    def load(self) -> dict[str, str]:
        return {}


@dataclass
class Model:
    source: dict[str, Resource]
    """The root's resources as written, with the loops expanded."""
    names: list[str]
    """The functions that the loop makes a role and a log group for."""
    stacks: dict[str, dict[str, Any]]
    """The translated root, as "", and the nested templates by the logical id of their stack."""

    def every(self, kind: str) -> dict[str, Resource]:
        """All resources of a type, nested ones as `Stack.LogicalId`."""
        return {
            f"{stack}.{name}".removeprefix("."): resource
            for stack, template in self.stacks.items()
            for name, resource in template["Resources"].items()
            if resource["Type"] == kind
        }

    def target(self, value: Any, stack: str = "") -> str:
        """The resource that a Ref, a GetAtt or a nested stack's output leads to, named as in every()."""
        if isinstance(value, dict) and "Ref" in value:
            return f"{stack}.{value['Ref']}".removeprefix(".")
        if isinstance(value, dict) and "Fn::GetAtt" in value:
            path = value["Fn::GetAtt"]
            path = path.split(".") if isinstance(path, str) else [part for piece in path for part in piece.split(".")]
            if len(path) == 3 and path[1] == "Outputs":
                return self.target(self.stacks[path[0]]["Outputs"][path[2]]["Value"], path[0])
            return f"{stack}.{path[0]}".removeprefix(".")
        if isinstance(value, dict) and "Fn::Sub" in value:
            return value["Fn::Sub"] if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"][0]
        return value if isinstance(value, str) else json.dumps(value)


def load(template: dict[str, Any] | None = None, nested: dict[str, dict[str, Any]] | None = None) -> Model:
    """The project's template, or a doctored one."""
    template = copy.deepcopy(template) if template else read("template.yaml")
    names = template["Mappings"]["Functions"]["All"]["Names"]
    template["Resources"] = dict(expanded(template["Resources"], names))
    template["Transform"] = "AWS::Serverless-2016-10-31"
    source = copy.deepcopy(template["Resources"])
    validator = SamTemplateValidator(template, _NoManagedPolicies(), region="eu-west-1")
    stacks = {"": yaml_parse(validator.get_translated_template_if_valid())}
    for name, resource in source.items():
        if resource["Type"] == "AWS::CloudFormation::Stack":
            path = resource["Properties"]["TemplateURL"]
            stacks[name] = copy.deepcopy((nested or {}).get(path) or read(path))
    return Model(source, names, stacks)


def expanded(resources: dict[str, Any], names: list[str]) -> Iterator[tuple[str, Resource]]:
    """Our one loop, over the names of functions. SAM CLI's own expansion drops references on the way."""
    for key, value in resources.items():
        if not key.startswith("Fn::ForEach::"):
            yield key, value
            continue
        variable, _, fragment = value
        for name in names:
            yield from json.loads(json.dumps(fragment).replace(f"${{{variable}}}", name)).items()


def read(path: str) -> dict[str, Any]:
    return yaml_parse((ROOT / path).read_text())
