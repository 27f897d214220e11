//! The promises of the inspector as a whole, on disks built here. Agreement with Glance is tested in `tests/peer.rs`.

use proptest::prelude::*;

use super::*;

const MIB: usize = 1024 * 1024;

fn put(disk: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if disk.len() < at + bytes.len() {
        disk.resize(at + bytes.len(), 0);
    }
    disk[at..at + bytes.len()].copy_from_slice(bytes);
}

fn qcow2() -> Vec<u8> {
    let mut disk = vec![0; 512];
    put(&mut disk, 0, b"QFI\xfb\0\0\0\x03");
    put(&mut disk, 24, &(10 * MIB as u64).to_be_bytes());
    disk
}

fn vhd() -> Vec<u8> {
    let mut disk = vec![0; 2048];
    put(&mut disk, 0, b"conectix");
    put(&mut disk, 40, &(7 * MIB as u64).to_be_bytes());
    disk
}

fn vhdx() -> Vec<u8> {
    let metadata = MIB;
    let mut disk = vec![0; 1200 * 1024];
    put(&mut disk, 0, b"vhdxfile");
    put(&mut disk, 192 * 1024, b"regi\0\0\0\0\x01\0\0\0");
    put(&mut disk, 192 * 1024 + 16, &0x8B7C_A206_u32.to_le_bytes());
    put(
        &mut disk,
        192 * 1024 + 20,
        b"\x90\x47\x9A\x4B\xB8\xFE\x57\x5F\x05\x0F\x88\x6E",
    );
    put(&mut disk, 192 * 1024 + 32, &(metadata as u64).to_le_bytes());
    put(&mut disk, metadata, b"metadata\0\0\x01\0");
    put(&mut disk, metadata + 32, &0x2FA5_4224_u32.to_le_bytes());
    put(
        &mut disk,
        metadata + 36,
        b"\x1B\xCD\x76\x48\xB2\x11\x5D\xBE\xD8\x3B\xF4\xB8",
    );
    put(&mut disk, metadata + 48, &0x1_0008_u32.to_le_bytes());
    put(&mut disk, metadata + 52, &8_u32.to_le_bytes());
    put(
        &mut disk,
        metadata + 0x1_0008,
        &(3 * MIB as u64).to_le_bytes(),
    );
    disk
}

const DESCRIPTOR: &str =
    "# Disk DescriptorFile\ncreateType=\"streamOptimized\"\nRDONLY 64 SPARSE \"disk.vmdk\"\n";

fn vmdk_header(grain_directory: u64) -> Vec<u8> {
    let mut header = vec![0; 512];
    put(&mut header, 0, b"KDMV\x03\0\0\0");
    put(&mut header, 12, &64_u64.to_le_bytes());
    put(&mut header, 28, &1_u64.to_le_bytes());
    put(&mut header, 36, &2_u64.to_le_bytes());
    put(&mut header, 56, &grain_directory.to_le_bytes());
    header
}

fn vmdk_with_footer() -> Vec<u8> {
    let mut disk = vmdk_header(u64::MAX);
    put(&mut disk, 512, DESCRIPTOR.as_bytes());
    disk.resize(70 * 1024, 0xAB);
    let mut marker = vec![0; 512];
    put(&mut marker, 12, &3_u32.to_le_bytes());
    disk.extend(marker);
    disk.extend(vmdk_header(21));
    disk.extend([0; 512]);
    // The descriptor's padding was overwritten by the filler above only behind the text.
    put(
        &mut disk,
        512 + DESCRIPTOR.len(),
        &[0; 1024 - DESCRIPTOR.len()],
    );
    disk
}

fn vdi() -> Vec<u8> {
    let mut disk = vec![0; 1024];
    put(&mut disk, 0x40, &0xBEDA_107F_u32.to_le_bytes());
    put(&mut disk, 0x170, &(5 * MIB as u64).to_le_bytes());
    disk
}

