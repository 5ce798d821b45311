//! Servers on this machine that misbehave exactly as a test wants them to.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Client, ClientOptions, Outgoing};

/// A server that remembers what it was asked, request by request.
pub(crate) struct Loopback {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
    pub(crate) connections: Arc<Mutex<usize>>,
}

impl Loopback {
    /// Hands every connection to `serve`.
    pub(crate) async fn raw<F, S>(serve: S) -> Self
    where
        S: Fn(TcpStream) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *counted.lock().unwrap() += 1;
                tokio::spawn(serve(stream));
            }
        });
        Self { address, requests: Arc::default(), connections }
    }

    /// Answers every request, given as its head and body with how many came before, with what `answer` makes of it.
    /// Connections are kept open.
    pub(crate) async fn answering<A>(answer: A) -> Self
    where
        A: Fn(&str, usize) -> Vec<u8> + Send + Sync + 'static,
    {
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let (seen, answer) = (Arc::clone(&requests), Arc::new(answer));
        let server = Self::raw(move |mut stream| {
            let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
            async move {
                while let Some(request) = read_request(&mut stream).await {
                    let before = {
                        let mut seen = seen.lock().unwrap();
                        seen.push(request.clone());
                        seen.len() - 1
                    };
                    if stream.write_all(&answer(&request, before)).await.is_err() {
                        return;
                    }
                }
            }
        })
        .await;
        Self { requests, ..server }
    }

    pub(crate) fn url(&self, path: &str) -> url::Url {
        format!("http://{}{path}", self.address).parse().unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Outgoing {
        get(self.url(path))
    }

    /// A client that may reach this server.
    pub(crate) fn client(&self) -> Client {
        Client::new(ClientOptions { hosts: vec![self.address.to_string()], ..ClientOptions::default() })
            .unwrap()
    }

    pub(crate) fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

/// A request without body.
pub(crate) fn get(url: url::Url) -> Outgoing {
    Outgoing { method: http::Method::GET, url, headers: http::HeaderMap::new(), body: None }
}

/// A whole answer with a JSON body.
pub(crate) fn answer(status: &str, fields: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{fields}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Head and body of the next request; `None` when the other side has closed.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, value)| value.trim().parse().unwrap());
            if body.len() >= length {
                return Some(text);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => read.extend_from_slice(&buffer[..count]),
        }
    }
}
