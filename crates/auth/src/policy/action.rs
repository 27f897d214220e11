//! Everything a caller can be refused, each with its rule: name, default, meaning, routes.
//!
//! The table is Glance's, down to the texts of the checks; what the actions mean is said in our words. All of them want a
//! token scoped to a project.

/// Administrators.
const ADMIN: &str = "rule:context_is_admin";
/// Administrators, and those who may work in the owning project.
const MEMBER: &str = "rule:context_is_admin or (role:member and project_id:%(project_id)s)";
/// Administrators, and those who may look into the owning project.
const READER: &str = "rule:context_is_admin or (role:reader and project_id:%(project_id)s)";
/// As `MEMBER`, for what does not exist yet: the owner to be must be the caller's project too.
const CREATOR: &str =
    "rule:context_is_admin or (role:member and project_id:%(project_id)s and project_id:%(owner)s)";
/// Who may know of an image. `shared` is enough here because the database shows a shared image to its members only.
const SEES_IMAGE: &str = "rule:context_is_admin or (role:reader and (project_id:%(project_id)s or \
     project_id:%(member_id)s or 'community':%(visibility)s or 'public':%(visibility)s or 'shared':%(visibility)s))";
/// Who may have an image's data.
const READS_DATA: &str = "rule:context_is_admin or (role:member and (project_id:%(project_id)s or \
     project_id:%(member_id)s or 'community':%(visibility)s or 'public':%(visibility)s or 'shared':%(visibility)s))";
/// Who may see with whom an image is shared.
const SEES_MEMBERS: &str = "rule:context_is_admin or role:reader and (project_id:%(project_id)s or project_id:%(member_id)s)";
/// The project an image is shared with, answering for itself.
const IS_MEMBER: &str = "rule:context_is_admin or (role:member and project_id:%(member_id)s)";
/// Other OpenStack services.
const SERVICE: &str = "rule:service_api";
/// Other OpenStack services, and who may create.
const SERVICE_OR_CREATOR: &str =
    "rule:service_api or (role:member and project_id:%(project_id)s and project_id:%(owner)s)";
/// Administrators and other OpenStack services.
const ADMIN_OR_SERVICE: &str = "rule:context_is_admin or rule:service_api";
/// Who may see a metadata definition.
const SEES_METADEF: &str = "rule:context_is_admin or (role:reader and (project_id:%(project_id)s or 'public':%(visibility)s))";
/// Who looks after the metadata definitions.
const METADEF_ADMIN: &str = "rule:metadef_admin";
/// The default of the old days: everyone, unless the file says otherwise.
const DEFAULT: &str = "rule:default";
const METADEF_DEFAULT: &str = "rule:metadef_default";
const MANAGES_CACHE: &str = "rule:manage_image_cache";

/// A rule as it is registered.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) check: &'static str,
    /// The default of older releases, in force beside `check` unless new defaults are enforced.
    pub(super) deprecated: Option<&'static str>,
    pub(super) about: &'static str,
    pub(super) routes: &'static [&'static str],
}

/// The rules that other rules refer to. Nobody is refused by them directly.
pub(super) const SUPPORTING: [Rule; 5] = [
    Rule {
        name: "default",
        check: "",
        deprecated: Some(ADMIN),
        about: "asked in place of a rule that does not exist",
        routes: &[],
    },
    Rule {
        name: "context_is_admin",
        check: "role:admin",
        deprecated: None,
        about: "who is an administrator: sees and changes the images of every project",
        routes: &[],
    },
    Rule {
        name: "service_api",
        check: "role:service or role:admin",
        deprecated: None,
        about: "who is another OpenStack service",
        routes: &[],
    },
    Rule {
        name: "metadef_default",
        check: "",
        deprecated: None,
        about: "who could read metadata definitions in older releases",
        routes: &[],
    },
    Rule {
        name: "metadef_admin",
        check: ADMIN,
        deprecated: None,
        about: "who looks after the metadata definitions",
        routes: &[],
    },
];

