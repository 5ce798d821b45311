//! `ml-connector secret`: the encrypted credential store.
//!
//! Reading order: [`value`] how a value comes in without being shown, [`needed`] which credentials there can be.

pub mod needed;
pub mod value;

use clap::Subcommand;
use serde_json::json;

use self::needed::Needed;
use self::value::ValueArgs;
use super::outcome::{Exit, Outcome, Trouble};
use super::output::{FormatArg, Output};
use super::table;
use super::workspace::{ConfigArg, Workspace};
use crate::vault::{Listed, Vault};

/// Keeps the credentials of connections, encrypted under the master key.
///
/// A credential is called `connection.credential`, such as `ups.client_id`. Its value is never an argument: it is asked
/// for, or read from standard input, a file or a variable. A running engine takes a change up by itself.
///
/// Example: `ml-connector secret set ups.client_id`, `printf %s "$KEY" | ml-connector secret set sage100.api_key`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Sets a credential; an earlier value is forgotten.
    Set {
        /// `connection.credential`.
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        value: ValueArgs,
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Lists the credentials that the configuration needs and has, without values.
    List {
        #[command(flatten)]
        config: ConfigArg,
        #[command(flatten)]
        format: FormatArg,
    },
    /// Sets a new value and keeps the one before it, which is tried where the new one is not accepted yet.
    Rotate {
        /// `connection.credential`.
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        value: ValueArgs,
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Ends a rotation: forgets the value before the newest.
    Retire {
        /// `connection.credential`.
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Removes a credential.
    Remove {
        /// `connection.credential`.
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        config: ConfigArg,
    },
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When the vault cannot be opened, or there is no such credential.
    pub fn run(self, output: &Output) -> Outcome {
        match self.action {
            Action::Set { name, value, config } => {
                let workspace = named(&config, &name, output)?;
                let vault = workspace.vault()?;
                let secret = value.read(&name)?;
                vault.set(&name, &secret, workspace.clock.now()).map_err(Trouble::failed)?;
                output.say(format!("{name} is set"));
            }
            Action::List { config, format } => {
                let workspace = Workspace::load(&config, output)?;
                list(&workspace, &*workspace.vault()?, format, output)?;
            }
            Action::Retire { name, config } => {
                let vault = named(&config, &name, output)?.vault()?;
                let removed = vault.remove_previous(&name).map_err(Trouble::failed)?;
                output.say(if removed {
                    format!("the value of {name} before is forgotten")
                } else {
                    format!("{name} has one value only")
                });
            }
            Action::Rotate { name, value, config } => {
                let workspace = named(&config, &name, output)?;
                let vault = workspace.vault()?;
                let secret = value.read(&name)?;
                vault.rotate(&name, &secret, workspace.clock.now()).map_err(Trouble::failed)?;
                output.say(format!("{name} has a new value; `secret retire {name}` forgets the one before"));
            }
            Action::Remove { name, config } => {
                // A credential of a connection that is gone may be removed, too.
                let workspace = Workspace::load(&config, output)?;
                if !workspace.vault()?.remove(&name).map_err(Trouble::failed)? {
                    return Err(Trouble::failed(format!("{name} is not in the vault")));
                }
                output.say(format!("{name} is removed"));
            }
        }
        Ok(Exit::Fine)
    }
}

/// The workspace, if its configuration can have a credential of this name.
fn named(config: &ConfigArg, name: &str, output: &Output) -> Result<Workspace, Trouble> {
    let workspace = Workspace::load(config, output)?;
    needed::check(&workspace.config, name)?;
    Ok(workspace)
}

fn list(workspace: &Workspace, vault: &Vault, format: FormatArg, output: &Output) -> Result<(), Trouble> {
    let listed = vault.list();
    let rows = needed::of(&workspace.config);
    let find = |name: &str| listed.iter().find(|listed| listed.name == name);
    let strays = listed.iter().filter(|listed| rows.iter().all(|row| row.name != listed.name));
    let strays = strays.map(|stray| Needed {
        name: stray.name.clone(),
        docs: "No connection has this credential.".to_owned(),
        needed: false,
    });
    let all = rows.iter().cloned().chain(strays);
    if format.json() {
        for Needed { name, docs, needed } in all {
            let values = find(&name).map(|listed| listed.values.as_slice()).unwrap_or_default();
            let set = values.first().map(|value| value.created);
            output.json(
                &json!({ "name": name, "set": set, "values": values.len(), "needed": needed, "docs": docs }),
            )?;
        }
        return Ok(());
    }
    let row = |Needed { name, docs, needed }: Needed| {
        let docs = if needed { docs } else { format!("{docs} (not needed)") };
        vec![name.clone(), state(find(&name)), docs]
    };
    output.line(table::columns(&["CREDENTIAL", "SET", ""], all.map(row)));
    Ok(())
}

fn state(listed: Option<&Listed>) -> String {
    match listed.map(|listed| listed.values.as_slice()) {
        None | Some([]) => "no".to_owned(),
        Some([value]) => table::time(value.created),
        Some([value, ..]) => format!("{} (and the one before)", table::time(value.created)),
    }
}
