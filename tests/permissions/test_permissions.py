"""The calls that tests have recorded against the roles of the template, and doctored roles that must be found out."""

from collections.abc import Callable
from typing import Any

import checks
import pytest
from evaluate import Call, allows
from model import Model, load

EVENTS_ONLY = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["OUTBOX#*"]}}
CHECKS = [
    checks.calls_are_allowed,
    checks.permissions_are_used,
    checks.announcing_is_all_that_is_allowed,
    checks.keys_are_used_for_named_fields,
    checks.policies_are_sound,
]


@pytest.fixture(scope="module")
def model() -> Model:
    return load()


@pytest.fixture(scope="module")
def calls(model: Model) -> list[Call]:
    return checks.recorded(model) + list(checks.by_platform(model))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_holds(check: Callable[..., Any], model: Model, calls: list[Call]) -> None:
    assert list(check(model, calls)) == []


def test_without_recordings_nothing_is_checked(model: Model, monkeypatch: Any, tmp_path: Any) -> None:
    monkeypatch.setattr(checks, "RECORDINGS", tmp_path)
    with pytest.raises(FileNotFoundError, match="scripts/test --only unit"):
        checks.recorded(model)


# ---- each check finds what is wrong, with the calls as they were recorded and one thing changed in the template.


def doctored(owner: str, change: Callable[[list[Any]], None]) -> Model:
    """With something else that a role says by itself, or that a shared policy says."""
    model = load()
    properties = model.resources[owner]["Properties"]
    policy = properties["Policies"][0] if "Policies" in properties else properties
    change(policy["PolicyDocument"]["Statement"])
    return model


def complaints(check: Callable[..., Any], model: Model, calls: list[Call], role: str) -> list[str]:
    return [each for each in check(model, calls) if each.startswith(role.removesuffix("Role"))]


def test_finds_a_permission_that_is_missing(calls: list[Call]) -> None:
    model = doctored("MeGetRole", lambda statements: statements.pop(0))
    found = complaints(checks.calls_are_allowed, model, calls, "MeGetRole")
    table = "arn:aws:dynamodb:eu-west-1:123456789012:table/Data.Main"
    assert found and all(f" may not call dynamodb:GetItem on {table}" in each for each in found)


def test_finds_a_permission_that_nothing_uses(calls: list[Call]) -> None:
    model = doctored("MeGetRole", lambda statements: statements[0].update(Action=["dynamodb:GetItem", "dynamodb:DeleteItem"]))
    [complaint] = complaints(checks.permissions_are_used, model, calls, "MeGetRole")
    assert complaint.startswith("MeGetRole may dynamodb:DeleteItem on ")


def test_finds_leading_keys_that_are_wrong(calls: list[Call]) -> None:
    wrong = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["OUTBOX", "USER#*"]}}
    model = doctored("Announce", lambda statements: statements[0].update(Condition=wrong))
    [refused] = complaints(checks.calls_are_allowed, model, calls, "PaymentsStripeWebhookRole")
    assert "dynamodb:PutItem" in refused and "OUTBOX#…" in refused
    unused = complaints(checks.permissions_are_used, model, calls, "PaymentsStripeWebhookRole")
    assert [each for each in unused if "LeadingKeys USER#*" in each]


def test_finds_a_context_that_is_wrong(calls: list[Call]) -> None:
    def change(statements: list[Any]) -> None:
        statements[0]["Condition"] = {"StringEqualsIfExists": {"kms:EncryptionContext:field": "totp"}}

    model = doctored("OpenDataKeys", change)
    found = complaints(checks.calls_are_allowed, model, calls, "FamilyProfileGetRole")
    assert found and all("kms:Decrypt" in each for each in found)


def test_finds_a_key_that_is_for_everything(calls: list[Call]) -> None:
    model = doctored("MeTotpRole", lambda statements: statements[1].pop("Condition"))
    [complaint] = complaints(checks.keys_are_used_for_named_fields, model, calls, "MeTotpRole")
    assert complaint == "MeTotpRole may kms:Encrypt every kind of field"


def test_finds_an_announcer_who_may_write_anything(calls: list[Call]) -> None:
    model = doctored("Announce", lambda statements: statements[0].pop("Condition"))
    [complaint] = complaints(checks.announcing_is_all_that_is_allowed, model, calls, "PaymentsStripeWebhookRole")
    assert complaint.endswith("writes nothing but events, and may write any key")


def test_finds_a_reason_that_nothing_needs(model: Model, calls: list[Call], monkeypatch: Any) -> None:
    monkeypatch.setitem(checks.JUSTIFIED, ("MeGetRole", "dynamodb:Scan", "*"), "none")
    assert "MeGetRole dynamodb:Scan * is justified and needs no reason" in checks.permissions_are_used(model, calls)


def test_refuses_a_function_that_there_is_not(model: Model, monkeypatch: Any, tmp_path: Any) -> None:
    (tmp_path / "a.jsonl").write_text('{"function": "GET /nowhere", "call": {"action": "a", "resource": "b", "keys": {}}}')
    monkeypatch.setattr(checks, "RECORDINGS", tmp_path)
    with pytest.raises(KeyError, match="GET /nowhere"):
        checks.recorded(model)


