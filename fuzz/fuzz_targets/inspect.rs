//! Feeds the stream inspector whatever comes, in pieces of varying size.
//!
//! The first byte picks the pieces, the second the place from which the rest is laid out: a VHDX's tables begin 192 KiB
//! into the stream, which a fuzzer would not reach by itself. Beyond not panicking, the inspector must keep its bound on
//! memory and give the verdict it gives to the stream in one piece.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vidimus_inspect::{Declared, Inspector, MAX_BUFFERED_BYTES, Rejection, Rules, Verdict};

const FORMATS: [&str; 11] = [
    "raw", "qcow2", "vhd", "vhdx", "vmdk", "vdi", "qed", "iso", "gpt", "luks", "ami",
];
/// Where the interesting parts of the formats lie.
const PLACES: [usize; 5] = [0, 512, 32 * 1024, 192 * 1024, 256 * 1024];

fuzz_target!(|input: &[u8]| {
    let [cut, layout, data @ ..] = input else {
        return;
    };
    let stream = lay_out(*layout, data);
    let piece = 1 + usize::from(*cut) * usize::from(*cut);
    for format in FORMATS {
        assert_eq!(
            judge(&stream, piece, format),
            judge(&stream, usize::MAX, format),
            "declared {format}"
        );
    }
});

/// The first 512 bytes at the start; what follows at the chosen place.
fn lay_out(layout: u8, data: &[u8]) -> Vec<u8> {
    let place = PLACES[usize::from(layout) % PLACES.len()];
    let (start, rest) = data.split_at(data.len().min(512));
    let mut stream = start.to_vec();
    if !rest.is_empty() {
        stream.resize(stream.len().max(place), 0);
        stream.extend_from_slice(rest);
    }
    stream
}

fn judge(stream: &[u8], piece: usize, disk_format: &str) -> Result<Verdict, Rejection> {
    let mut inspector = Inspector::new();
    for chunk in stream.chunks(piece) {
        inspector.feed(chunk);
        assert!(inspector.buffered_bytes() <= MAX_BUFFERED_BYTES);
    }
    inspector.finish(
        &Declared {
            disk_format,
            container_format: "bare",
        },
        &Rules::default(),
    )
}
