"""What must be true of everything that is stored about bookings and money, whatever has happened.

The functions may not look at whole tables, and do not; this does, with an operator's credentials.
"""

import datetime
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

Item = dict[str, Any]

# shared/domain/src/booking/state.rs: the states in which a sitter's time is taken.
HOLDS_TIME = {"accepted", "confirmed", "in_progress", "completed", "disputed", "settled"}
# A step that is due is taken within minutes, and money is asked for within as many, unless something is stuck.
PATIENCE = datetime.timedelta(minutes=15)
# What moves between a sitter and the platform, by which sign it stands on the other account.
OF_SITTERS = {"paid_out": -1, "called_back": 1, "waived": 1}


class Books:
    """All items that have to do with bookings and money, sorted by what they are."""

    def __init__(self, items: Iterator[Item]) -> None:
        self.bookings: dict[str, Item] = {}
        self.payments: dict[str, Item] = {}
        self.transactions: list[Item] = []
        self.lines: list[Item] = []
        self.balances: dict[tuple[str, str], Item] = {}
        self.days: list[Item] = []
        self.lists: set[tuple[str, str]] = set()
        self.owed: list[Item] = []
        self.due: list[Item] = []
        for item in items:
            self.take(item)

    def take(self, item: Item) -> None:
        kind, _, rest = item["pk"].partition("#")
        if kind == "BOOKING" and item["sk"] == "BOOKING":
            self.bookings[rest] = item["booking"]
        elif kind == "BOOKING" and item["sk"].startswith("PAYMENT#"):
            self.payments[item["id"]] = item
        elif kind == "LEDGER":
            self.transactions.append(item)
        elif kind == "STATEMENT":
            self.lines.append(item)
        elif kind == "BALANCE":
            self.balances[rest, item["sk"]] = item
        elif kind == "CALENDAR":
            self.days.append(item)
        elif kind == "BOOKINGS":
            self.lists.add((rest, item["sk"].partition("#")[2]))
        elif kind == "OWED":
            self.owed.append(item)
        if "due_pk" in item:
            self.due.append(item)


def read(client: Any, table: str, segments: int = 4, each: Callable[[int], None] = lambda _: None) -> Iterator[Item]:
    """All items of a table, segment by segment."""
    deserialize = TypeDeserializer().deserialize
    for segment in range(segments):
        pages = client.get_paginator("scan").paginate(
            TableName=table, ConsistentRead=True, Segment=segment, TotalSegments=segments
        )
        for page in pages:
            each(len(page["Items"]))
            for item in page["Items"]:
                yield {name: deserialize(value) for name, value in item.items()}


def moment(raw: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(raw)


def nobody_is_booked_twice(books: Books) -> Iterator[str]:
    by_sitter: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for name, booking in books.bookings.items():
        if booking["state"] in HOLDS_TIME:
            span = booking["span"]
            by_sitter[booking["sitter"]].append((span["start"], span["end"], name))
    for sitter, spans in by_sitter.items():
        spans.sort(key=lambda span: moment(span[0]))
        for before, after in zip(spans, spans[1:], strict=False):
            if moment(after[0]) < moment(before[1]):
                yield f"{sitter} is booked twice: {before[2]} and {after[2]}"


def calendars_are_the_bookings(books: Books) -> Iterator[str]:
    """Each claim is that of a booking which takes the time, and each such booking is claimed on all of its days."""
    claimed: set[tuple[str, str, str]] = set()
    for day in books.days:
        sitter = day["pk"].partition("#")[2]
        for claim in day["claims"]:
            booking = books.bookings.get(claim["booking"])
            if not booking or booking["state"] not in HOLDS_TIME or booking["sitter"] != sitter:
                yield f"{claim['booking']} is claimed on {day['sk']}, and takes no time"
            elif any(moment(booking["span"][end]) != moment(claim["span"][end]) for end in ("start", "end")):
                yield f"{claim['booking']} is claimed on {day['sk']} at another time"
            claimed.add((sitter, day["sk"], claim["booking"]))
    for name, booking in books.bookings.items():
        if booking["state"] not in HOLDS_TIME:
            continue
        start, end = moment(booking["span"]["start"]), moment(booking["span"]["end"])
        # One that ends at midnight does not touch the day that begins.
        for date in {start.date(), (end - datetime.timedelta(microseconds=1)).date()}:
            # Days of long ago are forgotten.
            is_kept = date > datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=85)
            if is_kept and (booking["sitter"], date.isoformat(), name) not in claimed:
                yield f"{name} takes time on {date} and is not in the calendar"


def both_sides_find_their_bookings(books: Books) -> Iterator[str]:
    for name, booking in books.bookings.items():
        for user in (booking["parent"], booking["sitter"]):
            if (user, name) not in books.lists:
                yield f"{user} does not find {name}"
    for user, name in books.lists:
        if name not in books.bookings:
            yield f"{user} finds {name}, which is not there"


def total(charge: Item) -> int:
    return int(charge["sitter"] + charge["fee"] + charge["tax"])


def the_ledger_sums_to_zero(books: Books) -> Iterator[str]:
    for moved in books.transactions:
        if sum(entry["amount_minor"] for entry in moved["entries"]) != 0:
            yield f"{moved['sk']} does not add up to nothing"


