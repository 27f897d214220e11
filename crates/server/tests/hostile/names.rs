//! Things that are there to be asked about, as far as one thread knows.

use std::collections::VecDeque;

use fastrand::Rng;
use serde_json::Value;

use crate::{
    request::escaped,
    wire::{Answer, Connection},
};

/// How many images are remembered. Those that are forgotten are deleted, so that a long run does not fill the server.
const REMEMBERED: usize = 12;

/// How many things of a kind the server may hold. Many more, and it would be a test of long lists.
const HELD: usize = 100;

/// Images and names of other things.
#[derive(Default)]
pub(crate) struct Names {
    images: VecDeque<String>,
    deleted: Vec<String>,
    tasks: Vec<String>,
}

impl Names {
    /// A value for a parameter of a path.
    pub(crate) fn pick(&self, rng: &mut Rng, name: &str, before: &str) -> String {
        match (name, before) {
            ("id", "tasks") if !self.tasks.is_empty() => {
                self.tasks[rng.usize(..self.tasks.len())].clone()
            }
            ("id" | "image", _) if !self.images.is_empty() => {
                self.images[rng.usize(..self.images.len())].clone()
            }
            ("store", _) => ["fast", "slow", "none"][rng.usize(..3)].to_owned(),
            ("namespace", _) => ["n", "m"][rng.usize(..2)].to_owned(),
            _ => ["a", "b", "c"][rng.usize(..3)].to_owned(),
        }
    }

    /// Learns from an answer what there is.
    pub(crate) fn learn(&mut self, operation: &str, answer: &Answer) {
        let found = || {
            let value: Value = serde_json::from_slice(&answer.body).ok()?;
            Some(value["id"].as_str()?.to_owned())
        };
        if operation == "create_image"
            && answer.status == 201
            && let Some(id) = found()
        {
            self.images.push_back(id);
            if self.images.len() > REMEMBERED {
                self.deleted.extend(self.images.pop_front());
            }
        }
        if operation == "list_tasks"
            && answer.status == 200
            && let Ok(value) = serde_json::from_slice::<Value>(&answer.body)
        {
            let tasks = value["tasks"].as_array().into_iter().flatten();
            self.tasks = tasks
                .filter_map(|task| task["id"].as_str())
                .map(str::to_owned)
                .collect();
        }
    }

    /// Makes sure there is something: an image without data, one with, and a namespace.
    pub(crate) fn replenish(&mut self, connection: &mut Connection, rng: &mut Rng) {
        for id in self.deleted.drain(..) {
            // One that is protected, or gone already, stays as it is.
            connection.ask(
                "PATCH",
                &format!("/v2/images/{id}"),
                PATCH,
                br#"[{"op":"replace","path":"/protected","value":false}]"#,
            );
            connection.ask("DELETE", &format!("/v2/images/{id}"), JSON, b"");
        }
        if rng.u8(..10) == 0 {
            tidy(connection);
        }
        for has_data in [false, true] {
            let id = crate::json::uuid(rng);
            let body = format!(
                r#"{{"id":"{id}","disk_format":"raw","container_format":"bare","visibility":"shared"}}"#
            );
            let answer = connection.ask("POST", "/v2/images", JSON, body.as_bytes());
            self.learn("create_image", &answer);
            if has_data {
                connection.ask("PUT", &format!("/v2/images/{id}/file"), DATA, &[7; 2048]);
            }
        }
        for path in ["n/tags/a", "n/tags/b"] {
            connection.ask(
                "POST",
                "/v2/metadefs/namespaces",
                JSON,
                br#"{"namespace":"n"}"#,
            );
            connection.ask(
                "POST",
                &format!("/v2/metadefs/namespaces/{path}"),
                JSON,
                b"",
            );
        }
        connection.ask(
            "POST",
            "/v2/metadefs/namespaces/n/objects",
            JSON,
            br#"{"name":"a"}"#,
        );
        let property = br#"{"name":"a","title":"t","type":"string"}"#;
        connection.ask(
            "POST",
            "/v2/metadefs/namespaces/n/properties",
            JSON,
            property,
        );
    }
}

/// Deletes what nobody remembers: not every answer that says what was created is read.
fn tidy(connection: &mut Connection) {
    for (path, list, name) in [
        ("/v2/images?visibility=all&", "images", "id"),
        ("/v2/images?os_hidden=true&", "images", "id"),
        ("/v2/metadefs/namespaces?", "namespaces", "namespace"),
    ] {
        let answer = connection.ask("GET", &format!("{path}limit=1000"), JSON, b"");
        let found: Value = serde_json::from_slice(&answer.body).unwrap();
        let folder = path.split('?').next().unwrap_or_default();
        for item in found[list].as_array().unwrap().iter().skip(HELD) {
            let id = escaped(item[name].as_str().unwrap(), usize::MAX);
            connection.ask("DELETE", &format!("{folder}/{id}"), JSON, b"");
        }
    }
}

const JSON: &str = "application/json";
const DATA: &str = "application/octet-stream";
const PATCH: &str = "application/openstack-images-v2.1-json-patch";
