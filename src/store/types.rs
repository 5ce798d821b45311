//! The stored types.

mod audit;
mod effect;
mod event;
mod record;
mod source;

pub use audit::*;
pub use effect::*;
pub use event::*;
pub use record::*;
pub use source::*;
