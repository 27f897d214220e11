//! Images: create, find, list, change, delete, and their data.

use std::path::Path;

use reqwest::{
    Method,
    header::{ACCEPT, CONTENT_TYPE, HeaderName},
};
use serde_json::Value;
use tokio::io::AsyncWrite;
use vidimus_types::{ImageId, ImageStatus, StoreId};

use crate::{
    Client, Download, DownloadRequest, Error, HttpErrorClass, Image, ImagePages, ImagePatch,
    ImportRequest, ListQuery, Location, NewImage, NewLocation, Result, SaveOptions, Saved, Task,
    Upload, Wait, client::Call, save, transport, wait,
};

const IMAGE_SIZE: HeaderName = HeaderName::from_static("x-openstack-image-size");
const STORE: HeaderName = HeaderName::from_static("x-image-meta-store");
const PATCH_TYPE: &str = "application/openstack-images-v2.1-json-patch";

/// The image calls of a [`Client`].
#[derive(Debug, Clone, Copy)]
pub struct Images<'a> {
    client: &'a Client,
}

/// An image just created, and what the server says about giving it data.
#[derive(Debug, Clone, PartialEq)]
pub struct CreatedImage {
    /// The image, without data yet.
    pub image: Image,
    /// The import methods the server has switched on.
    pub import_methods: Vec<String>,
    /// The stores data can go to, on a server with several.
    pub stores: Vec<String>,
}

