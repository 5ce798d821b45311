//! What the documents show is what the program prints: every ```console block is run, in order, with the real binary.
//!
//! A line `$ command` is given to `sh`; what follows is what it prints, on both outputs. `[..]` stands for any text of a
//! line, a line `...` for any lines; of times, digests and tracking numbers only the form must agree. `simulate` runs on until the document ends, at a free port that takes the place of the
//! documented one everywhere. `UPDATE_EXPECTED=1` writes what was printed, and keeps the lines whose wildcards still fit.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use ml_connector::diagnostics::{Sources, human};
use ml_connector::expression::filters;
use ml_connector::spec;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ml-connector");

/// A command in a document, and the lines of the document that show what it prints.
struct Transcript {
    command: String,
    shown: Range<usize>,
}

/// The place where a document's commands run.
struct Stage {
    directory: tempfile::TempDir,
    path: String,
    simulators: Vec<Child>,
    /// The port in the document, and the one that was free.
    ports: Vec<(String, String)>,
}

impl Stage {
    /// A directory that looks like a clone of the project to a reader who stands in it.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for folder in ["mappings", "examples"] {
            copy(Path::new(folder), &directory.path().join(folder));
        }
        let programs = Path::new(PROGRAM).parent().unwrap().display();
        let path = format!("{programs}:{}", ml_connector::base::environment::variable("PATH").unwrap());
        Self { directory, path, simulators: Vec::new(), ports: Vec::new() }
    }

    fn shell(&self, command: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec 2>&1\n{command}")]).current_dir(self.directory.path());
        shell.env("PATH", &self.path).env("LOGNAME", "ann").env("USER", "ann").env_remove("ML_CONNECTOR_LOG");
        shell.stdin(Stdio::null());
        shell
    }

    /// Runs a command and gives what it prints, with the documented ports.
    fn run(&mut self, command: &str) -> Vec<String> {
        if command.starts_with("ml-connector simulate") && !command.contains("--edit") {
            return self.simulate(command);
        }
        let real = replaced(command, self.ports.iter().map(|(documented, real)| (documented, real)));
        let Output { status, stdout, .. } = self.shell(&real).output().unwrap();
        let text = String::from_utf8(stdout).unwrap();
        assert!(status.success(), "`{real}` failed with {status}:\n{text}");
        lines(&replaced(&text, self.ports.iter().map(|(documented, real)| (real, documented))))
    }

    /// Starts a simulator at a free port and gives what it prints before it falls silent.
    fn simulate(&mut self, command: &str) -> Vec<String> {
        let documented = command.split("--port ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        // In place of the shell, so that it ends when we say so.
        let command = command.replace(&format!("--port {documented}"), "--port 0");
        let mut child = self.shell(&format!("exec {command}")).stdout(Stdio::piped()).spawn().unwrap();
        let printed = child.stdout.take().unwrap();
        self.simulators.push(child);
        let first = heard(printed);
        let url = first.iter().find_map(|line| line.split("127.0.0.1:").nth(1)).expect("an address");
        let real: String = url.chars().take_while(char::is_ascii_digit).collect();
        let text = replaced(&first.join("\n"), [(&real, &documented)].into_iter());
        self.point_at(&documented, &real);
        self.ports.push((documented, real));
        lines(&text)
    }

    /// The shipped examples name the documented ports.
    fn point_at(&self, documented: &str, real: &str) {
        for example in fs::read_dir(self.directory.path().join("examples")).unwrap() {
            let file = example.unwrap().path().join("ml-connector.yaml");
            let Ok(text) = fs::read_to_string(&file) else { continue };
            fs::write(&file, text.replace(&format!(":{documented}"), &format!(":{real}"))).unwrap();
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for simulator in &mut self.simulators {
            let _ = simulator.kill();
            let _ = simulator.wait();
        }
    }
}

/// The lines that come until there is silence.
fn heard(printed: impl Read + Send + 'static) -> Vec<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(printed).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let mut all = vec![receiver.recv_timeout(Duration::from_secs(60)).expect("a simulator that starts")];
    while let Ok(line) = receiver.recv_timeout(Duration::from_millis(500)) {
        all.push(line);
    }
    all
}

fn replaced<'a>(text: &str, pairs: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    pairs.fold(text.to_owned(), |text, (from, to)| {
        text.replace(&format!(":{from}"), &format!(":{to}"))
            .replace(&format!("--port {from}"), &format!("--port {to}"))
    })
}

