//! The commands of clients: one command, one file; one exhaustive dispatch.
