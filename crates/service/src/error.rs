//! Every way a use case can end badly.
//!
//! Each variant is a condition with typed fields; its text is what the client is told, in the words Glance uses, because
//! scripts match on them. [`Error::kind`] sorts the conditions into the few answers a protocol has; which status code
//! that is, only the server knows. Conversions from the crates below are written out here, where a store's "not found"
//! becomes what it means to the caller.

use thiserror::Error;
use vidimus_auth::Denied;
use vidimus_keys as keys;
use vidimus_store as store;
use vidimus_types::{ByteRange, ImageId, ImageStatus, StoreId};

use crate::{metadefs, quota::Shortage};

/// The result of a use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Which answer a condition calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request itself is wrong.
    Invalid,
    /// The caller may not.
    Forbidden,
    /// There is no such thing, or the caller may not know of it.
    NotFound,
    /// It clashes with what is there.
    Conflict,
    /// It was there when the request began.
    Gone,
    /// A quota, a size limit or the disk.
    TooLarge,
    /// The content is not what it claims to be.
    UnsupportedMedia,
    /// A store cannot be used at the moment.
    Unavailable,
    /// Another node, which would have to do it, does not answer as it should.
    BadGateway,
    /// Another node, which would have to do it, cannot be reached.
    GatewayTimeout,
    /// The bytes asked for are not there.
    Range,
    /// The client went away in the middle.
    ClientGone,
    /// Our fault.
    Internal,
}

