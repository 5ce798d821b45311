//! Runs the tests of a mapping: a record, what the systems reply, and what is to come of it.

pub(super) mod script;
