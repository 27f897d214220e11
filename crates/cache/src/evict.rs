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

    /// Forgets all images that are there, but not those that went too early. What is returned is only to be dropped, which
    /// takes a while.
    pub(crate) fn forget_all(&mut self) -> impl Send + use<> {
        (
            std::mem::take(&mut self.small),
            std::mem::take(&mut self.main),
            std::mem::take(&mut self.seats),
        )
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::{Strategy, prop, proptest};

    use super::*;

    fn id(number: usize) -> ImageId {
        format!("00000000-0000-4000-8000-{number:012}")
            .parse()
            .unwrap()
    }

    /// A cache that is nothing but an evictor and sums; counts bytes asked for and bytes found.
    struct Replay {
        evictor: Evictor,
        sizes: HashMap<ImageId, u64>,
        max_size_bytes: u64,
        hit_bytes: u64,
    }

    impl Replay {
        fn new(max_size_bytes: u64) -> Self {
            Self {
                evictor: Evictor::new(max_size_bytes),
                sizes: HashMap::new(),
                max_size_bytes,
                hit_bytes: 0,
            }
        }

        fn used(&self) -> u64 {
            self.sizes.values().sum()
        }

        fn get(&mut self, id: ImageId, size_bytes: u64) {
            if self.sizes.contains_key(&id) {
                self.evictor.touch(&id);
                self.hit_bytes += size_bytes;
                return;
            }
            let need_bytes = (self.used() + size_bytes).saturating_sub(self.max_size_bytes);
            for victim in self.evictor.choose(need_bytes, |_| true).unwrap() {
                self.sizes.remove(&victim).unwrap();
            }
            self.evictor.insert(id, size_bytes);
            self.sizes.insert(id, size_bytes);
            assert!(self.used() <= self.max_size_bytes);
        }
    }

    /// The bytes a list ordered by last access would have found.
    fn hit_bytes_of_lru(max_size_bytes: u64, trace: &[(ImageId, u64)]) -> u64 {
        let mut list: Vec<(ImageId, u64)> = Vec::new();
        let mut hit_bytes = 0;
        for (id, size_bytes) in trace {
            match list.iter().position(|(listed, _)| listed == id) {
                Some(at) => {
                    hit_bytes += size_bytes;
                    list.remove(at);
                }
                None => {
                    while list.iter().map(|(_, size)| size).sum::<u64>() + size_bytes
                        > max_size_bytes
                    {
                        list.remove(0);
                    }
                }
            }
            list.push((*id, *size_bytes));
        }
        hit_bytes
    }

    fn random(state: &mut u64) -> usize {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (*state >> 33) as usize
    }

    /// Sizes from 1 to 30, the same for the same image.
    fn sized(number: usize) -> (ImageId, u64) {
        (id(number), 1 + (number as u64 * 7_919) % 30)
    }

    #[test]
    fn a_scan_costs_less_than_with_a_list_by_last_access() {
        let mut state = 3;
        let mut trace = Vec::new();
        for round in 0..20 {
            // Users ask for few images often, then a backup reads four hundred once.
            for _ in 0..200 {
                let popular = random(&mut state) % 40 * (random(&mut state) % 40) / 40;
                trace.push(sized(popular));
            }
            trace.extend((0..400).map(|image| sized(1_000 + round * 400 + image)));
        }
        let mut replay = Replay::new(500);
        for (id, size_bytes) in &trace {
            replay.get(*id, *size_bytes);
        }
        let is_popular = |(image, _): &&(ImageId, u64)| *image < id(1_000);
        let asked: u64 = trace.iter().filter(is_popular).map(|(_, size)| size).sum();
        let missed = asked - replay.hit_bytes;
        let missed_by_lru = asked - hit_bytes_of_lru(500, &trace);
        println!(
            "of {asked} bytes that users asked for {missed} are missed, {missed_by_lru} with LRU"
        );
        assert!(
            missed * 2 < missed_by_lru,
            "{missed} against {missed_by_lru}"
        );
    }

    #[test]
    fn without_a_scan_it_is_about_as_good() {
        let mut state = 5;
        let popular = |state: &mut u64| {
            let bound = 1 + random(state) % 300;
            sized(random(state) % bound)
        };
        let trace: Vec<_> = (0..20_000).map(|_| popular(&mut state)).collect();
        let mut replay = Replay::new(1_000);
        for (id, size_bytes) in &trace {
            replay.get(*id, *size_bytes);
        }
        let lru = hit_bytes_of_lru(1_000, &trace);
        println!("{} bytes hit, {lru} with LRU", replay.hit_bytes);
        assert!(
            replay.hit_bytes * 100 >= lru * 99,
            "{} against {lru}",
            replay.hit_bytes
        );
    }

    #[test]
    fn an_image_that_comes_back_soon_is_not_taken_for_a_scan_again() {
        let mut replay = Replay::new(100);
        for number in 0..11 {
            replay.get(id(number), 10);
        }
        assert!(!replay.sizes.contains_key(&id(0)));
        replay.get(id(0), 10);
        for number in 100..150 {
            replay.get(id(number), 10);
        }
        assert!(replay.sizes.contains_key(&id(0)));
    }

    #[test]
    fn after_a_start_what_was_never_hit_goes_first() {
        let mut evictor = Evictor::new(100);
        evictor.restore(id(0), 40, 5);
        evictor.restore(id(1), 40, 0);
        assert_eq!(evictor.choose(1, |_| true), Some(vec![id(1)]));
        assert_eq!(evictor.choose(1, |_| true), Some(vec![id(0)]));
        assert_eq!(evictor.choose(1, |_| true), None);
    }

    #[test]
    fn the_memory_of_what_went_is_bounded() {
        let mut replay = Replay::new(10);
        for number in 0..10_000 {
            replay.get(id(number), 10);
        }
        assert_eq!(replay.evictor.ghosts.len(), FEWEST_GHOSTS);
        assert_eq!(replay.evictor.ghost_numbers.len(), FEWEST_GHOSTS);
    }

    proptest! {
        #[test]
        fn it_gives_up_enough_and_nothing_in_vain(
            sizes in prop::collection::vec(0_u64..50, 1..30),
            touches in prop::collection::vec(0_usize..30, 0..60),
            kept in prop::collection::hash_set(0_usize..30, 0..10),
            need_bytes in (0_u64..400).prop_map(|need| need),
        ) {
            let mut evictor = Evictor::new(300);
            for (number, size_bytes) in sizes.iter().enumerate() {
                evictor.insert(id(number), *size_bytes);
            }
            for number in touches {
                evictor.touch(&id(number));
            }
            let kept: HashSet<ImageId> = kept.into_iter().map(id).collect();
            let free: u64 = (0..sizes.len()).filter(|number| !kept.contains(&id(*number))).map(|number| sizes[number]).sum();
            let mut asked = HashSet::new();
            let chosen = evictor.choose(need_bytes, |id| {
                assert!(asked.insert(*id), "asked twice");
                !kept.contains(id)
            });
            let all: u64 = sizes.iter().sum();
            let left = evictor.small.bytes + evictor.main.bytes;
            assert_eq!(evictor.seats.values().map(|seat| seat.size_bytes).sum::<u64>(), left);
            let Some(chosen) = chosen else {
                assert!(free < need_bytes, "gave up too early");
                assert_eq!(left, all);
                return Ok(());
            };
            let size = |id: &ImageId| sizes[(0..30).find(|number| super::tests::id(*number) == *id).unwrap()];
            let freed: u64 = chosen.iter().map(size).sum();
            assert!(freed >= need_bytes);
            assert_eq!(left + freed, all);
            for id in &chosen {
                assert!(!kept.contains(id));
                assert!(freed - size(id) < need_bytes, "{id} went in vain");
            }
        }
    }
}
