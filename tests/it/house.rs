//! The rules of ARCHITECTURE.md that the code can be held to: who imports whom, one door per outside crate, and forms
//! that lose positions.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms a room may import. `cli` and the roots may import all.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("diagnostics", &["base"]),
    ("store", &["base"]),
    ("http", &["base"]),
    ("expression", &["base", "diagnostics"]),
    ("vault", &["base", "store"]),
    ("auth", &["base", "diagnostics", "expression", "http"]),
    ("transport", &["base", "diagnostics", "expression", "http"]),
    ("proof", &["base", "diagnostics", "expression", "http"]),
    ("spec", &["base", "diagnostics", "expression", "auth", "proof", "transport"]),
    (
        "engine",
        &[
            "base",
            "diagnostics",
            "expression",
            "http",
            "auth",
            "proof",
            "transport",
            "spec",
            "store",
            "vault",
        ],
    ),
    ("server", &["base", "diagnostics", "spec", "store", "vault", "engine"]),
    ("simulator", &["base"]),
];

/// Which rooms may name an outside crate.
const DOORS: &[(&str, &[&str])] = &[
    ("reqwest", &["http"]),
    ("redb", &["store"]),
    ("axum", &["server", "simulator"]),
    ("hyper", &["server"]),
    ("hyper_util", &["server"]),
    ("clap", &["cli", "main.rs"]),
    ("clap_complete", &["cli"]),
    ("comfy_table", &["cli"]),
    ("indicatif", &["cli"]),
    ("minijinja", &["expression"]),
    ("jsonpath_rust", &["expression"]),
    ("rust_decimal", &["expression"]),
    ("annotate_snippets", &["diagnostics"]),
    // The simulators read the vendors' OpenAPI files, which are YAML too.
    ("serde_yaml", &["spec", "simulator"]),
    ("jsonschema", &["spec", "simulator"]),
    // The simulators read what they are sent with eyes of their own.
    ("quick_xml", &["transport", "simulator"]),
];

/// Files that a test of their own room may open wider: unit tests speak raw HTTP to prove what a client does.
const TEST_ONLY: &[(&str, &str)] = &[("axum", "http"), ("axum", "auth")];

struct Line {
    file: PathBuf,
    number: usize,
    room: String,
    text: String,
    in_tests: bool,
}

fn lines() -> Vec<Line> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    files.iter().flat_map(|file| lines_of(&root, file)).collect()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn lines_of(root: &Path, file: &Path) -> Vec<Line> {
    let relative = file.strip_prefix(root).unwrap();
    let room = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    let mut in_tests = relative.file_name().is_some_and(|name| name.to_string_lossy().contains("test"));
    let mut found = Vec::new();
    for (index, text) in fs::read_to_string(file).unwrap().lines().enumerate() {
        in_tests |= text.trim_start().starts_with("#[cfg(test)]");
        found.push(Line {
            file: relative.to_owned(),
            number: index + 1,
            room: room.clone(),
            text: text.to_owned(),
            in_tests,
        });
    }
    found
}

/// The code of a line without its comment.
fn code(text: &str) -> &str {
    match text.trim_start() {
        trimmed if trimmed.starts_with("//") => "",
        _ => text.split(" // ").next().unwrap_or(text),
    }
}

fn report(broken: Vec<String>, rule: &str) {
    assert!(broken.is_empty(), "{rule}\n{}", broken.join("\n"));
}

#[test]
fn rooms_import_only_what_they_may() {
    let rules: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let broken = lines()
        .iter()
        .filter(|line| !line.in_tests)
        .flat_map(|line| {
            let Some(allowed) = rules.get(line.room.as_str()) else { return Vec::new() };
            code(&line.text)
                .match_indices("crate::")
                .filter_map(|(at, found)| {
                    let rest = &line.text[line.text.find(code(&line.text)).unwrap_or(0) + at + found.len()..];
                    let name: String =
                        rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    let known = rules.contains_key(name.as_str()) || name == "cli";
                    let fine = !known || name == line.room || allowed.contains(&name.as_str());
                    (!fine).then(|| {
                        format!("src/{}:{}: {} imports {name}", line.file.display(), line.number, line.room)
                    })
                })
                .collect()
        })
        .collect();
    report(broken, "imports run down only (ARCHITECTURE.md, Rooms)");
}

