//! Base64 as Python's `b64decode` reads it: what is no digit is passed over, and padding ends the text.
//!
//! Signatures come out of command lines that break lines or add them; Glance takes those, so they have to be taken here.

/// The bytes, or `None` where digits or padding are missing.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    // Digits of the group at hand, how many there are, and how much padding followed the last one.
    let (mut group, mut count, mut pads) = (0_u32, 0, 0);
    for character in text.bytes() {
        if character == b'=' {
            pads += 1;
            if count >= 2 && count + pads >= 4 {
                // Two digits hold one byte, three hold two.
                let whole = group << (6 * (4 - count));
                bytes.extend(&whole.to_be_bytes()[1..count]);
                return Some(bytes);
            }
            continue;
        }
        let Some(digit) = value(character) else {
            continue;
        };
        pads = 0;
        group = group << 6 | digit;
        count += 1;
        if count == 4 {
            bytes.extend(&group.to_be_bytes()[1..]);
            (group, count) = (0, 0);
        }
    }
    (count == 0).then_some(bytes)
}

fn value(character: u8) -> Option<u32> {
    let digit = match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(digit.into())
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn reads_what_python_reads() {
        // python3 -c 'import base64; print(base64.b64decode(TEXT))'
        let read: &[(&str, &[u8])] = &[
            ("", b""),
            ("dmlkaW11cw==", b"vidimus"),
            ("dmlk\naW11\r\ncw==\n", b"vidimus"),
            ("dm lk%aW*11cw==", b"vidimus"),
            ("dmlkaW11cw==dmlk", b"vidimus"),
            ("dmlkaW11cw===", b"vidimus"),
            ("d=mlkaW11cw==", b"vidimus"),
            ("%%%", b""),
            ("=", b""),
            ("ab=c=", b"i\xb7"),
            ("ab=cd=", b"i\xb7\x1d"),
        ];
        for (text, bytes) in read {
            assert_eq!(decode(text).as_deref(), Some(*bytes), "{text}");
        }
        for text in ["a", "ab", "abc", "ab=", "ab=c", "abcde", "dmlkaW11cw"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
