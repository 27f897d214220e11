//! Asks an HTTP server over many connections and counts the answers.
//!
//! One thread and one poll for all connections, so that it takes little of a small machine from the server it measures.
//! It understands as much of HTTP as it needs to find the end of an answer. The result is one line of JSON on stdout.

mod answer;
mod arguments;
mod connection;
mod report;

use std::{
    io,
    time::{Duration, Instant},
};

use mio::{Events, Poll, Token};

use crate::{arguments::Arguments, connection::Connection, report::Report};

fn main() {
    let result = Arguments::parse(std::env::args().skip(1)).and_then(|arguments| {
        run(&arguments).map_err(|error| format!("{}: {error}", arguments.address))
    });
    match result {
        Ok(report) => println!("{}", report.to_json()),
        Err(message) => {
            eprintln!("vidimus-load: {message}");
            std::process::exit(1);
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<Report> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(arguments.connections.max(1) * 2);
    let mut report = Report::default();
    let mut budget = arguments.requests;
    let mut buffer = vec![0; 64 * 1024];
    let begin = Instant::now();
    let end = begin + arguments.duration;
    let mut connections = Vec::new();
    for number in 0..arguments.connections {
        connections.push(Connection::open(arguments, Token(number))?);
    }
    for connection in &mut connections {
        if take(&mut budget) {
            connection.ask(&poll)?;
        }
    }
    while connections.iter().any(Connection::is_asking) {
        poll.poll(&mut events, Some(Duration::from_millis(200)))?;
        for event in &events {
            let Some(connection) = connections.get_mut(event.token().0) else {
                continue;
            };
            while let Some(answered) = connection.go_on(&poll, &mut buffer)? {
                report.count(&answered);
                if Instant::now() >= end || !take(&mut budget) {
                    break;
                }
                connection.ask(&poll)?;
            }
        }
        if Instant::now() > end + arguments.patience {
            report.unanswered = connections.iter().filter(|one| one.is_asking()).count() as u64;
            break;
        }
    }
    report.elapsed = begin.elapsed();
    Ok(report)
}

/// Whether there is one more request to be made.
fn take(budget: &mut Option<u64>) -> bool {
    match budget {
        None => true,
        Some(0) => false,
        Some(left) => {
            *left -= 1;
            true
        }
    }
}