#[test]
fn each_outside_crate_has_its_door() {
    let broken = lines()
        .iter()
        .flat_map(|line| {
            DOORS.iter().filter_map(move |(outside, doors)| {
                let text = code(&line.text);
                let named =
                    text.contains(&format!("{outside}::")) || text.trim_end() == format!("use {outside};");
                let own_word =
                    text.contains(&format!("::{outside}::")) || text.contains(&format!("_{outside}::"));
                let fine = doors.contains(&line.room.as_str())
                    || line.in_tests && TEST_ONLY.contains(&(*outside, line.room.as_str()));
                (named && !own_word && !fine).then(|| {
                    format!("src/{}:{}: {outside} is not for {}", line.file.display(), line.number, line.room)
                })
            })
        })
        .collect();
    report(broken, "each outside crate has one door (ARCHITECTURE.md, Doors)");
}

#[test]
fn what_authors_write_keeps_its_positions() {
    let broken = lines()
        .iter()
        .filter(|line| ["spec", "auth", "proof", "transport"].contains(&line.room.as_str()))
        .filter(|line| {
            let text = code(&line.text);
            text.contains("serde(") && ["flatten", "untagged", "tag ="].iter().any(|form| text.contains(form))
        })
        .map(|line| format!("src/{}:{}: {}", line.file.display(), line.number, line.text.trim()))
        .collect();
    report(
        broken,
        "`flatten`, `untagged` and `tag` lose positions; a block that chooses a kind is one key, the kind",
    );
}

#[test]
fn only_base_knows_the_clock_the_environment_and_chance() {
    const BANNED: &[&str] =
        &["Timestamp::now(", "SystemTime::now(", "Zoned::now(", "env::var(", "SystemRandom::new("];
    let broken = lines()
        .iter()
        .filter(|line| line.room != "base" && !line.in_tests)
        // Nonces and keys come from the same source as all chance, but the vault calls it through aws-lc's own types.
        .filter(|line| !(line.room == "vault" && line.text.contains("SystemRandom::new(")))
        // So does the simulated ShipStation when it signs; such signatures draw nothing from it.
        .filter(|line| {
            !(line.file.ends_with("shipstation/keys.rs") && line.text.contains("SystemRandom::new("))
        })
        .filter(|line| BANNED.iter().any(|word| code(&line.text).contains(word)))
        .map(|line| format!("src/{}:{}: {}", line.file.display(), line.number, line.text.trim()))
        .collect();
    report(broken, "time, chance and environment are parameters (ARCHITECTURE.md, invariant 6)");
}

#[test]
fn every_file_says_what_it_is() {
    let broken = lines()
        .iter()
        .filter(|line| line.number == 1 && !line.text.starts_with("//!"))
        .map(|line| format!("src/{}: the first line is not `//!`", line.file.display()))
        .collect();
    report(broken, "every file opens with one `//!` sentence");
}

#[test]
fn a_secret_cannot_be_shown() {
    let source =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/base/secret.rs")).unwrap();
    assert!(!source.contains("impl fmt::Display"), "a Secret has no Display");
    assert!(
        !source.contains("derive(Serialize") && !source.contains("impl Serialize"),
        "a Secret has no Serialize"
    );
    let secret = ml_connector::base::Secret::new("canary");
    assert_eq!(format!("{secret:?}"), "***");
    assert_eq!(format!("{:?}", Some(&secret)), "Some(***)");
}

#[test]
fn the_project_stands_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut broken = Vec::new();
    for name in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root.join(name)).unwrap();
        for (index, line) in text.lines().enumerate() {
            if line.contains("](../") || line.contains("](/") {
                broken.push(format!("{name}:{}: {line}", index + 1));
            }
        }
    }
    report(broken, "nothing points outside the project");
}

/// A scripted way out must not be one that production can take by mistake.
#[test]
fn only_rehearsals_are_scripted() {
    let broken: Vec<String> = lines()
        .iter()
        .filter(|line| !line.file.starts_with("engine/rehearsal") && !line.file.ends_with("engine/door.rs"))
        .filter(|line| code(&line.text).contains("Door::Script"))
        .map(|line| format!("src/{}:{}", line.file.display(), line.number))
        .collect();
    report(broken, "Only a rehearsal opens `Door::Script`.");
}
