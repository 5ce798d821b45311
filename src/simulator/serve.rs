//! The server around a simulated system: it reads calls, lets faults strike, and answers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use super::exchange::{Answer, Call};
use super::faults::{Fault, Strike};
use super::log::Entry;
use super::system::System;
use super::wire::{Cut, Door, Lines, Tls};

/// No request of the real interfaces comes near this size.
const LARGEST_BODY: usize = 8 * 1024 * 1024;

/// A simulator that is serving; dropping it leaves it running, [`stop`](Running::stop) ends it.
#[derive(Debug)]
pub struct Running<S> {
    /// Where it listens.
    pub address: SocketAddr,
    /// The simulated system itself, to be inspected and disturbed in-process.
    pub system: Arc<S>,
    lines: Lines,
    secure: bool,
    tasks: Vec<JoinHandle<()>>,
}

impl<S> Running<S> {
    /// The base URL for callers on this machine.
    pub fn url(&self) -> String {
        format!("http{}://{}", if self.secure { "s" } else { "" }, self.address)
    }

    /// Runs something beside the server for as long as it serves, such as the sending of what it pushes.
    #[must_use]
    pub fn also(mut self, task: impl Future<Output = ()> + Send + 'static) -> Self {
        self.tasks.push(tokio::spawn(task));
        self
    }

    /// Stops serving: no new connections, and those that are open are reset.
    pub async fn stop(self) {
        for task in &self.tasks {
            task.abort();
        }
        self.lines.cut_all();
        for task in self.tasks {
            // An aborted task reports that it was aborted, which is what we asked for.
            let _ = task.await;
        }
    }
}

/// Serves `system` on `listener`.
///
/// # Errors
/// When the listener has no address, or the TLS files cannot be used.
pub fn serve<S: System>(system: Arc<S>, listener: TcpListener, tls: Option<&Tls>) -> io::Result<Running<S>> {
    let address = listener.local_addr()?;
    let lines = Lines::default();
    let (door, welcome) = Door::open(listener, tls, lines.clone()).map_err(io::Error::other)?;
    let app = Router::new()
        .fallback(handle::<S>)
        .with_state(system.clone())
        .into_make_service_with_connect_info::<Cut>();
    let serving = async move {
        // axum::serve does not end by itself.
        let _ = axum::serve(door, app).await;
    };
    let tasks = vec![tokio::spawn(welcome), tokio::spawn(serving)];
    Ok(Running { address, system, lines, secure: tls.is_some(), tasks })
}

async fn handle<S: System>(
    State(system): State<Arc<S>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
) -> Response {
    let Some(call) = read(request).await else { return respond(Answer::empty(413)) };
    if let Some(path) = call.path.strip_prefix("/_sim/") {
        let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let own = || system.control(&call, &path);
        let answer = system.desk().control(&call, &path).or_else(own);
        return respond(answer.unwrap_or_else(|| Answer::empty(404)));
    }
    let wait = system.desk().latency + system.waits(&call);
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let pool = system.pool();
    let session = match &pool {
        None => None,
        Some(pool) => match tokio::time::timeout(pool.wait, pool.sessions.clone().acquire_owned()).await {
            Ok(session) => session.ok(),
            Err(_) => return respond(system.failure(&call, 429)),
        },
    };
    suffer(&system, call, &cut, session).await
}

async fn read(request: Request) -> Option<Call> {
    let (parts, body) = request.into_parts();
    let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    Some(Call {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: query.into_owned().collect(),
        headers: parts.headers,
        body: axum::body::to_bytes(body, LARGEST_BODY).await.ok()?,
    })
}

/// What a fault makes of the system's part in a call.
enum Course {
    Act,
    Refuse(Answer),
    Nothing,
}

