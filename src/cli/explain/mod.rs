//! `ml-connector explain`: says in plain words what a mapping does.
//!
//! Reading order: [`story`] what there is to tell, from the checked model only, with the [`sources`] and [`steps`]; [`effects`] what
//! must happen once; [`text`] the story for people; [`diagram`] the story as a Mermaid flowchart.

pub mod diagram;
pub mod effects;
pub mod sources;
pub mod steps;
pub mod story;
pub mod text;

use clap::ValueEnum;

use super::library;
use super::outcome::{Exit, Outcome};
use super::output::Output;
use super::workspace::ConfigArg;

/// Says in plain words what a mapping does, with a diagram.
///
/// What is polled when and how new records are found, which records are taken, what each step asks or tells, what is
/// never repeated and how a lost answer is found out, what parks a record, and what the settings mean.
///
/// Example: `ml-connector explain sage100-ups`, `ml-connector explain my.yaml --format mermaid`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of a shipped mapping or of one in the configuration, or a file.
    #[arg(value_name = "MAPPING")]
    mapping: String,
    /// For people, as JSON, or only the diagram.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: ExplainFormat,
    #[command(flatten)]
    config: ConfigArg,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ExplainFormat {
    #[default]
    Human,
    Json,
    Mermaid,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When there is no such mapping, or it does not validate.
    pub fn run(&self, output: &Output) -> Outcome {
        library::check_named(&self.config)?;
        let mapping = library::mapping(&self.mapping, &self.config, output)?;
        let story = story::of(&mapping);
        match self.format {
            ExplainFormat::Human => output.line(text::of(&story)),
            ExplainFormat::Json => output.json(&story)?,
            ExplainFormat::Mermaid => output.line(diagram::of(&story)),
        }
        Ok(Exit::Fine)
    }
}
