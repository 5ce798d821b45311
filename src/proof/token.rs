//! Tokens that we give to senders: nothing is kept of them, they say themselves what they are worth.
//!
//! A token is its end (seconds since 1970, 8 bytes), a nonce (16 bytes) and a MAC over both and over what the token is
//! for, keyed by the client secret that it was asked for with. So it works after a restart, ends with its life, and dies
//! with the client id or secret.

use std::time::Duration;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use super::same::{bytes, same};
use crate::base::clock::add;
use crate::base::{Secret, random};

/// What a token is for: one of another use or another form has another MAC.
const USE: &[u8] = b"ml-connector push token 1";

const END: usize = 8;
const NONCE: usize = 16;
const MAC: usize = 32;

/// A client that tokens are given to.
#[derive(Clone, Copy)]
pub(super) struct Client<'a> {
    /// The connection for which a token is good.
    pub(super) connection: &'a str,
    pub(super) id: &'a Secret,
    pub(super) secret: &'a Secret,
}

/// What a token is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    Good,
    Expired,
    Nothing,
}

impl Client<'_> {
    /// A token that is good from now on for `life`.
    pub(super) fn token(&self, now: Timestamp, life: Duration) -> String {
        let end = u64::try_from(add(now, life).as_second()).unwrap_or(0).to_be_bytes();
        let nonce = random::bytes::<NONCE>();
        let mac = self.mac(&end, &nonce);
        URL_SAFE_NO_PAD.encode([&end[..], &nonce, mac.as_ref()].concat())
    }

    /// What `token` is worth now. Who does not know the secret does not learn whether a forged one has ended.
    pub(super) fn worth(&self, token: &str, now: Timestamp) -> Worth {
        let Ok(token) = URL_SAFE_NO_PAD.decode(token) else { return Worth::Nothing };
        let Some((end, rest)) = token.split_first_chunk::<END>() else { return Worth::Nothing };
        let Some((nonce, given)) = rest.split_first_chunk::<NONCE>() else { return Worth::Nothing };
        if given.len() != MAC || !same(self.mac(end, nonce).as_ref(), given) {
            return Worth::Nothing;
        }
        let now = u64::try_from(now.as_second()).unwrap_or(0);
        if now < u64::from_be_bytes(*end) { Worth::Good } else { Worth::Expired }
    }

    fn mac(&self, end: &[u8; END], nonce: &[u8; NONCE]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&hmac::Key::new(HMAC_SHA256, bytes(self.secret)));
        // With its length before it, no part can be read as another.
        for part in [USE, self.connection.as_bytes(), bytes(self.id), end, nonce] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn now() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_token_is_good_for_its_client_its_connection_and_its_life() {
        let (id, secret, other) = (Secret::new("id"), Secret::new("secret"), Secret::new("other"));
        let client = Client { connection: "ups", id: &id, secret: &secret };
        let token = client.token(now(), HOUR);
        assert_eq!(client.worth(&token, now()), Worth::Good);
        assert_eq!(client.worth(&token, add(now(), HOUR - Duration::from_secs(1))), Worth::Good);
        assert_eq!(client.worth(&token, add(now(), HOUR)), Worth::Expired);
        for stranger in [
            Client { connection: "ups-east", ..client },
            Client { id: &other, ..client },
            Client { secret: &other, ..client },
            // The same bytes, parted elsewhere.
            Client { connection: "upsi", id: &Secret::new("d"), ..client },
        ] {
            assert_eq!(stranger.worth(&token, now()), Worth::Nothing);
        }
    }

    #[test]
    fn no_bit_of_a_token_can_be_changed() {
        let (id, secret) = (Secret::new("id"), Secret::new("secret"));
        let client = Client { connection: "ups", id: &id, secret: &secret };
        let token = URL_SAFE_NO_PAD.decode(client.token(now(), HOUR)).unwrap();
        for bit in 0..token.len() * 8 {
            let mut forged = token.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(client.worth(&URL_SAFE_NO_PAD.encode(forged), now()), Worth::Nothing, "bit {bit}");
        }
        for cut in 0..token.len() {
            assert_eq!(client.worth(&URL_SAFE_NO_PAD.encode(&token[..cut]), now()), Worth::Nothing);
        }
        let longer = [&token[..], b"x"].concat();
        assert_eq!(client.worth(&URL_SAFE_NO_PAD.encode(longer), now()), Worth::Nothing);
        assert_eq!(client.worth("not base64!", now()), Worth::Nothing);
    }

    #[test]
    fn no_two_tokens_are_alike() {
        let (id, secret) = (Secret::new("id"), Secret::new("secret"));
        let client = Client { connection: "ups", id: &id, secret: &secret };
        assert_ne!(client.token(now(), HOUR), client.token(now(), HOUR));
    }
}
