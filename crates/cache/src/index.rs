//! What is on disk and who may still come: the cached images and the space they and the running fills take.
//!
//! All in memory, behind one lock that is held for look-ups and sums only, never for work on files. The files are the
//! truth; `recover` builds this from them and `index_file` keeps what they cannot tell.

use std::{
    collections::HashMap,
    fs::File,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::SystemTime,
};

use tokio::sync::Notify;
use vidimus_types::ImageId;

use crate::{
    evict::Evictor,
    fill::Rights,
    flight::{Flights, Grant},
    follow::FillReader,
    proof::{Checks, Proof},
    record::{Access, Entry, Record, Stamp},
};

/// How many records are read in one go: the lock is held meanwhile, and looking each up would take longer in all.
const MOST_AT_ONCE: usize = 20_000;

/// The cached images of a node and their bytes.
#[derive(Debug)]
pub(crate) struct Index {
    state: Mutex<State>,
    max_size_bytes: u64,
    /// Told whenever bytes become free.
    freed: Notify,
}

#[derive(Debug)]
pub(crate) struct State {
    records: HashMap<ImageId, Record>,
    evictor: Evictor,
    /// Cleared images whose files are not unlinked yet: the job of whoever holds the image's grant.
    cleared: HashMap<ImageId, Record>,
    unreported: HashMap<ImageId, u64>,
    space: Space,
    /// Something was not written to the index file yet.
    is_unsaved: bool,
}

/// Where the limit goes. `used + leaving + reserved` never exceeds it.
#[derive(Debug, Clone, Copy, Default)]
struct Space {
    /// Bytes of cached images.
    used: u64,
    /// Bytes of files that are no longer cached images and not yet unlinked.
    leaving: u64,
    /// Bytes promised to fills.
    reserved: u64,
    /// The part of `reserved` that is not on the disk yet.
    unwritten: u64,
}

/// What [`Index::find`] knows of an image.
pub(crate) enum Found {
    /// Verified, and somebody has it open.
    Open(Arc<File>, Stamp),
    /// Verified when it was this file.
    Closed(Stamp),
    /// A file of another size than the image's.
    WrongSize,
    /// A file whose bytes nobody has compared with these hashes.
    Unproven,
    /// No file.
    Absent,
}