fn iso() -> Vec<u8> {
    let mut disk = vec![0; 40 * 1024];
    put(&mut disk, 32 * 1024, b"\x01CD001\x01");
    put(&mut disk, 32 * 1024 + 80, &20_u32.to_le_bytes());
    put(&mut disk, 32 * 1024 + 128, &2048_u16.to_le_bytes());
    disk
}

fn gpt() -> Vec<u8> {
    let mut disk = vec![0; 4096];
    put(
        &mut disk,
        446,
        &[0, 0, 2, 0, 0xEE, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0, 7, 0, 0, 0],
    );
    put(&mut disk, 510, b"\x55\xAA");
    disk
}

fn luks() -> Vec<u8> {
    let mut disk = vec![0; 8192];
    put(&mut disk, 0, b"LUKS\xba\xbe\0\x01");
    put(&mut disk, 104, &8_u32.to_be_bytes());
    disk
}

/// A bootable disc: both at once.
fn iso_with_gpt() -> Vec<u8> {
    let mut disk = iso();
    put(&mut disk, 0, &gpt()[..512]);
    disk
}

fn disks() -> Vec<Vec<u8>> {
    vec![
        qcow2(),
        vhd(),
        vhdx(),
        vmdk_with_footer(),
        vdi(),
        iso(),
        gpt(),
        luks(),
        iso_with_gpt(),
        DESCRIPTOR.as_bytes().to_vec(),
        b"QED\0".iter().copied().chain([0; 600]).collect(),
        b"no disk at all".to_vec(),
    ]
}

fn judge(disk: &[u8], declared: &str, rules: &Rules) -> Result<Verdict, Rejection> {
    let mut inspector = Inspector::new();
    inspector.feed(disk);
    inspector.finish(
        &Declared {
            disk_format: declared,
            container_format: "bare",
        },
        rules,
    )
}

fn size_of(disk: &[u8], declared: &str) -> Option<u64> {
    let verdict = judge(disk, declared, &Rules::default()).unwrap();
    assert_eq!(verdict.warning, None);
    assert_eq!(verdict.format.map(Format::as_str), Some(declared));
    verdict.virtual_size
}

fn refusal(disk: &[u8], declared: &str) -> String {
    judge(disk, declared, &Rules::default())
        .unwrap_err()
        .to_string()
}

#[test]
fn each_format_shows_its_size() {
    assert_eq!(size_of(&qcow2(), "qcow2"), Some(10 * MIB as u64));
    assert_eq!(size_of(&vhd(), "vhd"), Some(7 * MIB as u64));
    assert_eq!(size_of(&vhdx(), "vhdx"), Some(3 * MIB as u64));
    assert_eq!(size_of(&vmdk_with_footer(), "vmdk"), Some(64 * 512));
    assert_eq!(size_of(&vdi(), "vdi"), Some(5 * MIB as u64));
    assert_eq!(size_of(&iso(), "iso"), Some(20 * 2048));
    assert_eq!(size_of(&iso_with_gpt(), "iso"), Some(20 * 2048));
    assert_eq!(size_of(&gpt(), "gpt"), Some(4096));
    assert_eq!(size_of(&luks(), "luks"), Some(4096));
    assert_eq!(size_of(b"anything", "raw"), Some(8));
    assert_eq!(size_of(b"", "raw"), None);
}

#[test]
fn what_is_not_as_declared_is_refused_or_only_noted() {
    assert_eq!(
        refusal(b"text", "qcow2"),
        "Image disk_format qcow2 does not match stream data raw"
    );
    assert_eq!(
        refusal(&qcow2(), "ploop"),
        "Image disk_format ploop does not match stream data qcow2"
    );
    let lenient = Rules {
        require_match: false,
        ..Rules::default()
    };
    let verdict = judge(b"text", "qcow2", &lenient).unwrap();
    assert_eq!((verdict.format, verdict.virtual_size), (None, None));
    assert!(verdict.warning.unwrap().contains("qcow2"));
}

