"""Stripe on this machine: localstripe, and in front of it a stub of ours, which is what the functions call.

What is whose is in docs/OPERATIONS.md. Nothing is kept when it ends, and nothing leaves this machine.
"""

import hashlib
import hmac
import secrets
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from .console import Failure, start, stop
from .emulator import free_port
from .tools import ensure

# localstripe's own start listens on every interface, and keeps what it has in one file under /tmp, whoever runs it.
LOCALSTRIPE = """
import sys
from aiohttp import web
from localstripe.resources import Store
from localstripe.server import app
Store.dump_to_disk = lambda store: None
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""

# Cards by what becomes of them, out of https://docs.stripe.com/testing.
GOOD = "4242424242424242"
REFUSED_WHEN_LEFT = "4000000000000002"
NO_MONEY_WHEN_LEFT = "4000000000009995"
REFUSED_WHEN_CHARGED = "4000000000000341"
CONFIRMED_ONCE = "4000002500003155"
CONFIRMED_EACH_TIME = "4000002760003184"
NO_MONEY_WHEN_CONFIRMED = "4000008260003178"


@dataclass(frozen=True)
class LocalStripe:
    port: int
    api_key: str
    webhook_secret: str

    @property
    def url(self) -> str:
        """What the functions are told as STRIPE_API_URL."""
        return f"http://127.0.0.1:{self.port}"

    def request(
        self, method: str, path: str, form: dict[str, Any] | None = None, key: str | None = None
    ) -> requests.Response:
        """A call of the API, as our functions make them."""
        headers = {"Authorization": f"Bearer {self.api_key}", **({"Idempotency-Key": key} if key else {})}
        where = "data" if method == "POST" else "params"
        return requests.request(method, f"{self.url}{path}", headers=headers, timeout=60, **{where: form})

    def control(self, method: str, path: str, order: dict[str, Any] | None = None) -> Any:
        answer = requests.request(method, f"{self.url}/_stub/{path}", json=order, timeout=60)
        answer.raise_for_status()
        return answer.json()

    # What a parent's app does, through Stripe's own script.

    def card(self, number: str = GOOD) -> str:
        """A card that somebody has typed. Nobody's as yet."""
        card = {"card[number]": number, "card[exp_month]": 12, "card[exp_year]": 2040, "card[cvc]": "123"}
        made = self.request("POST", "/v1/payment_methods", {"type": "card", **card})
        made.raise_for_status()
        return made.json()["id"]

    def confirm_setup(self, client_secret: str, card: str) -> requests.Response:
        """Leaves the card for later; its owner confirms if the bank asks. A refused card is a 402."""
        path = f"/v1/setup_intents/{client_secret.partition('_secret_')[0]}/confirm"
        answer = self.request("POST", path, {"client_secret": client_secret, "payment_method": card})
        if answer.ok and answer.json()["status"] == "requires_action":
            answer = self.request("POST", path, {"client_secret": client_secret})
        return answer

    def authenticate(self, client_secret: str, success: bool = True) -> dict[str, Any]:
        """The payer confirms a payment that the bank has asked them for, or does not. Also by the intent's name."""
        intent = client_secret.partition("_secret_")[0]
        return self.control("POST", f"payment_intents/{intent}/authenticate", {"success": success})

    # What a parent does at their bank.

    def dispute(self, intent: str) -> dict[str, Any]:
        """The bank takes back all that was taken; `charge.dispute.created` is sent."""
        return self.control("POST", f"payment_intents/{intent}/dispute")

    def close_dispute(self, intent: str, won: bool) -> dict[str, Any]:
        """The bank has decided, for us or for the parent; `charge.dispute.closed` is sent."""
        return self.control("POST", f"payment_intents/{intent}/dispute/close", {"won": won})

    # What a sitter does on Stripe's pages.

    def complete_account(self, account: str) -> dict[str, Any]:
        """The sitter has told everything; `account.updated` is sent."""
        return self.control("POST", f"accounts/{account}/complete")

    def bank(self, account: str) -> None:
        """All that lies on the account goes on to the sitter's bank."""
        self.control("POST", f"accounts/{account}/bank")

    # Webhooks.

    def deliver_to(self, url: str, host: str | None = None, repeat: int = 1, hold: bool = False) -> None:
        """Where events go from now on, how often each, and whether they wait for `release`."""
        self.control("PUT", "webhooks", {"url": url, "host": host, "repeat": repeat, "hold": hold})

    def release(self, reversed: bool = False, repeat: int = 1) -> int:
        """Delivers what was held, each so often, one after the other. Answers with how many they were."""
        return self.control("POST", "webhooks/release", {"reversed": reversed, "repeat": repeat})

    def deliver(self, event: str, repeat: int = 1) -> list[int]:
        """Delivers an event again. Answers with the statuses of all its deliveries."""
        return self.control("POST", f"events/{event}/deliver", {"repeat": repeat})

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """`id`, `type`, `object` and the `statuses` of its deliveries for each event, oldest first."""
        return [event for event in self.control("GET", "events") if kind in (None, event["type"])]

    def signature(self, payload: bytes, at: float | None = None) -> str:
        """The header `Stripe-Signature` for an event that a test has made up."""
        second = int(time.time() if at is None else at)
        signed = hmac.new(self.webhook_secret.encode(), b"%d.%s" % (second, payload), hashlib.sha256)
        return f"t={second},v1={signed.hexdigest()}"

    # Trouble, and what was asked.

    def fault(self, mode: str, **more: Any) -> None:
        """`down`: 503. `slow`: works after `seconds`. `drop`: works, and the connection ends without an answer. `ok`.

        More: `method`, `path` (searched for as a regular expression), `times` (then all is well again), `seconds`.
        """
        self.control("PUT", "fault", {"mode": mode, **more})

    def calls(self, path: str = "") -> list[dict[str, Any]]:
        """`method`, `path`, `form`, `idempotency_key`, `version` and `status` of the calls of paths that begin so."""
        return [call for call in self.control("GET", "calls") if call["path"].startswith(path)]

    def forget_calls(self) -> None:
        self.control("DELETE", "calls")

    def objects(self, booking: str) -> dict[str, int]:
        """What there is for a booking: `intents`, `held`, `captures`, `captured`, `refunds`, `refunded`, `transfers`,
        `transferred`, `reversed`."""
        return self.control("GET", "objects").get(booking, {})


