//! Which cached images go first; decides, does not delete.
//!
//! S3-FIFO counted in bytes. A new image enters a small queue; if it is asked for again while there, it moves on to the
//! main queue, otherwise it is the first to go. So a backup run that reads ten thousand images once passes through a tenth
//! of the cache and leaves the rest alone, which a list ordered by last access does not. Images that went too early
//! are remembered for a while and come back to the main queue directly. In the main queue an image that was asked for
//! gets another round, three at most. Sizes count twice: the queues are measured in bytes, and when a big image goes,
//! smaller ones that were chosen with it and are no longer needed stay.

use std::collections::{BTreeMap, HashMap};

use vidimus_types::ImageId;

/// The share of the cache that images seen once may take, as a divisor.
const SMALL_SHARE: u64 = 10;
const MOST_USES: u8 = 3;
const FEWEST_GHOSTS: usize = 1024;

/// The order in which images are given up.
#[derive(Debug)]
pub(crate) struct Evictor {
    small_target: u64,
    small: Queue,
    main: Queue,
    seats: HashMap<ImageId, Seat>,
    ghosts: BTreeMap<u64, ImageId>,
    ghost_numbers: HashMap<ImageId, u64>,
    next_number: u64,
}

#[derive(Debug, Default)]
struct Queue {
    by_number: BTreeMap<u64, ImageId>,
    bytes: u64,
}

#[derive(Debug, Clone, Copy)]
struct Seat {
    place: Place,
    number: u64,
    size_bytes: u64,
    uses: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Small,
    Main,
}

impl Evictor {
    pub(crate) fn new(max_size_bytes: u64) -> Self {
        Self {
            small_target: max_size_bytes / SMALL_SHARE,
            small: Queue::default(),
            main: Queue::default(),
            seats: HashMap::new(),
            ghosts: BTreeMap::new(),
            ghost_numbers: HashMap::new(),
            next_number: 0,
        }
    }

    /// Takes in an image that was just cached.
    pub(crate) fn insert(&mut self, id: ImageId, size_bytes: u64) {
        let place = match self.ghost_numbers.remove(&id) {
            Some(number) => {
                self.ghosts.remove(&number);
                Place::Main
            }
            None => Place::Small,
        };
        self.sit(id, place, size_bytes, 0);
    }

    /// Takes in an image found at start; the caller comes with the least recently used first.
    pub(crate) fn restore(&mut self, id: ImageId, size_bytes: u64, hits: u64) {
        let place = if hits > 0 { Place::Main } else { Place::Small };
        self.sit(id, place, size_bytes, 0);
    }

    /// The image was asked for.
    pub(crate) fn touch(&mut self, id: &ImageId) {
        if let Some(seat) = self.seats.get_mut(id) {
            seat.uses = MOST_USES.min(seat.uses + 1);
        }
    }

    /// The image is gone for another reason than eviction.
    pub(crate) fn remove(&mut self, id: &ImageId) {
        if let Some(seat) = self.seats.remove(id) {
            self.queue(seat.place).take(seat);
        }
    }

    /// Chooses images of `need_bytes` together and takes them out.
    ///
    /// `may_go` is asked at most once per image. `None`, and nothing taken out, when all that may go is not enough.
    pub(crate) fn choose(
        &mut self,
        need_bytes: u64,
        mut may_go: impl FnMut(&ImageId) -> bool,
    ) -> Option<Vec<ImageId>> {
        let mut freed = 0;
        let mut chosen: Vec<(ImageId, Seat)> = Vec::new();
        let mut kept: Vec<(ImageId, Seat)> = Vec::new();
        while freed < need_bytes {
            let Some((id, seat)) = self.pop() else {
                break;
            };
            if seat.uses > 0 {
                let left = if seat.place == Place::Small {
                    0
                } else {
                    seat.uses - 1
                };
                self.sit(id, Place::Main, seat.size_bytes, left);
            } else if may_go(&id) {
                freed += seat.size_bytes;
                chosen.push((id, seat));
            } else {
                kept.push((id, seat));
            }
        }
        let is_enough = freed >= need_bytes;
        let mut surplus = freed.saturating_sub(need_bytes);
        let mut victims = Vec::new();
        // From the best of the chosen to the worst.
        for (id, seat) in chosen.into_iter().rev() {
            if is_enough && seat.size_bytes > surplus {
                victims.push(id);
            } else {
                surplus = surplus.saturating_sub(seat.size_bytes);
                kept.push((id, seat));
            }
        }
        for (id, seat) in kept {
            self.sit_back(id, seat);
        }
        for id in &victims {
            self.remember(*id);
        }
        is_enough.then_some(victims)
    }

    /// The oldest of the queue whose turn it is.
    fn pop(&mut self) -> Option<(ImageId, Seat)> {
        let is_small_first = self.small.bytes > self.small_target || self.main.by_number.is_empty();
        let queue = if is_small_first && !self.small.by_number.is_empty() {
            &self.small
        } else {
            &self.main
        };
        let (_, id) = queue.by_number.first_key_value()?;
        let id = *id;
        let seat = self.seats.remove(&id)?;
        self.queue(seat.place).take(seat);
        Some((id, seat))
    }

    fn sit(&mut self, id: ImageId, place: Place, size_bytes: u64, uses: u8) {
        self.remove(&id);
        let number = self.next_number;
        self.next_number += 1;
        self.sit_back(
            id,
            Seat {
                place,
                number,
                size_bytes,
                uses,
            },
        );
    }

    fn sit_back(&mut self, id: ImageId, seat: Seat) {
        let queue = self.queue(seat.place);
        queue.by_number.insert(seat.number, id);
        queue.bytes += seat.size_bytes;
        self.seats.insert(id, seat);
    }

    fn remember(&mut self, id: ImageId) {
        let number = self.next_number;
        self.next_number += 1;
        self.ghosts.insert(number, id);
        self.ghost_numbers.insert(id, number);
        while self.ghosts.len() > FEWEST_GHOSTS.max(self.seats.len()) {
            if let Some((_, id)) = self.ghosts.pop_first() {
                self.ghost_numbers.remove(&id);
            }
        }
    }

    fn queue(&mut self, place: Place) -> &mut Queue {
        match place {
            Place::Small => &mut self.small,
            Place::Main => &mut self.main,
        }
    }
}

impl Queue {
    fn take(&mut self, seat: Seat) {
        self.by_number.remove(&seat.number);
        self.bytes -= seat.size_bytes;
    }
}
