//! What a user of the program `openstack` sees.

mod output_corpus;
