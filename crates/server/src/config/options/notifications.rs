//! `[oslo_messaging_notifications]` and what of `[DEFAULT]` belongs to it: what other services are told.

use crate::config::{
    kind::Kind,
    option::{Opt, options},
};

options! {
    DRIVER: Vec<String> = Opt::new("oslo_messaging_notifications", "driver", Kind::MultiStr)
        .old(&[("DEFAULT", "notification_driver")])
        .help("Where notifications of changes go; may be repeated. `log`: into the log, a line each, under the name \
               `oslo.messaging.notification.<event type>`. `noop` and `test`: nowhere. `messaging`, `messagingv2` and `routing` are \
               accepted with a warning, since no message bus is built in. When unset, nobody is told.");
    DEFAULT_PUBLISHER_ID: String = Opt::new("DEFAULT", "default_publisher_id", Kind::Str)
        .default("image.localhost")
        .help("Who speaks in notifications, such as `image.host1`.");
    DISABLED_NOTIFICATIONS: Vec<String> = Opt::new("DEFAULT", "disabled_notifications", Kind::LIST)
        .help("Events nobody is told of, by type (`image.create`) or by group: `image`, `image.member`, `task`, \
               `metadef_namespace`, `metadef_object`, `metadef_property`, `metadef_resource_type`, `metadef_tag`.");
}
