//! All integration tests, one binary: one link instead of a dozen.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod access;
mod commands;
mod companies;
mod contracts;
mod crash;
mod engine;
mod home;
mod house;
mod inbox;
mod intake;
mod kill;
mod leases;
mod patient;
mod readme;
mod recover;
mod rehearsal;
mod sage100_shipstation;
mod sage300;
mod sagex3;
mod secrets;
mod shipstation;
mod sixth;
mod small;
mod specs;
mod storm;
mod syspro;
mod tracking;
mod undo;
mod ups;
mod ups_tracking;
mod world;
