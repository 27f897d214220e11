//! Renders the corpus of `tests/peer/generate_output.py` and compares every text with cliff's.

use serde_json::Value;
use vidimus_cli::output::{
    Cell, Format, Listing, Options, Quote, Record, SortDirection, TableWidth, render_listing,
    render_record,
};

const CORPUS: &str = include_str!("../peer/output.json");

fn cell(spec: &Value) -> Cell {
    let (kind, value) = spec.as_object().unwrap().iter().next().unwrap();
    match (kind.as_str(), value) {
        ("plain", value) => Cell::Plain(value.clone()),
        ("list", Value::Array(items)) => Cell::List(items.clone()),
        ("dict", Value::Object(map)) => Cell::Dict(map.clone()),
        other => panic!("no cell: {other:?}"),
    }
}

fn strings(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

fn options(spec: &Value, format: &str) -> Options {
    let spec = |key: &str| spec.get(key).cloned().unwrap_or(Value::Null);
    Options {
        format: match format {
            "table" => Format::Table,
            "json" => Format::Json,
            "yaml" => Format::Yaml,
            "csv" => Format::Csv,
            "value" => Format::Value,
            "shell" => Format::Shell,
            other => panic!("no format: {other}"),
        },
        columns: strings(&spec("columns")),
        sort_columns: strings(&spec("sort_columns")),
        sort_direction: match spec("sort_direction").as_str() {
            Some("desc") => SortDirection::Descending,
            _ => SortDirection::Ascending,
        },
        quote: match spec("quote_mode").as_str() {
            Some("all") => Quote::All,
            Some("minimal") => Quote::Minimal,
            Some("none") => Quote::None,
            _ => Quote::NonNumeric,
        },
        no_indent: spec("noindent") == Value::Bool(true),
        width: spec("max_width")
            .as_u64()
            .map_or(TableWidth::Free, |width| TableWidth::AtMost(width as usize)),
        print_empty: spec("print_empty") == Value::Bool(true),
        prefix: spec("prefix").as_str().unwrap_or_default().to_owned(),
        variables: strings(&spec("variables")),
    }
}

fn render(case: &Value, options: &Options) -> Result<String, String> {
    let columns = strings(&case["columns"]);
    let rows = case["rows"].as_array().unwrap();
    match case["kind"].as_str().unwrap() {
        "list" => {
            let rows = rows
                .iter()
                .map(|row| row.as_array().unwrap().iter().map(cell).collect())
                .collect();
            render_listing(
                Listing {
                    columns,
                    rows,
                    headings_are_list: false,
                },
                options,
            )
        }
        _ => {
            let fields = columns.into_iter().zip(rows.iter().map(cell)).collect();
            render_record(&Record { fields }, options)
        }
    }
    .map_err(|error| error.to_string())
}

#[test]
fn every_rendering_is_what_cliff_prints() {
    let cases: Vec<Value> = serde_json::from_str(CORPUS).unwrap();
    let mut renderings = 0;
    let mut differences = Vec::new();
    for case in &cases {
        for (format, wanted) in case["wanted"].as_object().unwrap() {
            renderings += 1;
            let got = render(case, &options(&case["options"], format));
            let wanted = match wanted {
                Value::String(text) => Ok(text.clone()),
                other => Err(other["error"].as_str().unwrap().to_owned()),
            };
            if got != wanted {
                differences.push(describe(case, format, &wanted, &got));
            }
        }
    }
    assert!(
        renderings > 150,
        "the corpus is {renderings} renderings small"
    );
    assert!(
        differences.is_empty(),
        "{} of {renderings} differ\n{}",
        differences.len(),
        differences.join("\n")
    );
}

/// The first lines that differ.
fn describe(
    case: &Value,
    format: &str,
    wanted: &Result<String, String>,
    got: &Result<String, String>,
) -> String {
    let (Ok(wanted), Ok(got)) = (wanted, got) else {
        return format!(
            "{} as {format}: wanted {wanted:?}, got {got:?}",
            case["name"]
        );
    };
    let lines = wanted
        .split('\n')
        .zip(got.split('\n'))
        .filter(|(wanted, got)| wanted != got)
        .take(4);
    let shown: Vec<String> = lines
        .map(|(wanted, got)| format!("  wanted {wanted:?}\n     got {got:?}"))
        .collect();
    format!("{} as {format}:\n{}", case["name"], shown.join("\n"))
}
