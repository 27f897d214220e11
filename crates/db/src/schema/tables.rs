//! Glance's tables at revision `2024_1_contract01`, as facts: columns in their order, keys, constraints, indexes.
//!
//! How they are spelled in SQL is the dialect's business. The order of columns is that of a database that went through
//! Glance's migrations, so that a dump of one of ours differs from a dump of Glance's in nothing.

/// A table and everything that hangs on it.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [Column],
    pub(crate) primary_key: &'static [&'static str],
    pub(crate) primary_key_name: Option<&'static str>,
    /// Column, table it points into, column there.
    pub(crate) foreign_keys: &'static [(&'static str, &'static str, &'static str)],
    pub(crate) uniques: &'static [(&'static str, &'static [&'static str])],
    pub(crate) indexes: &'static [(&'static str, &'static [&'static str])],
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) nullable: bool,
    pub(crate) default: Option<&'static str>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text of at most so many characters.
    Varchar(u16),
    Text,
    Integer,
    /// 64 bits, and called so everywhere.
    BigInteger,
    /// 64 bits, and called a plain integer by SQLite, which makes keys of it count up by themselves.
    WideInteger,
    Timestamp,
    Boolean,
    /// The four visibilities.
    Visibility,
}

impl Table {
    /// The boolean columns whose values SQLite checks.
    ///
    /// Compat: `images` was rebuilt by one of Glance's migrations, which lost its checks.
    pub(crate) fn checked_booleans(&self) -> impl Iterator<Item = &Column> {
        self.columns
            .iter()
            .filter(|column| column.kind == Kind::Boolean && self.name != "images")
    }
}

const fn required(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        nullable: false,
        default: None,
    }
}

const fn nullable(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        nullable: true,
        default: None,
    }
}

const fn defaulting(name: &'static str, kind: Kind, default: &'static str) -> Column {
    Column {
        name,
        kind,
        nullable: false,
        default: Some(default),
    }
}

