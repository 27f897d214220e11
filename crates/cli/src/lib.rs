//! The program `openstack`: image and cached image commands.

pub mod output;
