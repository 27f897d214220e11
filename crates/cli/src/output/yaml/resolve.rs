//! What a plain YAML 1.1 word would be read as, so that text which looks like something else gets quoted.

use std::sync::LazyLock;

use regex::Regex;

/// The words that PyYAML does not read as text: booleans, numbers, nothing, times, `=` and `<<`.
const NOT_TEXT: &str = r"(?x)^(?:
    yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF
    | [-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?
    | \.[0-9][0-9_]*(?:[eE][-+][0-9]+)?
    | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*
    | [-+]?\.(?:inf|Inf|INF)
    | \.(?:nan|NaN|NAN)
    | [-+]?0b[0-1_]+
    | [-+]?0[0-7_]+
    | [-+]?(?:0|[1-9][0-9_]*)
    | [-+]?0x[0-9a-fA-F_]+
    | [-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+
    | <<
    | ~|null|Null|NULL|
    | [0-9]{4}-[0-9]{2}-[0-9]{2}
    | [0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(?:[Tt]|[\x20\t]+)[0-9][0-9]?:[0-9][0-9]:[0-9][0-9](?:\.[0-9]*)?
      (?:[\x20\t]*(?:Z|[-+][0-9][0-9]?(?::[0-9][0-9])?))?
    | =
    )$";

/// Whether `word`, written without quotes, is read back as text.
pub(super) fn is_text(word: &str) -> bool {
    // The pattern is a constant and is compiled by the tests; should it ever be wrong, quoting is always correct.
    static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(NOT_TEXT).ok());
    PATTERN
        .as_ref()
        .is_some_and(|pattern| !pattern.is_match(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_a_meaning_are_known() {
        for word in [
            "", "~", "null", "yes", "Off", "1", "0x1f", "0b1", "017", "1_000", "1:30", "1.", ".5",
            "-.inf", ".NaN",
        ] {
            assert!(!is_text(word), "{word}");
        }
        for word in [
            "2024-01-01",
            "2024-1-1T1:00:00Z",
            "2024-01-01 00:00:00.5 +01:00",
            "=",
            "<<",
        ] {
            assert!(!is_text(word), "{word}");
        }
        for word in [
            "y", "n", "nULL", "08", "1e3", "0o17", "2024-1-1", "1.2.3", "a b", "inf", "--1",
        ] {
            assert!(is_text(word), "{word}");
        }
    }
}
