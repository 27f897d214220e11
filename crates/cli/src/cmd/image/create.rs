//! `image create`

use std::path::Path;

use serde_json::{Map, Value, json};
use vidimus_sdk::{
    CreatedImage, Image, ImageId, ImportMethod, ImportRequest, NewImage, Sent, SigningKey, Upload,
};

use super::{
    attributes, progress, project_id, refuse_dead_option,
    source::{self, Source},
};
use crate::{
    args::ImageCreate,
    cmd::Context,
    error::{Error, Result},
    output::repr,
    password,
};

pub(in crate::cmd) async fn create(arguments: ImageCreate, context: &Context) -> Result<()> {
    refuse_dead_option(arguments.dead_option())?;
    refuse_unsupported(&arguments)?;
    let owner = project_id(&arguments.project, context).await?;
    let (name, source) = name_and_source(&arguments)?;
    source::refuse_size_of_nothing(arguments.size, source.as_ref())?;
    let mut image = new_image(&arguments, name, owner).map_err(|error| match source {
        Some(_) => Error::Failed(format!("Image creation failed: {error}")),
        None => error,
    })?;
    // Opened before the image is created: no image should be left behind by a file that cannot be read.
    let data = match &source {
        Some(source) => Some(source.open(arguments.size)?),
        None => None,
    };
    let signed = signature(&arguments).await?.into_iter();
    let signed = signed.map(|(name, value)| (name.to_owned(), Value::from(value)));
    image.properties.extend(signed);
    let created = context.client.images().create(&image).await?;
    let (data, sent) = match data.map(Upload::hashed) {
        Some((data, sent)) => (Some(data), Some(sent)),
        None => (None, None),
    };
    if let Some(data) = data
        && let Err(error) = send(&created, data, &arguments, context).await
    {
        // Compat: an image whose data could not be sent is taken back. The first error is the one to report.
        let _ = context.client.images().delete(&created.image.id).await;
        return Err(error);
    }
    let image = context.client.images().get(&created.image.id).await?;
    // What an import makes of the data may be another image.
    verify(&image, sent.as_ref().filter(|_| !arguments.use_import))?;
    context.show(&attributes::record(&image, false), &arguments.format)
}

/// Compares the server's checksum with what was sent. The image stays for somebody to look at.
fn verify(image: &Image, sent: Option<&Sent>) -> Result<()> {
    match (&image.checksum, sent.and_then(Sent::md5)) {
        (Some(stored), Some(sent)) if *stored != sent => Err(Error::Failed(format!(
            "Image {} is not what was sent: checksum mismatch (md5): {sent} != {stored}",
            image.id
        ))),
        _ => Ok(()),
    }
}

fn refuse_unsupported(arguments: &ImageCreate) -> Result<()> {
    if given(&arguments.volume).is_none() {
        return Ok(());
    }
    Err(Error::Failed(
        "--volume is not supported: this program does not speak to the Block Storage service"
            .to_owned(),
    ))
}

/// An option that is there and not empty.
fn given(option: &Option<String>) -> Option<&str> {
    option.as_deref().filter(|value| !value.is_empty())
}

/// The properties that say how the data is signed, if it is to be.
async fn signature(arguments: &ImageCreate) -> Result<Vec<(&'static str, String)>> {
    let (key, certificate) = match (
        given(&arguments.sign_key_path),
        given(&arguments.sign_cert_id),
    ) {
        (None, None) => return Ok(Vec::new()),
        both => both,
    };
    let refused = |text: &str| Err(Error::Failed(text.to_owned()));
    let Some(file) = given(&arguments.file) else {
        return refused(
            "signing an image requires the --file option, passing files via stdin when signing is not supported.",
        );
    };
    let (Some(key), Some(certificate)) = (key, certificate) else {
        return refused(
            "'sign-key-path' and 'sign-cert-id' must both be specified when attempting to sign an image.",
        );
    };
    let password = password::ask_for_key();
    let key = SigningKey::from_file(Path::new(key), password.as_ref()).await;
    let key = key.map_err(|error| {
        Error::Failed(format!(
            "Error during sign operation: private key could not be loaded: {error}"
        ))
    })?;
    let data = tokio::fs::File::open(file).await;
    let data = data.map_err(|source| Error::File {
        path: file.to_owned(),
        source,
    })?;
    let signature = key.sign(data).await?;
    Ok(signature.properties(certificate).to_vec())
}

