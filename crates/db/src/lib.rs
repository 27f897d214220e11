//! Metadata on Glance's own schema, one transaction per state change
