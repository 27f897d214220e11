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

/// Distance of the samples.
const STEP: u64 = 64 * 1024;

/// What is asked of the disk beyond what is waited for, so that it works while the network does.
const AHEAD: u64 = 4 * 1024 * 1024;

/// The kernel reads ahead no more than this for one word of advice, whatever is asked.
const ADVICE: u64 = 128 * 1024;

/// Whether the bytes from `start` to `end` seem to be in memory. `false` also where the file system cannot tell.
pub(super) fn is_resident(file: &File, start: u64, end: u64) -> bool {
    let samples = (start..end).step_by(STEP as usize);
    samples.chain([end.saturating_sub(1)]).all(|at| {
        let mut byte = [0];
        let mut buffers = [io::IoSliceMut::new(&mut byte)];
        loop {
            match rustix::io::preadv2(file, &mut buffers, at, ReadWriteFlags::NOWAIT) {
                Err(Errno::INTR) => {}
                // Beyond the end there is nothing to wait for.
                read => return read.is_ok(),
            }
        }
    })
}

/// Brings the bytes from `start` to `end` into memory and has those behind them fetched. Waits for the disk.
pub(super) fn make_resident(file: &File, start: u64, end: u64) -> io::Result<()> {
    for at in (start..end + AHEAD).step_by(ADVICE as usize) {
        // Where advice is not taken, the reads below do it alone.
        let length = std::num::NonZeroU64::new(ADVICE);
        let _ = rustix::fs::fadvise(file, at, length, Advice::WillNeed);
    }
    let mut buffer = vec![0; STEP as usize];
    let mut at = start;
    while at < end {
        let length = buffer
            .len()
            .min(usize::try_from(end - at).unwrap_or(usize::MAX));
        match file.read_at(&mut buffer[..length], at) {
            // Whoever sends it will see the end too.
            Ok(0) => break,
            Ok(read) => at += read as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
