//! Runs a program that prints the master key.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

/// No key is longer, however it is written.
const MOST_BYTES: u64 = 4096;
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The first line that a program prints; it must end well, and within `limit`. What it says on its standard error
/// goes where ours goes.
pub(super) fn first_line(command: &[String], limit: Duration) -> Result<Zeroizing<String>, String> {
    let [program, arguments @ ..] = command else {
        return Err(
            "the command that prints the master key is empty; give a program and its arguments".into()
        );
    };
    let until = Instant::now() + limit;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run `{program}`, which should print the master key: {error}"))?;
    let result = match child.stdout.take() {
        Some(stdout) => watch(&mut child, &read(stdout), until),
        None => None,
    };
    if result.is_none() {
        // It may have ended just now; either way it is gone afterwards.
        let _ = child.kill();
        let _ = child.wait();
    }
    let (status, line) = result.ok_or_else(|| {
        format!(
            "`{program}` did not print the master key within {limit:?}; make it answer without asking anybody"
        )
    })?;
    if !status.success() {
        return Err(format!("`{program}`, which should print the master key, failed ({status})"));
    }
    Ok(line)
}

/// Reads in a thread of its own: a program can keep its output open for ever.
fn read(stdout: ChildStdout) -> Receiver<Zeroizing<String>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(stdout.take(MOST_BYTES));
        let mut line = Zeroizing::new(String::new());
        // What is no text is no key, which is said where the line is read as one.
        let _ = reader.read_line(&mut line);
        // The asker has given up if this fails.
        let _ = sender.send(line);
        // Reading on lets the program end by itself instead of breaking its pipe.
        let _ = std::io::copy(&mut reader.into_inner().into_inner(), &mut std::io::sink());
    });
    receiver
}

/// Waits for the line and for the end of the program; `None` when the time is up first.
fn watch(
    child: &mut Child,
    lines: &Receiver<Zeroizing<String>>,
    until: Instant,
) -> Option<(ExitStatus, Zeroizing<String>)> {
    let line = lines.recv_timeout(until.saturating_duration_since(Instant::now())).ok()?;
    loop {
        if let Some(status) = child.try_wait().ok()? {
            return Some((status, line));
        }
        if Instant::now() >= until {
            return None;
        }
        thread::sleep(LOOK_EVERY);
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn run(command: &[&str], limit: Duration) -> Result<String, String> {
        let command: Vec<String> = command.iter().map(|&part| part.to_owned()).collect();
        first_line(&command, limit).map(|line| line.trim_end().to_owned())
    }

    #[test]
    fn takes_the_first_line_as_it_is() {
        assert_eq!(run(&["printf", "%s\\n%s\\n", "$HOME;one", "two"], LONG).unwrap(), "$HOME;one");
    }

    #[test]
    fn says_what_went_wrong_but_not_what_was_printed() {
        assert!(run(&[], LONG).unwrap_err().contains("is empty"));
        assert!(run(&["/no/such/program"], LONG).unwrap_err().starts_with("cannot run `/no/such/program`"));
        let failed = run(&["sh", "-c", "echo canary; exit 3"], LONG).unwrap_err();
        assert!(failed.contains("failed (exit status: 3)") && !failed.contains("canary"), "{failed}");
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let sentence = run(&["sleep", "3600"], Duration::from_millis(50)).unwrap_err();
        assert!(sentence.starts_with("`sleep` did not print the master key within 50ms"), "{sentence}");
    }
}
