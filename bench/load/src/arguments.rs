//! What was typed.

use std::{net::SocketAddr, time::Duration};

pub(crate) const USAGE: &str = "usage: vidimus-load ADDRESS:PORT [--connections N] [--seconds S] [--requests N]
         [--header 'Name: value']... [--in-order] 'METHOD /path [body]'...

Each connection goes round the requests, starting at a place of its own, or with --in-order all at the first.
`{uuid}` in a request is an id that is new with every round of the connection. A request with ~ before its method is
sent and has to succeed, but counts for nothing.";

#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) duration: Duration,
    pub(crate) requests: Option<u64>,
    pub(crate) headers: Vec<String>,
    pub(crate) in_order: bool,
    pub(crate) templates: Vec<Template>,
    /// How long the last answers may take beyond the end.
    pub(crate) patience: Duration,
}

#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Option<String>,
    pub(crate) counts: bool,
}

impl Arguments {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let address = words.next().ok_or(USAGE)?;
        let mut parsed = Self {
            address: address
                .parse()
                .map_err(|_| format!("`{address}` is no address\n{USAGE}"))?,
            connections: 16,
            duration: Duration::from_secs(2),
            requests: None,
            headers: Vec::new(),
            in_order: false,
            templates: Vec::new(),
            patience: Duration::from_secs(60),
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            let number = |text: String| {
                text.parse::<f64>()
                    .map_err(|_| format!("`{text}` is no number"))
            };
            match word.as_str() {
                "--connections" => parsed.connections = number(value()?)? as usize,
                "--seconds" => parsed.duration = Duration::from_secs_f64(number(value()?)?),
                "--requests" => parsed.requests = Some(number(value()?)? as u64),
                "--header" => parsed.headers.push(value()?),
                "--in-order" => parsed.in_order = true,
                _ => parsed.templates.push(Template::parse(&word)?),
            }
        }
        if parsed.templates.is_empty() {
            return Err(USAGE.to_owned());
        }
        Ok(parsed)
    }
}

impl Template {
    fn parse(text: &str) -> Result<Self, String> {
        let counts = !text.starts_with('~');
        let mut words = text.trim_start_matches('~').splitn(3, ' ').map(str::to_owned);
        match (words.next(), words.next()) {
            (Some(method), Some(path)) if path.starts_with('/') => Ok(Self {
                method,
                path,
                body: words.next(),
                counts,
            }),
            _ => Err(format!("`{text}` is no request\n{USAGE}")),
        }
    }
}