/// A use case ended badly.
#[derive(Debug, Error)]
pub enum Error {
    /// No such image, or one the caller may not see.
    #[error("No image found with ID {0}")]
    ImageNotFound(String),
    /// As [`Self::ImageNotFound`], in the words of the cache and tag routes.
    #[error("Image {0} not found.")]
    NamedImageNotFound(String),
    /// As [`Self::ImageNotFound`], in the words of the delete route.
    #[error("Failed to find image {0} to delete")]
    NothingToDelete(String),
    /// Hidden by policy; says nothing that could tell the thing exists.
    #[error("The resource could not be found.")]
    Hidden,
    /// As [`Self::MembersDenied`], in the words of the show route.
    #[error("Only shared images have members.")]
    NoMembers,
    /// The project is no member, or none the caller may know of.
    #[error("{member} not found in the member list of the image {id}.")]
    MemberNotFound {
        /// The project.
        member: String,
        /// The image.
        id: ImageId,
    },
    /// As [`Self::Denied`], where the caller is not to learn whether there is something.
    #[error(transparent)]
    DeniedUnseen(Denied),
    /// The cache has no folder.
    #[error("Caching via API is not supported at this site.")]
    CacheOff,
    /// Nothing can be staged here.
    #[error("'glance-direct' method is not available at this site.")]
    StagingOff,
    /// No such task.
    #[error("Could not find task {0}")]
    TaskNotFound(String),
    /// One store only.
    #[error("Multi backend is not supported at this site.")]
    SingleStore,
    /// The policy says no.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Creating for somebody else.
    #[error("You are not permitted to create images owned by '{}'", .0.as_deref().unwrap_or("None"))]
    ForeignOwner(Option<String>),
    /// Giving an image away.
    #[error("Owner can't be updated by non admin.")]
    OwnerFixed,
    /// The marker of a list is an image the caller may not see.
    #[error("Forbidding request, image {0} not visible")]
    MarkerHidden(ImageId),
    /// The policy allows it, and yet only the owner and admins change an image.
    #[error("You do not own this image")]
    NotOwner,
    /// The server owns the attribute.
    #[error("Attribute '{0}' is read-only.")]
    ReadOnly(String),
    /// The name is not for clients.
    #[error("Attribute '{0}' is reserved.")]
    Reserved(String),
    /// As [`Self::Reserved`], for an image that does not exist yet.
    #[error("Attribute '{0}' is reserved.")]
    ReservedProperty(String),
    /// Locations can be exchanged, not taken away.
    #[error("Cannot set locations to empty list.")]
    LocationsEmptied,
    /// The status is none from which that can be done.
    #[error("Not allowed to {verb} image in status '{status}'")]
    ActionRefused {
        /// `deactivate` or `reactivate`.
        verb: &'static str,
        /// Where the image is.
        status: ImageStatus,
    },
    /// A format cannot change once data is there.
    #[error("Attribute {0} can be only replaced for a queued image.")]
    FormatFixed(&'static str),
    /// Base attributes stay.
    #[error("Property {0} may not be removed.")]
    NotRemovable(String),
    /// Deactivated images are for admins.
    #[error("The requested image has been deactivated. Image data download is forbidden.")]
    Deactivated,
    /// Protected against deletion.
    #[error("Image {0} is protected and cannot be deleted.")]
    Protected(ImageId),
    /// Locations are not shown, so they cannot be changed.
    #[error("It's not allowed to {0} locations if locations are invisible.")]
    LocationsInvisible(&'static str),
    /// As [`Self::NotOwner`], in the words of the upload route.
    #[error("Not allowed to upload image data for image {0}")]
    UploadDenied(ImageId),
    /// As [`Self::NotOwner`], in the words of the tag routes.
    #[error("Not allowed to {verb} tags for image {id}.")]
    TagsDenied {
        /// `update` or `delete`.
        verb: &'static str,
        /// The image.
        id: ImageId,
    },
    /// The image is not shared, so it has no members to change.
    #[error("Not allowed to {verb} members for image {id}.")]
    MembersDenied {
        /// `create`, `update` or `delete`.
        verb: &'static str,
        /// The image.
        id: ImageId,
    },
    /// As [`Self::MembersDenied`], in the words of the list route.
    #[error("Not allowed to list members for image {0}: Only shared images have members.")]
    MembersUnlisted(ImageId),
    /// The id was used before, perhaps by an image since deleted.
    #[error("Image ID {0} already exists!")]
    Duplicate(ImageId),
    /// The project is a member already.
    #[error("Member {member} is duplicated for image {id}")]
    DuplicateMember {
        /// The project.
        member: String,
        /// The image.
        id: ImageId,
    },
    /// The image, or the site, is in no state for this import, or for taking this copy away.
    #[error("{0}")]
    ImportRefused(String),
    /// What is staged is not on this node.
    #[error("The staged data of image {0} is not on this node.")]
    StagedElsewhere(ImageId),
    /// The node that has the staged data cannot be connected to.
    #[error("Stage host is unavailable")]
    StageHostUnreachable,
    /// The node that has the staged data gives no proper answer, or none in time.
    #[error("Stage host is unavailable")]
    StageHostBroken,
    /// As [`Self::ImageNotFound`], in the words of the store route.
    #[error("Failed to find image {0}")]
    NoImageForCopy(String),
    /// The image has no data in that store.
    #[error("Image {image} is not stored in store {store}.")]
    NoCopy {
        /// The image.
        image: ImageId,
        /// The store.
        store: String,
    },
    /// Without this copy the image would have no data.
    #[error(
        "Cannot delete image data from the only store containing it. Consider deleting the image instead."
    )]
    LastCopy,
    /// PATCH replaces or removes what is not there.
    #[error("Property {0} does not exist.")]
    PropertyMissing(String),
    /// Draft 4's add found the property there.
    #[error("Property {0} already present.")]
    PropertyPresent(String),
    /// The move is not in the table of statuses.
    #[error("Image status transition from {from} to {to} is not allowed")]
    StatusConflict {
        /// Where the image is.
        from: ImageStatus,
        /// Where it was to go.
        to: ImageStatus,
    },
    /// A store says that something beside us uses the data of the image.
    #[error(
        "Image {0} could not be deleted because it is in use: The image cannot be deleted because it is in use through the backend store outside of Glance."
    )]
    InUse(ImageId),
    /// As [`Self::InUse`], for one copy of the data.
    #[error(
        "The data for Image {0} could not be deleted because it is in use: The image cannot be deleted because it is in use through the backend store outside of Glance."
    )]
    CopyInUse(ImageId),
    /// A store says that other data is built upon that of the image.
    #[error("The image cannot be deleted because it has snapshot(s).")]
    HasSnapshots,
    /// A store is not permitted to remove the data of the image.
    #[error("You cannot delete file {0}")]
    RemovalDenied(ImageId),
    /// Other data of the image lies where the new is to go, and does not go away.
    #[error(
        "The data that was deleted from store {store} is still being removed; try again later to put data of image {image} there."
    )]
    StillRemoving {
        /// The image.
        image: ImageId,
        /// The store.
        store: StoreId,
    },
    /// The image does not wait for its data to be removed, so there is nothing to take back.
    #[error("cannot restore the image from {0} to active (wanted from_state=pending_delete)")]
    NotRestorable(ImageStatus),
    /// The image waits, but its data is gone already.
    #[error("cannot restore image {0}: its data has been removed")]
    NothingToRestore(ImageId),
    /// Somebody else changed the image between our reading and writing it.
    #[error("Image {0} was changed by another request; try again.")]
    ChangedMeanwhile(ImageId),
    /// No node list with this cache driver.
    #[error("Centralized caching is not enabled")]
    NotCentralized,
    /// The image went away during its upload.
    #[error(
        "Image {0} could not be found after upload. The image may have been deleted during the upload, cleaning up the chunks uploaded."
    )]
    DeletedDuringUpload(ImageId),
    /// Only active images can be cached.
    #[error("Only images with status active can be targeted for queueing")]
    NotActive,
    /// A patch that cannot be read.
    #[error("{0}")]
    MalformedPatch(String),
    /// A query parameter, header or body value that cannot be right; the text names it.
    #[error("{0}")]
    Invalid(String),
    /// The body does not fit the schema.
    #[error("{0}")]
    SchemaMismatch(String),
    /// Formats must be known before data is saved.
    #[error("{} {} must be set prior to saving data.", if .0.len() == 1 { "Property" } else { "Properties" }, .0.join(", "))]
    FormatsUnset(Vec<&'static str>),
    /// The announced and the counted size differ.
    #[error("Size mismatch: expected {expected} bytes, got {got} bytes")]
    SizeMismatch {
        /// What the headers said.
        expected: u64,
        /// What came.
        got: u64,
    },
    /// More came than was announced.
    #[error("Size exceeds: expected {expected} bytes, got {got} bytes")]
    SizeExceeded {
        /// What the headers said.
        expected: u64,
        /// What had come when it was stopped.
        got: u64,
    },
    /// The data is not what was signed.
    #[error("Signature verification failed for image {0}: {mismatch}", mismatch = keys::Mismatch)]
    SignatureMismatch(ImageId),
    /// Nothing can be said of the signature, so the data is not taken.
    #[error("{}", signature_refusal(.image, .cause))]
    SignatureRefused {
        /// The image.
        image: ImageId,
        /// Why.
        #[source]
        cause: keys::Error,
    },
    /// Bytes beyond the end, or a range that cannot be read.
    #[error("{0}")]
    RangeNotSatisfiable(String),
    /// More properties, tags or members than allowed.
    #[error(
        "The limit has been exceeded on the number of allowed image {what}. Attempted: {attempted}, Maximum: {maximum}"
    )]
    QuotaExceeded {
        /// `properties`, `tags`, …
        what: &'static str,
        /// How many there would be.
        attempted: usize,
        /// How many there may be.
        maximum: i64,
    },
    /// One tag more than allowed, in the words of the tag route.
    #[error(
        "Image tag limit exceeded for image {id}: The limit has been exceeded on the number of allowed image tags. Attempted: {attempted}, Maximum: {maximum}:"
    )]
    TagQuotaExceeded {
        /// The image.
        id: ImageId,
        /// How many there would be.
        attempted: usize,
        /// How many there may be.
        maximum: i64,
    },
    /// As [`Self::TagQuotaExceeded`], for members.
    #[error(
        "Image member limit exceeded for image {id}: The limit has been exceeded on the number of allowed image members for this image. Attempted: {attempted}, Maximum: {maximum}:"
    )]
    MemberQuotaExceeded {
        /// The image.
        id: ImageId,
        /// How many there would be.
        attempted: u64,
        /// How many there may be.
        maximum: i64,
    },
    /// Beyond `image_size_cap`.
    #[error("The incoming image is too large: The provided image is too large.")]
    TooLarge,
    /// No room on the store's disk.
    #[error(
        "Image storage media is full: There is not enough disk space on the image storage media."
    )]
    StoreFull,
    /// What the content inspection said.
    #[error("{0}")]
    UnsupportedContent(String),
    /// The store named does not exist.
    #[error("Unknown scheme '{0}' found in URI")]
    UnknownStore(String),
    /// Choosing a store makes sense with several only.
    #[error(
        "Store selection for download is not available when multiple backends are not enabled."
    )]
    NoStoreChoice,
    /// A store to prefer that does not exist.
    #[error("Store '{0}' is not configured.")]
    PreferredStoreUnknown(String),
    /// The store refuses writes.
    #[error(
        "Insufficient permissions on image storage media: Permission to write image storage media denied."
    )]
    StoreDenied,
    /// The store cannot be reached or answers with errors.
    #[error("The store that holds the data cannot be used at the moment.")]
    StoreUnavailable(#[source] store::Error),
    /// The store's file system does not answer.
    #[error("Operation timed out after {seconds}s. Check storage health and connectivity.")]
    StoreTimedOut {
        /// How long it was waited for.
        seconds: u64,
    },
    /// The data lies on a server of somebody else, who does not answer.
    #[error("Remote server where the image is present is unavailable.")]
    RemoteUnavailable(#[source] store::Error),
    /// The store that has the data cannot read a part of it.
    #[error(
        "Getting images randomly from this store is not supported. Offset: {}, length: {}",
        .0.start, .0.len()
    )]
    NoRandomReads(ByteRange),
    /// The store is only read.
    #[error("Error in store configuration. Adding images to store is disabled.")]
    StoreReadOnly,
    /// Where the data lies cannot be read as a location.
    #[error("The Store URI was malformed.")]
    MalformedLocation,
    /// There is no data there, or nothing of this server may go there.
    #[error("Invalid location")]
    InvalidLocation,
    /// The image has that location.
    #[error("The location {0} already exists")]
    DuplicateLocation(String),
    /// Locations are exchanged for others only where there are none.
    #[error("Original locations is not empty")]
    LocationsPresent,
    /// No place in the list of locations.
    #[error("Invalid position for {0} a location.")]
    LocationPosition(&'static str),
    /// The status is none in which locations change.
    #[error("It's not allowed to {verb} locations if image status is {status}.")]
    LocationsFixed {
        /// `add`, `replace` or `remove`.
        verb: &'static str,
        /// Where the image is.
        status: ImageStatus,
    },
    /// Without this location the image would have no data.
    #[error("Cannot remove last location in the image.")]
    LastLocation,
    /// What is said of the data is not what is known of it, or cannot be so.
    #[error("{0}")]
    ValidationData(String),
    /// Only services say where else data lies.
    #[error("http store must be enabled to use location API by normal user.")]
    LocationsForServices,
    /// The project has no room for this upload.
    #[error("Image exceeds the storage quota: {0}")]
    StorageQuota(Shortage),
    /// As [`Self::StorageQuota`], for data that lies elsewhere.
    #[error("Denying attempt to upload image because it exceeds the quota: {0}")]
    LocationStorageQuota(Shortage),
    /// The client stopped sending.
    #[error("The client closed the connection before all data was sent.")]
    ClientGone,
    /// Something about metadata definitions.
    #[error(transparent)]
    Metadef(#[from] metadefs::Error),
    /// Our fault; the cause is for the log only.
    #[error("The server has either erred or is incapable of performing the requested operation.")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Compat: Glance passes on some causes as they are, and puts two layers of words around the others.
fn signature_refusal(image: &ImageId, cause: &keys::Error) -> String {
    let said = signature_cause(cause);
    if is_passed_on(cause) {
        said
    } else {
        format!("Signature verification failed for image {image}: {said}")
    }
}

/// The inner one of the two.
pub(crate) fn signature_cause(cause: &keys::Error) -> String {
    if is_passed_on(cause) {
        cause.to_string()
    } else {
        format!("Signature verification for the image failed: {cause}.")
    }
}

fn is_passed_on(cause: &keys::Error) -> bool {
    matches!(
        cause,
        keys::Error::Reference | keys::Error::NotAscii | keys::Error::Unreadable(_)
    )
}

impl Error {
    /// Which answer the condition calls for.
    pub fn kind(&self) -> Kind {
        match self {
            Self::ImageNotFound(_)
            | Self::NamedImageNotFound(_)
            | Self::NothingToDelete(_)
            | Self::Hidden
            | Self::NoMembers
            | Self::MemberNotFound { .. }
            | Self::DeniedUnseen(_)
            | Self::CacheOff
            | Self::StagingOff
            | Self::TaskNotFound(_)
            | Self::NoImageForCopy(_)
            | Self::NoCopy { .. }
            | Self::SingleStore => Kind::NotFound,
            Self::Denied(_)
            | Self::LastCopy
            | Self::ForeignOwner(_)
            | Self::MarkerHidden(_)
            | Self::NotOwner
            | Self::OwnerFixed
            | Self::ReadOnly(_)
            | Self::Reserved(_)
            | Self::ReservedProperty(_)
            | Self::LocationsEmptied
            | Self::ActionRefused { .. }
            | Self::FormatFixed(_)
            | Self::NotRemovable(_)
            | Self::Deactivated
            | Self::Protected(_)
            | Self::RemovalDenied(_)
            | Self::LocationsInvisible(_)
            | Self::LastLocation
            | Self::LocationsForServices
            | Self::UploadDenied(_)
            | Self::TagsDenied { .. }
            | Self::MembersDenied { .. }
            | Self::MembersUnlisted(_) => Kind::Forbidden,
            Self::Duplicate(_)
            | Self::ImportRefused(_)
            | Self::DuplicateMember { .. }
            | Self::PropertyMissing(_)
            | Self::PropertyPresent(_)
            | Self::LocationsFixed { .. }
            | Self::ValidationData(_)
            | Self::StatusConflict { .. }
            | Self::ChangedMeanwhile(_)
            | Self::InUse(_)
            | Self::CopyInUse(_)
            | Self::HasSnapshots
            | Self::StillRemoving { .. }
            | Self::NotRestorable(_)
            | Self::NothingToRestore(_)
            | Self::NotCentralized => Kind::Conflict,
            Self::DeletedDuringUpload(_) | Self::StoreReadOnly => Kind::Gone,
            Self::NotActive
            | Self::MalformedPatch(_)
            | Self::Invalid(_)
            | Self::SchemaMismatch(_)
            | Self::FormatsUnset(_)
            | Self::SizeMismatch { .. }
            | Self::SizeExceeded { .. }
            | Self::SignatureMismatch(_)
            | Self::SignatureRefused { .. }
            | Self::UnknownStore(_)
            | Self::NoStoreChoice
            | Self::NoRandomReads(_)
            | Self::MalformedLocation
            | Self::InvalidLocation
            | Self::DuplicateLocation(_)
            | Self::LocationsPresent
            | Self::LocationPosition(_)
            | Self::PreferredStoreUnknown(_) => Kind::Invalid,
            Self::QuotaExceeded { .. }
            | Self::TagQuotaExceeded { .. }
            | Self::MemberQuotaExceeded { .. }
            | Self::TooLarge
            | Self::StorageQuota(_)
            | Self::LocationStorageQuota(_)
            | Self::StoreFull => Kind::TooLarge,
            Self::RangeNotSatisfiable(_) => Kind::Range,
            Self::UnsupportedContent(_) => Kind::UnsupportedMedia,
            Self::StoreDenied
            | Self::StoreUnavailable(_)
            | Self::StoreTimedOut { .. }
            | Self::RemoteUnavailable(_)
            | Self::StagedElsewhere(_) => Kind::Unavailable,
            Self::StageHostUnreachable => Kind::GatewayTimeout,
            Self::StageHostBroken => Kind::BadGateway,
            Self::ClientGone => Kind::ClientGone,
            Self::Metadef(error) => error.kind(),
            Self::Internal(_) => Kind::Internal,
        }
    }

    /// Wraps a cause the client must not see.
    pub(crate) fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }
}
