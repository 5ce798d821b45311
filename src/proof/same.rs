//! Comparison that takes the same time wherever two values differ.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

use crate::base::Secret;

/// Whether `one` and `other` are the same. Their digests are compared, so that not even a length shows in the time it
/// takes.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    verify_slices_are_equal(digest(&SHA256, one).as_ref(), digest(&SHA256, other).as_ref()).is_ok()
}

/// Whether `given` is one of the values of a credential. All are looked at, whichever it is. An empty value proves
/// nothing.
pub(super) fn is_one_of(values: &[Secret], given: &[u8]) -> bool {
    let given = given.trim_ascii();
    let matches = values.iter().fold(false, |found, value| found | same(bytes(value), given));
    matches && !given.is_empty()
}

/// A credential as senders send it: blanks around it came with copying.
pub(super) fn bytes(secret: &Secret) -> &[u8] {
    secret.expose().trim().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_is_the_same() {
        assert!(same(b"hunter2", b"hunter2"));
        for other in ["", "hunter", "hunter22", "Hunter2", "hunter3"] {
            assert!(!same(b"hunter2", other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn every_value_counts_and_an_empty_one_never_does() {
        let values = [Secret::new("new-hunter2\n"), Secret::new("old-hunter2"), Secret::new("")];
        for given in ["new-hunter2", "old-hunter2", " old-hunter2"] {
            assert!(is_one_of(&values, given.as_bytes()), "{given}");
        }
        for given in ["", " ", "hunter2", "new-hunter2old-hunter2"] {
            assert!(!is_one_of(&values, given.as_bytes()), "{given}");
        }
        assert!(!is_one_of(&[], b"hunter2"));
    }
}
