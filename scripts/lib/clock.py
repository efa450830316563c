"""Lets time go by for single bookings of a running stack: tests and demonstrations do not wait for days."""

import datetime
import json
from typing import Any
from zoneinfo import ZoneInfo

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from .stack import Stack

Item = dict[str, Any]


def due(stack: Stack) -> Item:
    """What the schedule does every minute."""
    answer = stack.client("lambda").invoke(FunctionName=stack.functions()["bookings-due"]["FunctionName"], Payload=b"{}")
    report = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, report
    return report


class Clock:
    """Moves what is stored of a booking, as if time had gone by."""

    def __init__(self, stack: Stack) -> None:
        self.table = stack.client("dynamodb")
        self.name = stack.outputs["MainTable"]

    def turn(self, booking: str, by: datetime.timedelta) -> None:
        # Somebody may be about to change it: then what is true now is moved.
        while not (turned := self.turned(booking, by)):
            pass
        before, after = turned
        for user in (before["parent"], before["sitter"]):
            self.delete(f"BOOKINGS#{user}", f"{self.seconds(before):012}#{booking}")
            self.put({"pk": f"BOOKINGS#{user}", "sk": f"{self.seconds(after):012}#{booking}"})
        pk = f"CALENDAR#{before['sitter']}"
        is_claimed = any([self.change_day(pk, date, booking, None) for date in self.days(before)])
        for date in self.days(after) if is_claimed else []:
            self.change_day(pk, date, booking, after["span"])

    def turned(self, booking: str, by: datetime.timedelta) -> tuple[Item, Item] | None:
        item = self.get(f"BOOKING#{booking}", "BOOKING")
        before = item["booking"]
        after = {**self.moved(before, by), "version": before["version"] + 1}
        after["window"] = self.window(after["span"], before["window"]["zone"])
        version = item["version"]
        item |= {"booking": after, "version": version + 1}
        if "due_sk" in item:
            second, _, name = item["due_sk"].partition("#")
            item["due_sk"] = f"{int(second) - int(by.total_seconds()):012}#{name}"
        return (before, after) if self.put(item, version) else None

    def change_day(self, pk: str, date: str, booking: str, span: Item | None) -> bool:
        """Whether the booking was claimed on that day before."""
        while True:
            day = self.get(pk, date)
            claims = day.get("claims", [])
            others = [claim for claim in claims if claim["booking"] != booking]
            changed = others + ([{"booking": booking, "span": span}] if span else [])
            if changed == claims:
                return False
            new = {"pk": pk, "sk": date, "schema_version": 1, "ttl": 4102444800, **day, "claims": changed}
            version = day.get("version", 0)
            if self.put({**new, "version": version + 1}, version):
                return others != claims

    def moved(self, value: Any, by: datetime.timedelta) -> Any:
        if isinstance(value, dict):
            return {name: self.moved(part, by) for name, part in value.items()}
        if isinstance(value, list):
            return [self.moved(part, by) for part in value]
        if isinstance(value, str) and value.endswith("Z") and value[4:5] == "-":
            moment = datetime.datetime.fromisoformat(value) - by
            return moment.isoformat().replace("+00:00", "Z")
        return value

    @staticmethod
    def window(span: Item, zone: str) -> Item:
        """What the clocks show there, to the minute."""
        start, end = (
            datetime.datetime.fromisoformat(span[name]).astimezone(ZoneInfo(zone)) for name in ("start", "end")
        )
        hours = {"start": start.hour * 60 + start.minute, "end": end.hour * 60 + end.minute}
        return {"date": start.date().isoformat(), "hours": hours, "zone": zone}

    @staticmethod
    def seconds(booking: Item) -> int:
        return int(datetime.datetime.fromisoformat(booking["span"]["start"]).timestamp())

    @staticmethod
    def days(booking: Item) -> list[str]:
        start, end = (datetime.datetime.fromisoformat(booking["span"][name]) for name in ("start", "end"))
        return sorted({start.date().isoformat(), (end - datetime.timedelta(microseconds=1)).date().isoformat()})

    def get(self, pk: str, sk: str) -> Item:
        found = self.table.get_item(
            TableName=self.name, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True
        ).get("Item", {})
        return {name: TypeDeserializer().deserialize(value) for name, value in found.items()}

    def put(self, item: Item, version: int | None = None) -> bool:
        """Whether the item was of that version still."""
        stored = {name: TypeSerializer().serialize(value) for name, value in item.items()}
        condition: Item = {}
        if version == 0:
            condition = {"ConditionExpression": "attribute_not_exists(pk)"}
        elif version is not None:
            condition = {
                "ConditionExpression": "version = :version",
                "ExpressionAttributeValues": {":version": {"N": str(version)}},
            }
        try:
            self.table.put_item(TableName=self.name, Item=stored, **condition)
        except self.table.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def delete(self, pk: str, sk: str) -> None:
        self.table.delete_item(TableName=self.name, Key={"pk": {"S": pk}, "sk": {"S": sk}})
