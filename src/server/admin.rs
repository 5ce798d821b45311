//! The admin socket: one line of JSON in, one line of JSON out, for people of the same user only.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::address;
use crate::engine::Engine;
use crate::engine::command::{Command, Failure, Reply};

/// The longest request.
const REQUEST_LIMIT: u64 = 1 << 20;
/// The longest reply; documents travel in it.
const REPLY_LIMIT: u64 = 1 << 30;
/// How many people may ask at once.
const CLIENTS: usize = 64;
/// How long a client may take to say what it wants, and to take the reply.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an engine may take to answer.
const ANSWER_PATIENCE: Duration = Duration::from_secs(300);

/// A reply that is being worked out.
type Answering = Pin<Box<dyn Future<Output = Reply> + Send>>;
/// What answers commands.
type Answer = Arc<dyn Fn(Command) -> Answering + Send + Sync>;

/// A socket that is bound and belongs to us; removed when dropped.
#[derive(Debug)]
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

/// Binds the admin socket wanted at `socket`. The caller holds the lock of the state directory, so a socket file that
/// nobody listens at is left over from an engine that was killed, and is replaced.
///
/// # Errors
/// When somebody listens there already, or the place cannot be written.
pub fn bind(socket: &Path) -> io::Result<Listener> {
    let path = address::choose(socket)?;
    if std::os::unix::net::UnixStream::connect(&path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another engine listens at the admin socket"));
    }
    match fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    let owner = fs::metadata(&path)?.uid();
    Ok(Listener { listener, path, owner })
}

/// Answers with `engine` until `stop`.
pub async fn serve(engine: Arc<Engine>, listener: Listener, stop: CancellationToken) {
    let answer: Answer = Arc::new(move |command| {
        let engine = Arc::clone(&engine);
        Box::pin(async move { engine.command(command).await })
    });
    serve_with(answer, listener, stop).await;
}

async fn serve_with(answer: Answer, listener: Listener, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, most likely: let others give some back.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        if !is_of(&stream, listener.owner) {
            tracing::warn!("a process of another user was turned away from the admin socket");
            continue;
        }
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (answer, stop) = (Arc::clone(&answer), stop.clone());
        tokio::spawn(async move {
            let _place = place;
            tokio::select! {
                () = stop.cancelled() => {}
                result = converse(stream, answer) => if let Err(error) = result {
                    tracing::debug!(%error, "a client of the admin socket went away");
                },
            }
        });
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The next engine replaces a socket that stays behind.
        let _ = fs::remove_file(&self.path);
    }
}

/// Asks whoever listens at `socket`; `None` when nobody does.
///
/// # Errors
/// A sentence, when somebody listens and does not give a proper answer.
pub async fn ask(socket: &Path, command: &Command) -> Result<Option<Reply>, String> {
    let Some(path) = address::find(socket) else { return Ok(None) };
    let stream = match timeout(PATIENCE, UnixStream::connect(&path)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if nobody_listens(&error) => return Ok(None),
        Ok(Err(error)) => {
            return Err(format!("the admin socket {} cannot be reached: {error}", path.display()));
        }
        Err(_) => return Err(silent(&path)),
    };
    let owner = fs::metadata(&path).map_err(|error| error.to_string())?.uid();
    if !is_of(&stream, owner) {
        return Err(format!("{} is served by another user; it was not asked", path.display()));
    }
    match timeout(ANSWER_PATIENCE, exchange(stream, command)).await {
        Ok(Ok(line)) if line.is_empty() => Err("the engine stopped before it answered; ask again".to_owned()),
        Ok(Ok(line)) => serde_json::from_slice(&line).map(Some).map_err(|error| {
            format!("the running engine is of another version: its answer is not understood ({error})")
        }),
        Ok(Err(error)) => Err(format!("the engine went away before it answered: {error}")),
        Err(_) => Err(silent(&path)),
    }
}