/// Every table, those that are pointed at before those that point.
pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "alembic_version",
        columns: &[required("version_num", Kind::Varchar(32))],
        primary_key: &["version_num"],
        primary_key_name: Some("alembic_version_pkc"),
        foreign_keys: &[],
        uniques: &[],
        indexes: &[],
    },
    Table {
        name: "images",
        columns: &[
            required("id", Kind::Varchar(36)),
            nullable("name", Kind::Varchar(255)),
            nullable("size", Kind::WideInteger),
            required("status", Kind::Varchar(30)),
            required("created_at", Kind::Timestamp),
            nullable("updated_at", Kind::Timestamp),
            nullable("deleted_at", Kind::Timestamp),
            required("deleted", Kind::Boolean),
            nullable("disk_format", Kind::Varchar(20)),
            nullable("container_format", Kind::Varchar(20)),
            nullable("checksum", Kind::Varchar(32)),
            nullable("owner", Kind::Varchar(255)),
            required("min_disk", Kind::Integer),
            required("min_ram", Kind::Integer),
            defaulting("protected", Kind::Boolean, "0"),
            nullable("virtual_size", Kind::WideInteger),
            defaulting("visibility", Kind::Visibility, "'shared'"),
            defaulting("os_hidden", Kind::Boolean, "0"),
            nullable("os_hash_algo", Kind::Varchar(64)),
            nullable("os_hash_value", Kind::Varchar(128)),
        ],
        primary_key: &["id"],
        primary_key_name: None,
        foreign_keys: &[],
        uniques: &[],
        indexes: &[
            ("checksum_image_idx", &["checksum"]),
            ("created_at_image_idx", &["created_at"]),
            ("ix_images_deleted", &["deleted"]),
            ("os_hash_value_image_idx", &["os_hash_value"]),
            ("os_hidden_image_idx", &["os_hidden"]),
            ("owner_image_idx", &["owner"]),
            ("updated_at_image_idx", &["updated_at"]),
            ("visibility_image_idx", &["visibility"]),
        ],
    },
    Table {
        name: "image_properties",
        columns: &[
            required("id", Kind::Integer),
            required("image_id", Kind::Varchar(36)),
            required("name", Kind::Varchar(255)),
            nullable("value", Kind::Text),
            required("created_at", Kind::Timestamp),
            nullable("updated_at", Kind::Timestamp),
            nullable("deleted_at", Kind::Timestamp),
            required("deleted", Kind::Boolean),
        ],
        primary_key: &["id"],
        primary_key_name: None,
        foreign_keys: &[("image_id", "images", "id")],
        uniques: &[("ix_image_properties_image_id_name", &["image_id", "name"])],
        indexes: &[
            ("ix_image_properties_deleted", &["deleted"]),
            ("ix_image_properties_image_id", &["image_id"]),
        ],
    },
    Table {
        name: "image_locations",
        columns: &[
            required("id", Kind::Integer),
            required("image_id", Kind::Varchar(36)),
            required("value", Kind::Text),
            required("created_at", Kind::Timestamp),
            nullable("updated_at", Kind::Timestamp),
            nullable("deleted_at", Kind::Timestamp),
            required("deleted", Kind::Boolean),
            nullable("meta_data", Kind::Text),
            defaulting("status", Kind::Varchar(30), "'active'"),
        ],
        primary_key: &["id"],
        primary_key_name: None,
        foreign_keys: &[("image_id", "images", "id")],
        uniques: &[],
        indexes: &[
            ("ix_image_locations_deleted", &["deleted"]),
            ("ix_image_locations_image_id", &["image_id"]),
        ],
    },
    Table {
        name: "image_members",
        columns: &[
            required("id", Kind::Integer),
            required("image_id", Kind::Varchar(36)),
            required("member", Kind::Varchar(255)),
            required("can_share", Kind::Boolean),
            required("created_at", Kind::Timestamp),
            nullable("updated_at", Kind::Timestamp),
            nullable("deleted_at", Kind::Timestamp),
            required("deleted", Kind::Boolean),
            defaulting("status", Kind::Varchar(20), "'pending'"),
        ],
        primary_key: &["id"],
        primary_key_name: None,
        foreign_keys: &[("image_id", "images", "id")],
        uniques: &[(
            "image_members_image_id_member_deleted_at_key",
            &["image_id", "member", "deleted_at"],
        )],
        indexes: &[
            ("ix_image_members_deleted", &["deleted"]),
            ("ix_image_members_image_id", &["image_id"]),
            ("ix_image_members_image_id_member", &["image_id", "member"]),
        ],
    },
    Table {
        name: "image_tags",
        columns: &[
            required("id", Kind::Integer),
            required("image_id", Kind::Varchar(36)),
            required("value", Kind::Varchar(255)),
            required("created_at", Kind::Timestamp),
            nullable("updated_at", Kind::Timestamp),
            nullable("deleted_at", Kind::Timestamp),
            required("deleted", Kind::Boolean),
        ],
        primary_key: &["id"],
        primary_key_name: None,
        foreign_keys: &[("image_id", "images", "id")],
        uniques: &[],
        indexes: &[
            ("ix_image_tags_image_id", &["image_id"]),
            ("ix_image_tags_image_id_tag_value", &["image_id", "value"]),
        ],
    },
    Table {
        name: "tasks",
        columns: &[
            required("id", Kind::Varchar(36)),
            required("type", Kind::Varchar(30)),
            required("status", Kind::Varchar(30)),
            required("owner", Kind::Varchar(255)),
            nullable("expires_at", Kind::Timestamp),
            required("created_at", Kind::Timestamp),
            nullable("updated_at", Kind::Timestamp),
            nullable("deleted_at", Kind::Timestamp),
            required("deleted", Kind::Boolean),
            nullable("image_id", Kind::Varchar(36)),
            nullable("request_id", Kind::Varchar(64)),
            nullable("user_id", Kind::Varchar(64)),
        ],
        primary_key: &["id"],
        primary_key_name: None,
        foreign_keys: &[],
        uniques: &[],
        indexes: &[
            ("ix_tasks_deleted", &["deleted"]),
            ("ix_tasks_image_id", &["image_id"]),
            ("ix_tasks_owner", &["owner"]),
            ("ix_tasks_status", &["status"]),
            ("ix_tasks_type", &["type"]),
            ("ix_tasks_updated_at", &["updated_at"]),
        ],
    },
    Table {
        name: "task_info",
        columns: &[
            required("task_id", Kind::Varchar(36)),
            nullable("input", Kind::Text),
            nullable("result", Kind::Text),
            nullable("message", Kind::Text),
        ],
        primary_key: &["task_id"],
        primary_key_name: None,
        foreign_keys: &[("task_id", "tasks", "id")],
        uniques: &[],
        indexes: &[],
    },
    Table {
        name: "node_reference",
        columns: &[
            required("node_reference_id", Kind::WideInteger),
            required("node_reference_url", Kind::Varchar(255)),
        ],
        primary_key: &["node_reference_id"],
        primary_key_name: None,
        foreign_keys: &[],
        uniques: &[(
            "uq_node_reference_node_reference_url",
            &["node_reference_url"],
        )],
        indexes: &[],
    },
    Table {
        name: "cached_images",
        columns: &[
            required("id", Kind::WideInteger),
            required("image_id", Kind::Varchar(36)),
            required("last_accessed", Kind::Timestamp),
            required("last_modified", Kind::Timestamp),
            required("size", Kind::BigInteger),
            required("hits", Kind::Integer),
            nullable("checksum", Kind::Varchar(32)),
            required("node_reference_id", Kind::WideInteger),
        ],
        primary_key: &["id"],
        primary_key_name: None,
        foreign_keys: &[("node_reference_id", "node_reference", "node_reference_id")],
        uniques: &[(
            "ix_cached_images_image_id_node_reference_id",
            &["image_id", "node_reference_id"],
        )],
        indexes: &[],
    },
    Table {
        name: "metadef_namespaces",
        columns: &[
            required("id", Kind::Integer),
            required("namespace", Kind::Varchar(80)),
            nullable("display_name", Kind::Varchar(80)),
            nullable("description", Kind::Text),
            nullable("visibility", Kind::Varchar(32)),
            nullable("protected", Kind::Boolean),
            required("owner", Kind::Varchar(255)),
            required("created_at", Kind::Timestamp),
            nullable("updated_at", Kind::Timestamp),
        ],
        primary_key: &["id"],
        primary_key_name: None,
        foreign_keys: &[],
        uniques: &[("uq_metadef_namespaces_namespace", &["namespace"])],
        indexes: &[("ix_metadef_namespaces_owner", &["owner"])],
    },
    Table {
        name: "metadef_resource_types",
        columns: &[
            required("id", Kind::Integer),
            required("name", Kind::Varchar(80)),
            required("protected", Kind::Boolean),
            required("created_at", Kind::Timestamp),
            nullable("updated_at", Kind::Timestamp),
        ],
        primary_key: &["id"],
        primary_key_name: None,
        foreign_keys: &[],
        uniques: &[("uq_metadef_resource_types_name", &["name"])],
        indexes: &[],
    },
    Table {
        name: "metadef_namespace_resource_types",
        columns: &[
            required("resource_type_id", Kind::Integer),
            required("namespace_id", Kind::Integer),
            nullable("properties_target", Kind::Varchar(80)),
            nullable("prefix", Kind::Varchar(80)),
            required("created_at", Kind::Timestamp),
            nullable("updated_at", Kind::Timestamp),
        ],
        primary_key: &["resource_type_id", "namespace_id"],
        primary_key_name: None,
        foreign_keys: &[
            ("namespace_id", "metadef_namespaces", "id"),
            ("resource_type_id", "metadef_resource_types", "id"),
        ],
        uniques: &[],
        indexes: &[("ix_metadef_ns_res_types_namespace_id", &["namespace_id"])],
    },
    Table {
        name: "metadef_objects",
        columns: &[
            required("id", Kind::Integer),
            required("namespace_id", Kind::Integer),
            required("name", Kind::Varchar(80)),
            nullable("description", Kind::Text),
            nullable("required", Kind::Text),
            required("json_schema", Kind::Text),
            required("created_at", Kind::Timestamp),
            nullable("updated_at", Kind::Timestamp),
        ],
        primary_key: &["id"],
        primary_key_name: None,
        foreign_keys: &[("namespace_id", "metadef_namespaces", "id")],
        uniques: &[(
            "uq_metadef_objects_namespace_id_name",
            &["namespace_id", "name"],
        )],
        indexes: &[("ix_metadef_objects_name", &["name"])],
    },
    Table {
        name: "metadef_properties",
        columns: &[
            required("id", Kind::Integer),
            required("namespace_id", Kind::Integer),
            required("name", Kind::Varchar(80)),
            required("json_schema", Kind::Text),
            required("created_at", Kind::Timestamp),
            nullable("updated_at", Kind::Timestamp),
        ],
        primary_key: &["id"],
        primary_key_name: None,
        foreign_keys: &[("namespace_id", "metadef_namespaces", "id")],
        uniques: &[(
            "uq_metadef_properties_namespace_id_name",
            &["namespace_id", "name"],
        )],
        indexes: &[("ix_metadef_properties_name", &["name"])],
    },
    Table {
        name: "metadef_tags",
        columns: &[
            required("id", Kind::Integer),
            required("namespace_id", Kind::Integer),
            required("name", Kind::Varchar(80)),
            required("created_at", Kind::Timestamp),
            nullable("updated_at", Kind::Timestamp),
        ],
        primary_key: &["id"],
        primary_key_name: None,
        foreign_keys: &[("namespace_id", "metadef_namespaces", "id")],
        uniques: &[(
            "uq_metadef_tags_namespace_id_name",
            &["namespace_id", "name"],
        )],
        indexes: &[("ix_metadef_tags_name", &["name"])],
    },
];
