"""The functions' log lines, as they come, one line each."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .console import say
from .stack import DEV_STACK, Stack, binary_of

PREFIX = f"/aws/lambda/{DEV_STACK}-"
PLATFORM_LINES = ("START RequestId", "END RequestId", "REPORT RequestId")


def follow(stack: Stack, every: float = 1.0) -> Iterator[str]:
    """Never ends. Begins with what is logged from now on."""
    logs = stack.client("logs")
    since = int(time.time() * 1000)
    shown: set[tuple[str, str]] = set()
    while True:
        # Two seconds of overlap: an invocation is written down when it ends.
        window, found = since - 2000, []
        since = int(time.time() * 1000)
        pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=PREFIX)
        for group in (group for page in pages for group in page["logGroups"]):
            name = binary_of(group["logGroupName"].rpartition("-")[2])
            for event in logs.filter_log_events(logGroupName=group["logGroupName"], startTime=window)["events"]:
                found.append((event["timestamp"], name, event["logStreamName"], event["message"]))
        for stamp, name, stream, message in sorted(found, key=lambda event: event[0]):
            if (stream, message) not in shown and not message.startswith(PLATFORM_LINES):
                yield f"{time.strftime('%H:%M:%S', time.localtime(stamp / 1000))} {name:<18} {readable(message)}"
        shown = {(stream, message) for _, _, stream, message in found}
        time.sleep(every)


def readable(line: str) -> str:
    """A structured line as `LEVEL message key=value …`; any other line as it is."""
    try:
        fields: dict[str, Any] = json.loads(line)
        level, message = fields.pop("level"), fields.pop("message")
    except (ValueError, TypeError, KeyError, AttributeError):
        return line.rstrip()
    # The span holds what all lines of a call share; for a person the request is enough of that.
    request = (fields.pop("span", None) or {}).get("requestId", "")[:8]
    for known in ("timestamp", "spans", "target"):
        fields.pop(known, None)
    rest = " ".join(
        f"{key}={value}" for key, value in (fields | {"request": request}).items() if value not in (None, "")
    )
    return f"{level:<5} {message} {rest}".rstrip()


def show(stack: Stack) -> None:
    for line in follow(stack):
        say(line)


def show_file(path: Path) -> None:
    """A growing file from here on: under `cargo lambda watch` the functions write to its output."""
    with path.open() as log:
        log.seek(0, os.SEEK_END)
        while True:
            if line := log.readline():
                say(readable(line))
            else:
                time.sleep(0.2)
