//! From YAML to a checked model: what the engine runs, and everything that is wrong with a file, at once.
//!
//! A file goes through four stages, none of which stops at its first finding: [`yaml`] makes a [`tree`] of nodes that
//! know where they stand; [`structure`] holds the tree against the JSON Schema and says which parts to leave out;
//! [`raw`] reads what is left into plain structs; `check` makes the [`model`] of them, with every name resolved and
//! every template, path, duration and schedule compiled. Nothing in a model is text that still has to be parsed.
//!
//! Not here: what expressions mean (see `expression`), what the kinds of auth and transport do (see `auth`,
//! `transport`), how findings are shown (see `diagnostics`).
//!
//! Reading order: [`model`], then the stages [`read`], [`yaml`], [`tree`], `scalar`, [`raw`], [`schema`],
//! [`structure`], `check`, and [`load`] with `folders` and `loader`, which find files and drive the stages; [`shipped`] is what comes
//! with the program, `wording` how findings are worded.

mod check;
mod folders;
pub mod load;
mod loader;
pub mod model;
pub mod raw;
pub mod read;
mod scalar;
pub mod schema;
pub mod shipped;
pub mod structure;
pub mod tree;
mod wording;
pub mod yaml;

pub use folders::yaml_files;
pub use load::{
    CONFIG_FILE, Loaded, load_config, load_mapping, load_path, load_shipped, load_system, rebuild_mapping,
};

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// How to speak to one product.
    System,
    /// What moves between systems.
    Mapping,
    /// What one engine runs.
    Config,
}

impl Kind {
    /// The name of its schema file.
    pub fn schema_file(self) -> &'static str {
        match self {
            Self::System => "system.schema.json",
            Self::Mapping => "mapping.schema.json",
            Self::Config => "config.schema.json",
        }
    }

    /// What people call it.
    pub fn noun(self) -> &'static str {
        match self {
            Self::System => "a system file",
            Self::Mapping => "a mapping",
            Self::Config => "a configuration",
        }
    }
}