fn lines(text: &str) -> Vec<String> {
    text.trim_end().lines().map(|line| line.trim_end().to_owned()).collect()
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The commands of a document. A command that ends with `\` goes on in the next line.
fn transcripts(document: &[String]) -> Vec<Transcript> {
    let (mut found, mut inside, mut at) = (Vec::<Transcript>::new(), false, 0);
    while at < document.len() {
        let line = &document[at];
        at += 1;
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            let mut command = command.to_owned();
            while command.ends_with('\\') {
                command = format!("{}{}", command.trim_end_matches('\\'), document[at].trim_start());
                at += 1;
            }
            found.push(Transcript { command, shown: at..at });
        } else if inside {
            found.last_mut().expect("a command before its output").shown.end = at;
        }
    }
    found
}

/// Whether what was printed is what is shown.
fn agrees(shown: &[String], printed: &[String]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "..." => {
            (0..=printed.len()).any(|from| agrees(rest, &printed[from..]))
        }
        (Some((first, rest)), Some((line, more))) => line_agrees(first, line) && agrees(rest, more),
        _ => false,
    }
}

fn line_agrees(shown: &str, printed: &str) -> bool {
    fits(&form(shown), &form(printed))
}

fn fits(shown: &str, printed: &str) -> bool {
    let Some((before, after)) = shown.split_once("[..]") else { return shown == printed };
    let Some(rest) = printed.strip_prefix(before) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| fits(after, &rest[at..]))
}

/// A line with a word in place of each time, digest, tracking number and count of milliseconds, and with one space for what
/// fills a cell of a table.
fn form(line: &str) -> String {
    const TIME: &str = "dddd-dd-dd dd:dd:ddZ";
    let (mut text, mut at) = (String::new(), 0);
    while at < line.len() {
        let rest = &line[at..];
        let begins = !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        let word = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (stands, length) = match &rest[..word] {
            _ if !begins => ("", 0),
            _ if is_like(rest, TIME) => ("TIME", TIME.len()),
            _ if is_like(rest, &TIME[..10]) => ("DATE", 10),
            _ if digits > 0 && text.ends_with("milliseconds=") => ("NUMBER", digits),
            _ if digits > 0 && rest[digits..].starts_with(" ms ") => {
                ("NUMBER ms ", rest.len() - rest[digits + 4..].trim_start().len())
            }
            tracking if tracking.len() == 18 && tracking.starts_with("1Z") => ("TRACKING", word),
            digest if digest.len() >= 8 && digest.bytes().all(is_hexadecimal) => ("DIGEST", word),
            _ if rest.starts_with(' ') && rest.trim_start_matches(' ').starts_with(['│', '┆']) => {
                (" ", rest.len() - rest.trim_start_matches(' ').len())
            }
            _ => ("", 0),
        };
        let step = if length > 0 { length } else { rest.chars().next().map_or(1, char::len_utf8) };
        text.push_str(if length > 0 { stands } else { &rest[..step] });
        at += step;
    }
    text
}

/// Whether a text begins like a pattern, in which `d` stands for a digit.
fn is_like(text: &str, pattern: &str) -> bool {
    let fits = |(byte, like): (u8, u8)| if like == b'd' { byte.is_ascii_digit() } else { byte == like };
    text.len() >= pattern.len() && text.bytes().zip(pattern.bytes()).all(fits)
}

fn is_hexadecimal(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// What to show from now on: what was printed, with the wildcards that still fit.
fn renewed(shown: &[String], printed: &[String]) -> Vec<String> {
    let keep = |line: &String| {
        shown.iter().find(|old| *old != "..." && line_agrees(old, line)).unwrap_or(line).clone()
    };
    let all: Vec<String> = printed.iter().map(keep).collect();
    let Some(gap) = shown.iter().position(|line| line == "...") else { return all };
    let tail = shown.len() - gap - 1;
    if gap + tail > all.len() {
        return all;
    }
    let (head, end) = (&all[..gap], &all[all.len() - tail..]);
    head.iter().cloned().chain(["...".to_owned()]).chain(end.iter().cloned()).collect()
}

fn holds_true(name: &str) {
    let text = fs::read_to_string(name).unwrap();
    let document: Vec<String> = text.lines().map(str::to_owned).collect();
    let (mut stage, mut wrong, mut changes) = (Stage::new(), Vec::new(), Vec::new());
    for Transcript { command, shown } in transcripts(&document) {
        let printed = stage.run(&command);
        let mut expected = document[shown.clone()].to_vec();
        while expected.last().is_some_and(String::is_empty) {
            expected.pop();
        }
        if agrees(&expected, &printed) {
            continue;
        }
        wrong.push(format!("{name}:{}: $ {command}\n{}", shown.start, printed.join("\n")));
        let end = shown.start + expected.len();
        changes.push((shown.start..end, renewed(&expected, &printed)));
    }
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        let mut document = document;
        for (range, lines) in changes.into_iter().rev() {
            document.splice(range, lines);
        }
        fs::write(name, document.join("\n") + "\n").unwrap();
        return;
    }
    assert!(wrong.is_empty(), "{}\n\nUPDATE_EXPECTED=1 cargo test --test it readme", wrong.join("\n\n"));
}

#[test]
fn the_readme_shows_what_the_program_prints() {
    holds_true("README.md");
}

#[test]
fn the_example_shows_what_the_program_prints() {
    holds_true("examples/sage100-ups/README.md");
}

#[test]
fn the_example_of_sage300_shows_what_the_program_prints() {
    holds_true("examples/sage300-shipstation/README.md");
}

#[test]
fn the_example_of_sage_x3_shows_what_the_program_prints() {
    holds_true("examples/sagex3-ups/README.md");
}

#[test]
fn wildcards_stand_for_what_varies() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(agrees(&lines("a [..] c\n...\nend"), &lines("a b c\n1\n2\nend")));
    assert!(agrees(&lines("...\nend"), &lines("end")));
    assert!(!agrees(&lines("a [..] c"), &lines("a b d")));
    assert!(!agrees(&lines("a\n..."), &lines("b")));
    assert!(line_agrees("at 2026-11-20 14:03:22Z 12 ms  ok", "at 2027-01-02 03:04:05Z 7 ms ok"));
    assert!(line_agrees("hash 01234567 of 1Z2220060290530202", "hash fedcba98 of 1ZA1B2C30200000569"));
    assert!(line_agrees("order 7-2026-11-20 milliseconds=7 x", "order 7-2027-01-02 milliseconds=123 x"));
    assert!(!line_agrees("order 0010043", "order 0010044"));
    assert!(!line_agrees("39 done", "40 done"));
    assert!(
        line_agrees("│ a ┆ [..]    │", "│ a ┆ 109.1   │")
            && line_agrees("│ a ┆ [..]    │", "│ a ┆ 9.1     │")
    );
    assert_eq!(renewed(&lines("at [..]\nold"), &lines("at 7\nnew")), lines("at [..]\nnew"));
    assert_eq!(renewed(&lines("one\n...\nlast"), &lines("1\n2\n3\nend")), lines("1\n...\nend"));
}

/// The mapping that the README shows has no findings.
#[test]
fn the_mapping_of_the_readme_validates() {
    let readme = fs::read_to_string("README.md").unwrap();
    let text = readme.split("```yaml\n").find(|block| block.starts_with("mapping: orders-ups")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("orders-ups.yaml");
    fs::write(&file, text.split("```").next().unwrap()).unwrap();
    let mut sources = Sources::default();
    let (_, findings) = spec::load_mapping(&file, &mut sources);
    assert!(findings.is_empty(), "{}", human::render(&findings, &sources, false));
}

