//! Random histories of one cache, compared step by step with a model of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use bytes::Bytes;
use proptest::prelude::{Just, Strategy, prop, prop_oneof, proptest};
use tokio::sync::mpsc::UnboundedSender;
use vidimus_cache::{CacheFile, FillReader, ImageCache, Lookup};
use vidimus_types::{ClearTarget, ImageId};

use crate::support::{Folder, Image, fed, read_file, read_fill, unlinked};

const LIMIT: u64 = 100_000;
const SIZES: [usize; 8] = [0, 1, 9_000, 20_000, 30_000, 45_000, 70_000, 100_001];

#[derive(Debug, Clone)]
enum Step {
    /// A download; what becomes of its fill, should it need one, comes later.
    Lookup(usize),
    /// The same, and the file is kept open.
    Hold(usize),
    Release,
    Feed(usize),
    Finish(usize, End),
    Remove(usize),
    Clear(ClearTarget),
    Prune,
    Clean,
    Verify(usize),
    Push(usize),
    Unqueue(usize),
    Work(bool),
    Damage(usize, Damage),
    Report,
    Restart,
    RestartWithoutIndex,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Whole,
    Wrong,
    Short,
    Long,
    Fails,
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    Cut,
    Overwritten,
    Unlinked,
}

fn step() -> impl Strategy<Value = Step> {
    let image = 0..SIZES.len();
    let end = prop_oneof![
        6 => Just(End::Whole),
        1 => Just(End::Wrong),
        1 => Just(End::Short),
        1 => Just(End::Long),
        1 => Just(End::Fails),
    ];
    let damage = prop_oneof![
        Just(Damage::Cut),
        Just(Damage::Overwritten),
        Just(Damage::Unlinked)
    ];
    let target = prop_oneof![
        Just(ClearTarget::Both),
        Just(ClearTarget::Cache),
        Just(ClearTarget::Queue)
    ];
    prop_oneof![
        12 => image.clone().prop_map(Step::Lookup),
        3 => image.clone().prop_map(Step::Hold),
        2 => Just(Step::Release),
        3 => image.clone().prop_map(Step::Feed),
        12 => (image.clone(), end).prop_map(|(image, end)| Step::Finish(image, end)),
        2 => image.clone().prop_map(Step::Remove),
        1 => target.prop_map(Step::Clear),
        1 => Just(Step::Prune),
        1 => Just(Step::Clean),
        1 => image.clone().prop_map(Step::Verify),
        2 => image.clone().prop_map(Step::Push),
        1 => image.clone().prop_map(Step::Unqueue),
        2 => prop::bool::ANY.prop_map(Step::Work),
        2 => (image, damage).prop_map(|(image, damage)| Step::Damage(image, damage)),
        1 => Just(Step::Report),
        1 => Just(Step::Restart),
        1 => Just(Step::RestartWithoutIndex),
    ]
}

/// What the cache should be.
#[derive(Default)]
struct Model {
    cached: BTreeMap<usize, Cached>,
    fills: BTreeMap<usize, Fill>,
    queue: Vec<usize>,
    /// Handed out, or resting after a failure.
    resting: BTreeSet<usize>,
    unreported: BTreeMap<usize, u64>,
}

struct Cached {
    hits: u64,
    is_damaged: bool,
    /// The image's, until a start finds a cut file.
    size_bytes: u64,
}

struct Fill {
    sender: UnboundedSender<io::Result<Bytes>>,
    reader: FillReader,
    sent: usize,
    is_removed: bool,
}

struct World {
    folder: Folder,
    images: Vec<Image>,
    cache: Option<ImageCache>,
    model: Model,
    held: Vec<(usize, CacheFile)>,
}

impl World {
    async fn new() -> Self {
        let folder = Folder::new(LIMIT);
        let sizes = SIZES.iter().enumerate();
        let image = |(seed, size): (usize, &usize)| {
            Image::with_id(ImageId::random(), *size, seed as u64 + 1)
        };
        Self {
            images: sizes.map(image).collect(),
            cache: Some(folder.open().await),
            folder,
            model: Model::default(),
            held: Vec::new(),
        }
    }

    fn cache(&self) -> ImageCache {
        self.cache.clone().unwrap()
    }

    fn size(&self, image: usize) -> u64 {
        self.images[image].expected.size_bytes
    }

