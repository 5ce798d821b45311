//! One POST, spoken by hand: simulators share no client with what they check.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

/// No answer to a push comes near this size.
const LARGEST_ANSWER: u64 = 256 * 1024;

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

/// Sends `body` to `url` and reads the answer, all within `limit`. Receivers of simulators are on this machine, so only plain
/// HTTP is spoken.
///
/// # Errors
/// A sentence when there is no answer: nobody listens, the time is up, or what comes back is not HTTP.
pub async fn post(
    url: &str,
    headers: &[(String, String)],
    body: &[u8],
    limit: Duration,
) -> Result<Heard, String> {
    let url = Url::parse(url).map_err(|error| format!("`{url}` is no address to push to: {error}"))?;
    if url.scheme() != "http" {
        return Err(format!("{url} is not plain HTTP, which is all that a simulator pushes by"));
    }
    match tokio::time::timeout(limit, exchange(&url, headers, body)).await {
        Ok(heard) => heard,
        Err(_) => Err(format!("{url} did not answer within {limit:?}")),
    }
}

async fn exchange(url: &Url, headers: &[(String, String)], body: &[u8]) -> Result<Heard, String> {
    let lost = |error: std::io::Error| format!("{url} cannot be reached: {error}");
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(80);
    let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await.map_err(lost)?;
    stream.write_all(&request(url, headers, body)).await.map_err(lost)?;
    let mut answer = Vec::new();
    stream.take(LARGEST_ANSWER).read_to_end(&mut answer).await.map_err(lost)?;
    read(&answer).ok_or_else(|| format!("{url} answered something that is not HTTP"))
}

fn request(url: &Url, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let typed = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let mut head = format!(
        "POST {target} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    if !typed {
        head.push_str("content-type: application/json\r\n");
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

/// Whoever answers here closes the connection afterwards, so the body is what is left.
fn read(answer: &[u8]) -> Option<Heard> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(answer.get(..end)?).ok()?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Heard { status, body: Bytes::copy_from_slice(answer.get(end + 4..)?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_to_their_end() {
        let heard = read(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\r\nbusy").unwrap();
        assert_eq!((heard.status, heard.body.as_ref()), (503, b"busy".as_slice()));
        assert_eq!(read(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().status, 204);
        assert_eq!(read(b"SSH-2.0-OpenSSH"), None);
    }

    #[test]
    fn requests_name_the_whole_target() {
        let url = Url::parse("http://127.0.0.1:8480/hooks/a?x=%20").unwrap();
        let text = String::from_utf8(request(&url, &[("X-A".into(), "1".into())], b"{}")).unwrap();
        assert!(text.starts_with("POST /hooks/a?x=%20 HTTP/1.1\r\nhost: 127.0.0.1:8480\r\n"), "{text}");
        assert!(text.ends_with("X-A: 1\r\n\r\n{}"), "{text}");
    }

    #[tokio::test]
    async fn only_plain_http_is_spoken() {
        let limit = Duration::from_secs(1);
        for url in ["https://hooks.example.com/a", "nonsense"] {
            assert!(post(url, &[], b"{}", limit).await.is_err());
        }
    }
}
