//! What authors are told: every code has a bad example with its exact output, good files have no findings, and the
//! loader and the published schemas say the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ml_connector::diagnostics::{CODES, Diagnostic, Sources, github, human, json, sarif};
use ml_connector::spec::{self, Kind, load_config, load_mapping, load_path, schema, structure, yaml};
use proptest::prelude::*;
use serde_json::{Value, json};

mod language;
mod mistakes;
mod pushes;

/// Codes that no single file can show; each has a test of its own below, or says why not.
const WITHOUT_EXAMPLE: &[&str] = &[
    "unreadable-file",
    "not-a-file",
    "outside-directory",
    "file-too-large",
    "not-utf8",
    "nested-too-deep",
    "too-many-values",
    // The YAML reader stops at the same depth before.
    "too-deep",
];

fn cases(folder: &str) -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = fs::read_dir(Path::new("tests/specs").join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_none_or(|extension| extension != "txt"))
        .collect();
    cases.sort();
    cases
}

fn check(path: &Path) -> (usize, Vec<Diagnostic>, Sources) {
    let mut sources = Sources::default();
    let (loaded, findings) = load_path(path, &mut sources);
    (loaded.len(), findings, sources)
}

fn codes(findings: &[Diagnostic]) -> Vec<&str> {
    findings.iter().map(|finding| finding.code).collect()
}

/// Compares with the file beside the case; `UPDATE_EXPECTED=1` writes it instead.
fn compare(path: &Path, actual: &str) -> Option<String> {
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(path, actual).unwrap();
        return None;
    }
    let expected = fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
    (expected != actual).then(|| format!("{}:\n{actual}", path.display()))
}

