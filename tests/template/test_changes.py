"""scripts/test --changed runs what a change can break."""

import pytest

from lib import changes

STEPS = ["fmt", "stacks", "template", "stripe", "clippy", "unit", "permissions", "openapi", "build", "e2e", "deny"]


@pytest.fixture(autouse=True)
def all_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "USES", {})


@pytest.mark.parametrize(
    ("path", "chosen", "left"),
    [
        ("shared/domain/src/user.rs", {"clippy", "unit", "permissions", "openapi", "e2e", "template"}, {"stripe", "deny"}),
        ("Cargo.lock", {"unit", "deny"}, {"stripe"}),
        ("functions/me/template.yaml", {"stacks", "template", "permissions", "e2e"}, {"clippy", "unit"}),
        ("infra/api.yaml", {"openapi", "template"}, {"unit"}),
        ("scripts/lib/stripe_stub.py", {"stripe", "e2e"}, {"unit", "clippy"}),
        ("tests/e2e/test_http.py", {"e2e"}, {"unit", "template"}),
        ("tests/conformance/tests/service/snapshots/a.snap", {"unit"}, {"stripe"}),
        ("docs/OPERATIONS.md", set(), set(STEPS)),
        ("scripts/requirements/tools.txt", set(STEPS), set()),
        ("something/new", set(STEPS), set()),
    ],
)
def test_chooses_what_a_path_affects(path: str, chosen: set[str], left: set[str]) -> None:
    found = changes.affected([path], STEPS)
    assert chosen <= found.keys() and not left & found.keys()
    assert set(found.values()) <= {path}


def test_what_a_step_uses_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "USES", {"e2e": ("build", "target/nowhere")})
    assert changes.affected(["tests/e2e/test_http.py"], STEPS) == {
        "build": "e2e uses what it makes", "e2e": "tests/e2e/test_http.py",
    }  # fmt: skip


def test_files_are_compared_with_a_base() -> None:
    assert all(not path.startswith("/") for path in changes.changed("HEAD"))