/// The pair that the reference shows has no findings, and does what its tests say.
#[test]
fn the_pair_of_the_reference_is_a_whole_one() {
    let reference = fs::read_to_string("mappings/README.md").unwrap();
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("systems")).unwrap();
    for (kind, file) in [("system", "systems/depot.yaml"), ("mapping", "depot.yaml")] {
        let begins = format!("{kind}: depot\n");
        let text = reference.split("```yaml\n").find(|block| block.starts_with(&begins)).unwrap();
        fs::write(directory.path().join(file), text.split("```").next().unwrap()).unwrap();
    }
    for (command, more) in [("validate", ["--deny-warnings"].as_slice()), ("test", &[])] {
        let output = Command::new(PROGRAM).arg(command).arg(directory.path()).args(more).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{command}: {said}{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Links between files lead somewhere.
#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "mappings/README.md",
        "examples/sage100-ups/README.md",
        "examples/sage300-shipstation/README.md",
        "examples/sagex3-shipstation/README.md",
        "examples/sagex3-ups/README.md",
    ] {
        let text = fs::read_to_string(name).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            let there = Path::new(name).parent().unwrap().join(file).exists();
            if !link.starts_with("https://") && !file.is_empty() && !there {
                broken.push(format!("{name}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_filters_of_the_reference_are_those_there_are() {
    const NAME: &str = "mappings/README.md";
    let text = fs::read_to_string(NAME).unwrap();
    let (before, rest) = text.split_once("<!-- filters -->\n").unwrap();
    let (shown, after) = rest.split_once("<!-- end of filters -->").unwrap();
    let table = table_of_filters();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(NAME, format!("{before}<!-- filters -->\n{table}<!-- end of filters -->{after}")).unwrap();
        return;
    }
    assert!(shown == table, "UPDATE_EXPECTED=1 cargo test --test it readme\n{table}");
}

fn table_of_filters() -> String {
    let row = |filter: &filters::Filter| {
        let params: Vec<String> = filter
            .params
            .iter()
            .map(|param| if param.optional { format!("{}?", param.name) } else { param.name.to_owned() })
            .collect();
        let brackets = if params.is_empty() { String::new() } else { format!("({})", params.join(", ")) };
        let (example, gives) = filter.example;
        let cells = [
            format!("`{}{brackets}`", filter.name),
            filter.takes.to_string(),
            filter.docs.to_owned(),
            format!("`{example}` → `{gives}`"),
        ];
        format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
    };
    format!(
        "| filter | takes | does | example |\n|---|---|---|---|\n{}",
        filters::all().map(row).collect::<String>()
    )
}