#[test]
fn bad_files_give_exactly_their_findings() {
    let mut wrong = Vec::new();
    for case in cases("bad") {
        let (_, findings, sources) = check(&case);
        wrong.extend(compare(&case.with_extension("txt"), &human::render(&findings, &sources, false)));
        for finding in &findings {
            assert!(finding.help.is_some(), "{}: {} has no help", case.display(), finding.code);
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE_EXPECTED=1 cargo test specs", wrong.join("\n"));
}

#[test]
fn every_code_has_a_bad_example() {
    for code in CODES {
        let file = Path::new("tests/specs/bad").join(format!("{}.yaml", code.name));
        let path = if file.exists() { file } else { file.with_extension("") };
        if WITHOUT_EXAMPLE.contains(&code.name) {
            assert!(!path.exists(), "{} has an example: take it off the list", code.name);
            continue;
        }
        let (_, findings, _) = check(&path);
        assert!(codes(&findings).contains(&code.name), "{} shows {:?}", path.display(), codes(&findings));
    }
}

#[test]
fn bad_examples_show_little_else() {
    for case in cases("bad") {
        let name = case.file_stem().unwrap().to_string_lossy().into_owned();
        let (_, findings, _) = check(&case);
        if name == "ten-mistakes" {
            assert_eq!(findings.len(), 10, "{:?}", codes(&findings));
        } else {
            let others: BTreeSet<&str> = codes(&findings).into_iter().filter(|code| *code != name).collect();
            assert!(others.is_empty(), "{name} also shows {others:?}");
        }
    }
}

#[test]
fn good_files_have_no_findings() {
    for case in cases("ok").into_iter().chain(["mappings".into()]) {
        let (loaded, findings, sources) = check(&case);
        assert!(findings.is_empty(), "{}", human::render(&findings, &sources, false));
        assert!(loaded > 0, "{}", case.display());
    }
}

#[test]
fn shipped_mappings_load_by_name() {
    for shipped in spec::shipped::MAPPINGS {
        let (mapping, findings) = spec::load_shipped(shipped.name, &mut Sources::default());
        assert!(findings.is_empty() && mapping.is_some(), "{}", shipped.name);
        assert_eq!(fs::read_to_string(format!("mappings/{}.yaml", shipped.name)).unwrap(), shipped.text);
    }
}

fn validator(kind: Kind) -> &'static jsonschema::Validator {
    static VALIDATORS: [OnceLock<jsonschema::Validator>; 3] = [const { OnceLock::new() }; 3];
    let compile = || jsonschema::validator_for(schema::of(kind)).unwrap();
    VALIDATORS[kind as usize].get_or_init(compile)
}

/// What the structural check and a validator of the published schema say of each file.
#[test]
fn schema_and_loader_agree() {
    let mut files: Vec<PathBuf> = Vec::new();
    for case in cases("bad").into_iter().chain(cases("ok")) {
        files.push(if case.is_dir() { case.join("ml-connector.yaml") } else { case });
    }
    let mut compared = 0;
    for file in files {
        let text: Arc<str> = fs::read_to_string(&file).unwrap().into();
        let Some(tree) = yaml::parse(&Arc::from("it"), &text, &mut Vec::new()) else { continue };
        let kind = ["system", "mapping"].map(|key| tree.entry(tree.root(), key).is_some());
        let kind = match kind {
            [true, _] => Kind::System,
            [_, true] => Kind::Mapping,
            _ => Kind::Config,
        };
        let mut findings = Vec::new();
        structure::check(&tree, kind, &mut findings);
        let errors: Vec<String> =
            validator(kind).iter_errors(&tree.json(tree.root())).map(|error| error.to_string()).collect();
        assert_eq!(findings.is_empty(), errors.is_empty(), "{}: {findings:?} {errors:?}", file.display());
        compared += 1;
    }
    assert!(compared > 50, "only {compared} files were compared");
}

/// How many mutants of a file are compared, at most.
const SAMPLE: usize = 250;

/// Values of a good file, one at a time: renamed, removed, or replaced by a value of another type.
#[test]
fn schema_and_loader_agree_on_mutations() {
    let files = [
        ("mappings/sage100-ups.yaml", Kind::Mapping),
        ("tests/specs/ok/every-step-mapping.yaml", Kind::Mapping),
        ("tests/specs/ok/tables-mapping.yaml", Kind::Mapping),
        ("mappings/systems/sage100.yaml", Kind::System),
        ("tests/specs/ok/every-kind-system.yaml", Kind::System),
        ("tests/specs/ok/batch-system.yaml", Kind::System),
        ("tests/specs/ok/webhook-system.yaml", Kind::System),
        ("tests/specs/ok/tracking-mapping.yaml", Kind::Mapping),
        ("tests/specs/ok/small-config/ml-connector.yaml", Kind::Config),
        ("tests/specs/ok/intake/ml-connector.yaml", Kind::Config),
    ];
    let file: Arc<str> = Arc::from("it");
    let (mut bad, mut compared) = (0, 0);
    for (path, kind) in files {
        let text: Arc<str> = fs::read_to_string(path).unwrap().into();
        let good = yaml::parse(&file, &text, &mut Vec::new()).unwrap();
        let good = good.json(good.root());
        let total = mutations(&good);
        // A sample, spread over the file; the odd step meets every kind of mutation.
        for index in (0..total).step_by(total.div_ceil(SAMPLE) | 1) {
            let mut mutant = good.clone();
            mutate(&mut mutant, index);
            // JSON is YAML.
            let text: Arc<str> = mutant.to_string().into();
            let mut findings = Vec::new();
            let Some(tree) = yaml::parse(&file, &text, &mut findings) else { continue };
            findings.retain(Diagnostic::is_error);
            structure::check(&tree, kind, &mut findings);
            let valid = validator(kind).is_valid(&mutant);
            assert_eq!(findings.is_empty(), valid, "{path}: {findings:?}\n{mutant:#}");
            compared += 1;
            bad += usize::from(!valid);
        }
    }
    assert!(compared > 500 && bad > compared / 3, "{bad} of {compared}");
}

fn replacements() -> Vec<Value> {
    let numbers = [json!(0), json!(7), json!(2.0), json!(-1.5), json!(1e30)];
    let others = [
        Value::Null,
        json!(""),
        json!("word"),
        json!(true),
        json!([]),
        json!({}),
        json!(["x"]),
        json!([null]),
    ];
    numbers.into_iter().chain(others).collect()
}

/// How many mutations [`mutate`] knows of a value.
fn mutations(value: &Value) -> usize {
    let inside: usize = match value {
        // Each field may be removed or renamed, too.
        Value::Object(fields) => fields.values().map(|field| 2 + mutations(field)).sum(),
        Value::Array(items) => items.iter().map(mutations).sum(),
        _ => 0,
    };
    replacements().len() + inside
}

/// Makes the mutation with this index in place; a list of all of them would fill the memory.
fn mutate(value: &mut Value, mut index: usize) {
    if let Some(replacement) = replacements().get(index) {
        *value = replacement.clone();
        return;
    }
    index -= replacements().len();
    match value {
        Value::Object(fields) => {
            for name in fields.keys().cloned().collect::<Vec<_>>() {
                let own = 2 + mutations(&fields[&name]);
                match index {
                    0 | 1 => {
                        let field = fields.remove(&name).unwrap();
                        if index == 1 {
                            fields.insert(format!("{name}x"), field);
                        }
                        return;
                    }
                    _ if index < own => return mutate(fields.get_mut(&name).unwrap(), index - 2),
                    _ => index -= own,
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                let own = mutations(item);
                if index < own {
                    return mutate(item, index);
                }
                index -= own;
            }
        }
        _ => {}
    }
}

#[test]
fn schemas_are_current() {
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        schema::write(Path::new("schemas")).unwrap();
    }
    let stale = schema::check(Path::new("schemas"));
    assert!(stale.is_empty(), "{stale:?} are stale; run: ml-connector schema schemas");
}

#[test]
fn outputs_for_programs() {
    let (_, findings, sources) = check(Path::new("tests/specs/bad/ten-mistakes.yaml"));
    let folder = Path::new("tests/specs/outputs");
    fs::create_dir_all(folder).unwrap();
    let outputs = [
        ("ten-mistakes.json", json::render(&findings, &sources)),
        ("ten-mistakes.github.txt", github::render(&findings, &sources)),
        ("ten-mistakes.sarif", sarif::render(&findings, &sources)),
    ];
    let wrong: Vec<String> =
        outputs.iter().filter_map(|(name, text)| compare(&folder.join(name), text)).collect();
    assert!(wrong.is_empty(), "{}\nUPDATE_EXPECTED=1 cargo test specs", wrong.join("\n"));
    let parsed: serde_json::Value = serde_json::from_str(&outputs[0].1).unwrap();
    assert_eq!(parsed.as_array().unwrap().len(), 10);
}

/// Writes a mapping that cannot be read as it should, and gives the codes of the findings.
fn codes_of(name: &str, bytes: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let (loaded, findings, sources) = check(&path);
    assert!(loaded == 0, "{}", human::render(&findings, &sources, true));
    codes(&findings).into_iter().map(str::to_owned).collect()
}

#[test]
fn bombs_are_refused_quickly() {
    let levels: Vec<String> = (1..30)
        .map(|level| format!("l{level}: &l{level} [{}]", vec![format!("*l{}", level - 1); 9].join(",")))
        .collect();
    let laughs = format!("mapping: x\nl0: &l0 [a]\n{}\n", levels.join("\n"));
    let started = std::time::Instant::now();
    for (text, code) in [
        (laughs, "too-many-values"),
        (format!("mapping: {}", "[".repeat(20_000)), "nested-too-deep"),
        (format!("mapping: {}{}", "[".repeat(100), "]".repeat(100)), "nested-too-deep"),
        ((0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(), "nested-too-deep"),
        (format!("mapping: &a x\nl: [{}]\n", vec!["*a"; 1_001].join(",")), "too-many-values"),
        ("a: &a [*a]\n".to_owned(), "unknown-alias"),
    ] {
        let found = codes_of("bomb.yaml", text.as_bytes());
        assert!(found.iter().any(|found| found == code), "{code}: {found:?}");
    }
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    assert_eq!(codes_of("x.yaml", b"mapping: \xff\xfe"), ["not-utf8"]);
    assert_eq!(codes_of("x.yaml", b"mapping: a\0b"), ["not-utf8"]);
    assert_eq!(codes_of("x.yaml", &vec![b'#'; 1_000_001]), ["file-too-large"]);
    assert_eq!(codes_of("x.yaml", b""), ["empty-file"]);
    assert_eq!(codes_of("x.yaml", b"just text"), ["unknown-file"]);
    assert_eq!(codes_of("x.yaml", b"- a\n- b\n"), ["unknown-file"]);
}

#[test]
fn windows_files_are_read_with_exact_places() {
    let text = fs::read_to_string("tests/specs/bad/unknown-field.yaml").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("unknown-field.yaml");
    fs::write(&path, format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap();
    let (_, findings, sources) = check(&path);
    let (_, expected, expected_sources) = check(Path::new("tests/specs/bad/unknown-field.yaml"));
    let place = |findings: &[Diagnostic], sources: &Sources| sources.position(&findings[0].primary.span);
    assert_eq!(codes(&findings), codes(&expected));
    assert_eq!(place(&findings, &sources), place(&expected, &expected_sources));
}

#[test]
fn every_prefix_of_a_file_is_survived() {
    let text = fs::read_to_string("mappings/sage100-ups.yaml").unwrap();
    let file: Arc<str> = Arc::from("it");
    // Work grows with the square of the length: all of the beginning, and then a prime's multiples.
    let cut = |at: &usize| text.is_char_boundary(*at) && (*at < 2000 || at.is_multiple_of(97));
    for at in (0..text.len()).filter(cut) {
        let text: Arc<str> = text[..at].into();
        let mut findings = Vec::new();
        if let Some(tree) = yaml::parse(&file, &text, &mut findings) {
            structure::check(&tree, Kind::Mapping, &mut findings);
        }
        let mut sources = Sources::default();
        sources.add("it", text);
        human::render(&findings, &sources, true);
    }
}

proptest! {
    /// Whatever the bytes, there is an answer, and each finding points into the text.
    #[test]
    fn any_text_is_survived(text in "([a-z]{1,6}: |- |[\\[\\]{}\"'&*!>|#,:\\n ]|\\{\\{ [a-z.]{1,5} \\}\\}|[0-9é✓]{1,3}|\r\n){0,60}") {
        let text: Arc<str> = format!("mapping: x\n{text}").into();
        let mut sources = Sources::default();
        let file = sources.add("it", Arc::clone(&text));
        let mut findings = Vec::new();
        if let Some(tree) = yaml::parse(&file, &text, &mut findings) {
            structure::check(&tree, Kind::Mapping, &mut findings);
        }
        for finding in &findings {
            let span = &finding.primary.span;
            prop_assert!(text.get(span.start..span.end).is_some(), "{:?}", finding);
        }
        human::render(&findings, &sources, true);
    }
}

fn write_config(folder: &Path) {
    fs::create_dir_all(folder.join("mappings/systems")).unwrap();
    fs::copy("tests/specs/ok/small-config/ml-connector.yaml", folder.join("ml-connector.yaml")).unwrap();
}

#[test]
fn a_configuration_prefers_its_own_files() {
    let folder = tempfile::tempdir().unwrap();
    write_config(folder.path());
    let own = folder.path().join("mappings/sage100-ups.yaml");
    let text = fs::read_to_string("mappings/sage100-ups.yaml").unwrap();
    fs::write(&own, text.replace("default: 70", "default: 50")).unwrap();
    let (config, findings) = load_config(folder.path(), &mut Sources::default());
    assert!(findings.is_empty(), "{findings:?}");
    let config = config.unwrap();
    assert_eq!(config.mappings["sage100-ups"].settings["max_package_weight"], 50);
    assert_eq!(config.connections["erp"].settings["page_size"], 100);
    assert_eq!(config.connections["erp"].auth, "api_key");
    assert_eq!(config.state, folder.path().join("state"));
    let mapping = &config.mappings["sage100-ups"].mapping;
    assert!(Arc::ptr_eq(&mapping.systems["erp"], &config.connections["erp"].system));
    assert!(mapping.flows["ship_orders"].place.file.ends_with("sage100-ups.yaml"));
}

/// What is shipped never takes the place of own files that cannot be seen.
#[test]
fn folders_that_cannot_be_read_are_refused() {
    for folder_of in ["mappings", "mappings/systems"] {
        let folder = tempfile::tempdir().unwrap();
        write_config(folder.path());
        fs::remove_dir_all(folder.path().join(folder_of)).unwrap();
        fs::write(folder.path().join(folder_of), "").unwrap();
        let (config, findings) = load_config(folder.path(), &mut Sources::default());
        assert!(config.is_none());
        assert_eq!(codes(&findings), ["unreadable-file"], "{findings:?}");
        assert!(findings[0].primary.span.file.ends_with(folder_of), "{findings:?}");
    }
}

/// A mistake is told once, whatever depends on it.
#[test]
fn mistakes_do_not_cascade() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("systems")).unwrap();
    let good = fs::read_to_string("mappings/systems/sage100.yaml").unwrap();
    let mapping = folder.path().join("sage100-ups.yaml");
    fs::copy("mappings/sage100-ups.yaml", &mapping).unwrap();
    for (from, to, code) in [
        ("system: sage100", "system: [", "not-yaml"),
        ("title: Sage 100", "title: Sage 100\ntitle: Again", "duplicate-key"),
        ("    effect: idempotent", "    effect: idempotant", "unknown-kind"),
        ("    input: { number: text(7) }", "    inputs: { number: text(7) }", "unknown-key"),
        ("  overlap:\n    type: duration", "  overlap:\n    type: durations", "unknown-type"),
        ("settings:", "setings:", "unknown-key"),
        ("    Lines: [line]", "    Lines: [lines]", "unknown-type"),
        ("  line:\n", "  line: 3\n  lime:\n", "wrong-type"),
        ("credentials:", "credential:", "unknown-key"),
    ] {
        assert!(good.contains(from), "{from}");
        fs::write(folder.path().join("systems/sage100.yaml"), good.replacen(from, to, 1)).unwrap();
        let (found, findings, sources) = check(&mapping);
        let text = human::render(&findings, &sources, false);
        assert_eq!((found, codes(&findings)), (0, vec![code]), "{from} -> {to}\n{text}");
    }
}

#[cfg(unix)]
#[test]
fn odd_files_in_a_configuration_are_refused() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    write_config(folder.path());
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("ups.yaml"), fs::read("mappings/systems/ups.yaml").unwrap()).unwrap();
    let systems = folder.path().join("mappings/systems");
    symlink(outside.path().join("ups.yaml"), systems.join("ups.yaml")).unwrap();
    fs::create_dir(systems.join("sage100.yaml")).unwrap();
    symlink(systems.join("nowhere"), systems.join("gone.yaml")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(systems.join("pipe.yaml")).status();
    let (config, findings) = load_config(folder.path(), &mut Sources::default());
    let codes = codes(&findings);
    assert!(config.is_none());
    for code in ["outside-directory", "not-a-file", "unreadable-file"] {
        assert!(codes.contains(&code), "{code}: {codes:?}");
    }
    let pipes = usize::from(made.is_ok_and(|status| status.success()));
    assert_eq!(codes.iter().filter(|code| **code == "not-a-file").count(), 1 + pipes);
    // A name is never a path.
    let mapping = folder.path().join("m.yaml");
    fs::write(&mapping, "mapping: m\ntitle: M\nsystems: { a: ../../etc/passwd }\nflows: {}\n").unwrap();
    let (_, findings) = load_mapping(&mapping, &mut Sources::default());
    assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["unknown-system"]);
}
