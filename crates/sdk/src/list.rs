//! Lists of images and tasks, page by page.

use std::collections::VecDeque;

use futures_util::{Stream, stream};
use serde_json::Value;
use url::form_urlencoded;

use crate::{Client, Error, Image, Result, Task, client::Call};

/// Which images or tasks to list, and in what portions.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Query parameters of the API, see [`Self::filter`].
    pub filters: Vec<(String, String)>,
    /// How many entries the server should send at a time; its own default where `None`.
    pub page_size: Option<u64>,
    /// Start behind the entry with this id.
    pub marker: Option<String>,
    /// Stop after this many entries.
    pub max_items: Option<usize>,
    /// Ask for one page only.
    pub single_page: bool,
}

impl ListQuery {
    /// Adds a query parameter of the API. For images: `name`, `status`, `visibility`, `member_status`, `owner`, `tag` (may
    /// be given several times), `os_hidden`, `sort`, …, or a custom property. For tasks: `type`, `status`, `sort_key`,
    /// `sort_dir`.
    pub fn filter(mut self, name: &str, value: impl Into<String>) -> Self {
        self.filters.push((name.to_owned(), value.into()));
        self
    }

    /// The parameters of the first page.
    ///
    /// Compat: like openstacksdk, a maximum without a page size is also the page size, and both stand before the filters,
    /// which shows in error texts.
    fn first_page(&self) -> Vec<(String, String)> {
        let mut parameters = Vec::new();
        let limit = self
            .page_size
            .or_else(|| self.max_items.and_then(|count| u64::try_from(count).ok()));
        if let Some(limit) = limit {
            parameters.push(("limit".to_owned(), limit.to_string()));
        }
        if let Some(marker) = &self.marker {
            parameters.push(("marker".to_owned(), marker.clone()));
        }
        parameters.extend(self.filters.iter().cloned());
        parameters
    }
}

/// What is listed: where it is, and how an entry is read.
#[derive(Debug, Clone, Copy)]
struct Collection<T> {
    /// The path, and the key of the list in the answer.
    name: &'static str,
    read: fn(Value) -> serde_json::Result<T>,
    id: fn(&T) -> &str,
}

/// A list in progress. Each page is asked for when it is needed.
#[derive(Debug)]
pub struct Pages<'a, T> {
    client: &'a Client,
    collection: Collection<T>,
    /// The parameters of the next page; `None` after the last.
    next: Option<Vec<(String, String)>>,
    query: ListQuery,
    last_marker: Option<String>,
    delivered: usize,
}

/// A list of images in progress.
pub type ImagePages<'a> = Pages<'a, Image>;

/// A list of tasks in progress.
pub type TaskPages<'a> = Pages<'a, Task>;

impl<'a> ImagePages<'a> {
    pub(crate) fn of_images(client: &'a Client, query: ListQuery) -> Self {
        let collection = Collection {
            name: "images",
            read: Image::from_json,
            id: |image: &Image| image.id.as_str(),
        };
        Self::new(client, collection, query)
    }
}

impl<'a> TaskPages<'a> {
    pub(crate) fn of_tasks(client: &'a Client, query: ListQuery) -> Self {
        let collection = Collection {
            name: "tasks",
            read: serde_json::from_value,
            id: |task: &Task| task.id.as_str(),
        };
        Self::new(client, collection, query)
    }
}

impl<'a, T> Pages<'a, T> {
    fn new(client: &'a Client, collection: Collection<T>, query: ListQuery) -> Self {
        Self {
            client,
            collection,
            next: Some(query.first_page()),
            query,
            last_marker: None,
            delivered: 0,
        }
    }

    /// The next page, or `None` after the last.
    pub async fn next_page(&mut self) -> Result<Option<Vec<T>>> {
        let left = self
            .query
            .max_items
            .map(|maximum| maximum.saturating_sub(self.delivered));
        if left == Some(0) {
            return Ok(None);
        }
        let Some(parameters) = self.next.take() else {
            return Ok(None);
        };
        let name = self.collection.name;
        let call = Call::get(&[name]).query(parameters.clone()).accept_json();
        let mut body = self.client.send_for_json(call).await?;
        let Value::Array(entries) = body[name].take() else {
            return Err(Error::invalid_response(
                name,
                format!("there is no list of {name}"),
            ));
        };
        let mut entries = entries
            .into_iter()
            .map(self.collection.read)
            .collect::<serde_json::Result<Vec<T>>>()
            .map_err(|error| Error::invalid_response(name, error))?;
        if let (Some(last), false) = (entries.last(), self.query.single_page) {
            let last = (self.collection.id)(last).to_owned();
            self.next = self.following(&parameters, body["next"].as_str(), last)?;
        }
        if let Some(left) = left {
            entries.truncate(left);
        }
        self.delivered += entries.len();
        Ok(Some(entries))
    }

    /// All entries that are left.
    pub async fn collect(mut self) -> Result<Vec<T>> {
        let mut entries = Vec::new();
        while let Some(page) = self.next_page().await? {
            entries.extend(page);
        }
        Ok(entries)
    }

    /// The entries one by one.
    pub fn into_stream(self) -> impl Stream<Item = Result<T>> + 'a
    where
        T: 'a,
    {
        let start = (self, VecDeque::new());
        stream::try_unfold(
            start,
            |(mut pages, mut waiting): (Self, VecDeque<T>)| async move {
                loop {
                    if let Some(entry) = waiting.pop_front() {
                        return Ok(Some((entry, (pages, waiting))));
                    }
                    match pages.next_page().await? {
                        Some(page) => waiting.extend(page),
                        None => return Ok(None),
                    }
                }
            },
        )
    }

    /// The parameters of the page after the one that ended with `last`.
    ///
    /// The link's parameters are laid over those of the request, because Glance's links keep only the last of repeated
    /// ones (`tag`). Compat: openstacksdk does the same, asks once more with a marker where a page size was given and
    /// there is no link, and stops at a link that leads back.
    fn following(
        &mut self,
        sent: &[(String, String)],
        link: Option<&str>,
        last: String,
    ) -> Result<Option<Vec<(String, String)>>> {
        let from_link: Vec<(String, String)> = match link {
            Some(link) => {
                let query = link.split_once('?').map_or("", |(_, query)| query);
                form_urlencoded::parse(query.as_bytes())
                    .into_owned()
                    .collect()
            }
            None => match self
                .query
                .first_page()
                .into_iter()
                .find(|(name, _)| name == "limit")
            {
                Some(limit) => vec![limit, ("marker".to_owned(), last)],
                None => return Ok(None),
            },
        };
        let marker = from_link
            .iter()
            .find(|(name, _)| name == "marker")
            .map(|(_, marker)| marker.clone());
        let sent_marker = sent
            .iter()
            .find(|(name, _)| name == "marker")
            .map(|(_, marker)| marker.clone());
        if marker.is_some() && (marker == sent_marker || marker == self.last_marker) {
            return Err(Error::invalid_response(
                self.collection.name,
                "Endless pagination loop detected, aborting",
            ));
        }
        self.last_marker.clone_from(&marker);
        let kept = sent
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "marker" | "limit"))
            .filter(|(name, _)| {
                let times = sent.iter().filter(|(other, _)| other == name).count();
                times > 1 || !from_link.iter().any(|(other, _)| other == name)
            });
        let mut parameters: Vec<(String, String)> = kept.cloned().collect();
        for (name, value) in from_link {
            if !parameters.iter().any(|(kept, _)| *kept == name) {
                parameters.push((name, value));
            }
        }
        Ok(Some(parameters))
    }
}
