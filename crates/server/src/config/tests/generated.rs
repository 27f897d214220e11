//! The committed sample and reference page are what the table of options says.
//!
//! `UPDATE_EXPECTED=1 cargo test -p vidimus-server config` writes them anew.

use std::{env, fs, path::PathBuf};

use crate::config::{
    Settings, options,
    options::{
        accepted::{ACCEPTED, ACCEPTED_OF_STORES},
        stores,
    },
    reference, sample,
};

fn check(path: &str, expected: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    if env::var_os("UPDATE_EXPECTED").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, expected).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == expected,
        "{} is stale; run with UPDATE_EXPECTED=1",
        path.display()
    );
}

#[test]
fn the_sample_is_fresh() {
    check("etc/vidimus.conf.sample", &sample());
}

#[test]
fn the_reference_is_fresh() {
    check("docs/reference/configuration.md", &reference());
}

#[test]
fn the_sample_with_nothing_commented_out_means_the_defaults() {
    let uncommented: Vec<String> = sample()
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(option) if !option.starts_with(' ') => option.to_owned(),
            _ => line.to_owned(),
        })
        // Stores without names are the default, and a store has one way to name its folders.
        .filter(|line| !line.starts_with("enabled_backends"))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sample.conf");
    fs::write(&file, uncommented.join("\n")).unwrap();
    let environment = || {
        let connection = ("OS_DATABASE__CONNECTION", "sqlite://");
        std::iter::once((connection.0.to_owned(), connection.1.to_owned()))
    };
    let from_sample = Settings::load(&[file], &[], environment()).unwrap();
    let mut defaults = Settings::load(&[], &[], environment()).unwrap().settings;
    // The one thing a default and the same value set differ in.
    defaults.policy.is_file_set = true;
    assert_eq!(
        format!("{:#?}", from_sample.settings),
        format!("{defaults:#?}")
    );
}

#[test]
fn every_option_stands_once() {
    let rows = options::rows()
        .map(|row| (row.group, row.name))
        .chain(options::rows_of_store("file").map(|row| ("glance_store", row.name)))
        .chain(
            stores::http::ROWS
                .iter()
                .map(|row| ("glance_store", row.name)),
        );
    let accepted = ACCEPTED
        .iter()
        .flat_map(|accepted| accepted.names.iter().map(|name| (accepted.group, *name)));
    let of_stores = ACCEPTED_OF_STORES
        .iter()
        .flat_map(|accepted| accepted.names.iter().map(|name| ("glance_store", *name)));
    let mut all: Vec<_> = rows.chain(accepted).chain(of_stores).collect();
    let count = all.len();
    all.sort_unstable();
    let twice: Vec<_> = all.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert_eq!(twice, [] as [&[_]; 0], "of {count}");
}

#[test]
fn every_default_is_of_its_type_and_every_help_is_a_sentence() {
    for row in options::rows()
        .chain(options::rows_of_store("file"))
        .chain(stores::http::ROWS.iter().copied())
    {
        let place = format!("[{}] {}", row.group, row.name);
        if let Some(default) = row.default {
            assert!(row.kind.parse(default).is_some(), "{place}: {default}");
        }
        assert!(row.help.ends_with('.'), "{place}");
        assert!(
            !row.help.contains("  ") && !row.help.contains('|'),
            "{place}"
        );
    }
}