impl Index {
    pub(crate) fn new(max_size_bytes: u64) -> Self {
        Self {
            state: Mutex::new(State {
                records: HashMap::new(),
                evictor: Evictor::new(max_size_bytes),
                cleared: HashMap::new(),
                unreported: HashMap::new(),
                space: Space::default(),
                is_unsaved: true,
            }),
            max_size_bytes,
            freed: Notify::new(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing foreign runs under this lock, so a panic elsewhere leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn max_size_bytes(&self) -> u64 {
        self.max_size_bytes
    }

    pub(crate) fn used_bytes(&self) -> u64 {
        self.lock().space.used
    }

    pub(crate) fn reserved_bytes(&self) -> u64 {
        self.lock().space.reserved
    }

    pub(crate) fn occupied_bytes(&self) -> u64 {
        let space = self.lock().space;
        space.used + space.leaving + space.reserved
    }

    pub(crate) fn contains(&self, id: &ImageId) -> bool {
        self.lock().records.contains_key(id)
    }

    pub(crate) fn ids(&self) -> Vec<ImageId> {
        self.lock().records.keys().copied().collect()
    }

    pub(crate) fn record(&self, id: &ImageId) -> Option<Record> {
        self.lock().records.get(id).cloned()
    }

    /// All records. In slices, so that hits pass in between; what comes and goes meanwhile may be missing or there.
    pub(crate) fn records(&self) -> Vec<(ImageId, Record)> {
        let ids = self.ids();
        let mut all = Vec::with_capacity(ids.len());
        for slice in ids.chunks(512) {
            let state = self.lock();
            let found = slice
                .iter()
                .filter_map(|id| Some((*id, state.records.get(id)?.clone())));
            all.extend(found);
        }
        all
    }

    /// All records as they are listed, as [`Self::records`].
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let state = self.lock();
        if state.records.len() <= MOST_AT_ONCE {
            let records = state.records.iter();
            return records.map(|(id, record)| record.entry(*id)).collect();
        }
        drop(state);
        let ids = self.ids();
        let mut all = Vec::with_capacity(ids.len());
        for slice in ids.chunks(512) {
            let state = self.lock();
            let entry = |id: &ImageId| Some(state.records.get(id)?.entry(*id));
            all.extend(slice.iter().filter_map(entry));
        }
        all
    }

    /// Whether there is anything to save. Saving begins with this: what changes after it is for the next time.
    pub(crate) fn begin_save(&self) -> bool {
        std::mem::take(&mut self.lock().is_unsaved)
    }

    /// The save that was begun came to nothing.
    pub(crate) fn save_failed(&self) {
        self.lock().is_unsaved = true;
    }

    /// Takes the hits that were not reported yet.
    pub(crate) fn drain_accesses(&self) -> Vec<Access> {
        let mut state = self.lock();
        let unreported = std::mem::take(&mut state.unreported);
        let access = |(image_id, hits_added)| {
            let record = state.records.get(&image_id)?;
            Some(Access {
                image_id,
                hits_added,
                last_accessed: record.last_accessed,
            })
        };
        unreported.into_iter().filter_map(access).collect()
    }

    /// What there is of an image. The whole of a hit on an image that others read, but for the counting.
    pub(crate) fn find(&self, id: &ImageId, checks: &Checks) -> Found {
        let state = self.lock();
        let Some(record) = state.records.get(id) else {
            return Found::Absent;
        };
        if record.size_bytes != checks.size_bytes {
            return Found::WrongSize;
        }
        match &record.proven {
            Some((stamp, proof)) if proof.covers(checks) => match record.file.upgrade() {
                Some(file) => Found::Open(file, *stamp),
                None => Found::Closed(*stamp),
            },
            Some(_) | None => Found::Unproven,
        }
    }

    /// Counts a hit.
    pub(crate) fn count_hit(&self, id: &ImageId) {
        let mut state = self.lock();
        let state = &mut *state;
        if let Some(record) = state.records.get_mut(id) {
            record.hits += 1;
            record.last_accessed = SystemTime::now();
            state.is_unsaved = true;
            *state.unreported.entry(*id).or_default() += 1;
            state.evictor.touch(id);
        }
    }

    /// Lets later readers share `file`, or gives the caller the one that others already share.
    pub(crate) fn share(&self, id: &ImageId, stamp: Stamp, file: Arc<File>) -> Arc<File> {
        let mut state = self.lock();
        match state.records.get_mut(id) {
            Some(record) if record.is_proven_as(stamp) => {
                if let Some(shared) = record.file.upgrade() {
                    return shared;
                }
                record.file = Arc::downgrade(&file);
                file
            }
            Some(_) | None => file,
        }
    }

    /// Notes what the bytes of `file` were verified against.
    pub(crate) fn set_proven(&self, id: &ImageId, proven: (Stamp, Proof), file: &Arc<File>) {
        let mut state = self.lock();
        state.is_unsaved = true;
        if let Some(record) = state.records.get_mut(id) {
            record.proven = Some(proven);
            record.file = Arc::downgrade(file);
        }
    }

    /// Forgets that the file was verified, unless it is another record's by now.
    pub(crate) fn distrust(&self, id: &ImageId, stamp: Stamp) {
        let mut state = self.lock();
        if let Some(record) = state.records.get_mut(id)
            && record.is_proven_as(stamp)
        {
            record.proven = None;
            record.file = Weak::new();
        }
    }

    /// Takes room for a fill, or says how many bytes of cached images must go first, beyond those on their way out.
    pub(crate) fn take_room(self: &Arc<Self>, size_bytes: u64) -> Result<Reservation, u64> {
        let mut state = self.lock();
        let space = &mut state.space;
        let promised = (space.used + space.reserved).saturating_add(size_bytes);
        if promised.saturating_add(space.leaving) > self.max_size_bytes {
            return Err(promised.saturating_sub(self.max_size_bytes));
        }
        space.reserved += size_bytes;
        space.unwritten += size_bytes;
        Ok(Reservation {
            index: Arc::clone(self),
            size_bytes,
            unwritten: size_bytes,
        })
    }

    /// How many bytes the cached images are over the limit; above zero only at start.
    pub(crate) fn excess_bytes(&self) -> u64 {
        let space = self.lock().space;
        (space.used + space.reserved).saturating_sub(self.max_size_bytes)
    }

    /// Bytes that running fills will still write, and bytes about to be unlinked.
    pub(crate) fn pending_bytes(&self) -> (u64, u64) {
        let space = self.lock().space;
        (space.unwritten, space.leaving)
    }

    /// Completes when bytes become free after the call.
    pub(crate) fn freed(&self) -> tokio::sync::futures::Notified<'_> {
        self.freed.notified()
    }

    /// Puts in what a start found, the least recently used first.
    pub(crate) fn restore(&self, found: Vec<(ImageId, Record)>) {
        let mut state = self.lock();
        for (id, record) in found {
            state.space.used += record.size_bytes;
            state.evictor.restore(id, record.size_bytes, record.hits);
            state.records.insert(id, record);
        }
    }

    /// Makes a filled image a hit, unless it was removed while it was filled; then the grant comes back.
    pub(crate) fn publish(
        &self,
        id: ImageId,
        record: Record,
        rights: Rights,
    ) -> Result<(), Rights> {
        let Rights {
            mut reservation,
            grant,
        } = rights;
        // One step under one lock: nobody may see the image neither filling nor cached, or it would be filled twice.
        let mut state = self.lock();
        if let Err(grant) = grant.settle() {
            return Err(Rights { reservation, grant });
        }
        state.give_back(&mut reservation);
        state.space.used += record.size_bytes;
        state.evictor.insert(id, record.size_bytes);
        state.records.insert(id, record);
        state.is_unsaved = true;
        Ok(())
    }

    /// Takes an image out of the index; its bytes count until [`Self::gone`] or [`Self::put_back`].
    pub(crate) fn take(&self, id: &ImageId) -> Option<Record> {
        let mut state = self.lock();
        state.evictor.remove(id);
        state.take(id)
    }

    /// Takes all images out of the index, to be unlinked one by one; how many, and their bytes, which count until then. What
    /// comes with that is only to be dropped, which takes a while.
    ///
    /// At one stroke, however many there are, unless an earlier clear is still unlinking as many.
    pub(crate) fn clear(&self) -> (u64, u64, impl Send + use<>) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let mut records = std::mem::take(&mut state.records);
        let order = state.evictor.forget_all();
        let unreported = std::mem::take(&mut state.unreported);
        let (images, bytes) = (records.len() as u64, std::mem::take(&mut state.space.used));
        state.space.leaving += bytes;
        state.is_unsaved |= images > 0;
        // An image is in one of the two: none is cached again before what was cleared of it is unlinked.
        if state.cleared.len() < records.len() {
            std::mem::swap(&mut state.cleared, &mut records);
        }
        state.cleared.extend(records.drain());
        drop(guard);
        (images, bytes, (order, unreported, records))
    }

