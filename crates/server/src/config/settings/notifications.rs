//! What other services are told.

use crate::config::{
    error::{ConfigError, OptionName, Warning},
    options::notifications,
    resolve::Resolver,
};

/// Drivers of oslo.messaging that need a message bus.
const BUS: [&str; 3] = ["messaging", "messagingv2", "routing"];

/// What other services are told.
#[derive(Debug, Clone)]
pub struct Notifications {
    /// Whether notifications are written to the log.
    pub logs: bool,
    /// Who speaks.
    pub publisher_id: String,
    /// Types and groups of events nobody is told of.
    pub disabled: Vec<String>,
}

pub(super) fn notifications(
    resolver: &Resolver<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<Notifications, ConfigError> {
    let drivers = resolver.resolve(&notifications::DRIVER)?;
    let mut logs = false;
    let mut bus = Vec::new();
    for driver in drivers.value {
        match driver.trim() {
            "log" => logs = true,
            // Compat: `test` keeps them where the tests of the peer look for them.
            "" | "noop" | "test" => {}
            name if BUS.contains(&name) => bus.push(driver),
            _ => {
                let row = &notifications::DRIVER.row;
                return Err(ConfigError::BadValue {
                    origin: drivers.origin,
                    option: OptionName::new(row.group, row.name),
                    found: format!("`{driver}`"),
                    allowed: "one of `log`, `noop`, `test`, `messaging`, `messagingv2`, `routing`"
                        .to_owned(),
                });
            }
        }
    }
    if !bus.is_empty() {
        warnings.push(Warning::UnsupportedNotificationDriver {
            origin: drivers.origin,
            driver: bus.join("`, `"),
        });
    }
    Ok(Notifications {
        logs,
        publisher_id: resolver.get(&notifications::DEFAULT_PUBLISHER_ID)?,
        disabled: resolver.get(&notifications::DISABLED_NOTIFICATIONS)?,
    })
}