macro_rules! actions {
    ($($action:ident $name:literal $check:ident $(was $deprecated:ident)?, $about:literal, [$($route:literal),*];)*) => {
        /// Something a caller can be refused: one rule of the policy.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action {
            $(
                #[doc = concat!("`", $name, "`: ", $about)]
                $action,
            )*
        }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$action),*];
        }

        /// In the order of the variants.
        const RULES: &[Rule] = &[$(Rule {
            name: $name,
            check: $check,
            deprecated: actions!(@deprecated $($deprecated)?),
            about: $about,
            routes: &[$($route),*],
        }),*];
    };
    (@deprecated) => { None };
    (@deprecated $deprecated:ident) => { Some($deprecated) };
}

actions! {
    AddImage "add_image" CREATOR was DEFAULT, "create an image", ["POST /v2/images"];
    DeleteImage "delete_image" MEMBER was DEFAULT, "delete an image", ["DELETE /v2/images/{image_id}"];
    GetImage "get_image" SEES_IMAGE was DEFAULT,
        "know that an image exists, and see it; who may not gets `not found` whatever was asked",
        ["GET /v2/images/{image_id}"];
    GetImages "get_images" READER was DEFAULT, "list images", ["GET /v2/images"];
    ModifyImage "modify_image" MEMBER was DEFAULT, "change an image's attributes, properties and tags",
        ["PATCH /v2/images/{image_id}", "PUT /v2/images/{image_id}/tags/{tag}", "DELETE /v2/images/{image_id}/tags/{tag}"];
    PublicizeImage "publicize_image" ADMIN, "make an image public, new or existing",
        ["POST /v2/images", "PATCH /v2/images/{image_id}"];
    CommunitizeImage "communitize_image" MEMBER was DEFAULT, "make an image a community image, new or existing",
        ["POST /v2/images", "PATCH /v2/images/{image_id}"];
    DownloadImage "download_image" READS_DATA was DEFAULT, "read an image's data, from wherever it is kept",
        ["GET /v2/images/{image_id}/file"];
    DownloadFromStore "download_from_store" READS_DATA, "choose the store that an image's data is read from",
        ["GET /v2/images/{image_id}/file"];
    UploadImage "upload_image" MEMBER was DEFAULT, "give an image its data, at once or by staging",
        ["PUT /v2/images/{image_id}/file", "PUT /v2/images/{image_id}/stage"];
    DeleteImageLocation "delete_image_location" ADMIN was DEFAULT, "take a location from an image, or its data from one store",
        ["PATCH /v2/images/{image_id}", "DELETE /v2/stores/{store_id}/{image_id}"];
    GetImageLocation "get_image_location" READER was DEFAULT, "see an image's locations, where the configuration shows any",
        ["GET /v2/images", "GET /v2/images/{image_id}"];
    SetImageLocation "set_image_location" MEMBER was DEFAULT, "add or replace an image's locations by a patch",
        ["PATCH /v2/images/{image_id}"];
    AddImageLocation "add_image_location" SERVICE_OR_CREATOR, "give an image its data by naming where it lies",
        ["POST /v2/images/{image_id}/locations"];
    FetchImageLocation "fetch_image_location" SERVICE, "see all locations of an image as other services need them",
        ["GET /v2/images/{image_id}/locations"];
    AddMember "add_member" MEMBER was DEFAULT, "share an image with a project", ["POST /v2/images/{image_id}/members"];
    DeleteMember "delete_member" MEMBER was DEFAULT, "stop sharing an image with a project",
        ["DELETE /v2/images/{image_id}/members/{member_id}"];
    GetMember "get_member" SEES_MEMBERS was DEFAULT, "see one project that an image is shared with",
        ["GET /v2/images/{image_id}/members/{member_id}"];
    GetMembers "get_members" SEES_MEMBERS was DEFAULT, "list the projects that an image is shared with",
        ["GET /v2/images/{image_id}/members"];
    ModifyMember "modify_member" IS_MEMBER was DEFAULT, "accept or reject an image that is shared with one's project",
        ["PUT /v2/images/{image_id}/members/{member_id}"];
    ManageImageCache "manage_image_cache" ADMIN, "manage the cache by the routes of before the cache API", [];
    Deactivate "deactivate" MEMBER was DEFAULT, "stop the downloads of an image",
        ["POST /v2/images/{image_id}/actions/deactivate"];
    Reactivate "reactivate" MEMBER was DEFAULT, "allow the downloads of an image again",
        ["POST /v2/images/{image_id}/actions/reactivate"];
    CopyImage "copy_image" ADMIN, "copy an image's data to further stores", ["POST /v2/images/{image_id}/import"];
    ListCachedNodes "list_cached_nodes" ADMIN, "see which nodes have an image in their cache",
        ["GET /v2/cache/nodes/{image_id}"];

    GetTask "get_task" DEFAULT was DEFAULT, "reach one task from within, as an import does", ["GET /v2/tasks/{task_id}"];
    GetTasks "get_tasks" DEFAULT was DEFAULT, "reach tasks from within", ["GET /v2/tasks"];
    AddTask "add_task" DEFAULT was DEFAULT, "start a task from within, as an import does", ["POST /v2/tasks"];
    ModifyTask "modify_task" DEFAULT, "asked nowhere, kept for policy files that name it", ["DELETE /v2/tasks/{task_id}"];
    TasksApiAccess "tasks_api_access" ADMIN, "use the task API at all; nothing finer exists",
        ["GET /v2/tasks", "POST /v2/tasks", "GET /v2/tasks/{task_id}", "DELETE /v2/tasks/{task_id}"];

    GetMetadefNamespace "get_metadef_namespace" SEES_METADEF was METADEF_DEFAULT, "see a namespace",
        ["GET /v2/metadefs/namespaces/{namespace}"];
    GetMetadefNamespaces "get_metadef_namespaces" READER was METADEF_DEFAULT, "list namespaces",
        ["GET /v2/metadefs/namespaces"];
    ModifyMetadefNamespace "modify_metadef_namespace" METADEF_ADMIN, "change a namespace",
        ["PUT /v2/metadefs/namespaces/{namespace}"];
    AddMetadefNamespace "add_metadef_namespace" METADEF_ADMIN, "create a namespace", ["POST /v2/metadefs/namespaces"];
    DeleteMetadefNamespace "delete_metadef_namespace" METADEF_ADMIN, "delete a namespace",
        ["DELETE /v2/metadefs/namespaces/{namespace}"];
    GetMetadefObject "get_metadef_object" SEES_METADEF was METADEF_DEFAULT, "see an object of a namespace",
        ["GET /v2/metadefs/namespaces/{namespace}/objects/{object}"];
    GetMetadefObjects "get_metadef_objects" SEES_METADEF was METADEF_DEFAULT, "list the objects of a namespace",
        ["GET /v2/metadefs/namespaces/{namespace}/objects"];
    ModifyMetadefObject "modify_metadef_object" METADEF_ADMIN, "change an object",
        ["PUT /v2/metadefs/namespaces/{namespace}/objects/{object}"];
    AddMetadefObject "add_metadef_object" METADEF_ADMIN, "create an object",
        ["POST /v2/metadefs/namespaces/{namespace}/objects"];
    DeleteMetadefObject "delete_metadef_object" METADEF_ADMIN, "delete one object or all of a namespace",
        ["DELETE /v2/metadefs/namespaces/{namespace}/objects/{object}"];
    ListMetadefResourceTypes "list_metadef_resource_types" SEES_METADEF was METADEF_DEFAULT, "list resource types",
        ["GET /v2/metadefs/resource_types"];
    GetMetadefResourceType "get_metadef_resource_type" SEES_METADEF was METADEF_DEFAULT,
        "see the resource types that a namespace is for", ["GET /v2/metadefs/namespaces/{namespace}/resource_types"];
    AddMetadefResourceTypeAssociation "add_metadef_resource_type_association" METADEF_ADMIN,
        "say that a namespace is for a resource type", ["POST /v2/metadefs/namespaces/{namespace}/resource_types"];
    RemoveMetadefResourceTypeAssociation "remove_metadef_resource_type_association" METADEF_ADMIN,
        "take that back", ["DELETE /v2/metadefs/namespaces/{namespace}/resource_types/{resource_type}"];
    GetMetadefProperty "get_metadef_property" SEES_METADEF was METADEF_DEFAULT, "see a property of a namespace",
        ["GET /v2/metadefs/namespaces/{namespace}/properties/{property}"];
    GetMetadefProperties "get_metadef_properties" SEES_METADEF was METADEF_DEFAULT, "list the properties of a namespace",
        ["GET /v2/metadefs/namespaces/{namespace}/properties"];
    ModifyMetadefProperty "modify_metadef_property" METADEF_ADMIN, "change a property",
        ["PUT /v2/metadefs/namespaces/{namespace}/properties/{property}"];
    AddMetadefProperty "add_metadef_property" METADEF_ADMIN, "create a property",
        ["POST /v2/metadefs/namespaces/{namespace}/properties"];
    RemoveMetadefProperty "remove_metadef_property" METADEF_ADMIN, "delete one property or all of a namespace",
        ["DELETE /v2/metadefs/namespaces/{namespace}/properties/{property}"];
    GetMetadefTag "get_metadef_tag" SEES_METADEF was METADEF_DEFAULT, "see a tag of a namespace",
        ["GET /v2/metadefs/namespaces/{namespace}/tags/{tag}"];
    GetMetadefTags "get_metadef_tags" SEES_METADEF was METADEF_DEFAULT, "list the tags of a namespace",
        ["GET /v2/metadefs/namespaces/{namespace}/tags"];
    ModifyMetadefTag "modify_metadef_tag" METADEF_ADMIN, "rename a tag",
        ["PUT /v2/metadefs/namespaces/{namespace}/tags/{tag}"];
    AddMetadefTag "add_metadef_tag" METADEF_ADMIN, "create a tag",
        ["POST /v2/metadefs/namespaces/{namespace}/tags/{tag}"];
    AddMetadefTags "add_metadef_tags" METADEF_ADMIN, "create several tags, in place of those there are or beside them",
        ["POST /v2/metadefs/namespaces/{namespace}/tags"];
    DeleteMetadefTag "delete_metadef_tag" METADEF_ADMIN, "delete a tag",
        ["DELETE /v2/metadefs/namespaces/{namespace}/tags/{tag}"];
    DeleteMetadefTags "delete_metadef_tags" METADEF_ADMIN, "delete all tags of a namespace",
        ["DELETE /v2/metadefs/namespaces/{namespace}/tags"];

    CacheImage "cache_image" ADMIN was MANAGES_CACHE, "queue an image for the cache", ["PUT /v2/cache/{image_id}"];
    CacheList "cache_list" ADMIN was MANAGES_CACHE, "list cached and queued images", ["GET /v2/cache"];
    CacheDelete "cache_delete" ADMIN was MANAGES_CACHE, "take one image out of cache and queue, or clear them",
        ["DELETE /v2/cache", "DELETE /v2/cache/{image_id}"];
    CacheClean "cache_clean" ADMIN, "remove what broke off or turned out bad", ["POST /v2/cache/clean"];
    CachePrune "cache_prune" ADMIN, "bring the cache down to its size", ["POST /v2/cache/prune"];

    StoresInfoDetail "stores_info_detail" ADMIN_OR_SERVICE was ADMIN, "see how the stores are set up",
        ["GET /v2/info/stores/detail"];
}

