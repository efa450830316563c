//! Prints the OpenAPI document that the code describes; with `--gateway`, what the gateway has to know of each operation.

use std::io::Write;

fn main() -> std::io::Result<()> {
    let document = match std::env::args().nth(1).as_deref() {
        Some("--gateway") => conformance::gateway(),
        _ => conformance::document(),
    };
    std::io::stdout().write_all(document.as_bytes())
}
