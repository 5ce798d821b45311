//! The other systems as local servers, with their quirks, and with faults on demand.
//!
//! A simulator behaves like the real system where that matters to whoever talks to it: its sign-in, paging,
//! error bodies, limits, locks and oddities. It serves the demo, the tests and an integrator's desk, and
//! it counts for itself what arrived, so that [`verdict`] can say what was lost or done twice without
//! asking the engine. For that reason nothing here shares code with what it checks: only `base` is used.
//!
//! Every simulator answers `/_sim/state`, `/_sim/summary`, `/_sim/log` and `/_sim/faults` beside its own API.
//! State follows the simulator's [`Clock`](crate::base::Clock) (stamps, token lives, look-up lag, late
//! acts); what happens on the wire (latency, slow answers, hanging connections) takes real time.
//!
//! Start with [`sage100`] and [`ups`]; then, in reading order: [`exchange`] (a call and its answer),
//! [`system`] (what a simulator is), [`faults`], [`log`], [`serve`] (the server that misbehaves),
//! [`wire`] (connections that can be cut), [`push`] and [`post`](mod@post) (what it tells whoever subscribed), [`contract`] (requests against OpenAPI), [`places`] (the map
//! that both sides agree on), [`expectation`] (what should become of an order), [`due`] (an order in words that are the
//! same for every ERP), [`write_backs`] (what carriers told it), [`dice`] (repeatable chance)
//! and [`verdict`] with [`delivery`].

pub mod contract;
pub mod delivery;
pub mod dice;
pub mod due;
pub mod exchange;
pub mod expectation;
pub mod faults;
pub mod log;
pub mod orders;
pub mod places;
pub mod post;
pub mod push;
pub mod sage100;
pub mod sage300;
pub mod sagex3;
pub mod serve;
pub mod shipstation;
pub mod syspro;
pub mod system;
pub mod ups;
pub mod verdict;
pub mod wire;
pub mod write_backs;

#[cfg(test)]
mod tests;
