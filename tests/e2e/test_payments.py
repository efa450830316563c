"""What becomes of the money when something breaks: Stripe is down, an answer is lost, a webhook comes ten times."""

import datetime
import json
from collections.abc import Callable, Iterator

import pytest
from conftest import Person, eventually, problem
from lib.stack import Stack
from lib.stripe import LocalStripe
from test_bookings import families, family, invariants, listed, new_family, new_sitter, sitter  # noqa: F401
from test_sitters import Sitter
from world import Clock, Family, in_days


@pytest.fixture(scope="module")
def days() -> Iterator[datetime.date]:
    return (in_days(20 + number) for number in range(140))


@pytest.fixture(autouse=True)
def mended(stripe: LocalStripe) -> Iterator[None]:
    yield
    stripe.fault("ok")


def test_bookings_go_on_while_stripe_is_down(
    family: Family, sitter: Sitter, stripe: LocalStripe, stack: Stack, days: Iterator[datetime.date]  # noqa: F811
) -> None:
    booking = family.book(sitter, next(days)).confirmed()
    booking.until_start(30)
    stripe.fault("down")
    ready = stack.request("GET", "/health/ready")
    assert ready.status_code == 503
    assert {check["name"]: check["state"] for check in ready.json()["checks"]}["stripe"] == "down"
    booking.until_start(20)
    problem(family.person.request("POST", "/payments/setup-intent"), 503)
    booking.until_start(-0.01)
    assert booking.does(sitter.person, "check-in", {})["state"] == "in_progress"
    booking.passes(4)
    assert booking.does(sitter.person, "check-out", {})["state"] == "completed"
    assert booking.money().get("captured", 0) == 0
    stripe.fault("ok")
    # The message is not lost; minutes later it would come again by itself.
    comes_again(stack, booking.id)
    booking.settles(intents=1, captures=1, captured=booking.total())


@pytest.mark.parametrize("path", ["/v1/payment_intents$", "/v1/payment_intents/.*/capture$"])
def test_an_answer_that_is_lost_charges_once(
    family: Family, sitter: Sitter, stripe: LocalStripe, stack: Stack, days: Iterator[datetime.date], path: str  # noqa: F811
) -> None:
    booking = family.book(sitter, next(days)).confirmed()
    stripe.fault("drop", method="POST", path=path, times=2)
    booking.until_start(20)
    comes_again(stack, booking.id)
    booking.cards_state("held")
    booking.until_start(-0.01)
    booking.does(sitter.person, "check-in", {})
    booking.passes(4)
    booking.does(sitter.person, "check-out", {})

    def captured() -> bool:
        comes_again(stack, booking.id)
        return booking.money().get("captured", 0) == booking.total()

    eventually(captured)
    booking.settles(intents=1, captures=1, captured=booking.total())


def test_what_failed_is_tried_again_within_seconds(
    family: Family, sitter: Sitter, stripe: LocalStripe, days: Iterator[datetime.date]  # noqa: F811
) -> None:
    booking = family.book(sitter, next(days)).confirmed()
    booking.until_start(20)
    booking.cards_state("held")
    booking.until_start(-0.01)
    booking.does(sitter.person, "check-in", {})
    booking.passes(4)
    stripe.fault("down", method="POST", path="/capture$", times=2)
    booking.does(sitter.person, "check-out", {})
    # Two pauses of 15 seconds together; the queue's own timeout is three minutes.
    booking.settles(captures=1, captured=booking.total())