impl<'a> Images<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// Registers an image. It has no data until [`Self::upload`] or an import gives it some.
    pub async fn create(&self, image: &NewImage) -> Result<CreatedImage> {
        let call = Call::new(Method::POST, &["images"]).json(&image.body());
        let response = self.client.send(call).await?;
        let words = |name: &str| {
            transport::header_text(&response, name)
                .filter(|list| !list.is_empty())
                .map(|list| list.split(',').map(|word| word.trim().to_owned()).collect())
                .unwrap_or_default()
        };
        let import_methods = words("openstack-image-import-methods");
        let stores = words("openstack-image-store-ids");
        let image = self.image(transport::json(response).await?)?;
        Ok(CreatedImage {
            image,
            import_methods,
            stores,
        })
    }

    /// The image with this id.
    pub async fn get(&self, id: &ImageId) -> Result<Image> {
        let image = self.fetch(id.as_str()).await;
        image.map_err(|error| error.labelled(format!("No Image found for {id}")))
    }

    /// The one image with this id or, if there is none, with this name, hidden images last.
    ///
    /// Compat: openstacksdk's three steps, though it goes through all hidden images in the third. A name that cannot be part of an id is not tried as one, where openstacksdk
    /// would send a request to some other path.
    pub async fn find(&self, name_or_id: &str) -> Result<Image> {
        if transport::may_be_id(name_or_id) {
            match self.fetch(name_or_id).await {
                Ok(image) => return Ok(image),
                Err(error) if is_no_such_id(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let by_name = ListQuery::default().filter("name", name_or_id);
        if let Some(image) = self.only_match(name_or_id, by_name).await? {
            return Ok(image);
        }
        let hidden = ListQuery::default()
            .filter("name", name_or_id)
            .filter("os_hidden", "True");
        self.only_match(name_or_id, hidden)
            .await?
            .ok_or_else(|| Error::NoSuchImage(name_or_id.to_owned()))
    }

    /// The images a query selects, page by page.
    pub fn list(&self, query: ListQuery) -> ImagePages<'a> {
        ImagePages::of_images(self.client, query)
    }

    /// Changes the image: all of the patch or nothing. An empty patch is not sent and the image fetched instead.
    pub async fn update(&self, id: &ImageId, patch: &ImagePatch) -> Result<Image> {
        if patch.is_empty() {
            return self.get(id).await;
        }
        let call = Call::new(Method::PATCH, &["images", id.as_str()])
            .header(CONTENT_TYPE, PATCH_TYPE)?
            .header(ACCEPT, "")?
            .json(&patch.body());
        self.image(self.client.send_for_json(call).await?)
    }

    /// Deletes the image and its data.
    pub async fn delete(&self, id: &ImageId) -> Result<()> {
        self.send(Call::new(Method::DELETE, &["images", id.as_str()]))
            .await
    }

    /// Adds a tag; one that is there already stays.
    pub async fn add_tag(&self, id: &ImageId, tag: &str) -> Result<()> {
        self.send(Call::new(
            Method::PUT,
            &["images", id.as_str(), "tags", tag],
        ))
        .await
    }

    /// Removes a tag, which must be there.
    pub async fn remove_tag(&self, id: &ImageId, tag: &str) -> Result<()> {
        self.send(Call::new(
            Method::DELETE,
            &["images", id.as_str(), "tags", tag],
        ))
        .await
    }

    /// Keeps everyone but admins from downloading the data.
    pub async fn deactivate(&self, id: &ImageId) -> Result<()> {
        self.action(id, "deactivate").await
    }

    /// Undoes [`Self::deactivate`].
    pub async fn reactivate(&self, id: &ImageId) -> Result<()> {
        self.action(id, "reactivate").await
    }

    /// Gives a queued image its data. It is active once this returns.
    ///
    /// The data is read while it is sent and cannot be read twice, so a failed upload is not repeated.
    pub async fn upload(&self, id: &ImageId, data: Upload, store: Option<&StoreId>) -> Result<()> {
        self.send_data(id, "file", data, store).await
    }

    /// Puts data where an import with the method `glance-direct` will find it.
    pub async fn stage(&self, id: &ImageId, data: Upload) -> Result<()> {
        self.send_data(id, "stage", data, None).await
    }

    /// Starts an import, which goes on behind the answer; [`Self::import_and_wait`] sees it through.
    pub async fn import(&self, id: &ImageId, request: &ImportRequest) -> Result<()> {
        let call = Call::new(Method::POST, &["images", id.as_str(), "import"]);
        self.send(call.json(&request.body())).await
    }

    /// Starts an import and waits for its end: the image as it is then, or [`Error::Failure`] with what the server says
    /// about it.
    pub async fn import_and_wait(
        &self,
        id: &ImageId,
        request: &ImportRequest,
        wait: &Wait,
    ) -> Result<Image> {
        let earlier = self.tasks(id).await?;
        self.import(id, request).await?;
        // The server makes the task before it answers.
        let is_new = |task: &Task| earlier.iter().all(|other| other.id != task.id);
        if let Some(task) = self.tasks(id).await?.into_iter().find(is_new) {
            let started = wait.start(format!("Task:{}", task.id), "success");
            wait::until_success(started, task, || async {
                let tasks = self.tasks(id).await?;
                Ok(tasks.into_iter().find(|other| is_new(other)))
            })
            .await?;
        }
        self.get(id).await
    }

    /// The tasks that concern the image, for whoever may see the image.
    pub async fn tasks(&self, id: &ImageId) -> Result<Vec<Task>> {
        let call = Call::get(&["images", id.as_str(), "tasks"]).accept_json();
        let mut body = self.client.send_for_json(call).await?;
        serde_json::from_value(body["tasks"].take())
            .map_err(|error| Error::invalid_response(format!("images/{id}/tasks"), error))
    }

    /// Waits until the image has this status; [`Error::Failure`] when it gets one of `wait.failures` instead.
    pub async fn wait_for_status(
        &self,
        id: &ImageId,
        status: ImageStatus,
        wait: &Wait,
    ) -> Result<Image> {
        let mut waiting = wait.start(format!("Image:{id}"), status.as_str());
        loop {
            let image = self.get(id).await?;
            if image.known_status() == Some(status) {
                return Ok(image);
            }
            waiting.judge(image.status.as_deref().unwrap_or_default())?;
            waiting.pause().await?;
        }
    }

    /// Waits until nobody finds the image any more.
    pub async fn wait_for_delete(&self, id: &ImageId, wait: &Wait) -> Result<()> {
        let mut waiting = wait.start(format!("Image:{id}"), "deleted");
        loop {
            match self.get(id).await {
                Ok(image) if image.known_status() == Some(ImageStatus::Deleted) => return Ok(()),
                Ok(_) => waiting.pause().await?,
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives a queued image the data that lies at `url` already, in a store the server can read. The image is active when
    /// the server has looked at it, behind its answer.
    pub async fn add_location(&self, id: &ImageId, location: &NewLocation) -> Result<()> {
        let call = Call::new(Method::POST, &["images", id.as_str(), "locations"]);
        self.send(call.json(&location.body())).await
    }

    /// Where the image's data lies; for services only.
    pub async fn locations(&self, id: &ImageId) -> Result<Vec<Location>> {
        let call = Call::get(&["images", id.as_str(), "locations"]).accept_json();
        let body = self.client.send_for_json(call).await?;
        serde_json::from_value(body)
            .map_err(|error| Error::invalid_response(format!("images/{id}/locations"), error))
    }

    /// Starts to fetch the image's data, or part of it.
    pub async fn download(&self, id: &ImageId, request: &DownloadRequest) -> Result<Download> {
        Download::start(self.client, id, request).await
    }

    /// Saves the image's data under `path`, where it appears when it is complete and verified, and not before.
    ///
    /// Until then it grows in `path` with `.part` appended. If that is there already, it is taken for the beginning of
    /// the data; should the whole not verify, everything is fetched once more. A connection that breaks is taken up where
    /// it broke. A `path` that is no regular file (a device, a pipe) is written to directly.
    pub async fn save_to_file(
        &self,
        image: &Image,
        path: &Path,
        options: SaveOptions,
    ) -> Result<Saved> {
        save::to_file(self.client, image, path, options).await
    }

    /// Writes the image's data to `writer`, which by the time an error is noticed has got some of it.
    pub async fn save_to_writer(
        &self,
        image: &Image,
        writer: &mut (dyn AsyncWrite + Send + Unpin),
        options: SaveOptions,
    ) -> Result<Saved> {
        save::to_writer(self.client, image, writer, options).await
    }

    async fn fetch(&self, id: &str) -> Result<Image> {
        self.image(
            self.client
                .send_for_json(Call::get(&["images", id]))
                .await?,
        )
    }

    fn image(&self, body: Value) -> Result<Image> {
        Image::from_json(body).map_err(|error| Error::invalid_response("images", error))
    }

    async fn only_match(&self, name_or_id: &str, query: ListQuery) -> Result<Option<Image>> {
        let mut pages = self.list(query);
        let mut found: Option<Image> = None;
        while let Some(page) = pages.next_page().await? {
            for image in page {
                if image.id.as_str() != name_or_id && image.name.as_deref() != Some(name_or_id) {
                    continue;
                }
                if found.is_some() {
                    return Err(Error::DuplicateImage(name_or_id.to_owned()));
                }
                found = Some(image);
            }
        }
        Ok(found)
    }

    async fn action(&self, id: &ImageId, action: &str) -> Result<()> {
        self.send(Call::new(
            Method::POST,
            &["images", id.as_str(), "actions", action],
        ))
        .await
    }

    async fn send_data(
        &self,
        id: &ImageId,
        target: &str,
        data: Upload,
        store: Option<&StoreId>,
    ) -> Result<()> {
        let mut call = Call::new(Method::PUT, &["images", id.as_str(), target])
            .header(CONTENT_TYPE, "application/octet-stream")?
            .header(ACCEPT, "")?;
        if let Some(size_bytes) = data.size_bytes() {
            call = call.header(IMAGE_SIZE, &size_bytes.to_string())?;
        }
        if let Some(store) = store {
            call = call.header(STORE, store.as_str())?;
        }
        self.send(call.stream(data.into_body())).await
    }

    async fn send(&self, call: Call) -> Result<()> {
        self.client.send(call).await?;
        Ok(())
    }
}

fn is_no_such_id(error: &Error) -> bool {
    [
        HttpErrorClass::NotFound,
        HttpErrorClass::BadRequest,
        HttpErrorClass::Forbidden,
    ]
    .into_iter()
    .any(|class| error.has_class(class))
}
