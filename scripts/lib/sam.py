"""Templates as CloudFormation gets them: what SAM makes of them, with SAM's own translator."""

import copy
import json
import logging
from pathlib import Path
from typing import Any

from boto3.session import Session
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from .console import ROOT

# It tells of metrics that it does not send.
logging.getLogger("samtranslator").setLevel(logging.ERROR)
ROOT_FILE = "template.yaml"
TRANSFORM = "AWS::Serverless-2016-10-31"
STACK = "AWS::CloudFormation::Stack"
# In the place of code that has been uploaded.
UPLOADED = "s3://bucket/"


def parse(path: Path) -> dict[str, Any]:
    """A template in YAML or JSON."""
    return yaml_parse(path.read_text())


def nested(template: dict[str, Any]) -> dict[str, str]:
    """The files of the nested stacks by the logical ids of the stacks, relative to the template's folder."""
    return {
        name: resource["Properties"]["TemplateURL"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == STACK
    }


def translate(template: dict[str, Any]) -> dict[str, Any]:
    """What SAM makes of a template. The paths of code stay as they are."""
    if template.get("Transform") != TRANSFORM:
        return template
    template = copy.deepcopy(template)
    code = {}
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            code[name] = resource["Properties"]["CodeUri"]
            # SAM takes only code that has been uploaded.
            resource["Properties"]["CodeUri"] = UPLOADED + name
    # No managed policies: SAM would ask IAM for the ARNs of those that are given by name, and we name none.
    translator = Translator({}, Parser(), [], Session(region_name="eu-west-1"))
    translated = translator.translate(template, {})
    for name, path in code.items():
        translated["Resources"][name]["Properties"]["Code"] = path
    return translated


def stacks() -> dict[str, dict[str, Any]]:
    """All of the project, translated: the root as "", the nested stacks by their logical ids."""
    root = parse(ROOT / ROOT_FILE)
    nested_stacks = {name: translate(parse(ROOT / file)) for name, file in nested(root).items()}
    # By way of JSON, because the parser's dictionaries are not quite dictionaries.
    return json.loads(json.dumps({"": root, **nested_stacks}))


def write_translated(folder: Path) -> Path:
    """The project's templates, translated, for an emulator that does not translate nested ones. Their root."""
    all_stacks = stacks()
    root = all_stacks.pop("")
    files = nested(root)
    for name, template in all_stacks.items():
        path = folder / f"{name}.json"
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Lambda::Function":
                properties = resource["Properties"]
                properties["Code"] = str((ROOT / files[name]).parent.joinpath(properties["Code"]).resolve())
        path.write_text(json.dumps(template, indent=1))
        root["Resources"][name]["Properties"]["TemplateURL"] = path.name
    written = folder / "template.json"
    written.write_text(json.dumps(root, indent=1))
    return written
