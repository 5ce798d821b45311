//! The one place that prints: data to standard output, everything else to standard error.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use clap::ValueEnum;
use serde::Serialize;

use super::outcome::Trouble;
use crate::base::environment;

/// How a command reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON value a line.
    Json,
}

/// How a command reports, as an argument of commands that do.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct FormatArg {
    /// How to report: for people, or one JSON value a line.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

impl FormatArg {
    /// Whether programs read it.
    pub fn json(self) -> bool {
        self.format == Format::Json
    }
}

/// Standard output and standard error.
#[derive(Debug, Default)]
pub struct Output {
    /// Why standard output takes no more.
    ended: OnceLock<io::Error>,
}

impl Output {
    /// Data: a line, or several.
    pub fn line(&self, text: impl AsRef<str>) {
        let text = text.as_ref();
        self.bytes(text.as_bytes());
        if !text.ends_with('\n') {
            self.bytes(b"\n");
        }
    }

    /// Data: one JSON value on a line of its own.
    pub fn json(&self, value: &impl Serialize) -> Result<(), Trouble> {
        let line = serde_json::to_string(value).map_err(Trouble::failed)?;
        self.line(line);
        Ok(())
    }

    /// Data: a list, of which at most `limit` were asked for (0 is all); `what` names one, `which` those that are shown.
    ///
    /// # Errors
    /// When one cannot be written as JSON.
    pub fn list<T: Serialize>(
        &self,
        items: &[T],
        format: FormatArg,
        (what, which): (&str, &str),
        limit: usize,
        text: impl FnOnce(&[T]) -> String,
    ) -> Result<(), Trouble> {
        if format.json() {
            items.iter().try_for_each(|item| self.json(item))?;
        } else if items.is_empty() {
            self.say(format!("no {what} matches"));
        } else {
            self.line(text(items));
        }
        if limit > 0 && items.len() == limit {
            self.say(format!("only the {which} {limit} are shown; --limit 0 shows all"));
        }
        Ok(())
    }

    /// Data as it is.
    pub fn bytes(&self, bytes: &[u8]) {
        if self.ended.get().is_some() {
            return;
        }
        let mut out = io::stdout().lock();
        if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
            self.ended.get_or_init(|| error);
        }
    }

    /// Says that data was lost, as on a full disk.
    ///
    /// # Errors
    /// When standard output did not take everything, unless whoever read it has seen enough (`| head`).
    pub fn complete(&self) -> Result<(), Trouble> {
        match self.ended.get() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Trouble::failed(format!(
                "standard output could not be written: {error}; what came is not all there is"
            ))),
            _ => Ok(()),
        }
    }

    /// Everything that is not data.
    pub fn say(&self, text: impl AsRef<str>) {
        complain(text.as_ref());
    }

    /// Whether a person watches standard error, where progress is shown.
    pub fn watched(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Whether standard output may carry colour.
    pub fn colour(&self) -> bool {
        io::stdout().is_terminal() && colour_wanted()
    }

    /// Whether standard error may carry colour.
    pub fn error_colour(&self) -> bool {
        io::stderr().is_terminal() && colour_wanted()
    }
}

/// A line on standard error, where no [`Output`] is at hand.
pub fn complain(text: &str) {
    let mut err = io::stderr().lock();
    // Without a standard error there is nobody to tell.
    let _ = writeln!(err, "{}", text.trim_end_matches('\n'));
}

fn colour_wanted() -> bool {
    let set = |name| environment::variable(name).filter(|value| !value.is_empty());
    set("NO_COLOR").is_none() && set("TERM").as_deref() != Some("dumb")
}