impl Action {
    pub(super) fn rule(self) -> &'static Rule {
        // The macro makes the table and the variants from the same lines.
        &RULES[self as usize]
    }

    /// The name in policy files, and in the message of a refusal.
    pub fn rule_name(self) -> &'static str {
        self.rule().name
    }

    /// What applies where no file says otherwise.
    pub fn default_check(self) -> &'static str {
        self.rule().check
    }

    /// What applied in older releases, if that was different in kind.
    pub fn deprecated_check(self) -> Option<&'static str> {
        self.rule().deprecated
    }

    /// What it allows, in a few words.
    pub fn about(self) -> &'static str {
        self.rule().about
    }

    /// Method and path of the routes that ask for it.
    pub fn routes(self) -> &'static [&'static str] {
        self.rule().routes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Action, SUPPORTING};

    #[test]
    fn sixty_seven_rules_with_different_names() {
        let actions = Action::ALL.iter().map(|action| action.rule_name());
        let names: BTreeSet<_> = actions
            .chain(SUPPORTING.iter().map(|rule| rule.name))
            .collect();
        assert_eq!(names.len(), 67);
        assert_eq!(Action::ALL.len() + SUPPORTING.len(), 67);
    }

    #[test]
    fn variants_are_named_after_their_rules() {
        for action in Action::ALL {
            let camel: String = action
                .rule_name()
                .split('_')
                .flat_map(capitalised)
                .collect();
            assert_eq!(format!("{action:?}"), camel);
        }
    }

    fn capitalised(word: &str) -> impl Iterator<Item = char> {
        let first = word.chars().take(1).flat_map(char::to_uppercase);
        first.chain(word.chars().skip(1))
    }
}
