//! Lists the binaries of all areas, so that a new function needs no line in this package.

use std::{
    env,
    error::Error,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let areas = fs::canonicalize(Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../functions"))?;
    let mut binaries = Vec::new();
    for area in entries(&areas)? {
        let folder = area.join("src/bin");
        if folder.is_dir() {
            binaries.extend(entries(&folder)?);
        }
    }
    let (mut modules, mut arms) = (String::new(), String::new());
    for path in &binaries {
        let name = path.file_stem().and_then(|stem| stem.to_str()).ok_or("a binary's name is UTF-8")?;
        let module = name.replace('-', "_");
        writeln!(modules, "#[path = {path:?}]\nmod {module};")?;
        writeln!(arms, "{name:?} => Some({module}::main),")?;
    }
    let find = format!("fn find(name: &str) -> Option<Main> {{\nmatch name {{\n{arms}_ => None,\n}}\n}}\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("functions.rs"), modules + &find)?;
    Ok(())
}

/// The sorted paths in a folder. Cargo runs this script again when the folder's content changes.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut paths =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}
