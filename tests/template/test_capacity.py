"""No stack comes near a limit of CloudFormation, with twice the functions there are."""

import copy

import pytest
from model import Template, load

from lib import capacity


@pytest.fixture(scope="module")
def stacks() -> dict[str, Template]:
    return load().stacks


def test_stacks_have_room(stacks: dict[str, Template]) -> None:
    later = capacity.with_functions(stacks)
    assert sum(len(capacity.functions(template)) for template in later.values()) >= capacity.FUNCTIONS
    assert list(capacity.excesses(later)) == []


def test_a_copy_of_a_function_has_all_that_belongs_to_it(stacks: dict[str, Template]) -> None:
    media = capacity.grown(stacks["Media"], 2)
    assert len(media["Resources"]) == 2 * len(stacks["Media"]["Resources"])
    paths = [len(capacity.grown(stacks["Api"], factor)["Resources"]["Api"]["Properties"]["Body"]["paths"]) for factor in (1, 2)]
    assert paths[1] == 2 * paths[0]


@pytest.mark.parametrize(
    ("section", "entries", "said"),
    [
        ("Resources", {f"Queue{n}": {"Type": "AWS::SQS::Queue"} for n in range(301)}, "500 resources"),
        ("Parameters", {f"P{n}": {"Type": "String"} for n in range(121)}, "200 parameters"),
        ("Outputs", {f"O{n}": {"Value": "1"} for n in range(121)}, "200 outputs"),
        ("Resources", {"Large": {"Type": "AWS::SQS::Queue", "Metadata": "x" * 600_000}}, "1000000 bytes"),
    ],
)
def test_refuses_a_stack_that_is_too_large(
    stacks: dict[str, Template], section: str, entries: dict[str, object], said: str
) -> None:
    large = copy.deepcopy(stacks)
    large["Media"][section] = entries
    [complaint] = capacity.excesses(large)
    assert complaint.startswith("the stack Media uses 6") and said in complaint
