"""Families, sitters and bookings for the journeys, and a way to let time go by for one booking."""

import datetime
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests
from conftest import SECRETS, Person, eventually, fresh_phone, problem
from lib.clock import Clock, Item, due
from lib.stack import Stack
from lib.stripe import GOOD, LocalStripe


def in_days(days: int) -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=days)


@dataclass
class Family:
    """A parent with a home, a child and a card."""

    person: Person
    stripe: LocalStripe
    child: str
    contact: str
    cards: dict[str, str] = field(default_factory=dict)

    @property
    def stack(self) -> Stack:
        return self.person.stack

    def card(self, number: str = GOOD) -> str:
        """The name of a card that the family has left, as its app would."""
        if number not in self.cards:
            made = self.person.request("POST", "/payments/setup-intent")
            assert made.status_code == 201, made.text
            card = self.stripe.card(number)
            left = self.stripe.confirm_setup(made.json()["client_secret"], card)
            assert left.ok, left.text
            self.cards[number] = card
        return self.cards[number]

    def wish(self, sitter: str, day: datetime.date, start: str = "10:00", end: str = "14:00", **more: Any) -> Item:
        time = {"date": day.isoformat(), "start": start, "end": end, "time_zone": "Europe/London"}
        return {"sitter_id": sitter, "time": time, "child_ids": [self.child], **more}

    def ask(self, sitter: str, day: datetime.date, *hours: str, card: str = GOOD, **more: Any) -> requests.Response:
        body = self.wish(sitter, day, *hours, payment_method_id=self.card(card), **more)
        return self.person.request("POST", "/bookings", json=body)

    def book(self, sitter: Any, day: datetime.date, *hours: str, **more: Any) -> "Booking":
        response = self.ask(sitter.id, day, *hours, **more)
        assert response.status_code == 201, response.text
        return Booking(self, sitter, response.json()["booking"]["id"])


def settle(person: Person, stripe: LocalStripe, place: tuple[float, float]) -> Family:
    """Gives a parent a home and a child."""
    contact = fresh_phone()
    SECRETS.update({"7 Hidden Close", "Annabella Milbanke"})
    profile = {
        "address": {"lines": "7 Hidden Close", "town": "Somewhere", "postcode": "HX7 8AD", "country": "GB"},
        "location": {"latitude": place[0], "longitude": place[1]},
        "emergency_contact": {"name": "Annabella Milbanke", "phone": contact},
    }
    told = person.request("PUT", "/me/parent-profile", json=profile)
    assert told.status_code == 200, told.text
    born = f"{datetime.date.today().year - 3}-02"
    child = person.request("POST", "/me/children", json={"name": "Ralph", "birth_month": born})
    assert child.status_code == 201, child.text
    return Family(person, stripe, child.json()["id"], contact)


