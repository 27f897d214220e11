//! Limits of images, their hashes and their formats.

use std::path::PathBuf;

use crate::config::{
    kind::Kind,
    option::{Opt, options},
};

options! {
    HASHING_ALGORITHM: String = Opt::new("DEFAULT", "hashing_algorithm", Kind::Choice(&[
            "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256", "sha3_384", "sha3_512", "blake2b", "blake2s",
        ]))
        .default("sha512")
        .help("Hash of new image data, by Python's name for it; it becomes `os_hash_algo`.");
    IMAGE_SIZE_CAP: u64 =
        Opt::new("DEFAULT", "image_size_cap", Kind::Int { min: 1, max: 1 << 63 })
        .default("1099511627776")
        .help("Bytes the data of an image may have.");
    IMAGE_PROPERTY_QUOTA: i64 = Opt::new("DEFAULT", "image_property_quota", Kind::INT)
        .default("128")
        .help("Properties an image may have. Negative: any number.");
    IMAGE_TAG_QUOTA: i64 = Opt::new("DEFAULT", "image_tag_quota", Kind::INT)
        .default("128")
        .help("Tags an image may have. Negative: any number.");
    IMAGE_MEMBER_QUOTA: i64 = Opt::new("DEFAULT", "image_member_quota", Kind::INT)
        .default("128")
        .help("Members an image may have. Negative: any number.");
    IMAGE_LOCATION_QUOTA: i64 = Opt::new("DEFAULT", "image_location_quota", Kind::INT)
        .default("10")
        .help("Locations an image may have. Negative: any number.");
    USER_STORAGE_QUOTA: String = Opt::new("DEFAULT", "user_storage_quota", Kind::Str)
        .default("0")
        .help("What the images of a project may take up together: a number, with or without `B`, `KB`, `MB`, `GB` or `TB` behind \
               it. An image counts as often as it has locations. Zero: any amount.");
    PROPERTY_PROTECTION_FILE: Option<PathBuf> =
        Opt::new("DEFAULT", "property_protection_file", Kind::Str)
        .help("File that says who may create, read, update and delete which custom properties; a relative one is looked for \
               beside the first configuration file. When unset, whoever may change an image may change them all.");
    PROPERTY_PROTECTION_RULE_FORMAT: String =
        Opt::new("DEFAULT", "property_protection_rule_format", Kind::Choice(&["roles", "policies"]))
        .default("roles")
        .help("What stands in that file: lists of roles, or the name of one policy rule each.");
    CONTAINER_FORMATS: Vec<String> = Opt::new("image_format", "container_formats", Kind::LIST)
        .default("ami,ari,aki,bare,ovf,ova,docker,compressed")
        .old(&[("DEFAULT", "container_formats")])
        .help("Values `container_format` may have.");
    DISK_FORMATS: Vec<String> = Opt::new("image_format", "disk_formats", Kind::LIST)
        .default("ami,ari,aki,vhd,vhdx,vmdk,raw,qcow2,vdi,iso,ploop")
        .old(&[("DEFAULT", "disk_formats")])
        .help("Values `disk_format` may have. `gpt` can be added.");
    REQUIRE_IMAGE_FORMAT_MATCH: bool =
        Opt::new("image_format", "require_image_format_match", Kind::Bool)
        .default("true")
        .help("Whether data whose content is of another format than `disk_format` says is refused.");
    VMDK_ALLOWED_TYPES: Vec<String> = Opt::new("image_format", "vmdk_allowed_types", Kind::LIST)
        .default("streamOptimized,monolithicSparse")
        .help("VMDK variants that are accepted. Others can point at files of the host (CVE-2022-47951).");
    GPT_SAFETY_CHECKS_NONFATAL: Vec<String> =
        Opt::new("image_format", "gpt_safety_checks_nonfatal", Kind::LIST)
        .default("")
        .help("Checks of GPT disks that do not refuse the data when they fail, such as `mbr`.");
}
