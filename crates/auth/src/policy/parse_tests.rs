use proptest::prelude::*;

use super::{parse_list, parse_text};

fn printed(rule: &str) -> String {
    parse_text(rule).check.to_string()
}

#[test]
fn and_binds_closer_than_or() {
    assert_eq!(printed("a:1 or b:2 and c:3"), "(a:1 or (b:2 and c:3))");
    assert_eq!(
        printed("a:1 and b:2 or c:3 and d:4"),
        "((a:1 and b:2) or (c:3 and d:4))"
    );
    assert_eq!(printed("(a:1 or b:2) and c:3"), "((a:1 or b:2) and c:3)");
    assert_eq!(
        printed("not a:1 and not not b:2"),
        "(not a:1 and not not b:2)"
    );
    assert_eq!(printed("not (a:1 OR b:2)"), "not (a:1 or b:2)");
}

#[test]
fn parentheses_within_a_check_belong_to_it() {
    assert_eq!(printed("(project_id:%(owner)s)"), "project_id:%(owner)s");
    assert_eq!(printed("role:f(x"), "role:f(x");
}

#[test]
fn the_empty_rule_allows_and_a_blank_one_denies() {
    assert_eq!(printed(""), "@");
    assert_eq!(printed(" \t"), "!");
}

#[test]
fn what_cannot_be_understood_denies_and_is_reported() {
    for rule in [
        "and",
        "a:1 b:2",
        "(a:1",
        "a:1)",
        "a:1 or",
        "not",
        "()",
        "'a:1'",
        "a:1 or 'quoted'",
        ")",
        "\"a\"",
    ] {
        let parsed = parse_text(rule);
        assert_eq!(parsed.check.to_string(), "!", "{rule}");
        assert!(
            parsed.problems.iter().any(|problem| problem.contains(rule)),
            "{rule}: {:?}",
            parsed.problems
        );
    }
    let parsed = parse_text("admin or role:x");
    assert_eq!(parsed.check.to_string(), "(! or role:x)");
    assert_eq!(
        parsed.problems,
        ["`admin` is no check and denies: it has no colon"]
    );
}

#[test]
fn names_of_before_are_reported_with_todays() {
    let problem = |rule: &str| parse_text(rule).problems.join("\n");
    assert_eq!(
        problem("is_admin:True"),
        "`is_admin:True` never matches: no caller has a `is_admin`; use `rule:context_is_admin`"
    );
    assert!(problem("tenant:%(owner)s").ends_with("use `project_id`"));
    assert_eq!(
        problem("project_id:%(owner)s or 'public':%(visibility)s"),
        ""
    );
}

#[test]
fn lists_are_alternatives_of_lists() {
    let printed = |rule: &[&[&str]]| {
        let rule: Vec<Vec<String>> = rule
            .iter()
            .map(|all| all.iter().map(|text| text.to_string()).collect())
            .collect();
        parse_list(&rule).check.to_string()
    };
    assert_eq!(printed(&[]), "@");
    assert_eq!(printed(&[&[]]), "!");
    assert_eq!(
        printed(&[&["role:a", "role:b"], &["role:c"], &[]]),
        "((role:a and role:b) or role:c)"
    );
    assert_eq!(printed(&[&["role:a or role:b"]]), "role:a or role:b");
}

#[test]
fn absurd_nesting_denies_and_does_not_exhaust_the_stack() {
    for absurd in ["(".repeat(100_000), "not ".repeat(100_000)] {
        assert_eq!(printed(&format!("{absurd}a:1")), "!");
    }
    let many = vec!["(not a:1)"; 10_000].join(" or ");
    assert_eq!(
        printed(&many),
        format!("({})", vec!["not a:1"; 10_000].join(" or "))
    );
    let nested = format!("{}a:1{}", "(not ".repeat(20), ")".repeat(20));
    assert_eq!(printed(&nested), format!("{}a:1", "not ".repeat(20)));
}

/// Words that rules are made of, so that many of the texts parse.
fn word() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "and",
        "or",
        "not",
        "NOT",
        "(",
        ")",
        "((",
        "))",
        "@",
        "!",
        "role:admin",
        "rule:x",
        "(role:%(a)s",
        "x:1)",
        "'a':'b')",
        "\"q\"",
        "'public':%(v)s",
        "http:x",
        ":",
        "(a:b(c)",
        "a:b\"",
        "\"a:b\"",
        "''",
        "'",
        "%",
    ]);
    prop_oneof![8 => known.prop_map(String::from), 1 => "[a-z'\"%():!@]{1,8}", 1 => "\\PC{1,4}"]
}

fn rule() -> impl Strategy<Value = String> {
    let well_formed = "[a-z']{1,6}:[%()a-z'\"]{0,8}".prop_recursive(6, 40, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|rule| format!("not {rule}")),
            prop::collection::vec(inner.clone(), 2..4)
                .prop_map(|rules| format!("({})", rules.join(" and "))),
            prop::collection::vec(inner, 2..4)
                .prop_map(|rules| format!("({})", rules.join(" or "))),
        ]
    });
    prop_oneof![
        prop::collection::vec(word(), 0..12).prop_map(|words| words.join(" ")),
        well_formed,
        "\\PC*"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_printed_parses_to_the_same(rule in rule()) {
        let parsed = parse_text(&rule).check;
        prop_assert_eq!(&parse_text(&parsed.to_string()).check, &parsed, "{}", parsed);
    }
}
