"""What our functions call instead of Stripe: localstripe for what it has, and this for what it lacks or has otherwise.

Runs with the Python of .venv/stripe, started by lib/stripe.py, which also says what is under /_stub. Which part is
whose is in docs/OPERATIONS.md.
"""

import argparse
import asyncio
import copy
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web

SHAPES = Path(__file__).resolve().parents[2] / "shared/stripe/tests/shapes"
VERSION = "2026-09-30.endive"
# Cards by Stripe's list of test numbers: what a refusal says besides `card_declined`.
REASONS = {
    "4000000000009995": "insufficient_funds",
    "4000000000009987": "lost_card",
    "4000000000009979": "stolen_card",
    "4000008260003178": "insufficient_funds",
}
# Wants its owner when it is left, and not again; localstripe asks each time.
CONFIRMED_ONCE = "4000002500003155"
# Stripe repeats for days; here everything is quicker.
DELIVERIES = 6

Json = dict[str, Any]
Pairs = list[tuple[str, str]]


class Refusal(Exception):
    """An answer other than 200, in the form that Stripe gives it."""

    def __init__(
        self, status: int, code: str | None, message: str, kind: str = "invalid_request_error", **more: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "message": message, **({"code": code} if code else {}), **more}}


@dataclass
class Extra:
    """What localstripe does not know of an intent."""

    group: str | None = None
    card: str | None = None
    captured: int | None = None
    refunds: list[int] = field(default_factory=list)
    # Its owner was not there when the bank asked for them.
    waits: Json | None = None
    dispute: Json | None = None
    refused: Json | None = None


@dataclass
class Fault:
    mode: str = "ok"
    method: str = ""
    path: str = ""
    times: int | None = None
    seconds: float = 30

    def strikes(self, method: str, path: str) -> str:
        """How this call goes wrong, if it does."""
        if self.mode == "ok" or self.method not in ("", method) or not re.search(self.path, path):
            return "ok"
        if self.times is not None:
            self.times -= 1
            if self.times < 0:
                return "ok"
        return self.mode


@dataclass
class Event:
    id: str
    kind: str
    subject: str | None
    payload: bytes
    signature: str
    statuses: list[int] = field(default_factory=list)


@dataclass
class Answered:
    """What was answered under an idempotency key; nothing yet while the first call is under way."""

    parameters: tuple[str, str]
    answer: tuple[int, Json] | None = None


def shape(name: str) -> Json:
    return json.loads((SHAPES / f"{name}.json").read_text())


def value(pairs: Pairs, name: str) -> str | None:
    return next((given for key, given in pairs if key == name), None)


def number(pairs: Pairs, name: str) -> int | None:
    given = value(pairs, name)
    return int(given) if given is not None else None


def without(pairs: Pairs, *names: str) -> Pairs:
    return [(key, given) for key, given in pairs if key not in names]


def metadata(pairs: Pairs) -> dict[str, str]:
    return {key[9:-1]: given for key, given in pairs if key.startswith("metadata[")}


def named(prefix: str) -> str:
    return prefix + secrets.token_hex(12)


def page(items: list[Json], query: Pairs, url: str) -> Json:
    """The latest first; of the same second, the one that was made later."""
    bounds: dict[str, Callable[[int, int], bool]] = {
        "gte": lambda a, b: a >= b,
        "gt": lambda a, b: a > b,
        "lte": lambda a, b: a <= b,
        "lt": lambda a, b: a < b,
    }
    found = list(reversed(items))
    for name, holds in bounds.items():
        bound = number(query, f"created[{name}]")
        if bound is not None:
            found = [item for item in found if holds(item["created"], bound)]
    after = value(query, "starting_after")
    if after:
        ids = [item["id"] for item in found]
        if after not in ids:
            raise Refusal(404, "resource_missing", f"No such object: {after}")
        found = found[ids.index(after) + 1 :]
    limit = number(query, "limit") or 10
    return {"object": "list", "url": url, "has_more": len(found) > limit, "data": found[:limit]}


