//! `image import` and `image import info`

use serde_json::Value;
use vidimus_sdk::{Image, ImageStatus, ImportMethod, ImportRequest, StoreId, Wait};

use super::attributes;
use crate::{
    args::{ImageImport, ImageImportInfo},
    cmd::Context,
    error::{Error, Result},
    output::{Cell, Record},
};

pub(in crate::cmd) async fn import_info(
    arguments: ImageImportInfo,
    context: &Context,
) -> Result<()> {
    let methods = context.client.stores().import_methods().await?;
    let methods = methods.into_iter().map(Value::String).collect();
    let record = Record {
        fields: vec![("import-methods".to_owned(), Cell::List(methods))],
    };
    context.show(&record, &arguments.format)
}

pub(in crate::cmd) async fn import(arguments: ImageImport, context: &Context) -> Result<()> {
    refuse_unsupported(&arguments, context).await?;
    let request = request(&arguments)?;
    let images = context.client.images();
    let image = images.find(&arguments.image).await?;
    refuse_unready(&image, &request.method)?;
    // Compat: openstackclient shows the image as it was before, takes no notice of a refusal, and never waits.
    let shown = if arguments.wait {
        images
            .import_and_wait(&image.id, &request, &Wait::default())
            .await?
    } else {
        images.import(&image.id, &request).await?;
        image
    };
    context.show(&attributes::record(&shown, false), &arguments.format)
}

async fn refuse_unsupported(arguments: &ImageImport, context: &Context) -> Result<()> {
    let supported = context.client.stores().import_methods().await;
    let supported = supported.map_err(|error| match error.is_not_found() {
        true => {
            Error::Failed("The Image Import feature is not supported by this deployment".to_owned())
        }
        false => Error::Sdk(error),
    })?;
    let method = &arguments.method;
    if supported.contains(method) {
        return Ok(());
    }
    Err(Error::Failed(format!(
        "The '{method}' import method is not supported by this deployment. Supported: {}",
        supported.join(", ")
    )))
}

/// What was asked for, or which option does not fit the method.
fn request(arguments: &ImageImport) -> Result<ImportRequest> {
    let method = method(arguments)?;
    if method == ImportMethod::CopyImage && arguments.stores.is_empty() && !arguments.all_stores {
        return Err(Error::Failed(
            "The '--stores' or '--all-stores' options are required when using '--method=copy-image'"
                .to_owned(),
        ));
    }
    let store = |name: &String| {
        name.parse::<StoreId>()
            .map_err(|error| Error::Failed(error.to_string()))
    };
    Ok(ImportRequest {
        method,
        stores: arguments.stores.iter().map(store).collect::<Result<_>>()?,
        all_stores: Some(arguments.all_stores),
        all_stores_must_succeed: Some(arguments.disallow_failure),
    })
}

fn method(arguments: &ImageImport) -> Result<ImportMethod> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let only_with = |option: &str, method: &str| {
        Error::Failed(format!(
            "The '--{option}' option is only supported when using '--method={method}'"
        ))
    };
    let uri = given(&arguments.uri);
    let (region, image) = (
        given(&arguments.remote_region),
        given(&arguments.remote_image),
    );
    let interface = given(&arguments.remote_service_interface);
    let name = arguments.method.as_str();
    match &uri {
        None if name == "web-download" => {
            return Err(Error::Failed(
                "The '--uri' option is required when using '--method=web-download'".to_owned(),
            ));
        }
        Some(uri) if name == "web-download" && !names_a_host(uri) => {
            return Err(Error::Failed(format!("'{uri}' is not a valid url")));
        }
        Some(_) if name != "web-download" => return Err(only_with("uri", "web-download")),
        _ => {}
    }
    if name == "glance-download" {
        let (Some(region), Some(image_id)) = (region, image) else {
            // Compat: openstackclient names the wrong method here.
            return Err(Error::Failed(
                "The '--remote-region' and '--remote-image' options are required when using '--method=glance-download'"
                    .to_owned(),
            ));
        };
        return Ok(ImportMethod::GlanceDownload {
            region,
            image_id,
            interface,
        });
    }
    let remote = [
        (region, "remote-region"),
        (image, "remote-image"),
        (interface, "remote-service-interface"),
    ];
    if let Some((_, option)) = remote.iter().find(|(value, _)| value.is_some()) {
        return Err(only_with(option, "glance-download"));
    }
    Ok(match (name, uri) {
        ("web-download", Some(uri)) => ImportMethod::WebDownload { uri },
        ("copy-image", _) => ImportMethod::CopyImage,
        _ => ImportMethod::GlanceDirect,
    })
}

/// Whether there is a scheme and something between `//` and the next slash; the server judges the rest.
fn names_a_host(uri: &str) -> bool {
    match uri.split_once("://") {
        Some((scheme, rest)) => {
            !scheme.is_empty() && !rest.is_empty() && !rest.starts_with(['/', '?', '#'])
        }
        None => false,
    }
}

/// The image must be in the state that the method starts from.
fn refuse_unready(image: &Image, method: &ImportMethod) -> Result<()> {
    if image.container_format.is_none() && image.disk_format.is_none() {
        return Err(Error::Failed(
            "The 'container_format' and 'disk_format' properties must be set on an image before it can be imported"
                .to_owned(),
        ));
    }
    let needed = match method {
        ImportMethod::GlanceDirect => Some(ImageStatus::Uploading),
        ImportMethod::WebDownload { .. } => Some(ImageStatus::Queued),
        ImportMethod::CopyImage => Some(ImageStatus::Active),
        ImportMethod::GlanceDownload { .. } => None,
    };
    if let Some(needed) = needed.filter(|needed| image.known_status() != Some(*needed)) {
        return Err(Error::Failed(format!(
            "The '{}' import method can only be used with an image in status '{needed}'",
            method.name()
        )));
    }
    if image.container_format.is_none() || image.disk_format.is_none() {
        return Err(Error::Failed(
            "Both container_format and disk_format are required for importing an image".to_owned(),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::names_a_host;

    #[test]
    fn a_url_has_a_scheme_and_a_host() {
        assert!(names_a_host("http://h/x") && names_a_host("ftp://h"));
        for uri in [
            "h/x",
            "http:/x",
            "http:///x",
            "://h",
            "http://",
            "http://?a",
        ] {
            assert!(!names_a_host(uri), "{uri}");
        }
    }
}
