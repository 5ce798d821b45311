//! `ml-connector init`: writes a commented configuration directory.
//!
//! Reading order: [`assign`] values given on the command line, [`compose`] the configuration as text, [`yaml`] how values
//! are written.

pub mod assign;
pub mod compose;
pub mod yaml;

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::compose::Composition;
use super::library;
use super::outcome::{Exit, Outcome, Trouble};
use super::output::Output;
use super::workspace::ConfigArg;
use crate::spec::model::Mapping;
use crate::vault::MasterKey;

/// Writes a configuration directory: `ml-connector.yaml` with every setting and what it means, a master key, and what to
/// do next. Nothing that is there is overwritten.
///
/// Required settings are left empty unless they are given with `--set`; `ml-connector validate DIR` then names those that
/// are left to fill in.
///
/// Example: `ml-connector init shop --mapping sage100-ups --set sage100.company=ABC --set ups.account=A1B2C3`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory; made if it is missing.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// A mapping to run: the name of a shipped one, or a file. May be given several times.
    #[arg(long = "mapping", value_name = "MAPPING", required = true)]
    mappings: Vec<String>,
    /// Fills in a setting: `connection.setting=value` or `mapping.setting=value`; parts of an object as
    /// `ups.shipper.city=Albany`, lists and objects as JSON. May be given several times.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
}

const GITIGNORE: &str =
    "# The key that opens the credentials, and what the engine remembers.\nmaster.key\nstate/\nvault.lock\n";

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When a mapping or setting is not known, or the directory is in use or cannot be written.
    pub fn run(&self, output: &Output) -> Outcome {
        let nowhere = ConfigArg { config: self.directory.clone() };
        let mappings = self.mappings.iter().map(|name| library::mapping(name, &nowhere, output));
        let mappings: Vec<Arc<Mapping>> = mappings.collect::<Result<_, _>>()?;
        let mut composition = Composition::of(&mappings);
        for text in &self.set {
            assign::apply(&mut composition, text)?;
        }
        self.write(&composition, output)?;
        let directory = self.directory.display();
        for line in next_steps(&composition, &directory.to_string()) {
            output.say(line);
        }
        Ok(Exit::Fine)
    }

    fn write(&self, composition: &Composition, output: &Output) -> Result<(), Trouble> {
        let files = [
            ("ml-connector.yaml", composition.text()),
            (".gitignore", GITIGNORE.to_owned()),
            ("README.txt", readme(composition)),
        ];
        let taken = files
            .iter()
            .map(|(name, _)| *name)
            .chain(["master.key"])
            .find(|name| self.directory.join(name).exists());
        if let Some(name) = taken {
            return Err(Trouble::usage(format!(
                "{} is there already; nothing was changed",
                self.directory.join(name).display()
            )));
        }
        fs::create_dir_all(&self.directory).map_err(|error| {
            Trouble::failed(format!("{} cannot be made: {error}", self.directory.display()))
        })?;
        MasterKey::generate_file(&self.directory.join("master.key")).map_err(Trouble::failed)?;
        for (name, text) in files {
            create(&self.directory.join(name), &text)?;
            output.line(self.directory.join(name).display().to_string());
        }
        output.line(self.directory.join("master.key").display().to_string());
        self.copy_mappings()
    }

    /// A mapping that came from a file is kept beside the configuration that uses it.
    fn copy_mappings(&self) -> Result<(), Trouble> {
        for file in self.mappings.iter().map(Path::new).filter(|path| path.is_file()) {
            let text = fs::read_to_string(file)
                .map_err(|error| Trouble::failed(format!("{}: {error}", file.display())))?;
            let folder = self.directory.join("mappings");
            fs::create_dir_all(&folder)
                .map_err(|error| Trouble::failed(format!("{}: {error}", folder.display())))?;
            create(&folder.join(file.file_name().unwrap_or_default()), &text)?;
        }
        Ok(())
    }
}

fn create(path: &Path, text: &str) -> Result<(), Trouble> {
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Trouble::failed(format!("{} cannot be written: {error}", path.display())))
}

fn next_steps(composition: &Composition, directory: &str) -> Vec<String> {
    let mut steps = Vec::new();
    let mut step = |text: String| steps.push(format!("  {}. {text}", steps.len() + 1));
    if composition.open() > 0 {
        step(format!("Fill in what `ml-connector validate {directory}` names in ml-connector.yaml."));
    } else {
        step(format!(
            "Look at {directory}/ml-connector.yaml; `ml-connector validate {directory}` checks it."
        ));
    }
    for (name, docs) in composition.credentials() {
        step(format!("ml-connector secret set {name} --config {directory}   # {docs}"));
    }
    step(format!("ml-connector ping --config {directory}   # reaches both sides with your credentials"));
    step(format!("ml-connector run --config {directory}"));
    steps.insert(0, "Next:".to_owned());
    steps
}

fn readme(composition: &Composition) -> String {
    format!(
        "A configuration of ml-connector.\n\n\
         ml-connector.yaml  what runs, with which settings\n\
         mappings/          your own mappings and systems/ (if any), which replace shipped ones of the same name\n\
         master.key         opens the credentials in vault.json; keep a copy elsewhere, never beside the vault\n\
         vault.json         the credentials, encrypted\n\
         state/             what the engine remembers; back it up, never edit it\n\n{}\n",
        next_steps(composition, ".").join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::Sources;
    use crate::spec;

    fn composed(set: &[&str]) -> Composition {
        let (mapping, _) = spec::load_shipped("sage100-ups", &mut Sources::default());
        let mut composition = Composition::of(&[mapping.unwrap()]);
        set.iter().for_each(|text| assign::apply(&mut composition, text).unwrap());
        composition
    }

    fn findings(composition: &Composition) -> Vec<u32> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ml-connector.yaml"), composition.text()).unwrap();
        let mut sources = Sources::default();
        let (_, findings) = spec::load_config(directory.path(), &mut sources);
        findings.iter().map(|finding| sources.position(&finding.primary.span).line).collect()
    }

    #[test]
    fn validate_names_exactly_what_is_left_to_fill_in() {
        let composition = composed(&["sage100.company=ABC"]);
        let text = composition.text();
        let lines = text.lines().zip(1..).filter(|(line, _)| line.contains("# fill in"));
        assert_eq!(findings(&composition), lines.map(|(_, number)| number).collect::<Vec<_>>(), "{text}");
    }

    #[test]
    fn what_is_filled_in_validates() {
        let shipper = r#"ups.shipper={"name":"A","lines":["1 Main St"],"city":"Irvine","state":"CA","postal_code":"92618","country":"US"}"#;
        let url = "sage100.agent_url=https://sage.example.com";
        let composition = composed(&[
            "sage100.company=ABC",
            url,
            "ups.account=A1B2C3",
            shipper,
            "sage100-ups.max_price=99.5",
        ]);
        assert_eq!(composition.open(), 0);
        assert_eq!(findings(&composition), [0; 0], "{}", composition.text());
        assert!(composition.text().contains("      max_price: 99.5\n"));
    }

    #[test]
    fn nothing_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let args = || Args {
            directory: directory.path().join("shop"),
            mappings: vec!["sage100-ups".to_owned()],
            set: Vec::new(),
        };
        assert_eq!(args().run(&Output::default()).unwrap(), Exit::Fine);
        assert!(args().run(&Output::default()).unwrap_err().message.contains("nothing was changed"));
    }
}
