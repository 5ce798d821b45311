//! What we tell the author of a file: findings as data, and how they are shown.
//!
//! A finding has a stable kebab-case code, a headline, the place it is about, often other places that matter, and
//! help that says what to write instead. Rooms that check something collect findings and never stop at the first.
//!
//! Not here: what is wrong with a file (see `spec`), what went wrong at run time (see `engine`).
//!
//! Reading order: [`finding`] the data, [`sources`] texts and positions, [`codes`] every code with its story, then
//! one file an output: [`human`], [`json`], [`github`], [`sarif`].

pub mod codes;
pub mod finding;
pub mod github;
pub mod human;
pub mod json;
pub mod sarif;
pub mod sources;

pub use codes::{CODES, Code, explain};
pub use finding::{Diagnostic, Label, Severity, Span};
pub use sources::{Position, Sources};
