//! What stands in an image beside its properties.

/// The attributes that clients write. Every image has them; they can be replaced but not removed.
pub const CLIENT_ATTRIBUTES: &[&str] = &[
    "name",
    "visibility",
    "protected",
    "os_hidden",
    "tags",
    "owner",
    "min_disk",
    "min_ram",
    "disk_format",
    "container_format",
];

/// The attributes that the server writes. Which of them an image has depends on the site and on the image's status.
pub const SERVER_ATTRIBUTES: &[&str] = &[
    "id",
    "status",
    "checksum",
    "os_hash_algo",
    "os_hash_value",
    "size",
    "virtual_size",
    "created_at",
    "updated_at",
    "direct_url",
    "self",
    "file",
    "schema",
    "locations",
    "stores",
];

/// Whether no custom property can have this name.
pub fn is_attribute(name: &str) -> bool {
    CLIENT_ATTRIBUTES.contains(&name) || SERVER_ATTRIBUTES.contains(&name)
}