def all_captured_has_its_booking(books: Books) -> Iterator[str]:
    cash: dict[str, int] = defaultdict(int)
    for moved in books.transactions:
        if moved["pk"].partition("#")[2] not in books.bookings:
            yield f"{moved['sk']} is of a booking that is not there"
        if moved["kind"] not in OF_SITTERS:
            cash[moved["payment"]] += int(
                sum(entry["amount_minor"] for entry in moved["entries"] if entry["account"] == "cash")
            )
    for name, payment in books.payments.items():
        booking = books.bookings.get(payment["booking"])
        captured, refunded = total(payment["captured"]), total(payment["refunded"])
        if not booking:
            yield f"{name} is of a booking that is not there"
        elif captured and booking["state"] not in ("completed", "disputed", "settled", "cancelled", "no_show"):
            yield f"{name} was captured, and its booking is {booking['state']}"
        if refunded > captured or captured > total(payment["priced"]):
            yield f"{name} has taken, or given back, more than it may"
        chargeback = payment.get("chargeback", {})
        taken = sum(int(chargeback[part]["amount_minor"]) for part in ("open", "lost") if chargeback)
        if cash[name] != captured - refunded - taken:
            yield f"{name} has {captured - refunded - taken}, and the ledger says {cash[name]}"
    for name in cash.keys() - books.payments.keys():
        yield f"the ledger knows {name}, which is not there"


def statements_are_the_ledger(books: Books) -> Iterator[str]:
    known = {moved["sk"] for moved in books.transactions}
    sums: dict[tuple[str, str, str], int] = defaultdict(int)
    for line in books.lines:
        user = line["pk"].partition("#")[2]
        if line["sk"] not in known:
            yield f"{user} has a line {line['sk']}, which is not in the ledger"
        sums[user, line["currency"], line["kind"]] += int(line["amount_minor"])
    for (user, currency, kind), amount in sums.items():
        balance = int(books.balances.get((user, currency), {}).get(kind, 0))
        if balance != amount:
            yield f"{user} has {kind} {balance} {currency}, and the lines say {amount}"


def sitters_are_owed_what_is_theirs(books: Books) -> Iterator[str]:
    """What was paid out of a payment and not called back, or waits to be, is what stays the sitter's of it, and once."""
    paid: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(OF_SITTERS, 0))
    for moved in books.transactions:
        if moved["kind"] in OF_SITTERS:
            account = "losses" if moved["kind"] == "waived" else "cash"
            amount = sum(int(entry["amount_minor"]) for entry in moved["entries"] if entry["account"] == account)
            paid[moved["payment"]][moved["kind"]] += OF_SITTERS[moved["kind"]] * amount
    waiting = {owed["sk"]: int(owed["amount_minor"]) for owed in books.owed}
    for name, payment in books.payments.items():
        theirs = int(payment["captured"]["sitter"]) - int(payment["refunded"]["sitter"])
        for kind, amount in paid[name].items():
            said = int(payment.get(kind, {}).get("amount_minor", 0))
            if amount != said:
                yield f"of {name} {amount} is {kind} by the ledger, and it says {said}"
        has = paid[name]["paid_out"] - paid[name]["called_back"] - paid[name]["waived"]
        if has > theirs:
            yield f"of {name} the sitter has {has}, and {theirs} is theirs"
        payable = int(payment["payable"]["amount_minor"])
        if waiting.get(name, 0) != payable:
            yield f"of {name} {payable} waits, and {waiting.get(name, 0)} stands in the list"
        if payable and has + payable > theirs:
            yield f"of {name} the sitter has {has} and {payable} waits, and {theirs} is theirs"
    for name in (paid.keys() | waiting.keys()) - books.payments.keys():
        yield f"a sitter is paid out of {name}, which is not there"


def nothing_is_stuck(books: Books) -> Iterator[str]:
    border = int((datetime.datetime.now(datetime.UTC) - PATIENCE).timestamp())
    for item in books.due:
        at = int(item["due_sk"].partition("#")[0])
        if item["due_pk"].startswith(("DUE#booking#", "DUE#series#")) and at < border:
            yield f"{item['pk']} has been due since {datetime.datetime.fromtimestamp(at, datetime.UTC):%F %T}"


def no_message_is_lost(queues: dict[str, int]) -> Iterator[str]:
    """What could not be relayed, or not be worked on, lies in one of these."""
    for name, count in queues.items():
        if count:
            yield f"{count} messages lie in {name}"


INVARIANTS: list[Callable[[Books], Iterator[str]]] = [
    nobody_is_booked_twice,
    calendars_are_the_bookings,
    both_sides_find_their_bookings,
    the_ledger_sums_to_zero,
    all_captured_has_its_booking,
    statements_are_the_ledger,
    sitters_are_owed_what_is_theirs,
    nothing_is_stuck,
]


def dead_letters(client: Any, names: list[str]) -> dict[str, int]:
    """How many messages lie at the end of the road."""
    counts = {}
    for name in names:
        url = client.get_queue_url(QueueName=name)["QueueUrl"]
        attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        counts[name] = int(attributes["Attributes"]["ApproximateNumberOfMessages"])
    return counts


def broken(books: Books, queues: dict[str, int]) -> list[str]:
    """Everything that is not as it must be, one sentence each."""
    found = [sentence for invariant in INVARIANTS for sentence in invariant(books)]
    return found + list(no_message_is_lost(queues))
