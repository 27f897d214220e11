//! The program vidimus: routes, configuration, wiring, management commands
