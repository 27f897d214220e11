//! Whether bytes of a file are in memory, and getting them there.
//!
//! `sendfile` of a page that is on the disk waits for the disk, and with it every connection on the same thread. So a
//! look comes first, and what is not there is read on the blocking pool. The look is a guess from samples: pages come
//! into memory and leave it in runs, and a page that is missing between two that are not costs one wait.

use std::{fs::File, io, os::unix::fs::FileExt};

use rustix::{
    fs::Advice,
    io::{Errno, ReadWriteFlags},
};

/// What is looked at, and waited for, at once where nothing is known.
pub(super) const WINDOW: u64 = 1024 * 1024;

/// What is looked at at once in a file that was in memory so far.
pub(super) const WIDEST: u64 = 8 * WINDOW;

/// Samples of one look, at most. Each costs a miss in the processor's caches, which shows when there are many.
const SAMPLES: u64 = 16;

/// What is read of the disk at once; also the most the kernel reads ahead for one word of advice, whatever is asked.
const BLOCK: u64 = 128 * 1024;

/// Whether the bytes from `start` to `end` seem to be in memory. `false` also where the file system cannot tell.
pub(super) fn is_resident(file: &File, start: u64, end: u64) -> bool {
    let step = ((end - start) / SAMPLES).max(BLOCK) as usize;
    let last = end.saturating_sub(1);
    (start..end)
        .step_by(step)
        .chain([last])
        .all(|at| is_there(file, at))
}

/// Whether the byte can be read without waiting. Beyond the end there is nothing to wait for.
fn is_there(file: &File, at: u64) -> bool {
    let mut byte = [0];
    loop {
        let mut buffers = [io::IoSliceMut::new(&mut byte)];
        match rustix::io::preadv2(file, &mut buffers, at, ReadWriteFlags::NOWAIT) {
            Err(Errno::INTR) => {}
            read => return read.is_ok(),
        }
    }
}

/// Brings the bytes from `start` to `end` into memory and has as many behind them fetched. Waits for the disk.
pub(super) fn make_resident(file: &File, start: u64, end: u64) -> io::Result<()> {
    let mut buffer = vec![0; BLOCK as usize];
    // What the disk is asked for now is read while the network works.
    for at in (start..end + (end - start)).step_by(BLOCK as usize) {
        // Where advice is not taken, the reads below do it alone.
        let length = std::num::NonZeroU64::new(BLOCK);
        let _ = rustix::fs::fadvise(file, at, length, Advice::WillNeed);
    }
    for at in (start..end).step_by(BLOCK as usize) {
        let length = BLOCK.min(end - at);
        let is_part_there = is_there(file, at) && is_there(file, at + length / 2);
        if !(is_part_there && is_there(file, at + length - 1)) {
            read_through(file, at, &mut buffer[..length as usize])?;
        }
    }
    Ok(())
}

fn read_through(file: &File, at: u64, buffer: &mut [u8]) -> io::Result<()> {
    match file.read_exact_at(buffer, at) {
        // Whoever sends it will see the end too.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        read => read,
    }
}
