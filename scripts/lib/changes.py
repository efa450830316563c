"""Which steps of scripts/test a change affects."""

import re
import subprocess
from collections.abc import Iterable

from .console import ROOT

RUST = ("fmt", "template", "clippy", "unit", "permissions", "openapi", "build", "e2e")
STACKS = ("stacks", "template", "permissions", "openapi", "e2e")
# The first pattern that a path matches counts. None stands for every step.
AFFECTS: list[tuple[str, tuple[str, ...] | None]] = [
    (r"scripts/requirements/|scripts/(test|lib/(console|tools|changes)\.py)$", None),
    (r"(docs/|.*\.md$|\.editorconfig$|LICENSE)", ()),
    (r"tests/baseline/", ("fmt", "clippy")),
    (r"(.*/)?Cargo\.(toml|lock)$", (*RUST, "deny")),
    (r"deny\.toml$", ("deny",)),
    (r".*\.rs$|(functions|shared|tests/conformance)/.*\.(snap|json|txt|html|sql)$", RUST),
    (r"(template\.yaml|\.cfnlintrc|samconfig\.toml)$|infra/|functions/[^/]+/template\.yaml$", STACKS),
    (r"scripts/lib/(stripe|stripe_stub)\.py$", ("stripe", "e2e")),
    (r"scripts/(bench|bench_lib/)", ()),
    # The checks of the templates test some of these, and the end-to-end tests deploy with others.
    (r"scripts/", ("template", "openapi", "e2e")),
    (r"tests/template/", ("template", "permissions")),
    (r"tests/permissions/", ("permissions",)),
    (r"tests/stripe/", ("stripe",)),
    (r"tests/e2e/", ("e2e",)),
    (r".*", None),
]
# A step that uses what another has made. Without it, the other runs, too.
USES = {"e2e": ("build", "target/debug/functions"), "permissions": ("unit", "target/aws-calls")}


def changed(base: str) -> list[str]:
    """The files that differ from where this branch left `base`, committed or not."""

    def git(*arguments: str) -> list[str]:
        done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
        return done.stdout.splitlines()

    [fork] = git("merge-base", "HEAD", base)
    return sorted({*git("diff", "--name-only", fork), *git("ls-files", "--others", "--exclude-standard")})


def affected(paths: Iterable[str], steps: list[str]) -> dict[str, str]:
    """The steps to run, each with the first path that asks for it."""
    reasons: dict[str, str] = {}
    for path in paths:
        chosen = next(chosen for pattern, chosen in AFFECTS if re.match(pattern, path))
        for name in steps if chosen is None else chosen:
            reasons.setdefault(name, path)
    for name, (maker, product) in USES.items():
        # What was made before the change is stale only if the change affects the maker, which then is chosen already.
        if name in reasons and not (ROOT / product).exists():
            reasons.setdefault(maker, f"{name} uses what it makes")
    return {name: reasons[name] for name in steps if name in reasons}
