//! How much memory this process may fill: the machine's, or less where a control group says so.

use std::path::Path;

/// An image of this share of the memory or more is not to push out what others keep there.
const LARGE_SHARE: u64 = 4;

/// From which size on an image is large for this machine. Where nobody knows its memory, none is.
pub(crate) fn large_from_bytes() -> u64 {
    let usable = usable_bytes(Path::new("/proc"), Path::new("/sys/fs/cgroup"));
    usable.map_or(u64::MAX, |bytes| bytes / LARGE_SHARE)
}

fn usable_bytes(proc: &Path, groups: &Path) -> Option<u64> {
    let machine = std::fs::read_to_string(proc.join("meminfo")).ok()?;
    let total = machine
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let total: u64 = total.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    let membership = std::fs::read_to_string(proc.join("self/cgroup")).unwrap_or_default();
    // Two versions of the same, of which a machine has one.
    let kinds = [
        ("0::/", groups.to_owned(), "memory.max"),
        (":memory:/", groups.join("memory"), "memory.limit_in_bytes"),
    ];
    let limits = kinds.iter().flat_map(|(prefix, root, name)| {
        let own = membership
            .lines()
            .find_map(|line| Some(line.split_once(prefix)?.1));
        // A group has no more than any of those it is in. The outermost one has no such file, or a huge number in it.
        let all = own.into_iter().flat_map(|own| Path::new(own).ancestors());
        all.filter_map(move |group| {
            let limit = std::fs::read_to_string(root.join(group).join(name)).ok()?;
            // Or `max`.
            limit.trim().parse::<u64>().ok()
        })
    });
    limits.chain([total.saturating_mul(1024)]).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_limit_counts() {
        let dir = tempfile::tempdir().unwrap();
        let (proc, groups) = (dir.path().join("proc"), dir.path().join("groups"));
        let usable = || usable_bytes(&proc, &groups);
        let write = |path: &Path, text: &str| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        assert_eq!(usable(), None);
        write(
            &proc.join("meminfo"),
            "MemTotal:        1000 kB\nMemFree: 5 kB\n",
        );
        assert_eq!(usable(), Some(1_024_000));
        write(&proc.join("self/cgroup"), "1:cpu:/x\n0::/a/b\n");
        assert_eq!(usable(), Some(1_024_000));
        write(&groups.join("a/b/memory.max"), "max\n");
        assert_eq!(usable(), Some(1_024_000));
        write(&groups.join("a/memory.max"), "600000\n");
        assert_eq!(usable(), Some(600_000));
        write(&groups.join("a/b/memory.max"), "500000\n");
        assert_eq!(usable(), Some(500_000));
        write(&groups.join("a/memory.max"), "400000\n");
        assert_eq!(usable(), Some(400_000));
        write(&proc.join("self/cgroup"), "4:memory:/c\n0::/\n");
        assert_eq!(usable(), Some(1_024_000));
        write(&groups.join("memory/c/memory.limit_in_bytes"), "300000\n");
        assert_eq!(usable(), Some(300_000));
    }

    #[test]
    fn this_machine_has_some() {
        assert!((1 << 20..u64::MAX).contains(&large_from_bytes()));
    }
}