/// The image's name and the source of its data.
///
/// Compat: if there is neither a file nor anything on standard input, a file whose path is the image's name is taken.
fn name_and_source(arguments: &ImageCreate) -> Result<(String, Option<Source>)> {
    let name = arguments.name.clone();
    if let Some(source) = source::given(arguments.file.as_deref()) {
        return Ok((name, Some(source)));
    }
    let path = Path::new(&name);
    if path.is_file() {
        let stem = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        return Ok((stem, Some(Source::File(name))));
    }
    Ok((name, None))
}

fn new_image(arguments: &ImageCreate, name: String, owner: Option<String>) -> Result<NewImage> {
    let mut properties = Map::new();
    // Compat: zero is as good as nothing here.
    let number = |value: Option<i64>| value.filter(|value| *value != 0).map(Value::from);
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            properties.insert(key.to_owned(), value);
        }
    };
    put("min_disk", number(arguments.min_disk));
    put("min_ram", number(arguments.min_ram));
    put("visibility", arguments.visibility().map(Value::from));
    for (key, value) in &arguments.properties {
        put(attributes::wire_name(key), Some(property(key, value)?));
    }
    put("protected", arguments.protected().map(Value::from));
    put("visibility", arguments.visibility().map(Value::from));
    put("owner", owner.map(Value::from));
    put("owner_specified.openstack.md5", Some(json!("")));
    put("owner_specified.openstack.sha256", Some(json!("")));
    put(
        "owner_specified.openstack.object",
        Some(json!(format!("images/{name}"))),
    );
    let mut id = None;
    if let Some(text) = arguments.id.as_ref().filter(|id| !id.is_empty()) {
        match text.parse::<ImageId>() {
            Ok(parsed) => id = Some(parsed),
            // The server has its own words for this.
            Err(_) => put("id", Some(json!(text))),
        }
    }
    Ok(NewImage {
        id,
        name: Some(name),
        disk_format: Some(arguments.disk_format.clone()),
        container_format: Some(arguments.container_format.clone()),
        tags: arguments.tags.clone(),
        properties,
        ..NewImage::default()
    })
}

/// Compat: four keys are sent as numbers even where they come as properties.
fn property(key: &str, value: &str) -> Result<Value> {
    if !["min_disk", "min_ram", "size", "virtual_size"].contains(&key) {
        return Ok(json!(value));
    }
    let number = value.trim().parse::<i64>();
    number.map(Value::from).map_err(|_| {
        Error::Failed(format!(
            "invalid literal for int() with base 10: {}",
            repr(&json!(value))
        ))
    })
}

async fn send(
    created: &CreatedImage,
    data: Upload,
    arguments: &ImageCreate,
    context: &Context,
) -> Result<()> {
    let images = context.client.images();
    let id = &created.image.id;
    let supports_import = created
        .import_methods
        .iter()
        .any(|method| method == ImportMethod::GlanceDirect.name());
    if arguments.use_import && !supports_import {
        return Err(Error::Failed(
            "Importing image was requested but the cloud does not support the image import method."
                .to_owned(),
        ));
    }
    let has_bar = arguments.file.is_some();
    let (data, bar) = match progress::bar().filter(|_| has_bar) {
        Some((on_progress, bar)) => (data.on_progress(on_progress), Some(bar)),
        None => (data, None),
    };
    let sent = if arguments.use_import {
        images.stage(id, data).await
    } else {
        images.upload(id, data, None).await
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    sent?;
    if arguments.use_import {
        images
            .import(id, &ImportRequest::new(ImportMethod::GlanceDirect))
            .await?;
    }
    Ok(())
}
