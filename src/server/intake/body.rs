//! Reads a request's body within bounds of size and time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use futures_util::StreamExt;
use tokio::time::timeout;

/// Why there is no whole body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is larger than it may be.
    TooLarge,
    /// It did not come in time.
    TooSlow,
    /// The sender went away, or does not speak HTTP.
    Broken,
}

/// Reads a body of at most `limit` bytes in at most `patience`. One that says that it is larger is not read at all.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    patience: Duration,
) -> Result<Bytes, Unread> {
    let said = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|length| length > limit as u64) {
        return Err(Unread::TooLarge);
    }
    timeout(patience, gather(body, limit)).await.unwrap_or(Err(Unread::TooSlow))
}

async fn gather(body: Body, limit: usize) -> Result<Bytes, Unread> {
    let mut pieces = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Unread::Broken)?;
        if whole.len() + piece.len() > limit {
            return Err(Unread::TooLarge);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(Bytes::from(whole))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    async fn read_pieces(pieces: Vec<&'static str>, limit: usize) -> Result<Bytes, Unread> {
        let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, Infallible>)));
        read(&HeaderMap::new(), body, limit, PATIENCE).await
    }

    #[tokio::test]
    async fn a_body_may_have_as_many_bytes_as_the_limit() {
        assert_eq!(read_pieces(vec!["12", "345"], 5).await.unwrap(), "12345");
        assert_eq!(read_pieces(vec!["12", "345", "6"], 5).await, Err(Unread::TooLarge));
        assert_eq!(read_pieces(Vec::new(), 5).await.unwrap(), "");
    }

    #[tokio::test]
    async fn one_that_says_that_it_is_too_large_is_not_read() {
        let headers = HeaderMap::from_iter([(CONTENT_LENGTH, "6".parse().unwrap())]);
        let never = stream::pending::<Result<Bytes, Infallible>>();
        assert_eq!(read(&headers, Body::from_stream(never), 5, PATIENCE).await, Err(Unread::TooLarge));
    }

    #[tokio::test]
    async fn one_that_drips_is_given_up() {
        let drops = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Some((Ok::<_, Infallible>("x"), ()))
        });
        let patience = Duration::from_millis(50);
        let read = read(&HeaderMap::new(), Body::from_stream(drops), 1_000_000, patience).await;
        assert_eq!(read, Err(Unread::TooSlow));
    }
}
