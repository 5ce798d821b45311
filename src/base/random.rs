//! Randomness: jitter, identifiers and key material.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

/// `N` bytes from the system's secure source.
///
/// # Panics
/// Never in practice: the system source fails only when the kernel has none, and nothing safe can follow.
#[allow(clippy::expect_used, reason = "without randomness neither keys nor nonces are safe")]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system's random source failed");
    bytes
}

/// A number in `0.0..1.0`, for jitter.
pub fn unit() -> f64 {
    let bits = u64::from_le_bytes(bytes::<8>()) >> 11;
    bits as f64 / (1u64 << 53) as f64
}

/// A fresh identifier that sorts by time (UUID version 7), 36 characters.
pub fn id() -> String {
    uuid::Uuid::now_v7().to_string()
}
