//! Prints the OpenAPI document that the code describes.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(conformance::document().as_bytes())
}
