//! A credential in memory: it cannot be printed, serialised or left behind.

use std::fmt;

use zeroize::Zeroizing;

/// Holds a credential. `Debug` prints `***`; there is no `Display` and no `Serialize`; memory is wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a credential over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The credential itself: only for the place that puts it on the wire or encrypts it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
