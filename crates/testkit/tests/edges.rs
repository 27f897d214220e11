//! Which crate may use which: `cargo metadata` against the table in ARCHITECTURE.md.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use serde_json::Value;

type Edges = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The last column of the table of crates.
fn allowed() -> Edges {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let names = |cell: &str| {
            let quoted = cell.split('`').skip(1).step_by(2);
            quoted.map(str::to_owned).collect::<Vec<_>>()
        };
        (
            names(cells[0]).remove(0),
            names(cells[3]).into_iter().collect(),
        )
    })
    .collect()
}

/// What the manifests say, development dependencies left out.
fn found() -> Edges {
    let cargo = std::env::var("CARGO").unwrap_or("cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let short = |value: &Value| value.as_str()?.strip_prefix("vidimus-").map(str::to_owned);
    let packages = metadata["packages"].as_array().unwrap();
    let edges = packages.iter().map(|package| {
        let all = package["dependencies"].as_array().unwrap().iter();
        let ordinary = all.filter(|dependency| dependency["kind"] != "dev");
        let used = ordinary.filter_map(|dependency| short(&dependency["name"]));
        (short(&package["name"]).unwrap(), used.collect())
    });
    edges.collect()
}

#[test]
fn no_crate_sees_more_than_the_table_allows() {
    let allowed = allowed();
    for (name, used) in found() {
        let may = allowed
            .get(&name)
            .unwrap_or_else(|| panic!("`{name}` has no row in ARCHITECTURE.md"));
        let more: Vec<_> = used.difference(may).collect();
        assert!(
            more.is_empty(),
            "`{name}` uses {more:?}, which ARCHITECTURE.md does not allow"
        );
    }
}

#[test]
fn the_table_lists_what_there_is() {
    let found = found();
    for (name, may) in allowed() {
        let used = found
            .get(&name)
            .unwrap_or_else(|| panic!("ARCHITECTURE.md has a row for `{name}`, which is no crate"));
        let unused: Vec<_> = may.difference(used).collect();
        assert!(
            unused.is_empty(),
            "ARCHITECTURE.md lets `{name}` use {unused:?}, which it does not"
        );
    }
}
