//! Width of text in terminal cells, and wrapping of one line at words, hyphens and, where nothing else helps, inside
//! words.
//!
//! The rules are those of Python's `textwrap` over the `wcwidth` package, which PrettyTable uses.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The cells a text takes; control characters and colour sequences take none.
pub(super) fn width(text: &str) -> usize {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.len();
    }
    // Line and paragraph separators move the cursor no more than control characters do.
    let is_invisible = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let visible: String = strip_colours(text)
        .chars()
        .filter(|&c| !is_invisible(c))
        .collect();
    visible.width()
}

/// The text without `ESC [ … letter` sequences.
fn strip_colours(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\u{1b}[") {
        out.push_str(&rest[..start]);
        let sequence = &rest[start + 2..];
        rest = &sequence[sequence_length(sequence)..];
    }
    out.push_str(rest);
    out
}

/// The length of a colour sequence behind its `ESC [`.
fn sequence_length(sequence: &str) -> usize {
    sequence
        .find(|c: char| ('@'..='~').contains(&c))
        .map_or(sequence.len(), |end| end + 1)
}

/// Replaces tabs by blanks up to the next multiple of eight, counted from the last line break.
pub(super) fn expand_tabs(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut column = 0;
    for c in text.chars() {
        match c {
            '\t' => {
                let blanks = 8 - column % 8;
                out.push_str(&" ".repeat(blanks));
                column += blanks;
            }
            '\n' | '\r' => {
                out.push(c);
                column = 0;
            }
            c => {
                out.push(c);
                column += 1;
            }
        }
    }
    out
}

/// The lines of `text`, none wider than `limit` unless a single character is.
pub(super) fn wrap(text: &str, limit: usize) -> Vec<String> {
    let plain: String = text
        .chars()
        .map(|c| if is_space(c) { ' ' } else { c })
        .collect();
    // The next piece is at the end.
    let mut pieces: Vec<String> = split(&plain);
    pieces.reverse();
    let mut lines: Vec<String> = Vec::new();
    while !pieces.is_empty() {
        if !lines.is_empty() && pieces.last().is_some_and(|piece| is_blank(piece)) {
            pieces.pop();
        }
        let mut line: Vec<String> = Vec::new();
        let mut used = 0;
        while let Some(piece) = pieces.pop_if(|piece| used + width(piece) <= limit) {
            used += width(&piece);
            line.push(piece);
        }
        if let Some(piece) = pieces.pop_if(|piece| width(piece) > limit) {
            let (head, tail) = break_word(&piece, limit.saturating_sub(used), line.is_empty());
            line.push(head);
            if !tail.is_empty() {
                pieces.push(tail);
            }
        }
        line.pop_if(|piece| is_blank(piece));
        let line = line.concat();
        let visible = line.trim_end();
        if !visible.is_empty() {
            lines.push(visible.to_owned());
        }
    }
    lines
}

fn is_blank(piece: &str) -> bool {
    !piece.is_empty() && piece.trim().is_empty()
}

/// Splits a word that fits on no line after its last hyphen that fits `room`, else after the last character that does.
fn break_word(word: &str, room: usize, is_line_empty: bool) -> (String, String) {
    let mut end = 0;
    let mut used = 0;
    while let Some(length) = next_unit(&word[end..]) {
        used += width(&word[end..end + length]);
        if used > room {
            break;
        }
        end += length;
    }
    if let Some(hyphen) = word[..end].rfind('-') {
        if hyphen > 0 && word[..hyphen].chars().any(|c| c != '-') {
            end = hyphen + 1;
        }
    } else if is_line_empty && width(&word[..end]) == 0 {
        end += next_unit(&word[end..]).unwrap_or(0);
    }
    (word[..end].to_owned(), word[end..].to_owned())
}

/// The length of what must not be cut at the start of `text`: a colour sequence or a character with all its marks.
fn next_unit(text: &str) -> Option<usize> {
    match text.strip_prefix("\u{1b}[") {
        Some(sequence) => Some(2 + sequence_length(sequence)),
        None => text.graphemes(true).next().map(str::len),
    }
}

fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_letter(c: char) -> bool {
    is_word(c) && !c.is_numeric()
}

fn is_word_or_mark(c: char) -> bool {
    is_word(c) || matches!(c, '!' | '"' | '\'' | '&' | '.' | ',' | '?')
}

/// The pieces between which a line may end: runs of blanks, words, parts of hyphenated words, dashes between words.
fn split(text: &str) -> Vec<String> {
    let text: Vec<char> = text.chars().collect();
    let mut pieces = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let end = piece_end(&text, start);
        pieces.push(text[start..end].iter().collect());
        start = end;
    }
    pieces
}

fn piece_end(text: &[char], start: usize) -> usize {
    let at = |index: usize| text.get(index).copied();
    let run = |from: usize, matches: fn(char) -> bool| {
        text[from..]
            .iter()
            .position(|&c| !matches(c))
            .map_or(text.len(), |length| from + length)
    };
    if is_space(text[start]) {
        return run(start, is_space);
    }
    // Two or more hyphens with words on both sides.
    let is_dash = |from: usize| {
        let end = run(from, |c| c == '-');
        let follows_word = from > 0 && is_word_or_mark(text[from - 1]);
        (end >= from + 2 && follows_word && at(end).is_some_and(is_word)).then_some(end)
    };
    if let Some(end) = is_dash(start) {
        return end;
    }
    for end in start + 1..text.len() {
        if is_space(text[end]) || is_dash(end).is_some() {
            return end;
        }
        if text[end] == '-' && is_hyphen(text, end) {
            return end + 1;
        }
    }
    text.len()
}

/// Whether a line may end after the `-` at `index`: it stands between letters, two on each side or a hyphenated one.
fn is_hyphen(text: &[char], index: usize) -> bool {
    let before = |distance: usize| index.checked_sub(distance).map(|index| text[index]);
    let after = |distance: usize| text.get(index + distance).copied();
    let letters_before = before(1).is_some_and(is_letter) && before(2).is_some_and(is_letter);
    let part_before = before(1).is_some_and(is_letter)
        && before(2) == Some('-')
        && before(3).is_some_and(is_letter);
    let letters_after = after(1).is_some_and(is_letter)
        && (after(2).is_some_and(is_letter)
            || (after(2) == Some('-') && after(3).is_some_and(is_letter)));
    (letters_before || part_before) && letters_after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_break_after_hyphens_between_letters() {
        assert_eq!(
            split("well-known x-1 a--b 1-2"),
            [
                "well-", "known", " ", "x-1", " ", "a", "--", "b", " ", "1-2"
            ]
        );
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(width("漢字"), 4);
        assert_eq!(wrap("漢字漢字", 5), ["漢字", "漢字"]);
        assert_eq!(width("\u{1b}[31mred\u{1b}[0m"), 3);
    }

    #[test]
    fn a_word_that_fits_nowhere_is_cut() {
        assert_eq!(wrap("abcdefghij kl", 4), ["abcd", "efgh", "ij", "kl"]);
    }
}
