//! UPS as the carrier of a pair: its simulator, and the connection to it.

use super::ending;
use super::stage::listener;
use crate::cli::faults::Faults;
use crate::cli::outcome::Trouble;
use crate::simulator::ups;

/// A UPS simulator of one pair's own.
pub struct Carrier {
    /// The connection's name.
    name: &'static str,
    handle: ups::Handle,
}

impl Carrier {
    /// Starts the simulator.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn set(name: &'static str, seed: u64, faults: Faults) -> Result<Self, Trouble> {
        let options = ups::Options { seed, ..ups::Options::default() };
        let handle = ups::Ups::start(options, listener().await?).await.map_err(Trouble::cannot_start)?;
        faults.disturb_ups(handle.system.controls(), seed)?;
        Ok(Self { name, handle })
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.handle.address.to_string()
    }

    /// The connection, as it stands below `connections:`.
    pub fn connection(&self) -> String {
        format!(
            "  {}:\n    system: ups\n    settings:\n      base_url: {}\n      account: {}\n      \
             shipper: {{ name: Demo Shop, phone: \"9495550100\", lines: [26601 Aliso Creek Rd], city: Irvine, state: CA, postal_code: \"92618\", country: US }}\n      \
             # The simulator's own figures: it shows a shipment at once, and never books one late by a second.\n      \
             rate_limit: 600000\n      timeout: 5s\n      late_effect: 1s\n      lookup_lag: 1s\n      when_absent: recreate\n",
            self.name,
            self.handle.url(),
            self.handle.system.options().account,
        )
    }

    /// What the vault must hold for it.
    pub fn credentials(&self) -> Vec<(String, String)> {
        let options = self.handle.system.options();
        vec![
            (format!("{}.client_id", self.name), options.client_id.clone()),
            (format!("{}.client_secret", self.name), options.client_secret.clone()),
        ]
    }

    /// Its books.
    pub fn state(&self) -> ups::State {
        self.handle.system.state()
    }

    /// What it saw, for people.
    pub fn saw(&self) -> String {
        ending::saw_ups(&self.handle.system.summary(), &self.handle.system.controls().summary())
    }

    /// Stops the simulator.
    pub async fn stop(self) {
        self.handle.stop().await;
    }
}
