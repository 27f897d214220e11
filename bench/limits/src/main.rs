//! Does one step of what a server does and nothing else. What these programs reach is the limit of this machine: no server
//! that must do the step as well can be faster.
//!
//! Each prints one line of JSON, or is a server that prints its port and runs until it is told to end.

mod constant;
mod database;
mod note;
mod receive;

/// What the server uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: vidimus-limits constant PORT LIST_BYTES SHOW_BYTES   an HTTP server with one body for each path
       vidimus-limits pages DATABASE SECONDS                reads pages of 25 images, again and again
       vidimus-limits commits DATABASE SECONDS              writes an image and deletes it, in two transactions
       vidimus-limits note FOLDER                           makes a file there for good, once
       vidimus-limits hash FILE STREAMS ALGORITHM...        hashes a file, each algorithm on a thread
       vidimus-limits receive PORT FILE STEPS               takes uploads; STEPS is drop, hash or all";

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["constant", port, list, show] => constant::serve(port, list, show),
        ["pages", database, seconds] => database::pages(database, seconds),
        ["commits", database, seconds] => database::commits(database, seconds),
        ["note", folder] => note::note(folder),
        ["hash", file, streams, algorithms @ ..] => receive::hash_file(file, streams, algorithms),
        ["receive", port, file, steps] => receive::serve(port, file, steps),
        _ => Err(USAGE.into()),
    };
    if let Err(error) = result {
        eprintln!("vidimus-limits: {error}");
        std::process::exit(1);
    }
}

/// One line about something that was done many times.
fn print_rate(count: u64, seconds: f64) {
    println!(
        "{{\"count\": {count}, \"seconds\": {seconds:.6}, \"per_second\": {:.3}}}",
        count as f64 / seconds
    );
}