# ---- how IAM decides

TABLE = "arn:aws:dynamodb:eu-west-1:1:table/main"


def says(effect: str, action: str, resource: str, condition: Any = None) -> dict[str, Any]:
    return {"Effect": effect, "Action": [action], "Resource": [resource], "Condition": condition or {}}


def writes(*keys: str, action: str = "dynamodb:PutItem", resource: str = TABLE) -> Call:
    return Call("F", action, resource, (("dynamodb:LeadingKeys", frozenset(keys)),))


def no(operator: str, *values: str) -> dict[str, Any]:
    return says("Deny", "dynamodb:*", TABLE, {operator: {"dynamodb:LeadingKeys": list(values)}})


ALL, EVENTS = says("Allow", "dynamodb:PutItem", TABLE), says("Allow", "dynamodb:PutItem", TABLE, EVENTS_ONLY)
DATA_KEYS = says("Allow", "kms:Decrypt", "*", {"StringEqualsIfExists": {"kms:EncryptionContext:field": ["data_key"]}})


@pytest.mark.parametrize(
    ("policy", "call", "allowed"),
    [
        ([], writes("USER#1"), False),
        ([ALL], writes("USER#1"), True),
        ([ALL], writes("USER#1", action="dynamodb:UpdateItem"), False),
        ([says("Allow", "dynamodb:putitem", TABLE)], writes("USER#1"), True),
        ([says("Allow", "dynamodb:Put*", TABLE)], writes("USER#1"), True),
        ([ALL], writes("USER#1", resource=TABLE + "/index/due"), False),
        ([says("Allow", "dynamodb:PutItem", TABLE + "/index/*")], writes("USER#1", resource=TABLE + "/index/due"), True),
        # Of resources and keys, unlike of actions, every letter counts.
        ([says("Allow", "dynamodb:PutItem", TABLE.upper())], writes("USER#1"), False),
        ([EVENTS], writes("OUTBOX#1", "OUTBOX#2"), True),
        ([EVENTS], writes("OUTBOX#1", "USER#1"), False),
        ([EVENTS], writes("outbox#1"), False),
        ([EVENTS], writes("XOUTBOX#1"), False),
        # Nothing is all of what is not there.
        ([EVENTS], Call("F", "dynamodb:PutItem", TABLE), True),
        ([ALL, no("ForAnyValue:StringEquals", "TOKEN_KEYS")], writes("USER#1"), True),
        ([ALL, no("ForAnyValue:StringEquals", "TOKEN_KEYS")], writes("USER#1", "TOKEN_KEYS"), False),
        ([ALL, no("ForAnyValue:StringEquals", "TOKEN_KEYS")], Call("F", "dynamodb:PutItem", TABLE), True),
        ([DATA_KEYS], Call("F", "kms:Decrypt", "k", (("kms:EncryptionContext:field", frozenset({"data_key"})),)), True),
        ([DATA_KEYS], Call("F", "kms:Decrypt", "k", (("kms:EncryptionContext:field", frozenset({"totp"})),)), False),
        ([DATA_KEYS], Call("F", "kms:Decrypt", "k"), True),
        ([{"Effect": "Allow", "Action": ["sns:Publish"], "NotResource": ["arn:aws:sns:*:*:*"], "Condition": {}}],
         Call("F", "sns:Publish", "a phone number"), True),
        ([{"Effect": "Allow", "Action": ["sns:Publish"], "NotResource": ["arn:aws:sns:*:*:*"], "Condition": {}}],
         Call("F", "sns:Publish", "arn:aws:sns:eu-west-1:1:topic"), False),
    ],
)  # fmt: skip
def test_decides_as_iam_does(policy: list[Any], call: Call, allowed: bool) -> None:
    assert allows(policy, call) is allowed


@pytest.mark.parametrize("operator", ["NumericEquals", "ForSomeValues:StringLike", "StringNotEquals"])
def test_does_not_guess(operator: str) -> None:
    policy = [says("Allow", "dynamodb:PutItem", TABLE, {operator: {"dynamodb:LeadingKeys": ["1"]}})]
    with pytest.raises(NotImplementedError):
        allows(policy, writes("1"))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"Action": ["dynamodb:GetItems"]}, "UNKNOWN_ACTION"),
        ({"Action": ["dynamodb:ListStreams"]}, "RESOURCE_MISMATCH"),
        ({"Condition": {"StringEquals": {"dynamodb:LeadingKey": ["USER#1"]}}}, "UNKNOWN_CONDITION_FOR_ACTION"),
    ],
)
def test_finds_what_iam_does_not_know(change: dict[str, Any], found: str, calls: list[Call]) -> None:
    model = doctored("MeGetRole", lambda statements: statements[0].update(change))
    assert [each for each in complaints(checks.policies_are_sound, model, calls, "MeGetRole") if found in each]


def test_finds_what_a_boundary_forbids(calls: list[Call]) -> None:
    model = load()
    limits = model.resources["Boundary"]["Properties"]["PolicyDocument"]["Statement"][1]
    limits["Action"].remove("kms:Decrypt")
    refused = list(checks.calls_are_allowed(model, calls))
    assert refused and all("kms:Decrypt" in each for each in refused)