@contextmanager
def running(log: Path, port: int | None = None) -> Iterator[LocalStripe]:
    """A Stripe that knows nobody yet, for as long as the block lasts."""
    python = ensure("stripe") / "python"
    local = f"http://127.0.0.1:{(local_port := free_port())}"
    stripe = LocalStripe(port or free_port(), f"sk_test_{secrets.token_hex(12)}", f"whsec_{secrets.token_hex(16)}")
    log.parent.mkdir(parents=True, exist_ok=True)
    stub = [python, Path(__file__).with_name("stripe_stub.py"), "--port", str(stripe.port), "--local", local]
    processes: list[subprocess.Popen] = []
    try:
        with log.open("w") as output:
            for command in (
                [python, "-c", LOCALSTRIPE, str(local_port)],
                [*stub, "--key", stripe.api_key, "--secret", stripe.webhook_secret],
            ):
                processes.append(start(command, stdout=output, stderr=subprocess.STDOUT))
        # Whoever is not known is refused, by one who is there.
        wait_until_answering(f"{local}/v1/customers", processes[0], log)
        wait_until_answering(f"{stripe.url}/_stub/health", processes[1], log)
        told = {"url": f"{stripe.url}/_stub/deliver", "secret": stripe.webhook_secret}
        requests.post(f"{local}/_config/webhooks/stub", json=told, timeout=10).raise_for_status()
        yield stripe
    finally:
        # First the one that calls the other.
        for process in reversed(processes):
            stop(process)


def wait_until_answering(url: str, process: subprocess.Popen, log: Path, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise Failure("The local Stripe did not start", f"its log says why: {log}")
