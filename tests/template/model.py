"""The template as CloudFormation gets it: SAM translated, nested stacks beside the root."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from boto3.session import Session
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

ROOT = Path(__file__).resolve().parents[2]
ROOT_FILE = "template.yaml"
Resource = dict[str, Any]


@dataclass
class Model:
    source: dict[str, Resource]
    """The root's resources as written."""
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

    def functions(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Our functions as written, and their properties."""
        for name, resource in self.source.items():
            if resource["Type"] == "AWS::Serverless::Function":
                yield name, resource["Properties"]

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


def load(file: str = ROOT_FILE, template: dict[str, Any] | None = None) -> Model:
    """The project's templates, with another one in place of that file."""
    root = template if template and file == ROOT_FILE else read(ROOT_FILE)
    stacks = {"": translated() if root is read(ROOT_FILE) else translate(root)}
    for name, resource in root["Resources"].items():
        if resource["Type"] == "AWS::CloudFormation::Stack":
            path = resource["Properties"]["TemplateURL"]
            stacks[name] = template if template and file == path else read(path)
    return Model(root["Resources"], stacks)


@cache
def read(path: str) -> dict[str, Any]:
    """A file of the project. Everybody gets the same one, so nobody changes it."""
    return yaml_parse((ROOT / path).read_text())


@cache
def translated() -> dict[str, Any]:
    return translate(read(ROOT_FILE))


def translate(template: dict[str, Any]) -> dict[str, Any]:
    """What SAM makes of it. SAM CLI's own validator does the same, and spends its time on writing YAML, twice."""
    template = copy.deepcopy(template)
    # What is left of the other transform, conditions at policies of deletion, CloudFormation does later.
    template["Transform"] = "AWS::Serverless-2016-10-31"
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # SAM takes code that has been uploaded.
            resource["Properties"]["CodeUri"] = "s3://bucket/code"
    # No managed policies: SAM would ask IAM for their ARNs, and we name none.
    translator = Translator({}, Parser(), [], Session(region_name="eu-west-1"))
    # By way of JSON, because its dictionaries are not quite dictionaries.
    return json.loads(json.dumps(translator.translate(template, {})))
