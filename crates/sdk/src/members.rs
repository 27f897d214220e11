//! Who an image is shared with.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use vidimus_types::{ImageId, MemberStatus};

use crate::{Client, Error, Result, client::Call};

/// The member calls of a [`Client`].
#[derive(Debug, Clone, Copy)]
pub struct Members<'a> {
    client: &'a Client,
}

/// A project an image is shared with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Member {
    /// The project.
    pub member_id: String,
    /// The image.
    pub image_id: ImageId,
    /// What the project answered, see [`MemberStatus`].
    pub status: String,
    /// When it was shared.
    #[serde(default)]
    pub created_at: Option<String>,
    /// When the answer last changed.
    #[serde(default)]
    pub updated_at: Option<String>,
    /// Path of its schema on the server.
    #[serde(default)]
    pub schema: Option<String>,
}

#[derive(Debug, Deserialize)]
struct MemberList {
    members: Vec<Member>,
}

impl<'a> Members<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// The projects the image is shared with; a member sees only itself.
    pub async fn list(&self, image: &ImageId) -> Result<Vec<Member>> {
        let call = Call::get(&["images", image.as_str(), "members"]).accept_json();
        let body = self.client.send_for_json(call).await?;
        let list: MemberList = serde_json::from_value(body)
            .map_err(|error| Error::invalid_response(format!("images/{image}/members"), error))?;
        Ok(list.members)
    }

    /// One project the image is shared with.
    pub async fn get(&self, image: &ImageId, project: &str) -> Result<Member> {
        let call = Call::get(&["images", image.as_str(), "members", project]);
        let member = self.member(call, image).await;
        // Compat: openstacksdk's words, the `None` included.
        member.map_err(|error| error.labelled("No Member found for None"))
    }

    /// Shares the image with a project.
    pub async fn add(&self, image: &ImageId, project: &str) -> Result<Member> {
        let call = Call::new(Method::POST, &["images", image.as_str(), "members"])
            .json(&json!({"member": project}));
        self.member(call, image).await
    }

    /// Stops sharing the image with a project.
    pub async fn remove(&self, image: &ImageId, project: &str) -> Result<()> {
        let call = Call::new(
            Method::DELETE,
            &["images", image.as_str(), "members", project],
        );
        self.client.send(call).await?;
        Ok(())
    }

    /// Answers, as the project, to an image shared with it.
    pub async fn set_status(
        &self,
        image: &ImageId,
        project: &str,
        status: MemberStatus,
    ) -> Result<Member> {
        let call = Call::new(Method::PUT, &["images", image.as_str(), "members", project])
            .json(&json!({"status": status}));
        self.member(call, image).await
    }

    async fn member(&self, call: Call, image: &ImageId) -> Result<Member> {
        let body = self.client.send_for_json(call).await?;
        serde_json::from_value(body)
            .map_err(|error| Error::invalid_response(format!("images/{image}/members"), error))
    }
}