    fn sum<'a>(&self, images: impl Iterator<Item = &'a usize>) -> u64 {
        images.map(|image| self.size(*image)).sum()
    }

    /// Bytes of the cached images.
    fn used(&self) -> u64 {
        let cached = self.model.cached.values();
        cached.map(|cached| cached.size_bytes).sum()
    }

    fn number(&self, id: &ImageId) -> usize {
        self.images
            .iter()
            .position(|image| image.id == *id)
            .unwrap()
    }

    async fn run(&mut self, step: Step) {
        match step {
            Step::Lookup(image) => drop(self.lookup(image).await),
            Step::Hold(image) => {
                let file = self.lookup(image).await;
                self.held.extend(file.map(|file| (image, file)));
            }
            Step::Release => self.held.clear(),
            Step::Feed(image) => self.feed(image),
            Step::Finish(image, end) => self.finish(image, end).await,
            Step::Remove(image) => {
                let removed = self.cache().remove(&self.images[image].id).await;
                assert_eq!(removed, self.model.cached.remove(&image).is_some());
                self.model.unreported.remove(&image);
                if let Some(fill) = self.model.fills.get_mut(&image) {
                    fill.is_removed = true;
                }
            }
            Step::Clear(target) => {
                let cleared = self.cache().clear(target).await.unwrap();
                if target.includes_cache() {
                    assert_eq!(cleared.images, self.model.cached.len() as u64);
                    assert_eq!(cleared.bytes, self.used());
                    self.model.cached.clear();
                    self.model.unreported.clear();
                    unlinked(&self.cache()).await;
                }
                if target.includes_queue() {
                    assert_eq!(cleared.queued, self.model.queue.len() as u64);
                    self.model.queue.clear();
                    self.model.resting.clear();
                }
            }
            Step::Prune => assert_eq!(self.cache().prune().await.unwrap().images, 0),
            Step::Clean => {
                self.folder
                    .leave(format!("invalid/{}", ImageId::random()), b"12");
                let cleaned = self.cache().clean().await.unwrap();
                assert_eq!(
                    (cleaned.invalid, cleaned.incomplete, cleaned.bytes),
                    (1, 0, 2)
                );
            }
            Step::Verify(image) => self.verify(image).await,
            Step::Push(image) => {
                let pushed = self
                    .cache()
                    .queue()
                    .push(&self.images[image].id)
                    .await
                    .unwrap();
                let is_known =
                    self.model.queue.contains(&image) || self.model.cached.contains_key(&image);
                assert_eq!(pushed, !is_known);
                if pushed {
                    self.model.queue.push(image);
                }
            }
            Step::Unqueue(image) => {
                let removed = self
                    .cache()
                    .queue()
                    .remove(&self.images[image].id)
                    .await
                    .unwrap();
                assert_eq!(removed, self.model.queue.contains(&image));
                self.unqueue(image);
            }
            Step::Work(is_done) => self.work(is_done).await,
            Step::Damage(image, damage) => self.damage(image, damage),
            Step::Report => {
                let accesses = self.cache().drain_accesses().into_iter();
                let reported: BTreeMap<_, _> = accesses
                    .map(|access| (self.number(&access.image_id), access.hits_added))
                    .collect();
                assert_eq!(reported, std::mem::take(&mut self.model.unreported));
            }
            Step::Restart => self.restart(true).await,
            Step::RestartWithoutIndex => self.restart(false).await,
        }
        self.check();
    }

    async fn lookup(&mut self, image: usize) -> Option<CacheFile> {
        let (cache, wanted) = (self.cache(), self.images[image].clone());
        let is_good = self
            .model
            .cached
            .get(&image)
            .is_some_and(|cached| !cached.is_damaged);
        let had = self.listed();
        match cache.lookup(&wanted.id, &wanted.expected).await {
            Lookup::Hit(file) => {
                assert!(is_good, "a hit on what was never cached, or is damaged");
                assert!(read_file(&file) == wanted.data);
                self.model.cached.get_mut(&image).unwrap().hits += 1;
                *self.model.unreported.entry(image).or_default() += 1;
                Some(file)
            }
            Lookup::Filling(reader) => {
                assert!(self.model.fills.contains_key(&image));
                assert_eq!(reader.size_bytes(), self.size(image));
                None
            }
            Lookup::Miss(permit) => {
                assert!(!is_good && !self.model.fills.contains_key(&image));
                self.forget(image);
                self.check_evictions(&had, image);
                let (sender, source) = fed();
                let fill = Fill {
                    reader: permit.fill(source),
                    sender,
                    sent: 0,
                    is_removed: false,
                };
                self.model.fills.insert(image, fill);
                None
            }
            Lookup::Bypass(_) => {
                assert!(!is_good && !self.model.fills.contains_key(&image));
                self.forget(image);
                // Only when it really cannot fit: evicting everything would not do.
                let promised = self.sum(self.model.fills.keys());
                assert!(promised + self.size(image) > LIMIT);
                None
            }
        }
    }

    fn forget(&mut self, image: usize) {
        self.model.cached.remove(&image);
        self.model.unreported.remove(&image);
    }

    fn listed(&self) -> BTreeSet<usize> {
        let entries = self.cache().list();
        entries
            .iter()
            .map(|entry| self.number(&entry.image_id))
            .collect()
    }

    /// Room was made for `image`: no more than needed, and not from those in use if others were enough.
    fn check_evictions(&mut self, had: &BTreeSet<usize>, image: usize) {
        let have = self.listed();
        let evicted: Vec<_> = had
            .iter()
            .copied()
            .filter(|gone| *gone != image && !have.contains(gone))
            .collect();
        let occupied = self.cache().occupied_bytes();
        let sizes: BTreeMap<_, _> = self
            .model
            .cached
            .iter()
            .map(|(image, cached)| (*image, cached.size_bytes))
            .collect();
        let in_use = evicted.iter().filter(|image| self.is_held(**image));
        let in_use: u64 = in_use.map(|image| sizes[image]).sum();
        let idle = have.iter().filter(|image| !self.is_held(**image));
        let idle: u64 = idle.map(|image| sizes[image]).sum();
        assert!(
            in_use == 0 || idle < in_use,
            "images in use were evicted before others"
        );
        for gone in evicted {
            assert!(
                occupied + sizes[&gone] > LIMIT,
                "image {gone} was evicted for nothing"
            );
            self.forget(gone);
        }
    }

    fn is_held(&self, image: usize) -> bool {
        self.held.iter().any(|(held, _)| *held == image)
    }

    fn feed(&mut self, image: usize) {
        let data = self.images[image].data.clone();
        if let Some(fill) = self.model.fills.get_mut(&image) {
            let end = data.len().min(fill.sent + 7_000);
            fill.sender.send(Ok(data.slice(fill.sent..end))).unwrap();
            fill.sent = end;
        }
    }

    async fn finish(&mut self, image: usize, end: End) {
        let Some(fill) = self.model.fills.remove(&image) else {
            return;
        };
        let data = self.images[image].data.clone();
        let rest = data.slice(fill.sent..);
        let is_good = match end {
            End::Whole => {
                fill.sender.send(Ok(rest)).unwrap();
                true
            }
            End::Wrong => {
                let wrong: Vec<u8> = rest.iter().map(|byte| byte ^ 1).collect();
                let is_empty = wrong.is_empty();
                fill.sender.send(Ok(wrong.into())).unwrap();
                is_empty
            }
            End::Short => {
                let keep = rest.len().saturating_sub(1);
                fill.sender.send(Ok(rest.slice(..keep))).unwrap();
                rest.is_empty()
            }
            End::Long => {
                fill.sender.send(Ok(rest)).unwrap();
                fill.sender.send(Ok(Bytes::from_static(b"x"))).unwrap();
                false
            }
            End::Fails => {
                fill.sender.send(Ok(rest)).unwrap();
                fill.sender
                    .send(Err(io::Error::other("the store failed")))
                    .unwrap();
                false
            }
        };
        drop(fill.sender);
        let (read, result) = read_fill(&fill.reader).await;
        assert_eq!(result.is_ok(), is_good);
        assert!(
            !is_good || read == data,
            "a complete download of wrong bytes"
        );
        assert_eq!(fill.reader.finished().await.is_ok(), is_good);
        if is_good && !fill.is_removed {
            let cached = Cached {
                hits: 0,
                is_damaged: false,
                size_bytes: self.size(image),
            };
            self.model.cached.insert(image, cached);
            self.unqueue(image);
        }
    }

    fn unqueue(&mut self, image: usize) {
        self.model.queue.retain(|queued| *queued != image);
        self.model.resting.remove(&image);
    }

    async fn verify(&mut self, image: usize) {
        use vidimus_cache::Verification::{Dropped, Intact, NotCached};
        let wanted = &self.images[image];
        let found = self
            .cache()
            .verify(&wanted.id, &wanted.expected)
            .await
            .unwrap();
        let expected = match self.model.cached.get(&image) {
            None => NotCached,
            Some(cached) if cached.is_damaged => Dropped,
            Some(_) => Intact,
        };
        assert_eq!(found, expected);
        if found == Dropped {
            self.forget(image);
        }
    }

    async fn work(&mut self, is_done: bool) {
        let due = self
            .model
            .queue
            .iter()
            .find(|queued| !self.model.resting.contains(queued));
        let Some(image) = due.copied() else {
            return;
        };
        let cache = self.cache();
        let id = cache.queue().next().await;
        assert_eq!(self.number(&id), image, "the oldest first");
        if is_done {
            cache.queue().done(&id).await.unwrap();
            self.unqueue(image);
        } else {
            cache.queue().failed(&id, "no reason");
            self.model.resting.insert(image);
        }
    }

    fn damage(&mut self, image: usize, damage: Damage) {
        let Some(cached) = self.model.cached.get_mut(&image) else {
            return;
        };
        let path = self.folder.complete(&self.images[image].id);
        let data = &self.images[image].data;
        // Nothing can be cut from nothing, and nobody can read on in a file cut under him.
        let is_held = self.held.iter().any(|(held, _)| *held == image);
        if data.is_empty() || is_held || cached.is_damaged {
            return;
        }
        cached.is_damaged = true;
        match damage {
            Damage::Cut => std::fs::write(path, &data[1..]).unwrap(),
            Damage::Overwritten => {
                let wrong: Vec<u8> = data.iter().map(|byte| byte ^ 1).collect();
                std::fs::write(path, wrong).unwrap();
            }
            Damage::Unlinked => std::fs::remove_file(path).unwrap(),
        }
    }

    async fn restart(&mut self, keep_index: bool) {
        self.held.clear();
        let cache = self.cache.take().unwrap();
        let fills = std::mem::take(&mut self.model.fills);
        cache.shutdown().await.unwrap();
        for fill in fills.into_values() {
            fill.reader.finished().await.unwrap_err();
        }
        drop(cache);
        if !keep_index {
            std::fs::remove_file(self.folder.path().join(".vidimus-index")).unwrap();
        }
        self.cache = Some(self.folder.open().await);
        self.model.unreported.clear();
        self.model.resting.clear();
        let images = &self.images;
        let path = |image: usize| self.folder.complete(&images[image].id);
        self.model.cached.retain(|image, cached| {
            if !keep_index || cached.is_damaged {
                // Nobody can know the hits of a file that is not the one that was hit.
                cached.hits = 0;
            }
            let file = path(*image).metadata();
            cached.size_bytes = file.as_ref().map_or(0, |file| file.len());
            file.is_ok()
        });
    }

    fn check(&self) {
        let cache = self.cache();
        let listed: BTreeMap<_, _> = cache
            .list()
            .into_iter()
            .map(|entry| (self.number(&entry.image_id), entry.hits))
            .collect();
        let expected: BTreeMap<_, _> = self
            .model
            .cached
            .iter()
            .map(|(image, cached)| (*image, cached.hits))
            .collect();
        assert_eq!(listed, expected);
        let reserved = self.sum(self.model.fills.keys());
        assert_eq!(cache.reserved_bytes(), reserved);
        assert_eq!(cache.occupied_bytes(), cache.used_bytes() + reserved);
        assert!(cache.occupied_bytes() <= LIMIT, "over the limit");
        assert!(
            self.folder.bytes_on_disk() <= LIMIT,
            "over the limit on the disk"
        );
        assert_eq!(cache.used_bytes(), self.used());
        let queued: Vec<_> = cache
            .queue()
            .list()
            .iter()
            .map(|id| self.number(id))
            .collect();
        assert_eq!(queued, self.model.queue);
        for image in 0..self.images.len() {
            let id = &self.images[image].id;
            assert_eq!(cache.is_filling(id), self.model.fills.contains_key(&image));
            assert_eq!(cache.contains(id), self.model.cached.contains_key(&image));
        }
        for (image, file) in &self.held {
            assert!(
                read_file(file) == self.images[*image].data,
                "taken from a reader"
            );
        }
    }
}

proptest! {
    #[test]
    fn any_history_agrees_with_the_model(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in steps {
                world.run(step).await;
            }
        });
    }
}