#[test]
fn raw_may_hide_a_format_but_not_an_unsafe_one() {
    let verdict = judge(&vdi(), "raw", &Rules::default()).unwrap();
    assert_eq!(
        (verdict.format, verdict.virtual_size),
        (Some(Format::Vdi), Some(1024))
    );
    assert!(verdict.warning.is_some());

    let mut with_backing_file = qcow2();
    put(&mut with_backing_file, 8, &[1; 8]);
    for declared in ["raw", "qcow2"] {
        for require_match in [true, false] {
            let rules = Rules {
                require_match,
                ..Rules::default()
            };
            let rejection = judge(&with_backing_file, declared, &rules).unwrap_err();
            assert_eq!(
                rejection,
                Rejection::Unsafe {
                    format: Format::Qcow2,
                    failed: vec![Check::BackingFile]
                }
            );
        }
    }
}

#[test]
fn only_bare_images_are_inspected() {
    let mut inspector = Inspector::new();
    inspector.feed(b"QED\0");
    let declared = Declared {
        disk_format: "qcow2",
        container_format: "ova",
    };
    assert_eq!(
        inspector.finish(&declared, &Rules::default()),
        Ok(Verdict::default())
    );
}

#[test]
fn a_partition_table_may_be_tolerated() {
    let mut disk = gpt();
    put(&mut disk, 446, b"\x17");
    assert_eq!(refusal(&disk, "gpt"), "Image failed safety checks");
    let rules = Rules {
        gpt_nonfatal: vec!["mbr".into()],
        ..Rules::default()
    };
    assert!(
        judge(&disk, "gpt", &rules)
            .unwrap()
            .warning
            .unwrap()
            .contains("mbr")
    );
    assert_eq!(
        judge(&disk, "raw", &rules).unwrap().virtual_size,
        Some(4096)
    );
}

#[test]
fn a_text_vmdk_is_found_behind_letters_beyond_ascii() {
    let text = format!(
        "# {}\n# caf\u{e9}\n{}",
        "x".repeat(600),
        DESCRIPTOR.replace("streamOptimized", "monolithicFlat")
    );
    assert_eq!(
        refusal(text.as_bytes(), "raw"),
        "Image failed safety checks"
    );
    assert_eq!(
        refusal(text.as_bytes(), "qcow2"),
        "Image disk_format qcow2 does not match stream data vmdk"
    );
}

#[test]
fn a_size_no_database_holds_is_refused() {
    let mut disk = qcow2();
    put(&mut disk, 24, &u64::MAX.to_be_bytes());
    assert_eq!(refusal(&disk, "qcow2"), "Image format inspection failed");
    assert_eq!(
        judge(&disk, "raw", &Rules::default()).unwrap().virtual_size,
        Some(512)
    );
}

#[test]
fn identify_wants_one_safe_format() {
    let identify = |disk: &[u8]| {
        let mut inspector = Inspector::new();
        inspector.feed(disk);
        inspector.identify(&Rules::default())
    };
    assert_eq!(identify(b"text"), Ok(Format::Raw));
    assert_eq!(identify(&luks()), Ok(Format::Luks));
    assert_eq!(
        identify(&iso_with_gpt()),
        Err(Rejection::Ambiguous(vec![Format::Iso, Format::Gpt]))
    );
    assert_eq!(identify(b"vhdxfile"), Err(Rejection::Incomplete));
}

#[test]
fn no_more_is_held_than_promised() {
    // Both trails at their greediest: a VMDK with the largest descriptor and a footer, and a VHDX.
    let mut disk = vmdk_header(u64::MAX);
    put(&mut disk, 36, &u64::MAX.to_le_bytes());
    disk.resize(3 * MIB, b'x');
    for disk in [disk, vhdx()] {
        let mut inspector = Inspector::new();
        for chunk in disk.chunks(100_000) {
            inspector.feed(chunk);
            assert!(inspector.buffered_bytes() <= MAX_BUFFERED_BYTES);
        }
        assert!(inspector.buffered_bytes() >= HEAD_BYTES);
    }
    const { assert!(MAX_BUFFERED_BYTES < 3 * MIB / 2) }
}

