//! Images: create, find, list, change, delete, and their data.

use std::path::Path;

use reqwest::{
    Method,
    header::{ACCEPT, CONTENT_TYPE, HeaderName},
};
use serde_json::Value;
use tokio::io::AsyncWrite;
use vidimus_types::{ImageId, StoreId};

use crate::{
    Client, Download, DownloadRequest, Error, HttpErrorClass, Image, ImagePages, ImagePatch,
    ListQuery, NewImage, Result, SaveOptions, Saved, Upload, client::Call, save, transport,
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
        ImagePages::new(self.client, query)
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

    /// Starts an import. `body` is the request as the API has it: `{"method": {"name": …}, …}`.
    pub async fn import(&self, id: &ImageId, body: &Value) -> Result<()> {
        self.send(Call::new(Method::POST, &["images", id.as_str(), "import"]).json(body))
            .await
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