@dataclass
class Booking:
    """A booking, with both of its sides."""

    family: Family
    sitter: Any
    id: str

    def see(self, who: Person | None = None) -> Item:
        response = (who or self.family.person).request("GET", f"/bookings/{self.id}")
        assert response.status_code == 200, response.text
        return response.json()

    def state(self) -> str:
        return self.see()["state"]

    def post(self, who: Person, verb: str, body: Item | None = None) -> requests.Response:
        return who.request("POST", f"/bookings/{self.id}/{verb}", json=body)

    def does(self, who: Person, verb: str, body: Item | None = None) -> Item:
        response = self.post(who, verb, body)
        assert response.ok, f"{verb}: {response.status_code} {response.text}"
        return response.json() if response.content else {}

    def accept(self) -> "Booking":
        self.does(self.sitter.person, "accept")
        return self

    def becomes(self, state: str) -> "Booking":
        eventually(lambda: self.state() == state)
        return self

    def confirmed(self) -> "Booking":
        return self.accept().becomes("confirmed")

    def is_mailed(self, who: Person, count: int = 1) -> None:
        """Waits until so many mails about it have come to somebody."""

        def came() -> bool:
            mails = self.family.stack.mailbox(who.email)
            return sum(f"/bookings/{self.id}" in mail["BodyText"] for mail in mails) >= count

        eventually(came)

    def is_told(self, who: Person, words: str) -> None:
        """Waits until a mail about it has told somebody that."""

        def came() -> bool:
            mails = (mail["BodyText"] for mail in self.family.stack.mailbox(who.email))
            return any(f"/bookings/{self.id}" in mail and words in mail for mail in mails)

        eventually(came)

    def cards_state(self, card: str) -> None:
        eventually(lambda: self.see()["card"] == card)

    def money(self) -> dict[str, int]:
        """What Stripe has of it."""
        return self.family.stripe.objects(self.id)

    def settles(self, **expected: int) -> None:
        """Waits until Stripe has exactly that."""
        eventually(lambda: all(self.money().get(name, 0) == amount for name, amount in expected.items()))

    def total(self) -> int:
        return self.see()["price"]["total"]["amount_minor"]

    def passes(self, hours: float) -> None:
        """Lets that much time go by for this booking alone: all of its moments move into the past together, in the
        booking, in the calendar and in the lists of both sides; what falls due by that is done, as by the schedule.
        """
        Clock(self.family.stack).turn(self.id, datetime.timedelta(hours=hours))
        TURNED.add(self.id)
        due(self.family.stack)

    def until_start(self, hours: float = 0) -> None:
        """Lets time go by until so many hours before the start."""
        starts = datetime.datetime.fromisoformat(self.see()["starts_at"])
        left = (starts - datetime.datetime.now(datetime.UTC)).total_seconds() / 3600
        self.passes(left - hours)

    def happens(self, minutes_longer: int = 0) -> "Booking":
        """From confirmed to completed, with the sitter in time."""
        self.until_start(20)
        self.cards_state("held")
        self.until_start(-0.01)
        self.does(self.sitter.person, "check-in", {})
        hours = (
            datetime.datetime.fromisoformat(self.see()["ends_at"])
            - datetime.datetime.fromisoformat(self.see()["starts_at"])
        ).total_seconds() / 3600
        self.passes(hours + minutes_longer / 60 - 0.01)
        self.does(self.sitter.person, "check-out", {})
        return self


def copies(booking: Booking, day: datetime.date, count: int, chance: random.Random) -> list[Booking]:
    """So many more requests like that one, at other hours of that day and the next, which overlap as they come."""
    clock = Clock(booking.family.stack)
    item = clock.get(f"BOOKING#{booking.id}", "BOOKING")
    made = []
    for number in range(count):
        # The last five characters of an identifier are random.
        name = f"{booking.id[:-5]}{number:05}"
        start = datetime.datetime.combine(day, datetime.time(8), datetime.UTC) + datetime.timedelta(
            days=chance.randrange(2), minutes=15 * chance.randrange(40)
        )
        end = start + datetime.timedelta(minutes=15 * chance.randrange(4, 9))
        span = {name: moment.strftime("%FT%TZ") for name, moment in (("start", start), ("end", end))}
        one = {**item["booking"], "id": name, "span": span}
        due_sk = f"{item['due_sk'].partition('#')[0]}#{name}"
        clock.put({**item, "pk": f"BOOKING#{name}", "due_sk": due_sk, "booking": one})
        for user in (one["parent"], one["sitter"]):
            clock.put({"pk": f"BOOKINGS#{user}", "sk": f"{int(start.timestamp()):012}#{name}"})
        made.append(Booking(booking.family, booking.sitter, name))
    return made


# Bookings for which time has gone by. Each has its own, so that they may come to lie upon each other.
TURNED: set[str] = set()


def apart(stack: Stack) -> None:
    """Lays the bookings for which time has gone by apart, long ago, each in days of its own."""
    for number, booking in enumerate(sorted(TURNED)):
        Clock(stack).turn(booking, datetime.timedelta(days=20 + 5 * number))
    TURNED.clear()
    due(stack)


def refused(response: requests.Response, code: str, status: int = 409) -> Item:
    found = problem(response, status)
    assert found["code"] == code, found
    return found


NewFamily = Callable[[tuple[float, float]], Family]