async fn suffer<S: System>(
    system: &Arc<S>,
    call: Call,
    cut: &Cut,
    session: Option<OwnedSemaphorePermit>,
) -> Response {
    let strike = system.desk().strike(&call);
    let fault = strike.as_ref().map(|strike| strike.fault);
    let delay = strike.as_ref().and_then(|strike| strike.delay);
    if fault == Some(Fault::TokenExpired) {
        system.forget_tokens();
    }
    if fault == Some(Fault::Slow) {
        tokio::time::sleep(delay.unwrap_or(Duration::from_secs(1))).await;
    }
    let (answer, acted) = match course(system.as_ref(), &call, strike.as_ref()) {
        Course::Act => (system.act(&call, strike.as_ref()), true),
        Course::Refuse(answer) => (answer, false),
        Course::Nothing => (Answer::empty(0), false),
    };
    // The session is free again once the work is done, however long the answer takes on its way.
    drop(session);
    let number = note(system.as_ref(), &call, fault, acted, answer.status);
    if fault == Some(Fault::LateAct) {
        act_late(system.clone(), (call, strike), number, delay.unwrap_or(Duration::from_secs(2)));
        return reset(cut);
    }
    match fault {
        Some(Fault::ActThenTimeout) => {
            // Whoever stops the simulator need not wait.
            tokio::select! {
                () = tokio::time::sleep(delay.unwrap_or(Duration::from_secs(60))) => {}
                () = cut.done() => {}
            }
            reset(cut)
        }
        Some(Fault::ActThenDrop | Fault::DropBeforeActing) => reset(cut),
        Some(Fault::ActThenStatus500) => respond(system.failure(&call, 500)),
        Some(Fault::TruncatedBody) => truncate(answer, cut.clone()),
        _ => respond(answer),
    }
}

/// Cuts the connection: nothing of what is returned here reaches the caller.
fn reset(cut: &Cut) -> Response {
    cut.now();
    respond(Answer::empty(500))
}

fn course<S: System>(system: &S, call: &Call, strike: Option<&Strike>) -> Course {
    let Some(strike) = strike else { return Course::Act };
    let refuse = |status| {
        let answer = system.failure(call, status);
        Course::Refuse(match &strike.retry_after {
            Some(text) => answer.with("retry-after", text.clone()),
            None => answer,
        })
    };
    match strike.fault {
        Fault::Status429 => refuse(429),
        Fault::Status500 => refuse(500),
        Fault::Status503 => refuse(503),
        Fault::Empty200 => refuse(200),
        Fault::HtmlError => Course::Refuse(Answer::html(502)),
        Fault::DropBeforeActing | Fault::LateAct => Course::Nothing,
        _ => Course::Act,
    }
}

fn note<S: System>(system: &S, call: &Call, fault: Option<Fault>, acted: bool, status: u16) -> u64 {
    let subject = system.subject(call);
    let query: String =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&call.query).finish();
    let path = if query.is_empty() { call.path.clone() } else { format!("{}?{query}", call.path) };
    system.desk().note(Entry {
        number: 0,
        at: system.desk().clock.now(),
        endpoint: subject.endpoint,
        method: call.method.clone(),
        path,
        reference: subject.reference,
        request_id: subject.request_id,
        fault,
        acted,
        status,
    })
}

fn act_late<S: System>(system: Arc<S>, (call, strike): (Call, Option<Strike>), number: u64, delay: Duration) {
    // Armed before the connection is cut, so that the delay counts from the request.
    let asleep = system.desk().clock.sleep(delay);
    tokio::spawn(async move {
        asleep.await;
        let answer = system.act(&call, strike.as_ref());
        system.desk().note_late(number, answer.status);
    });
}

fn respond(answer: Answer) -> Response {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.body)).unwrap_or_else(|_| Response::new(Body::from("unanswerable")))
}

/// Promises the whole body, sends half of it and cuts the connection.
fn truncate(answer: Answer, cut: Cut) -> Response {
    let whole = answer.body.len();
    let half = answer.body.slice(..whole / 2);
    let pieces = stream::unfold(Some(half), move |piece| {
        let cut = cut.clone();
        async move {
            match piece {
                Some(half) if !half.is_empty() => Some((Ok::<Bytes, io::Error>(half), Some(Bytes::new()))),
                Some(_) => {
                    // Time for the half to leave, for a reset takes what is still waiting along.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    cut.now();
                    Some((Err(io::ErrorKind::ConnectionReset.into()), None))
                }
                None => None,
            }
        }
    });
    let mut response = respond(Answer { body: Bytes::new(), ..answer });
    response.headers_mut().insert("content-length", whole.into());
    *response.body_mut() = Body::from_stream(pieces);
    response
}

#[cfg(test)]
mod tests;