class Stub:
    def __init__(self, local: str, key: str, secret: str) -> None:
        self.local, self.key, self.secret = local, key, secret
        self.calls: list[Json] = []
        self.fault = Fault()
        self.answered: dict[str, Answered] = {}
        self.extras: dict[str, Extra] = {}
        self.numbers: dict[str, str] = {}
        self.confirmed: set[str] = set()
        self.accounts: dict[str, Json] = {}
        self.transfers: list[Json] = []
        # What has gone on from an account to its bank.
        self.banked: dict[str, int] = {}
        self.events: dict[str, Event] = {}
        self.target: Json = {}
        self.held: list[Event] = []
        self.tasks: set[asyncio.Task] = set()
        self.routes: list[tuple[str, re.Pattern[str], Callable[..., Awaitable[Json]]]] = [
            (method, re.compile(path), handler)
            for method, path, handler in (
                ("POST", "/v1/payment_methods", self.create_card),
                ("POST", "/v1/setup_intents/(seti_[^/]+)/confirm", self.confirm_setup),
                ("POST", "/v1/payment_intents", self.create_intent),
                ("GET", "/v1/payment_intents", self.list_intents),
                ("GET", "/v1/payment_intents/([^/]+)", self.retrieve_intent),
                ("POST", "/v1/payment_intents/([^/]+)/capture", self.capture),
                ("POST", "/v1/payment_intents/([^/]+)/cancel", self.cancel),
                ("POST", "/v1/refunds", self.refund),
                ("GET", "/v1/disputes", self.list_disputes),
                ("POST", "/v1/accounts", self.create_account),
                ("GET", "/v1/accounts/([^/]+)", self.retrieve_account),
                ("DELETE", "/v1/accounts/([^/]+)", self.delete_account),
                ("POST", "/v1/account_links", self.create_account_link),
                ("POST", "/v1/transfers", self.transfer),
                ("POST", "/v1/transfers/([^/]+)/reversals", self.reverse),
                ("GET", "/v1/transfers", self.list_transfers),
            )
        ]

    # What every call passes.

    async def api(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        pairs = parse_qsl(body if request.method == "POST" else request.query_string, keep_blank_values=True)
        key = request.headers.get("Idempotency-Key")
        call = {
            "method": request.method,
            "path": request.path,
            "form": pairs,
            "idempotency_key": key,
            "version": request.headers.get("Stripe-Version"),
            "status": None,
        }
        self.calls.append(call)
        mode = self.fault.strikes(request.method, request.path)
        if mode == "slow":
            await asyncio.sleep(self.fault.seconds)
        if mode == "down":
            status, answer = 503, {"error": {"type": "api_error", "message": "Stripe is down."}}
        else:
            status, answer = await self.once(request, pairs, key)
        call["status"] = status
        if mode == "drop" and request.transport:
            call["status"] = None
            request.transport.abort()
        return web.json_response(answer, status=status, headers={"Request-Id": named("req_")})

    async def once(self, request: web.Request, pairs: Pairs, key: str | None) -> tuple[int, Json]:
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return 401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided."}}
        if request.method != "POST" or not key:
            return await self.answer(request.method, request.path, pairs)
        parameters = (request.path, json.dumps(sorted(pairs)))
        known = self.answered.get(key)
        if known and known.parameters != parameters:
            words = "Keys for idempotent requests can only be used with the same parameters they were first used with."
            return 400, Refusal(400, None, words, "idempotency_error").body
        if known:
            if known.answer:
                return known.answer
            return 409, Refusal(409, "idempotency_key_in_use", "Another call with this key is under way.").body
        self.answered[key] = Answered(parameters)
        try:
            status, answer = await self.answer(request.method, request.path, pairs)
            # What was never begun is not kept.
            if status < 400 or status == 402:
                self.answered[key].answer = (status, copy.deepcopy(answer))
        finally:
            if self.answered[key].answer is None:
                del self.answered[key]
        return status, answer

    async def answer(self, method: str, path: str, pairs: Pairs) -> tuple[int, Json]:
        try:
            for expected, pattern, handler in self.routes:
                if method == expected and (match := pattern.fullmatch(path)):
                    return 200, await handler(pairs, *match.groups())
            return 200, await self.ask(method, path, pairs)
        except Refusal as refusal:
            return refusal.status, refusal.body

    async def ask(self, method: str, path: str, pairs: Pairs) -> Json:
        """What localstripe answers."""
        options = {"data": pairs} if method == "POST" else {"params": pairs}
        headers = {"Authorization": f"Bearer {self.key}"}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.local}{path}", headers=headers, **options) as response,
        ):
            body = await response.json(content_type=None)
            if response.status < 400:
                return body
            told = body.get("error", {}) if isinstance(body, dict) else {}
            code = told.get("code") or ("resource_missing" if response.status == 404 else None)
            kind = "card_error" if response.status == 402 else "invalid_request_error"
            more = {"charge": told["charge"]} if "charge" in told else {}
            raise Refusal(response.status, code, told.get("message", ""), kind, **more)

    # Cards.

    async def create_card(self, pairs: Pairs) -> Json:
        made = await self.ask("POST", "/v1/payment_methods", pairs)
        self.numbers[made["id"]] = value(pairs, "card[number]") or ""
        return made

    async def confirm_setup(self, pairs: Pairs, setup: str) -> Json:
        """As the app does it through Stripe's own script: with the card, and once more when its owner has confirmed."""
        path = f"/v1/setup_intents/{setup}"
        was = await self.ask("GET", path, [])
        try:
            confirmed = await self.ask("POST", f"{path}/confirm", pairs)
        except Refusal as refusal:
            if refusal.status == 402:
                refusal.body["error"]["decline_code"] = self.reason(value(pairs, "payment_method"))
                self.announce("setup_intent.setup_failed", {**was, "status": "requires_payment_method"})
            raise
        if confirmed["status"] == "succeeded":
            card = confirmed["payment_method"]
            if was["status"] == "requires_action":
                self.confirmed.add(card)
            # localstripe leaves this to its caller.
            await self.ask("POST", f"/v1/payment_methods/{card}/attach", [("customer", confirmed["customer"])])
            self.announce("setup_intent.succeeded", confirmed)
        return confirmed

    def reason(self, card: str | None) -> str:
        return REASONS.get(self.numbers.get(card or "", ""), "generic_decline")

    # Intents.

    async def create_intent(self, pairs: Pairs) -> Json:
        amount, card, customer = number(pairs, "amount"), value(pairs, "payment_method"), value(pairs, "customer")
        if not amount or amount < 30:
            raise Refusal(400, "amount_too_small", "Amount must be at least £0.30 gbp.", param="amount")
        owner = (await self.ask("GET", f"/v1/payment_methods/{card}", []))["customer"]
        if owner is None or owner != customer:
            words = f"The customer does not have a payment method with the ID {card}."
            raise Refusal(400, "resource_missing", words, param="payment_method")
        extra = Extra(group=value(pairs, "transfer_group"), card=card)
        try:
            made = await self.ask("POST", "/v1/payment_intents", without(pairs, "transfer_group"))
        except Refusal as refusal:
            if refusal.status == 402:
                charge = await self.ask("GET", f"/v1/charges/{refusal.body['error']['charge']}", [])
                self.extras[charge["payment_intent"]] = extra
                await self.refuse(charge["payment_intent"], refusal)
            raise
        self.extras[made["id"]] = extra
        if made["status"] == "requires_action" and value(pairs, "off_session") == "true":
            if card not in self.confirmed or self.numbers.get(card or "") != CONFIRMED_ONCE:
                await self.wait_for_owner(made["id"])
            await self.charge(made)
        return await self.announced(made["id"], pairs)

    async def charge(self, intent: Json) -> None:
        """What follows when the owner of a card has confirmed."""
        form = [("client_secret", intent["client_secret"]), ("success", "true")]
        try:
            await self.ask("POST", f"/v1/payment_intents/{intent['id']}/_authenticate", form)
        except Refusal as refusal:
            if refusal.status == 402:
                await self.refuse(intent["id"], refusal)
            raise

    async def refuse(self, intent: str, refusal: Refusal) -> None:
        """Says of a refused card what Stripe says besides."""
        extra = self.extras[intent]
        refusal.body["error"]["decline_code"] = self.reason(extra.card)
        extra.refused = copy.deepcopy(refusal.body["error"])
        refusal.body["error"]["payment_intent"] = await self.show(intent, [])

    async def wait_for_owner(self, intent: str) -> None:
        words = "Your card was declined. This transaction requires authentication."
        code = "authentication_required"
        refusal = Refusal(402, code, words, "card_error", decline_code=code)
        self.extras[intent].waits = copy.deepcopy(refusal.body["error"])
        shown = await self.show(intent, [])
        refusal.body["error"]["payment_intent"] = shown
        self.announce("payment_intent.payment_failed", shown)
        raise refusal

    async def announced(self, intent: str, pairs: Pairs) -> Json:
        """The intent; that something is held on it localstripe does not tell."""
        shown = await self.show(intent, pairs)
        if shown["status"] == "requires_capture":
            self.announce("payment_intent.amount_capturable_updated", shown)
        return shown

    async def show(self, intent: str, pairs: Pairs) -> Json:
        return self.complete(await self.ask("GET", f"/v1/payment_intents/{intent}", []), pairs, "latest_charge")

    def complete(self, intent: Json, pairs: Pairs, expand: str) -> Json:
        """An intent as Stripe shows it."""
        extra = self.extras.setdefault(intent["id"], Extra())
        charge = intent["latest_charge"]
        status, error = intent["status"], extra.refused or intent["last_payment_error"]
        if extra.waits and status == "requires_action":
            status, error = "requires_payment_method", extra.waits
        received = 0
        if charge and status == "succeeded":
            received = charge["amount"] if extra.captured is None else extra.captured
        if charge:
            let_go = {"amount_refunded": charge["amount"], "refunded": True} if status == "canceled" else {}
            charge = {**charge, **let_go, "amount_captured": received, "transfer_group": extra.group}
            charge["disputed"] = extra.dispute is not None
            # Stripe does not show them unasked.
            charge.pop("refunds")
        shown = {
            **intent,
            "status": status,
            "amount_capturable": intent["amount"] if status == "requires_capture" else 0,
            "amount_received": received,
            "last_payment_error": error if status == "requires_payment_method" else None,
            "latest_charge": charge if ("expand[]", expand) in pairs or not charge else charge["id"],
            "next_action": intent["next_action"] if status == "requires_action" else None,
            "payment_method": None if status == "requires_payment_method" else intent["payment_method"],
            "payment_method_types": ["card"],
            "transfer_group": extra.group,
        }
        for gone in ("charges", "invoice"):
            shown.pop(gone)
        return shown

    async def retrieve_intent(self, pairs: Pairs, intent: str) -> Json:
        return await self.show(intent, pairs)

    async def all_intents(self, pairs: Pairs) -> list[Json]:
        everything = await self.ask("GET", "/v1/payment_intents", [("limit", "1000000")])
        return [self.complete(intent, pairs, "data.latest_charge") for intent in everything["data"]]

    async def list_intents(self, query: Pairs) -> Json:
        return page(await self.all_intents(query), query, "/v1/payment_intents")

    async def expect(self, intent: str, verb: str, *statuses: str) -> Json:
        found = await self.show(intent, [])
        if found["status"] not in statuses:
            words = f"You cannot {verb} this PaymentIntent because it has a status of {found['status']}."
            raise Refusal(400, "payment_intent_unexpected_state", words, payment_intent=found)
        return found

    async def capture(self, pairs: Pairs, intent: str) -> Json:
        held = await self.expect(intent, "capture", "requires_capture")
        amount = number(pairs, "amount_to_capture") or held["amount"]
        if amount > held["amount_capturable"]:
            raise Refusal(400, "amount_too_large", "More than is held.", param="amount_to_capture")
        await self.ask("POST", f"/v1/payment_intents/{intent}/capture", [("amount_to_capture", str(amount))])
        self.extras[intent].captured = amount
        return await self.show(intent, pairs)

    async def cancel(self, pairs: Pairs, intent: str) -> Json:
        await self.expect(intent, "cancel", "requires_payment_method", "requires_capture", "requires_action")
        await self.ask("POST", f"/v1/payment_intents/{intent}/cancel", [])
        shown = await self.show(intent, pairs)
        self.announce("payment_intent.canceled", shown)
        return shown

    async def refund(self, pairs: Pairs) -> Json:
        intent = value(pairs, "payment_intent") or ""
        paid = await self.show(intent, [("expand[]", "latest_charge")])
        refunds = self.extras[intent].refunds
        left = paid["amount_received"] - sum(refunds)
        amount = number(pairs, "amount") or left
        dispute = self.extras[intent].dispute
        if dispute and dispute["status"] != "won":
            raise Refusal(400, "charge_disputed", "The bank has taken it back.")
        if left == 0:
            raise Refusal(400, "charge_already_refunded", "There is nothing left to give back.")
        if amount > left:
            raise Refusal(400, "amount_too_large", "More than was taken.", param="amount")
        form = [("payment_intent", intent), ("amount", str(amount))]
        made = await self.ask("POST", "/v1/refunds", form)
        refunds.append(amount)
        refunded = await self.show(intent, [("expand[]", "latest_charge")])
        self.announce("charge.refunded", refunded["latest_charge"])
        return made

    # What banks take back, of which localstripe knows nothing either.

    async def dispute(self, intent: str) -> Json:
        """The owner of the card goes to their bank, which takes all of it back."""
        paid = await self.show(intent, [("expand[]", "latest_charge")])
        if paid["status"] != "succeeded" or self.extras[intent].dispute:
            raise Refusal(400, "payment_intent_unexpected_state", "There is nothing to be taken back.")
        now = int(time.time())
        made = shape("dispute") | {
            "id": named("du_"),
            "amount": paid["amount_received"] - sum(self.extras[intent].refunds),
            "charge": paid["latest_charge"]["id"],
            "created": now,
            "currency": paid["currency"],
            "payment_intent": intent,
        }
        made["evidence_details"] |= {"due_by": now + 7 * 24 * 3600}
        self.extras[intent].dispute = made
        for kind in ("created", "funds_withdrawn"):
            self.announce(f"charge.dispute.{kind}", made)
        return made

    async def close_dispute(self, intent: str, won: bool) -> Json:
        found = self.extras[intent].dispute if intent in self.extras else None
        if not found:
            raise Refusal(404, "resource_missing", f"No dispute of {intent}")
        found["status"] = "won" if won else "lost"
        if won:
            self.announce("charge.dispute.funds_reinstated", found)
        self.announce("charge.dispute.closed", found)
        return found

    async def list_disputes(self, query: Pairs) -> Json:
        intent = value(query, "payment_intent")
        disputes = [extra.dispute for extra in self.extras.values() if extra.dispute]
        return page([each for each in disputes if intent in (None, each["payment_intent"])], query, "/v1/disputes")

    # Connect, of which localstripe knows nothing: answers of the recorded shapes.

    async def create_account(self, pairs: Pairs) -> Json:
        account = shape("account") | {
            "id": named("acct_"),
            "country": value(pairs, "country"),
            "created": int(time.time()),
            "metadata": metadata(pairs),
        }
        self.accounts[account["id"]] = account
        return account

    async def retrieve_account(self, _: Pairs, account: str) -> Json:
        if account not in self.accounts:
            raise Refusal(403, "account_invalid", f"The provided key does not have access to account '{account}'.")
        return self.accounts[account]

    async def delete_account(self, _: Pairs, account: str) -> Json:
        await self.retrieve_account([], account)
        if self.lies_on(account):
            raise Refusal(400, "account_invalid_balance", "The account has a balance.")
        del self.accounts[account]
        return {"id": account, "object": "account", "deleted": True}

    async def create_account_link(self, pairs: Pairs) -> Json:
        account = await self.retrieve_account([], value(pairs, "account") or "")
        now = int(time.time())
        url = f"https://connect.stripe.com/setup/e/{account['id']}/{secrets.token_urlsafe(9)}"
        return shape("account_link") | {"created": now, "expires_at": now + 300, "url": url}

    async def complete_account(self, account: str) -> Json:
        found = await self.retrieve_account([], account)
        ready = shape("account_ready")
        changed = ("capabilities", "charges_enabled", "details_submitted", "payouts_enabled", "requirements")
        found.update({name: ready[name] for name in changed})
        self.announce("account.updated", found, account=account)
        return found

    async def transfer(self, pairs: Pairs) -> Json:
        amount, currency = number(pairs, "amount") or 0, value(pairs, "currency")
        destination, source = value(pairs, "destination") or "", value(pairs, "source_transaction")
        if destination not in self.accounts:
            raise Refusal(400, "resource_missing", f"No such destination: '{destination}'", param="destination")
        if self.accounts[destination]["capabilities"]["transfers"] != "active":
            raise Refusal(400, "insufficient_capabilities_for_transfer", "The destination cannot be sent money.")
        if amount <= 0:
            raise Refusal(400, "parameter_invalid_integer", "Invalid positive integer", param="amount")
        intents = await self.all_intents([("expand[]", "data.latest_charge")])
        charges = [intent["latest_charge"] for intent in intents if intent["latest_charge"]]
        if source:
            charges = [charge for charge in charges if charge["id"] == source]
            sent = [transfer for transfer in self.transfers if transfer["source_transaction"] == source]
        else:
            charges = [charge for charge in charges if charge["currency"] == currency]
            sent = [transfer for transfer in self.transfers if transfer["currency"] == currency]
        # A transfer out of a charge waits for its money; any other needs it on the balance, refunds deducted.
        there = sum(charge["amount_captured"] for charge in charges)
        if not source:
            there -= sum(sum(self.extras[i["id"]].refunds) for i in intents if i["currency"] == currency)
        if sum(transfer["amount"] for transfer in sent) + amount > there:
            raise Refusal(400, "balance_insufficient", "You have insufficient funds for this transfer.")
        made = shape("transfer") | {
            "id": named("tr_"),
            "amount": amount,
            "created": int(time.time()),
            "currency": currency,
            "destination": destination,
            "metadata": metadata(pairs),
            "source_transaction": source,
            "transfer_group": value(pairs, "transfer_group"),
        }
        self.transfers.append(made)
        self.announce("transfer.created", made)
        return made

    async def reverse(self, pairs: Pairs, transfer: str) -> Json:
        found = next((sent for sent in self.transfers if sent["id"] == transfer), None)
        if not found:
            raise Refusal(404, "resource_missing", f"No such transfer: '{transfer}'", param="id")
        left = found["amount"] - found["amount_reversed"]
        amount = number(pairs, "amount") or left
        if not 0 < amount <= left:
            raise Refusal(400, "amount_too_large", "More than is left of the transfer.", param="amount")
        if amount > self.lies_on(found["destination"]):
            raise Refusal(400, "balance_insufficient", "The account has insufficient funds for this reversal.")
        made = shape("transfer_reversal") | {
            "id": named("trr_"),
            "amount": amount,
            "created": int(time.time()),
            "currency": found["currency"],
            "metadata": metadata(pairs),
            "transfer": transfer,
        }
        found["amount_reversed"] += amount
        found["reversed"] = found["amount_reversed"] == found["amount"]
        self.announce("transfer.reversed", found)
        return made

    def lies_on(self, account: str) -> int:
        sent = [transfer for transfer in self.transfers if transfer["destination"] == account]
        there = sum(transfer["amount"] - transfer["amount_reversed"] for transfer in sent)
        return there - self.banked.get(account, 0)

    async def bank(self, account: str) -> Json:
        """All that lies on an account goes on to its bank."""
        await self.retrieve_account([], account)
        self.banked[account] = self.banked.get(account, 0) + self.lies_on(account)
        return {"banked": self.banked[account]}

    async def list_transfers(self, query: Pairs) -> Json:
        group = value(query, "transfer_group")
        found = [transfer for transfer in self.transfers if group in (None, transfer["transfer_group"])]
        return page(found, query, "/v1/transfers")

    # Webhooks.

    def announce(self, kind: str, subject: Json, **more: str) -> None:
        """What localstripe does not tell, told in the same way."""
        now = int(time.time())
        event = {
            "id": named("evt_"),
            "object": "event",
            "api_version": VERSION,
            "created": now,
            "data": {"object": subject},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
            **more,
        }
        payload = json.dumps(event, indent=2).encode()
        signed = hmac.new(self.secret.encode(), b"%d.%s" % (now, payload), hashlib.sha256).hexdigest()
        self.take(payload, f"t={now},v1={signed}")

    def take(self, payload: bytes, signature: str) -> None:
        told = json.loads(payload)
        event = Event(told["id"], told["type"], told["data"]["object"].get("id"), payload, signature)
        self.events[event.id] = event
        if self.target.get("hold"):
            self.held.append(event)
        elif self.target:
            task = asyncio.ensure_future(self.deliver(event, self.target.get("repeat", 1)))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def deliver(self, event: Event, repeat: int = 1) -> None:
        for _ in range(repeat):
            for attempt in range(DELIVERIES):
                event.statuses.append(await self.post(event))
                if 200 <= event.statuses[-1] < 300:
                    break
                await asyncio.sleep(0.25 * 2**attempt)

    async def post(self, event: Event) -> int:
        """The status of one delivery, 0 if there is nobody."""
        headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": event.signature}
        # The gateway finds the API by this name, which Python cannot resolve.
        if host := self.target.get("host"):
            headers["Host"] = host
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as session,
                session.post(self.target["url"], data=event.payload, headers=headers) as response,
            ):
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    # Controls.

    async def objects(self) -> Json:
        found: Json = {}
        for intent in await self.all_intents([]):
            extra = self.extras[intent["id"]]
            of = found.setdefault(intent["metadata"].get("booking", ""), dict.fromkeys(COUNTED, 0))
            of["intents"] += 1
            of["held"] += intent["amount_capturable"]
            of["captures"] += intent["amount_received"] > 0
            of["captured"] += intent["amount_received"]
            of["refunds"] += len(extra.refunds)
            of["refunded"] += sum(extra.refunds)
        for transfer in self.transfers:
            of = found.setdefault(transfer["transfer_group"] or "", dict.fromkeys(COUNTED, 0))
            of["transfers"] += 1
            of["transferred"] += transfer["amount"]
            of["reversed"] += transfer["amount_reversed"]
        return found

    async def authenticate(self, intent: str, success: bool) -> Json:
        found = await self.ask("GET", f"/v1/payment_intents/{intent}", [])
        if found["status"] != "requires_action":
            raise Refusal(400, "payment_intent_unexpected_state", "Nobody waits for its payer.")
        if success:
            self.extras[intent].waits = None
            await self.charge(found)
        return await self.announced(intent, [])


