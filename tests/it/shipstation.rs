//! ShipStation's V1 and V2 through the whole engine: times, edits before and after shipping, an order that has gone bad, batches
//! and limits.

mod edits;
mod pushed;
pub mod shop;
mod streams;
mod twice;