/// Verdicts of a stream under every declaration, fed in pieces of the given sizes, over and over.
fn verdicts(disk: &[u8], cuts: &[usize]) -> Vec<Result<Verdict, Rejection>> {
    [
        "raw", "qcow2", "vhd", "vhdx", "vmdk", "vdi", "qed", "iso", "gpt", "luks", "ami",
    ]
    .into_iter()
    .map(|declared| {
        let mut inspector = Inspector::new();
        let mut rest = disk;
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, behind) = rest.split_at((*cut).min(rest.len()));
            inspector.feed(chunk);
            rest = behind;
        }
        inspector.finish(
            &Declared {
                disk_format: declared,
                container_format: "bare",
            },
            &Rules::default(),
        )
    })
    .collect()
}

#[derive(Debug, Clone)]
struct Damage {
    disk: usize,
    bytes: Vec<(prop::sample::Index, u8)>,
    cut_off: Option<prop::sample::Index>,
}

fn damage() -> impl Strategy<Value = Damage> {
    let bytes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let cut_off = prop::option::weighted(0.3, any::<prop::sample::Index>());
    (0..disks().len(), bytes, cut_off).prop_map(|(disk, bytes, cut_off)| Damage {
        disk,
        bytes,
        cut_off,
    })
}

impl Damage {
    fn apply(&self) -> Vec<u8> {
        let mut disk = disks().swap_remove(self.disk);
        // Headers are where it hurts; half the damage goes there.
        for (number, (index, byte)) in self.bytes.iter().enumerate() {
            let area = if number % 2 == 0 {
                disk.len().min(600)
            } else {
                disk.len()
            };
            disk[index.index(area)] = *byte;
        }
        if let Some(length) = &self.cut_off {
            disk.truncate(length.index(disk.len()));
        }
        disk
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn pieces_do_not_change_the_verdict(
        damage in damage(),
        cuts in prop::collection::vec(prop_oneof![1usize..100, 100usize..5000, 5000usize..300_000], 1..6),
    ) {
        let disk = damage.apply();
        prop_assert_eq!(verdicts(&disk, &cuts), verdicts(&disk, &[usize::MAX]));
    }

    #[test]
    fn bytes_nobody_asks_for_need_not_be_shown(damage in damage(), cut in 1usize..100_000) {
        let disk = damage.apply();
        let look = |may_skip: bool| {
            let mut inspector = Inspector::new();
            for chunk in disk.chunks(cut) {
                if may_skip && !inspector.wants_more() {
                    inspector.skip(chunk.len() as u64);
                } else {
                    inspector.feed(chunk);
                }
            }
            (inspector.bytes_read(), inspector.identify(&Rules::default()))
        };
        prop_assert_eq!(look(true), look(false));
    }

    #[test]
    fn nothing_panics_and_memory_is_bounded(bytes in prop::collection::vec(any::<u8>(), 0..2000), disk in 0..12usize) {
        let mut stream = disks().swap_remove(disk);
        let keep = stream.len().min(16);
        stream.truncate(keep);
        stream.extend(bytes);
        let mut inspector = Inspector::new();
        for chunk in stream.chunks(333) {
            inspector.feed(chunk);
            prop_assert!(inspector.buffered_bytes() <= MAX_BUFFERED_BYTES);
        }
        prop_assert_eq!(inspector.bytes_read(), stream.len() as u64);
        let _ = verdicts(&stream, &[7]);
    }
}

#[test]
fn every_single_cut_gives_the_same_verdict() {
    for disk in disks().into_iter().filter(|disk| disk.len() < 10_000) {
        let whole = verdicts(&disk, &[usize::MAX]);
        for cut in 1..disk.len().min(700) {
            assert_eq!(verdicts(&disk, &[cut, usize::MAX]), whole, "cut at {cut}");
        }
    }
}

#[test]
fn the_end_of_a_large_raw_disk_need_not_be_shown() {
    let mut inspector = Inspector::new();
    inspector.feed(&vec![0; MIB]);
    assert!(!inspector.wants_more());
    let mut inspector = Inspector::new();
    inspector.feed(&vhdx()[..MIB]);
    assert!(inspector.wants_more(), "the tables follow");
}