fn silent(path: &Path) -> String {
    format!(
        "an engine listens at {} but does not answer; look at its logs, or stop it and try again",
        path.display()
    )
}

fn nobody_listens(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

fn is_of(stream: &UnixStream, user: u32) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == user || peer.uid() == 0)
}

async fn exchange(mut stream: UnixStream, command: &Command) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(command)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut reply = Vec::new();
    BufReader::new(stream).take(REPLY_LIMIT).read_until(b'\n', &mut reply).await?;
    Ok(reply)
}

/// Answers one client, line by line, until it leaves.
async fn converse(stream: UnixStream, answer: Answer) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut read).take(REQUEST_LIMIT + 1);
        // Whoever says nothing for long is left, too.
        let Ok(length) = timeout(PATIENCE, limited.read_until(b'\n', &mut line)).await else { return Ok(()) };
        if length? == 0 {
            return Ok(());
        }
        let too_long = line.len() as u64 > REQUEST_LIMIT;
        let reply =
            if too_long { refusal("a request may have at most 1 MiB") } else { reply(&line, &answer).await };
        let mut text = serde_json::to_vec(&reply)?;
        text.push(b'\n');
        timeout(PATIENCE, write.write_all(&text)).await??;
        if too_long {
            return Ok(());
        }
    }
}

async fn reply(line: &[u8], answer: &Answer) -> Reply {
    match serde_json::from_slice::<Command>(line) {
        Ok(command) => answer(command).await,
        Err(error) => refusal(&format!("this engine does not understand the request: {error}")),
    }
}

fn refusal(message: &str) -> Reply {
    Reply::Failed(Failure { message: message.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(socket: &Path) -> CancellationToken {
        let stop = CancellationToken::new();
        let answer: Answer = Arc::new(|command| {
            Box::pin(async move {
                match command {
                    Command::Poll { flow } => refusal(&format!("poll {flow:?}")),
                    _ => Reply::Accepted,
                }
            })
        });
        tokio::spawn(serve_with(answer, bind(socket).unwrap(), stop.clone()));
        stop
    }

    #[tokio::test]
    async fn a_question_gets_its_answer() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("admin.sock");
        assert!(ask(&socket, &Command::Stop).await.unwrap().is_none(), "nobody listens yet");
        let stop = running(&socket);
        let poll = Command::Poll { flow: Some("a/b".to_owned()) };
        let replies = futures_util::future::join_all((0..100).map(|_| ask(&socket, &poll))).await;
        for reply in replies {
            assert!(
                matches!(reply, Ok(Some(Reply::Failed(failure))) if failure.message == "poll Some(\"a/b\")")
            );
        }
        assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
        stop.cancel();
        while socket.exists() {
            tokio::task::yield_now().await;
        }
        assert!(ask(&socket, &Command::Stop).await.unwrap().is_none(), "nobody listens any more");
    }

    #[tokio::test]
    async fn a_socket_left_behind_is_replaced_and_a_live_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("admin.sock");
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        assert!(socket.exists());
        assert!(ask(&socket, &Command::Stop).await.unwrap().is_none());
        let _stop = running(&socket);
        assert!(matches!(ask(&socket, &Command::Stop).await, Ok(Some(Reply::Accepted))));
        assert_eq!(bind(&socket).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn what_is_too_long_or_not_a_command_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("admin.sock");
        let _stop = running(&socket);
        let long = Command::Poll { flow: Some("x".repeat(2 << 20)) };
        match ask(&socket, &long).await {
            Ok(Some(Reply::Failed(failure))) => assert!(failure.message.contains("1 MiB")),
            // The engine stops reading; whether the client sees the refusal or the closed door is a race.
            Err(_) => {}
            other => panic!("{other:?}"),
        }
        let mut stream = UnixStream::connect(&socket).await.unwrap();
        stream.write_all(b"{\"make\":\"coffee\"}\n").await.unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.unwrap();
        assert!(line.contains("does not understand"), "{line}");
    }
}
