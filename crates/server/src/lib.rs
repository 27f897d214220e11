//! The program vidimus: routes, configuration, wiring, management commands.
//!
//! A library only so that tests can reach its parts; `main.rs` is one call into it.

pub mod app;
mod body;
pub mod boot;
mod buffers;
mod commands;
pub mod config;
pub mod cors;
mod error;
mod extract;
mod forwarded;
mod handlers;
mod local_call;
mod memory;
pub mod openapi;
mod router;
mod routes;
mod sendfile;
pub mod serve;
mod stall;
pub mod tls;
mod views;

use std::{error::Error, io::Write, process::ExitCode};

use clap::Parser;

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    match commands::run(commands::Cli::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let mut message = format!("vidimus: {error}");
            let mut cause = error.source();
            while let Some(reason) = cause {
                message.push_str(&format!(": {reason}"));
                cause = reason.source();
            }
            // Nothing is left to do if standard error is closed.
            let _ = writeln!(std::io::stderr(), "{message}");
            ExitCode::FAILURE
        }
    }
}
