//! The program openstack: image and cached image commands
