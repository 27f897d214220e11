//! What can be told of. Event types are Glance's, and so are the loggers that the log driver writes them to.

/// How urgent a notification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    Info,
    Error,
}

impl Priority {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Error => "ERROR",
        }
    }
}

macro_rules! events {
    ($($name:ident = $word:literal,)+) => {
        /// Something other services may want to hear of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Event {
            $(#[doc = concat!("`", $word, "`")] $name,)+
        }

        impl Event {
            pub(super) const ALL: &[Self] = &[$(Self::$name),+];

            /// Its type in the message.
            pub(super) fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// Writes a message to the log.
            ///
            /// Compat: each type of event is a logger of its own, so that a log can be filtered by it.
            pub(super) fn log(self, priority: Priority, line: &str) {
                match (self, priority) {
                    $((Self::$name, Priority::Info) => {
                        tracing::info!(target: concat!("oslo.messaging.notification.", $word), "{line}");
                    }
                    (Self::$name, Priority::Error) => {
                        tracing::error!(target: concat!("oslo.messaging.notification.", $word), "{line}");
                    })+
                }
            }
        }
    };
}

events! {
    ImageCreate = "image.create",
    ImagePrepare = "image.prepare",
    ImageUpload = "image.upload",
    ImageActivate = "image.activate",
    ImageUpdate = "image.update",
    ImageDelete = "image.delete",
    ImageSend = "image.send",
    MemberCreate = "image.member.create",
    MemberUpdate = "image.member.update",
    MemberDelete = "image.member.delete",
    TaskCreate = "task.create",
    TaskRun = "task.run",
    TaskProcessing = "task.processing",
    TaskSuccess = "task.success",
    TaskFailure = "task.failure",
    NamespaceCreate = "metadef_namespace.create",
    NamespaceUpdate = "metadef_namespace.update",
    NamespaceDelete = "metadef_namespace.delete",
    NamespaceDeleteObjects = "metadef_namespace.delete_objects",
    NamespaceDeleteProperties = "metadef_namespace.delete_properties",
    NamespaceDeleteTags = "metadef_namespace.delete_tags",
    ObjectCreate = "metadef_object.create",
    ObjectUpdate = "metadef_object.update",
    ObjectDelete = "metadef_object.delete",
    PropertyCreate = "metadef_property.create",
    PropertyUpdate = "metadef_property.update",
    PropertyDelete = "metadef_property.delete",
    TagCreate = "metadef_tag.create",
    TagUpdate = "metadef_tag.update",
    TagDelete = "metadef_tag.delete",
    ResourceTypeCreate = "metadef_resource_type.create",
    ResourceTypeDelete = "metadef_resource_type.delete",
}

impl Event {
    /// Whether a name of `disabled_notifications` means this event: its type, or a group it belongs to.
    ///
    /// Compat: `image.member` is among the groups Glance documents, and has no effect there. Here it has.
    pub(super) fn is_called(self, name: &str) -> bool {
        match self.word().strip_prefix(name) {
            Some(rest) => rest.is_empty() || rest.starts_with('.'),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(name: &str) -> Vec<&'static str> {
        let found = Event::ALL.iter().filter(|event| event.is_called(name));
        found.map(|event| event.word()).collect()
    }

    #[test]
    fn an_event_is_called_by_its_type_and_its_groups() {
        assert_eq!(called("image.create"), ["image.create"]);
        assert_eq!(called("image").len(), 10);
        assert_eq!(called("image.member").len(), 3);
        assert_eq!(called("metadef_tag").len(), 3);
        for nothing in ["", "imag", "image.", "image.creat", "metadef", "Image"] {
            assert!(called(nothing).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn every_type_stands_once() {
        let words: std::collections::HashSet<_> = Event::ALL.iter().map(|it| it.word()).collect();
        assert_eq!(words.len(), Event::ALL.len());
    }
}
