//! Every function in one program, for local deployments and tests. The first argument is the name
//! of the function's binary.
//!
//! A hundred binaries that each contain the AWS SDK take minutes to link and gigabytes to store.
//! This program links once. Deployments to AWS use the small binaries.

type Main = fn() -> Result<(), runtime::Error>;

include!(concat!(env!("OUT_DIR"), "/functions.rs"));

fn main() -> Result<(), runtime::Error> {
    let name = std::env::args().nth(1).unwrap_or_default();
    let function = find(&name).ok_or_else(|| format!("no function has the name {name:?}"))?;
    function()
}
