//! Agreement with Glance: every disk of `tests/peer/corpus.json`, under every declaration and three settings, must meet
//! the fate recorded there. `tests/peer/record.py` makes the recording with the real thing.
//!
//! Where the two differ on purpose, the case stands in [`differs`] with the reason.

#![expect(clippy::unwrap_used, reason = "the recording is part of the test")]

use std::collections::BTreeMap;

use serde::Deserialize;
use vidimus_inspect::{Declared, Inspector, Rejection, Rules, Verdict};

const DECLARED: [&str; 13] = [
    "raw", "qcow2", "vhd", "vhdx", "vmdk", "vdi", "qed", "iso", "gpt", "luks", "ami", "aki",
    "ploop",
];

/// Outcome to the declarations that meet it; `*` stands for the declared format.
type Outcomes = BTreeMap<String, Vec<String>>;

#[derive(Deserialize)]
struct Case {
    name: String,
    /// The case whose disk this one's pieces are laid upon.
    base: Option<String>,
    length: usize,
    pieces: Vec<Piece>,
    formats: Vec<String>,
    outcomes: BTreeMap<String, Outcomes>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Piece {
    Bytes(usize, String),
    Run(usize, String, usize),
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn disks(cases: &[Case]) -> BTreeMap<&str, Vec<u8>> {
    let mut disks: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for case in cases {
        let mut disk = case
            .base
            .as_ref()
            .map(|base| disks[base.as_str()].clone())
            .unwrap_or_default();
        disk.resize(case.length, 0);
        for piece in &case.pieces {
            let (offset, bytes) = match piece {
                Piece::Bytes(offset, text) => (*offset, unhex(text)),
                Piece::Run(offset, text, count) => (*offset, unhex(text).repeat(*count)),
            };
            disk[offset..offset + bytes.len()].copy_from_slice(&bytes);
        }
        disks.insert(&case.name, disk);
    }
    disks
}

fn rules(name: &str) -> Rules {
    match name {
        "strict" => Rules::default(),
        "lenient" => Rules {
            require_match: false,
            gpt_nonfatal: vec![],
        },
        "tolerant" => Rules {
            require_match: true,
            gpt_nonfatal: vec!["mbr".into()],
        },
        other => panic!("no rules called {other}"),
    }
}

fn judge(
    disk: &[u8],
    piece: usize,
    disk_format: &str,
    rules: &Rules,
) -> Result<Verdict, Rejection> {
    let mut inspector = Inspector::new();
    for piece in disk.chunks(piece) {
        inspector.feed(piece);
    }
    inspector.finish(
        &Declared {
            disk_format,
            container_format: "bare",
        },
        rules,
    )
}

fn describe(outcome: &Result<Verdict, Rejection>) -> String {
    match outcome {
        Ok(Verdict {
            virtual_size: Some(size),
            ..
        }) => format!("ok {size}"),
        Ok(_) => "ok None".to_owned(),
        Err(rejection) => rejection.to_string(),
    }
}

fn recorded(outcomes: &Outcomes, disk_format: &str) -> String {
    let (outcome, _) = outcomes
        .iter()
        .find(|(_, formats)| formats.iter().any(|format| format == disk_format))
        .unwrap();
    outcome.replacen('*', disk_format, 1)
}

/// Why our outcome may be another than Glance's; `None` if it may not.
fn differs(case: &Case, length: usize, theirs: &str, ours: &str) -> Option<&'static str> {
    let their_size = theirs
        .strip_prefix("ok ")
        .and_then(|size| size.parse::<i128>().ok());
    let is_refused = ours == "Image format inspection failed" || ours == "ok None";
    if their_size.is_some_and(|size| size > i128::from(i64::MAX)) && is_refused {
        return Some("a size no database column holds: they answer 500 afterwards");
    }
    if their_size.is_some_and(|size| size < 0) && ours == "ok None" {
        return Some("a negative size is none");
    }
    if case.formats == ["!AttributeError"] {
        return Some(
            "text with a byte beyond ASCII in the first 64 KiB: they accept it as anything at all",
        );
    }
    if ours == format!("ok {length}") && their_size.is_some_and(|size| size < length as i128) {
        return Some("they stop counting a stream whose header has puzzled them");
    }
    let is_doubted = ours == "Incomplete file cannot be safety checked" || ours == "ok None";
    let leads_back = case
        .name
        .strip_prefix("vhdx size item at ")
        .is_some_and(|at| at.parse::<u64>().unwrap() < 65_536)
        || case
            .name
            .strip_prefix("vhdx metadata at ")
            .is_some_and(|at| at.parse::<u64>().unwrap() < 262_144);
    if leads_back && is_doubted {
        return Some(
            "tables that lead back: they take whatever the next piece begins with for what they look for",
        );
    }
    None
}

#[test]
fn every_disk_meets_the_fate_glance_gives_it() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("peer/corpus.json")).unwrap();
    let disks = disks(&cases);
    let (mut agreed, mut differed, mut failures) = (0, BTreeMap::new(), Vec::new());
    for case in &cases {
        let disk = &disks[case.name.as_str()];
        let tolerant = case
            .outcomes
            .get("tolerant")
            .unwrap_or(&case.outcomes["strict"]);
        let tables = [
            ("strict", &case.outcomes["strict"]),
            ("lenient", &case.outcomes["lenient"]),
            ("tolerant", tolerant),
        ];
        for (setting, outcomes) in tables {
            let rules = rules(setting);
            for declared in DECLARED {
                let theirs = recorded(outcomes, declared);
                let ours = describe(&judge(disk, 64 * 1024, declared, &rules));
                if ours == theirs {
                    agreed += 1;
                } else if let Some(reason) = differs(case, disk.len(), &theirs, &ours) {
                    differed
                        .entry(reason)
                        .or_insert_with(Vec::new)
                        .push(case.name.as_str());
                } else {
                    failures.push(format!(
                        "{} as {declared}, {setting}: `{theirs}`, ours `{ours}`",
                        case.name
                    ));
                }
            }
        }
    }
    for names in differed.values_mut() {
        names.dedup();
    }
    assert!(
        failures.is_empty(),
        "{} differ, {agreed} agree:\n{}",
        failures.len(),
        failures.join("\n")
    );
    // A difference that has gone must leave `differs` too.
    assert_eq!(differed.len(), 5, "{differed:#?}");
    assert!(agreed > 17_000, "only {agreed} outcomes agree");
}

#[test]
fn the_recorded_disks_do_not_depend_on_their_pieces() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("peer/corpus.json")).unwrap();
    let rules = Rules::default();
    for (name, disk) in disks(&cases) {
        let declared = if name.contains("vhdx") {
            "vhdx"
        } else {
            "vmdk"
        };
        let whole = judge(&disk, usize::MAX, declared, &rules);
        for piece in [509, 4096, 100_000] {
            assert_eq!(
                judge(&disk, piece, declared, &rules),
                whole,
                "{name} in pieces of {piece}"
            );
        }
    }
}
