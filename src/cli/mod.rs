//! The command line: one file a command.
//!
//! Commands put the other rooms to work and say what came of it: data on standard output, everything else on standard
//! error, an exit code that scripts can rely on ([`outcome`]).
//!
//! Not here: what an order to the engine does (see `engine`), what a finding looks like (see `diagnostics`).
//!
//! Reading order: [`start`] from arguments to exit code, [`arguments`] the commands there are, [`workspace`] what most of
//! them work on, [`library`] where mappings come from; then one file or folder a command. [`output`] is the only place that
//! prints; [`table`], [`names`], [`selection`], [`reach`], [`progress`], [`faults`] and [`logging`] are shared by commands.

pub mod acknowledge;
pub mod arguments;
pub mod audit;
pub mod completions;
pub mod demo;
pub mod discard;
pub mod events;
pub mod explain;
pub mod faults;
pub mod init;
pub mod library;
pub mod logging;
pub mod names;
pub mod order;
pub mod outcome;
pub mod output;
pub mod ping;
pub mod poll;
pub mod preview;
pub mod progress;
pub mod reach;
pub mod records;
pub mod replay;
pub mod resolve;
pub mod resume;
pub mod run;
pub mod schema;
pub mod secret;
pub mod selection;
pub mod show;
pub mod simulate;
pub mod start;
pub mod status;
pub mod table;
pub mod test;
pub mod undo;
pub mod validate;
pub mod workspace;