    /// Whether files of cleared images are not unlinked yet.
    pub(crate) fn has_cleared(&self) -> bool {
        !self.lock().cleared.is_empty()
    }

    /// The cleared images whose files are not unlinked yet.
    pub(crate) fn cleared_ids(&self) -> Vec<ImageId> {
        self.lock().cleared.keys().copied().collect()
    }

    /// Whether the file of a cleared image is not unlinked yet.
    pub(crate) fn is_cleared(&self, id: &ImageId) -> bool {
        self.lock().cleared.contains_key(id)
    }

    /// Takes a cleared image, to unlink it; its bytes count until [`Self::gone`] or [`Self::put_back`]. Only for the holder
    /// of the image's grant.
    pub(crate) fn take_cleared(&self, id: &ImageId) -> Option<Record> {
        self.lock().cleared.remove(id)
    }

    /// Takes out images of `need_bytes` together, with their grants. `None` when that cannot be had.
    pub(crate) fn take_victims(
        &self,
        need_bytes: u64,
        flights: &Arc<Flights<ImageId, FillReader>>,
    ) -> Option<Vec<Victim>> {
        let mut state = self.lock();
        let State {
            records, evictor, ..
        } = &mut *state;
        let mut grants = HashMap::new();
        let mut choose = |spare_open: bool| {
            grants.clear();
            evictor.choose(need_bytes, |id| {
                let is_open = records
                    .get(id)
                    .is_some_and(|record| record.file.strong_count() > 0);
                if spare_open && is_open {
                    return false;
                }
                let grant = flights.try_acquire(id);
                let may_go = grant.is_some();
                grants.extend(grant.map(|grant| (*id, grant)));
                may_go
            })
        };
        // Images being read go only when the others are not enough.
        let chosen = choose(true).or_else(|| choose(false))?;
        let victim = |id: ImageId| {
            let grant = grants.remove(&id)?;
            let record = state.take(&id)?;
            Some(Victim { id, record, grant })
        };
        Some(chosen.into_iter().filter_map(victim).collect())
    }

    /// The file of a taken record is unlinked.
    pub(crate) fn gone(&self, record: &Record) {
        self.lock().space.leaving -= record.size_bytes;
        self.freed.notify_waiters();
    }

    /// The file of a taken record could not be unlinked; it stays a cached image.
    pub(crate) fn put_back(&self, id: ImageId, record: Record) {
        let mut state = self.lock();
        state.space.leaving -= record.size_bytes;
        state.space.used += record.size_bytes;
        state.evictor.insert(id, record.size_bytes);
        state.records.insert(id, record);
        drop(state);
        self.freed.notify_waiters();
    }
}

impl State {
    fn take(&mut self, id: &ImageId) -> Option<Record> {
        let record = self.records.remove(id)?;
        self.is_unsaved = true;
        self.unreported.remove(id);
        self.space.used -= record.size_bytes;
        self.space.leaving += record.size_bytes;
        Some(record)
    }

    fn give_back(&mut self, reservation: &mut Reservation) {
        self.space.reserved -= std::mem::take(&mut reservation.size_bytes);
        self.space.unwritten -= std::mem::take(&mut reservation.unwritten);
    }
}

/// A cached image on its way out, and the right to unlink it.
pub(crate) struct Victim {
    pub(crate) id: ImageId,
    pub(crate) record: Record,
    pub(crate) grant: Grant<ImageId, FillReader>,
}

/// Room promised to one fill; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    index: Arc<Index>,
    size_bytes: u64,
    unwritten: u64,
}

impl Reservation {
    /// `written` more bytes of the fill are on the disk.
    pub(crate) fn wrote(&mut self, written: u64) {
        let written = written.min(self.unwritten);
        self.unwritten -= written;
        self.index.lock().space.unwritten -= written;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.size_bytes > 0 {
            let index = Arc::clone(&self.index);
            index.lock().give_back(self);
            index.freed.notify_waiters();
        }
    }
}
