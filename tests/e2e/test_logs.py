"""What the functions have said while all the other tests ran."""

import re
from collections.abc import Iterator

import pytest
from conftest import SECRETS, Person
from lib.stack import Stack

# What passwords, codes and tokens look like where nobody has noted them down.
PATTERNS = {
    "an access token": re.compile(r"eyJ[\w-]{20,}\.[\w-]{20,}\."),
    "a hash": re.compile(r"\$argon2"),
    "an address": re.compile(r"[\w.+-]+@[\w-]+\.(example|org)"),
    "a number": re.compile(r"\+44\d{10}"),
}


def lines(stack: Stack) -> Iterator[tuple[str, str]]:
    logs = stack.client("logs")
    groups = logs.get_paginator("describe_log_groups").paginate()
    for name in (group["logGroupName"] for page in groups for group in page["logGroups"]):
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
            yield from ((name, event["message"]) for event in page["events"])


@pytest.mark.last
def test_nothing_secret_and_nobody_is_in_the_logs(stack: Stack, person: Person) -> None:
    assert person.me() and len(SECRETS) > 2
    # A code of six digits may be part of any number, or be a latency, so it counts only as a word.
    codes = {secret for secret in SECRETS if re.fullmatch(r"\d{6}", secret)}
    words = SECRETS - codes
    found, count = set(), 0
    for group, line in lines(stack):
        count += 1
        found.update(f"{group}: {word[:4]}… in {line[:300]}" for word in words if word in line)
        found.update(f"{group}: the code {code}" for code in codes if re.search(rf"(?<![\w.:]){code}(?!\w)", line))
        found.update(f"{group}: {what} in {line[:300]}" for what, pattern in PATTERNS.items() if pattern.search(line))
    assert not found, "\n".join(sorted(found)[:10])
    assert count > 10, "the functions have said nothing, so nothing was looked at"
