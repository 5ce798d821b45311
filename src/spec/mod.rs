//! (being built)
pub mod model;
