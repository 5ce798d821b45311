//! The ground floor: identifiers, time, randomness, secrets and canonical JSON.
//!
//! Nothing here knows of YAML, stores or networks. It is the only room that may read the wall clock,
//! the process environment or a source of randomness; every other room is handed a [`Clock`].
//!
//! Start with [`clock`]: time is a parameter everywhere.

pub mod clock;
pub mod crash;
pub mod duration;
pub mod environment;
pub mod ids;
pub mod json;
pub mod random;
pub mod secret;

pub use clock::{Clock, ManualClock, SystemClock};
pub use ids::{EffectId, RecordId};
pub use secret::Secret;
