//! What a user of the program `openstack` sees: standard output, standard error, exit code, and what the service is sent.
//!
//! The program runs as a process of its own against a fake service at the other end of a socket. The snapshots beside
//! the tests hold whole runs; where openstackclient prints the same, `tests/peer` compares the two on a real Glance.

#[cfg(test)]
mod cached_image;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod image_change;
#[cfg(test)]
mod image_create;
#[cfg(test)]
mod image_import;
#[cfg(test)]
mod image_members;
#[cfg(test)]
mod image_save;
#[cfg(test)]
mod image_show;
#[cfg(test)]
mod image_tasks;
#[cfg(test)]
mod output_corpus;
#[cfg(test)]
mod program;
#[cfg(test)]
mod run;
