//! XML as a value tree, read and written.
//!
//! # The tree
//! A document is `{ RootName: value }`. An element is an object of its children by local name: namespace prefixes are
//! dropped, and a name that is repeated is a list. An element that holds text alone is that text, an empty one is `""`
//! (so is one that holds nothing but white space), and `xsi:nil="true"` is null. Attributes are fields `@name`; text
//! beside attributes or children is `#text`. Attributes that describe the document and not its data are left out: those
//! of the namespaces of XML itself, of XML Schema instances and of SOAP, and namespace declarations.
//!
//! Writing is the inverse. Keys may carry a prefix (`ws:Order`) and are written in order; null is left out, `""` is an
//! empty element, a list repeats its element, and `#xml: { tree }` writes the tree as XML text inside CDATA. Elements whose
//! names are data are `#elements: [{ name, value }]`. What XML cannot hold is an error and never dropped.
//!
//! # What is refused
//! Document types and entities beyond the five that XML has, so that no document grows when it is read; elements nested
//! deeper than [`DEPTH`] and documents of more than [`PARTS`] elements and attributes; whatever is not well-formed.

mod characters;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::read;
pub use write::{Writer, write};

/// How deep elements may be nested. What ERPs send is some ten deep.
pub const DEPTH: usize = 100;

/// How many elements and attributes a document may have; the size in bytes is bounded where answers are received.
pub const PARTS: usize = 1_000_000;

/// How many attributes one element may have.
pub const ATTRIBUTES: usize = 200;
