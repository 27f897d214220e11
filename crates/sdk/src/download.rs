//! Data on its way from the server.

use bytes::Bytes;
use futures_util::{Stream, stream};
use reqwest::{
    Response,
    header::{CONTENT_RANGE, RANGE},
};
use vidimus_types::ImageId;

use crate::{Client, Error, Result, client::Call, transport};

/// What of an image's data to fetch.
#[derive(Debug, Clone, Default)]
pub struct DownloadRequest {
    /// Where to start.
    pub offset: u64,
    /// How much to fetch; all that follows where `None`.
    pub length: Option<u64>,
    /// The stores to try first, on a server with several.
    pub store_preferences: Vec<String>,
}

/// Image data being received. Nothing of it is verified; [`crate::Images::save_to_file`] does that.
#[derive(Debug)]
pub struct Download {
    /// Bytes this answer brings; unknown where the server does not say (Glance, the first time it fills its cache).
    pub size_bytes: Option<u64>,
    /// Offset of the first byte: what was asked for, or 0 from a server that does not know ranges.
    pub offset: u64,
    /// MD5 of the whole image, if the server says.
    pub content_md5: Option<String>,
    /// Whether the image has data at all; a queued image has none and its answer is empty.
    pub has_data: bool,
    response: Response,
}

impl Download {
    pub(crate) async fn start(
        client: &Client,
        image: &ImageId,
        request: &DownloadRequest,
    ) -> Result<Self> {
        let mut call = Call::get(&["images", image.as_str(), "file"]);
        if !request.store_preferences.is_empty() {
            call = call.query(vec![(
                "prefer".to_owned(),
                request.store_preferences.join(","),
            )]);
        }
        match (request.offset, request.length) {
            (0, None) => {}
            (_, Some(0)) => {
                return Err(Error::InvalidRequest(
                    "a range of no bytes cannot be asked for".to_owned(),
                ));
            }
            (offset, None) => call = call.header(RANGE, &format!("bytes={offset}-"))?,
            (offset, Some(length)) => {
                let last = offset.saturating_add(length - 1);
                call = call.header(RANGE, &format!("bytes={offset}-{last}"))?;
            }
        }
        let response = client.send(call).await?;
        let offset = match response.status().as_u16() {
            206 if range_start(&response) == Some(request.offset) => request.offset,
            206 => {
                return Err(Error::invalid_response(
                    response.url(),
                    "it is not the part of the data that was asked for",
                ));
            }
            _ => 0,
        };
        Ok(Self {
            size_bytes: response.content_length(),
            offset,
            content_md5: transport::header_text(&response, "content-md5"),
            has_data: response.status().as_u16() != 204,
            response,
        })
    }

    /// The next piece, or `None` at the end. An answer that breaks off is an error, never an end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        match self.response.chunk().await {
            Ok(chunk) => Ok(chunk),
            Err(error) => Err(transport::interrupted(self.response.url(), &error)),
        }
    }

    /// The pieces as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes>> {
        stream::try_unfold(self, |mut download| async move {
            Ok(download.chunk().await?.map(|chunk| (chunk, download)))
        })
    }
}

/// The first offset of `Content-Range: bytes 5-9/10`.
fn range_start(response: &Response) -> Option<u64> {
    let text = transport::header_text(response, CONTENT_RANGE.as_str())?;
    let (start, _) = text.strip_prefix("bytes ")?.split_once('-')?;
    start.trim().parse().ok()
}
