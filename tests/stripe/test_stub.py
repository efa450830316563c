"""The local Stripe does what the service relies on: a payment from the card to the sitter, and all that can go wrong."""

import hashlib
import hmac
import json
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from lib import stripe as local  # noqa: E402
from lib.stripe import LocalStripe  # noqa: E402


@pytest.fixture(scope="session")
def stripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStripe]:
    with local.running(tmp_path_factory.mktemp("stripe") / "stripe.log") as running:
        yield running


@pytest.fixture(autouse=True)
def well(stripe: LocalStripe) -> Iterator[None]:
    yield
    stripe.fault("ok")


def ok(answer: requests.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(answer: requests.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


def fresh(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"


def eventually(what: Callable[[], Any]) -> Any:
    for _ in range(100):
        if found := what():
            return found
        time.sleep(0.1)
    pytest.fail("nothing happened within ten seconds")


def leave(stripe: LocalStripe, number: str = local.GOOD) -> tuple[str, str]:
    """A customer and their card, left as a parent does it."""
    customer = ok(stripe.request("POST", "/v1/customers", {"metadata[user]": "usr_1"}, fresh("key")))["id"]
    form = {"customer": customer, "usage": "off_session", "payment_method_types[]": "card"}
    setup = ok(stripe.request("POST", "/v1/setup_intents", form, fresh("key")))
    card = stripe.card(number)
    assert ok(stripe.confirm_setup(setup["client_secret"], card))["status"] == "succeeded"
    return customer, card


def charge(
    stripe: LocalStripe, customer: str, card: str, booking: str, capture: str = "manual", key: str | None = None
) -> requests.Response:
    """As our client asks for it."""
    form = {
        "amount": 5940,
        "currency": "gbp",
        "customer": customer,
        "payment_method": card,
        "payment_method_types[]": "card",
        "capture_method": capture,
        "confirm": "true",
        "off_session": "true",
        "metadata[payment]": "pay_1",
        "metadata[booking]": booking,
        "transfer_group": booking,
        "expand[]": "latest_charge",
    }
    return stripe.request("POST", "/v1/payment_intents", form, key or fresh("key"))


def intent(stripe: LocalStripe, name: str) -> dict[str, Any]:
    return ok(stripe.request("GET", f"/v1/payment_intents/{name}", {"expand[]": "latest_charge"}))


def test_a_payment_from_the_card_to_the_sitter(stripe: LocalStripe) -> None:
    customer, card = leave(stripe)
    cards = ok(stripe.request("GET", "/v1/payment_methods", {"customer": customer, "type": "card", "limit": 100}))
    assert [found["id"] for found in cards["data"]] == [card]
    booking = fresh("bkg")

    held = ok(charge(stripe, customer, card, booking))
    assert (held["status"], held["amount_capturable"], held["amount_received"]) == ("requires_capture", 5940, 0)
    assert (held["transfer_group"], held["metadata"]["booking"]) == (booking, booking)

    form = {"amount_to_capture": 3000, "expand[]": "latest_charge"}
    taken = ok(stripe.request("POST", f"/v1/payment_intents/{held['id']}/capture", form, fresh("key")))
    assert (taken["status"], taken["amount_capturable"], taken["amount_received"]) == ("succeeded", 0, 3000)

    form = {"payment_intent": held["id"], "amount": 1000}
    refund = ok(stripe.request("POST", "/v1/refunds", form, fresh("key")))
    assert (refund["amount"], refund["currency"], refund["status"]) == (1000, "gbp", "succeeded")
    # What was let go counts as refunded, as it does at Stripe.
    paid = intent(stripe, held["id"])["latest_charge"]
    assert (paid["amount"], paid["amount_captured"], paid["amount_refunded"]) == (5940, 3000, 3940)

    account = ok(stripe.request("POST", "/v1/accounts", {"country": "GB", "metadata[user]": "usr_2"}, fresh("key")))
    assert not account["payouts_enabled"]
    link = {
        "account": account["id"],
        "type": "account_onboarding",
        "refresh_url": "https://a",
        "return_url": "https://b",
    }
    assert ok(stripe.request("POST", "/v1/account_links", link, fresh("key")))["url"].startswith("https://connect.")

    form = {
        "amount": 2000,
        "currency": "gbp",
        "destination": account["id"],
        "transfer_group": booking,
        "source_transaction": paid["id"],
    }
    too_early = refused(stripe.request("POST", "/v1/transfers", form, fresh("key")), 400)
    assert too_early["code"] == "insufficient_capabilities_for_transfer"
    stripe.complete_account(account["id"])
    assert ok(stripe.request("GET", f"/v1/accounts/{account['id']}"))["payouts_enabled"]
    ok(stripe.request("POST", "/v1/transfers", form, fresh("key")))
    too_much = refused(stripe.request("POST", "/v1/transfers", form, fresh("key")), 400)
    assert too_much["code"] == "balance_insufficient"
    (sent,) = ok(stripe.request("GET", "/v1/transfers", {"transfer_group": booking}))["data"]
    assert (sent["amount"], sent["amount_reversed"]) == (2000, 0)

    # A part is called back, once under its key, and no more than there is: what has gone on to the bank is not.
    path, key = f"/v1/transfers/{sent['id']}/reversals", fresh("key")
    for _ in range(2):
        back = ok(stripe.request("POST", path, {"amount": 500, "metadata[payment]": "pay_1"}, key))
        assert (back["amount"], back["transfer"]) == (500, sent["id"])
    too_much = refused(stripe.request("POST", path, {"amount": 1501}, fresh("key")), 400)
    assert too_much["code"] == "amount_too_large"
    stripe.bank(account["id"])
    empty = refused(stripe.request("POST", path, {"amount": 1}, fresh("key")), 400)
    assert empty["code"] == "balance_insufficient"
    refused(stripe.request("POST", "/v1/transfers/tr_nobody/reversals", {"amount": 1}, fresh("key")), 404)

    assert stripe.objects(booking) == {
        "intents": 1,
        "held": 0,
        "captures": 1,
        "captured": 3000,
        "refunds": 1,
        "refunded": 1000,
        "transfers": 1,
        "transferred": 2000,
        "reversed": 500,
    }


def test_money_is_taken_at_once_and_never_given_back_twice(stripe: LocalStripe) -> None:
    paid = ok(charge(stripe, *leave(stripe), fresh("bkg"), "automatic"))
    assert (paid["status"], paid["amount_received"]) == ("succeeded", 5940)
    whole = {"payment_intent": paid["id"], "amount": 5940}
    too_much = refused(stripe.request("POST", "/v1/refunds", {**whole, "amount": 5941}, fresh("key")), 400)
    assert too_much["code"] == "amount_too_large"
    ok(stripe.request("POST", "/v1/refunds", whole, fresh("key")))
    again = refused(stripe.request("POST", "/v1/refunds", whole, fresh("key")), 400)
    assert again["code"] == "charge_already_refunded"


def test_a_hold_is_given_up_once(stripe: LocalStripe) -> None:
    held = ok(charge(stripe, *leave(stripe), fresh("bkg")))
    given_up = ok(stripe.request("POST", f"/v1/payment_intents/{held['id']}/cancel", {}, fresh("key")))
    assert (given_up["status"], given_up["amount_capturable"]) == ("canceled", 0)
    for verb in ("cancel", "capture"):
        error = refused(stripe.request("POST", f"/v1/payment_intents/{held['id']}/{verb}", {}, fresh("key")), 400)
        assert error["code"] == "payment_intent_unexpected_state"


def test_a_card_can_be_refused_when_it_is_left(stripe: LocalStripe) -> None:
    customer = ok(stripe.request("POST", "/v1/customers", {}, fresh("key")))["id"]
    setup = ok(stripe.request("POST", "/v1/setup_intents", {"customer": customer}, fresh("key")))
    error = refused(stripe.confirm_setup(setup["client_secret"], stripe.card(local.NO_MONEY_WHEN_LEFT)), 402)
    assert (error["type"], error["code"]) == ("card_error", "card_declined")
    assert error["decline_code"] == "insufficient_funds"
    # Another one does.
    assert ok(stripe.confirm_setup(setup["client_secret"], stripe.card()))["status"] == "succeeded"


def test_a_card_can_be_refused_when_it_is_charged(stripe: LocalStripe) -> None:
    booking = fresh("bkg")
    customer, card = leave(stripe, local.REFUSED_WHEN_CHARGED)
    error = refused(charge(stripe, customer, card, booking), 402)
    assert (error["type"], error["code"], error["decline_code"]) == ("card_error", "card_declined", "generic_decline")
    left = intent(stripe, error["payment_intent"]["id"])
    assert (left["status"], left["payment_method"]) == ("requires_payment_method", None)
    assert left["last_payment_error"]["decline_code"] == "generic_decline"
    assert stripe.objects(booking)["captured"] == 0


def test_a_card_of_somebody_else_is_not_charged(stripe: LocalStripe) -> None:
    (customer, card), (_, other) = leave(stripe), leave(stripe)
    assert refused(charge(stripe, customer, other, fresh("bkg")), 400)["code"] == "resource_missing"
    ok(stripe.request("POST", f"/v1/payment_methods/{card}/detach", {}, fresh("key")))
    assert refused(charge(stripe, customer, card, fresh("bkg")), 400)["code"] == "resource_missing"


def test_a_bank_that_asked_once_does_not_ask_again(stripe: LocalStripe) -> None:
    held = ok(charge(stripe, *leave(stripe, local.CONFIRMED_ONCE), fresh("bkg")))
    assert held["status"] == "requires_capture"


def test_a_bank_that_asks_each_time_wants_the_payer(stripe: LocalStripe) -> None:
    error = refused(charge(stripe, *leave(stripe, local.CONFIRMED_EACH_TIME), fresh("bkg")), 402)
    assert (error["code"], error["decline_code"]) == ("authentication_required", "authentication_required")
    waiting = intent(stripe, error["payment_intent"]["id"])
    assert (waiting["status"], waiting["next_action"]) == ("requires_payment_method", None)
    assert stripe.authenticate(waiting["client_secret"], success=False)["status"] == "requires_payment_method"
    assert stripe.authenticate(waiting["client_secret"])["status"] == "requires_capture"
    assert intent(stripe, waiting["id"])["amount_capturable"] == 5940


def test_who_confirms_can_have_no_money(stripe: LocalStripe) -> None:
    error = refused(charge(stripe, *leave(stripe, local.NO_MONEY_WHEN_CONFIRMED), fresh("bkg")), 402)
    assert error["code"] == "authentication_required"
    with pytest.raises(requests.HTTPError) as failed:
        stripe.authenticate(error["payment_intent"]["id"])
    assert refused(failed.value.response, 402)["decline_code"] == "insufficient_funds"


def test_a_key_is_good_for_one_call(stripe: LocalStripe) -> None:
    (customer, card), booking, key = leave(stripe), fresh("bkg"), fresh("key")
    first = ok(charge(stripe, customer, card, booking, key=key))
    assert ok(charge(stripe, customer, card, booking, key=key)) == first
    assert stripe.objects(booking)["intents"] == 1
    assert refused(charge(stripe, customer, card, fresh("bkg"), key=key), 400)["type"] == "idempotency_error"
    # A refused card stays refused under its key.
    customer, card = leave(stripe, local.REFUSED_WHEN_CHARGED)
    key, booking = fresh("key"), fresh("bkg")
    for _ in range(2):
        refused(charge(stripe, customer, card, booking, key=key), 402)
    assert stripe.objects(booking)["intents"] == 1


def test_what_a_bank_takes_back_is_told_and_not_given_back_besides(stripe: LocalStripe) -> None:
    paid = ok(charge(stripe, *leave(stripe), fresh("bkg"), "automatic"))
    form = {"payment_intent": paid["id"], "amount": 940}
    ok(stripe.request("POST", "/v1/refunds", form, fresh("key")))
    told = stripe.dispute(paid["id"])
    assert (told["amount"], told["status"], told["payment_intent"]) == (5000, "needs_response", paid["id"])
    assert intent(stripe, paid["id"])["latest_charge"]["disputed"]
    (found,) = ok(stripe.request("GET", "/v1/disputes", {"payment_intent": paid["id"]}))["data"]
    assert found["evidence_details"]["due_by"] > time.time()
    assert refused(stripe.request("POST", "/v1/refunds", form, fresh("key")), 400)["code"] == "charge_disputed"
    assert stripe.close_dispute(paid["id"], won=True)["status"] == "won"
    ok(stripe.request("POST", "/v1/refunds", form, fresh("key")))
    kinds = [event["type"] for event in stripe.events() if event["object"] == told["id"]]
    assert kinds == [f"charge.dispute.{kind}" for kind in ("created", "funds_withdrawn", "funds_reinstated", "closed")]


def test_what_is_not_there_is_said_so(stripe: LocalStripe) -> None:
    assert refused(stripe.request("GET", "/v1/payment_intents/pi_nobody"), 404)["code"] == "resource_missing"
    assert refused(stripe.request("GET", "/v1/payment_methods/pm_nobody"), 404)["code"] == "resource_missing"
    assert refused(stripe.request("GET", "/v1/accounts/acct_nobody"), 403)["code"] == "account_invalid"
    stranger = LocalStripe(stripe.port, "sk_test_somebody_else", stripe.webhook_secret)
    refused(stranger.request("GET", "/v1/balance"), 401)
    ok(stripe.request("GET", "/v1/balance"))


def test_customers_and_accounts_are_deleted_once(stripe: LocalStripe) -> None:
    customer, _ = leave(stripe)
    account = ok(stripe.request("POST", "/v1/accounts", {"country": "GB"}, fresh("key")))["id"]
    for path, status in ((f"/v1/customers/{customer}", 404), (f"/v1/accounts/{account}", 403)):
        assert ok(stripe.request("DELETE", path))["deleted"] is True
        refused(stripe.request("DELETE", path), status)


def test_intents_are_listed_by_time_and_in_pages(stripe: LocalStripe) -> None:
    customer, card = leave(stripe)
    made = [ok(charge(stripe, customer, card, fresh("bkg")))["id"] for _ in range(3)]
    now = int(time.time())
    query = {"created[gte]": now - 60, "created[lt]": now + 60, "limit": 2, "expand[]": "data.latest_charge"}
    first = ok(stripe.request("GET", "/v1/payment_intents", query))
    assert [found["id"] for found in first["data"]] == [made[2], made[1]]
    assert first["has_more"] and first["data"][0]["latest_charge"]["amount"] == 5940
    rest = ok(stripe.request("GET", "/v1/payment_intents", {**query, "starting_after": made[1]}))
    assert rest["data"][0]["id"] == made[0]
    assert ok(stripe.request("GET", "/v1/payment_intents", {"created[gte]": now + 60}))["data"] == []


def test_trouble_on_demand(stripe: LocalStripe) -> None:
    (customer, card), booking, key = leave(stripe), fresh("bkg"), fresh("key")
    stripe.forget_calls()
    stripe.fault("down", path="payment_intents", times=1)
    ok(stripe.request("GET", "/v1/balance"))
    assert charge(stripe, customer, card, booking, key=key).status_code == 503
    assert stripe.objects(booking) == {}

    # The work is done, and nobody is told; who asks again is.
    stripe.fault("drop", method="POST", times=1)
    with pytest.raises(requests.ConnectionError):
        charge(stripe, customer, card, booking, key=key)
    assert ok(charge(stripe, customer, card, booking, key=key))["status"] == "requires_capture"
    assert stripe.objects(booking)["intents"] == 1

    stripe.fault("slow", seconds=0.5, times=1)
    began = time.monotonic()
    ok(stripe.request("GET", "/v1/balance"))
    assert time.monotonic() - began >= 0.5

    calls = stripe.calls("/v1/payment_intents")
    assert [(call["method"], call["status"]) for call in calls] == [("POST", 503), ("POST", None), ("POST", 200)]
    assert {call["idempotency_key"] for call in calls} == {key}


class Inbox:
    """Stands where the API is, and keeps what was delivered."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                inbox.received.append((dict(self.headers), body))
                self.send_response(inbox.statuses.pop(0) if inbox.statuses else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1/webhooks/stripe"

    def kinds(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.received]


@pytest.fixture
def teller(tmp_path: Path) -> Iterator[LocalStripe]:
    """A Stripe that has nothing to tell yet: localstripe is a second late, which may be another test's time."""
    with local.running(tmp_path / "stripe.log") as running:
        yield running


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.server.shutdown()


def is_signed(stripe: LocalStripe, headers: dict[str, str], body: bytes) -> bool:
    parts = dict(part.split("=") for part in headers["Stripe-Signature"].split(","))
    expected = hmac.new(stripe.webhook_secret.encode(), parts["t"].encode() + b"." + body, hashlib.sha256)
    return abs(time.time() - int(parts["t"])) < 300 and hmac.compare_digest(expected.hexdigest(), parts["v1"])


def test_events_are_signed_and_come_from_both(teller: LocalStripe, inbox: Inbox) -> None:
    teller.deliver_to(inbox.url, "api.execute-api.localhost:4566")
    customer, card = leave(teller)
    held = ok(charge(teller, customer, card, fresh("bkg")))
    ok(teller.request("POST", f"/v1/payment_intents/{held['id']}/capture", {}, fresh("key")))
    account = ok(teller.request("POST", "/v1/accounts", {"country": "GB"}, fresh("key")))["id"]
    teller.complete_account(account)
    awaited = {
        "customer.created",
        "setup_intent.succeeded",
        "payment_intent.amount_capturable_updated",
        "payment_intent.succeeded",
        "account.updated",
    }
    eventually(lambda: awaited <= set(inbox.kinds()))
    for headers, body in inbox.received:
        assert is_signed(teller, headers, body)
        assert headers["Host"] == "api.execute-api.localhost:4566"
    of_the_intent = [event for event in teller.events() if event["object"] == held["id"]]
    assert {event["type"] for event in of_the_intent} == {
        "payment_intent.amount_capturable_updated",
        "payment_intent.succeeded",
    }
    assert is_signed(teller, {"Stripe-Signature": teller.signature(b"{}")}, b"{}")


def test_events_come_again_late_and_in_another_order(teller: LocalStripe, inbox: Inbox) -> None:
    teller.deliver_to(inbox.url, hold=True)
    held = ok(charge(teller, *leave(teller), fresh("bkg")))
    ok(teller.request("POST", f"/v1/payment_intents/{held['id']}/cancel", {}, fresh("key")))
    # localstripe waits a second before it tells of the customer.
    eventually(lambda: teller.events("customer.created"))
    assert inbox.received == []
    count = teller.release(reversed=True, repeat=2)
    assert len(inbox.received) == 2 * count
    kinds = inbox.kinds()
    assert kinds.index("payment_intent.canceled") < kinds.index("payment_intent.amount_capturable_updated")

    event = teller.events("payment_intent.canceled")[-1]
    assert teller.deliver(event["id"], repeat=10)[2:] == [204] * 10
    # A refusal is not the end of it.
    inbox.statuses = [500, 503]
    assert teller.deliver(event["id"])[-3:] == [500, 503, 204]