def test_what_goes_back_after_the_sitter_was_paid_is_called_back_from_them(
    new_family: Callable[..., Family],  # noqa: F811
    listed: Callable[[], Sitter],  # noqa: F811
    stripe: LocalStripe,
    admin: Person,
    days: Iterator[datetime.date],
) -> None:
    # Of their own, so that nothing else lies on their account.
    sitter = listed()  # noqa: F811
    family = new_family(sitter.place)  # noqa: F811
    booking = family.book(sitter, next(days)).confirmed().happens()
    total, share = booking.total(), booking.see(sitter.person)["price"]["total"]["amount_minor"]
    booking.settles(captures=1, captured=total)
    assert sitter.person.request("POST", "/payouts/onboarding").status_code == 201
    account = Clock(family.stack).get(f"USER#{sitter.id}", "PAYEE")["account"]
    stripe.complete_account(account)
    booking.passes(49)
    booking.settles(transfers=1, transferred=share)
    (payment,) = {item["payment_id"] for item in family.person.request("GET", "/payments").json()["items"]
                  if item["booking_id"] == booking.id}  # fmt: skip

    def gives_back(amount: int) -> None:
        body = {"amount": {"amount_minor": amount, "currency": "GBP"}, "reason": "Agreed by phone"}
        granted = admin.request("POST", f"/admin/payments/{payment}/refund", json=body)
        assert granted.status_code == 202, granted.text

    def balance() -> dict[str, int]:
        (found,) = sitter.person.request("GET", "/earnings").json()["balances"]
        return {name: money["amount_minor"] for name, money in found.items()}

    # A half: of the sitter's part as well, by the rounding of shares.
    gives_back(total // 2)
    booking.settles(refunded=total // 2)
    half = eventually(lambda: (found := balance())["called_back"] and found)
    assert abs(half["called_back"] - share / 2) <= 1 and half["refunded"] == half["called_back"]
    booking.settles(reversed=half["called_back"])
    assert (half["earned"], half["paid_out"], half["waived"], half["open"]) == (share, share, 0, 0)
    kinds = [item["kind"] for item in sitter.person.request("GET", "/earnings").json()["items"]]
    assert kinds == ["called_back", "refunded", "paid_out", "charged"]

    # The rest has gone to their bank, where nobody gets it back.
    stripe.bank(account)
    gives_back(total - total // 2)
    booking.settles(refunds=2, refunded=total)
    whole = eventually(lambda: (found := balance())["waived"] and found)
    assert (whole["refunded"], whole["waived"]) == (share, share - half["called_back"])
    assert booking.money()["reversed"] == half["called_back"] == whole["called_back"]


@pytest.mark.parametrize("won", [True, False])
def test_what_a_bank_takes_back_is_paid_out_when_it_has_decided(
    family: Family,  # noqa: F811
    sitter: Sitter,  # noqa: F811
    stripe: LocalStripe,
    admin: Person,
    days: Iterator[datetime.date],
    won: bool,
) -> None:
    # May have been done by another journey.
    sitter.person.request("POST", "/payouts/onboarding")
    stripe.complete_account(Clock(family.stack).get(f"USER#{sitter.id}", "PAYEE")["account"])
    booking = family.book(sitter, next(days)).confirmed().happens()
    total, share = booking.total(), booking.see(sitter.person)["price"]["total"]["amount_minor"]
    booking.settles(captures=1, captured=total)
    query = {"created[gte]": 0, "limit": 100}
    intents = stripe.request("GET", "/v1/payment_intents", query).json()["data"]
    (intent,) = [found["id"] for found in intents if found["metadata"]["booking"] == booking.id]
    path = f"/admin/disputes/{booking.id}"
    problem(admin.request("GET", path), 404)

    stripe.dispute(intent)
    opened = eventually(lambda: (found := admin.request("GET", path)).status_code == 200 and found.json())
    (chargeback,) = opened["chargebacks"]
    assert (chargeback["state"], chargeback["open"]["amount_minor"], opened["by"]) == ("open", total, None)
    due_by = datetime.datetime.fromisoformat(chargeback["due_by"])
    assert due_by > datetime.datetime.now(datetime.UTC)
    refund = {"amount": {"amount_minor": 1, "currency": "GBP"}, "reason": "Agreed by phone"}
    problem(admin.request("POST", f"/admin/payments/{chargeback['payment_id']}/refund", json=refund), 409)
    booking.passes(49)
    assert booking.state() == "settled"
    assert booking.money().get("transfers", 0) == 0

    stripe.close_dispute(intent, won)
    booking.settles(transfers=1, transferred=share)
    (over,) = admin.request("GET", path).json()["chargebacks"]
    amounts = (over["open"]["amount_minor"], over["lost"]["amount_minor"])
    assert (over["state"], amounts) == (("won", (0, 0)) if won else ("lost", (0, total)))


def comes_again(stack: Stack, booking: str) -> None:
    """The message about a booking's money comes once more."""
    body = json.dumps({"type": "booking", "event_id": "evt_01h455vb4pex5vsknk084sn02q", "booking_id": booking})
    record = {"messageId": "1", "body": body, "eventSource": "aws:sqs"}
    name = stack.functions()["payments-work"]["FunctionName"]
    stack.client("lambda").invoke(FunctionName=name, Payload=json.dumps({"Records": [record]}).encode())


def test_the_same_webhook_ten_times(
    family: Family, sitter: Sitter, stripe: LocalStripe, days: Iterator[datetime.date]  # noqa: F811
) -> None:
    booking = family.book(sitter, next(days)).confirmed().happens()
    booking.settles(captures=1, captured=booking.total())
    events = stripe.events()
    for event in events[-6:]:
        assert set(stripe.deliver(event["id"], repeat=10)) == {204}
    before = family.person.request("GET", "/payments").json()["items"]
    assert len([item for item in before if item["booking_id"] == booking.id]) == 1
    booking.settles(intents=1, captures=1, captured=booking.total())


def test_webhooks_are_signed(stack: Stack, stripe: LocalStripe) -> None:
    body = json.dumps({"id": "evt_forged", "type": "payment_intent.succeeded", "created": 1,
                       "data": {"object": {"id": "pi_1"}}}).encode()  # fmt: skip

    def send(signature: str) -> int:
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
        return stack.request("POST", "/webhooks/stripe", data=body, headers=headers).status_code

    good = stripe.signature(body)
    assert send(good) == 204 and send(good) == 204
    assert send(good[:-2] + "00") == 400 and send("") == 400
    assert send(stripe.signature(body, at=datetime.datetime.now().timestamp() - 600)) == 400


def test_the_books_agree_with_stripe(stack: Stack) -> None:
    name = stack.functions()["payments-reconcile"]["FunctionName"]
    answer = stack.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    report = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, report
    assert report["failed"] == 0 and report["complete"], report


def test_a_card_of_somebody_else(
    family: Family, sitter: Sitter, new_family: Callable[..., Family], days: Iterator[datetime.date]  # noqa: F811
) -> None:
    other = new_family(sitter.place)
    card = other.card()
    problem(family.person.request("DELETE", f"/payment-methods/{card}"), 404)
    wish = family.wish(sitter.id, next(days), payment_method_id=card)
    asked = family.person.request("POST", "/bookings", json=wish)
    assert asked.status_code == 201
    booking = asked.json()["booking"]["id"]
    assert sitter.person.request("POST", f"/bookings/{booking}/accept").status_code == 200
    seen = eventually(lambda: (found := family.person.request("GET", f"/bookings/{booking}").json())["card"] == "refused"
                      and found)  # fmt: skip
    assert seen["state"] == "accepted"
    (own,) = other.person.request("GET", "/payment-methods").json()["items"]
    assert own["id"] == card and own["last4"] == "4242"
    assert other.person.request("DELETE", f"/payment-methods/{card}").status_code == 204
    assert other.person.request("GET", "/payment-methods").json()["items"] == []