COUNTED = ("intents", "held", "captures", "captured", "refunds", "refunded", "transfers", "transferred", "reversed")


def controls(stub: Stub) -> list[web.RouteDef]:
    def control(handler: Callable[..., Awaitable[Any]]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def run(request: web.Request) -> web.Response:
            order = await request.json() if request.can_read_body else {}
            try:
                return web.json_response(await handler(order, **request.match_info))
            except Refusal as refusal:
                return web.json_response(refusal.body, status=refusal.status)

        return run

    async def deliver(request: web.Request) -> web.Response:
        stub.take(await request.read(), request.headers["Stripe-Signature"])
        return web.Response()

    async def health(_: Json) -> Json:
        return {}

    async def fault(order: Json) -> Json:
        stub.fault = Fault(**order)
        return order

    async def calls(_: Json) -> list[Json]:
        return stub.calls

    async def forget(_: Json) -> list[Json]:
        stub.calls.clear()
        return []

    async def objects(_: Json) -> Json:
        return await stub.objects()

    async def webhooks(order: Json) -> Json:
        stub.target = order
        return order

    async def events(_: Json) -> list[Json]:
        return [
            {"id": event.id, "type": event.kind, "object": event.subject, "statuses": event.statuses}
            for event in stub.events.values()
        ]

    async def release(order: Json) -> int:
        held, stub.held = stub.held, []
        if order.get("reversed"):
            held.reverse()
        # One after the other, so that the order is what the API sees.
        for event in held:
            await stub.deliver(event, order.get("repeat", 1))
        return len(held)

    async def again(order: Json, id: str) -> list[int]:
        event = stub.events[id]
        await stub.deliver(event, order.get("repeat", 1))
        return event.statuses

    async def complete(_: Json, id: str) -> Json:
        return await stub.complete_account(id)

    async def bank(_: Json, id: str) -> Json:
        return await stub.bank(id)

    async def dispute(_: Json, id: str) -> Json:
        return await stub.dispute(id)

    async def close_dispute(order: Json, id: str) -> Json:
        return await stub.close_dispute(id, order["won"])

    async def authenticate(order: Json, id: str) -> Json:
        return await stub.authenticate(id, order.get("success", True))

    return [
        web.post("/_stub/deliver", deliver),
        *(
            web.route(method, f"/_stub/{path}", control(handler))
            for method, path, handler in (
                ("GET", "health", health),
                ("PUT", "fault", fault),
                ("GET", "calls", calls),
                ("DELETE", "calls", forget),
                ("GET", "objects", objects),
                ("PUT", "webhooks", webhooks),
                ("POST", "webhooks/release", release),
                ("GET", "events", events),
                ("POST", "events/{id}/deliver", again),
                ("POST", "accounts/{id}/complete", complete),
                ("POST", "accounts/{id}/bank", bank),
                ("POST", "payment_intents/{id}/authenticate", authenticate),
                ("POST", "payment_intents/{id}/dispute", dispute),
                ("POST", "payment_intents/{id}/dispute/close", close_dispute),
            )
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--port", "--local", "--key", "--secret"):
        parser.add_argument(option, required=True)
    options = parser.parse_args()
    stub = Stub(options.local, options.key, options.secret)
    app = web.Application()
    app.add_routes([*controls(stub), web.route("*", "/v1/{rest:.*}", stub.api)])
    web.run_app(app, host="127.0.0.1", port=int(options.port), print=None)


if __name__ == "__main__":
    main()
