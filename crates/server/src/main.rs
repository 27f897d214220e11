//! The program `vidimus`; everything is in the library.

use std::ffi::{c_int, c_long};

/// Answers are put together from many small texts on several threads, which costs a third less than with glibc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` in mimalloc's header.
const PURGE_DELAY: c_int = 15;

/// How long memory that nobody uses stays with the process.
///
/// mimalloc 3 waits for a second, in which a busy server has nearly always taken some of it for something else: it then
/// holds several times the memory it uses, and more every hour. Ten were the milliseconds of mimalloc 2.
const PURGE_DELAY_MS: c_long = 10;

#[expect(
    unsafe_code,
    reason = "the crate has no name for this of mimalloc's functions"
)]
// SAFETY: it takes two numbers, and changes what nobody has set: `MIMALLOC_PURGE_DELAY` goes first.
unsafe extern "C" {
    safe fn mi_option_set_default(option: c_int, value: c_long);
}

fn main() -> std::process::ExitCode {
    mi_option_set_default(PURGE_DELAY, PURGE_DELAY_MS);
    vidimus_server::main()
}
