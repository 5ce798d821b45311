//! The pair Sage 100 and UPS: its simulators, and a configuration that points at them.

use std::path::Path;

use tokio::net::TcpListener;

use super::ending::{self, Ending};
use crate::base::{Clock, Secret, SystemClock};
use crate::cli::faults::Faults;
use crate::cli::outcome::Trouble;
use crate::simulator::{sage100, ups, verdict};
use crate::store::Record;
use crate::vault::{MasterKey, Vault};

/// Both simulators, running.
pub struct Stage {
    sage100: sage100::Handle,
    ups: ups::Handle,
}

impl Stage {
    /// Starts the simulators with `orders` made-up orders.
    ///
    /// # Errors
    /// When they cannot listen.
    pub async fn set(orders: usize, seed: u64, faults: Faults) -> Result<Self, Trouble> {
        let orders = sage100::Orders { seed, count: orders, ..sage100::Orders::default() };
        let options = sage100::Options { orders, ..sage100::Options::default() };
        let sage100 =
            sage100::Sage100::start(options, listener().await?).await.map_err(Trouble::cannot_start)?;
        faults.disturb_sage100(sage100.system.controls(), seed)?;
        let options = ups::Options { seed, ..ups::Options::default() };
        let ups = ups::Ups::start(options, listener().await?).await.map_err(Trouble::cannot_start)?;
        faults.disturb_ups(ups.system.controls(), seed)?;
        Ok(Self { sage100, ups })
    }

    /// Where the simulators listen.
    pub fn addresses(&self) -> String {
        format!("{} and {}", self.sage100.address, self.ups.address)
    }

    /// Writes a configuration for them, with their credentials in its vault.
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn configure(&self, home: &Path) -> Result<(), Trouble> {
        let file = home.join("ml-connector.yaml");
        std::fs::write(&file, self.configuration()).map_err(|error| {
            Trouble::cannot_start(format!("{} cannot be written: {error}", file.display()))
        })?;
        let key = MasterKey::generate_file(&home.join("master.key")).map_err(Trouble::cannot_start)?;
        let vault = Vault::open(home, key).map_err(Trouble::cannot_start)?;
        let (sage100, ups) = (self.sage100.system.options(), self.ups.system.options());
        let credentials = [
            ("sage100.api_key", sage100.api_key.as_deref().unwrap_or_default()),
            ("ups.client_id", &ups.client_id),
            ("ups.client_secret", &ups.client_secret),
        ];
        for (name, value) in credentials {
            vault.set(name, &Secret::new(value), SystemClock.now()).map_err(Trouble::cannot_start)?;
        }
        Ok(())
    }

    fn configuration(&self) -> String {
        let (sage100, ups) = (self.sage100.system.options(), self.ups.system.options());
        format!(
            "# Made by `ml-connector demo`; it points at simulators that run only as long as the demo does.\n\
             connections:\n  \
               sage100:\n    \
                 system: sage100\n    \
                 settings:\n      \
                   agent_url: {sage100_url}\n      \
                   company: {company}\n      \
                   time_zone: {zone}\n  \
               ups:\n    \
                 system: ups\n    \
                 settings:\n      \
                   base_url: {ups_url}\n      \
                   account: {account}\n      \
                   shipper: {{ name: Demo Shop, phone: \"9495550100\", lines: [26601 Aliso Creek Rd], city: Irvine, state: CA, postal_code: \"92618\", country: US }}\n      \
                   # The simulator's own figures: it shows a shipment at once, and never books one late by a second.\n      \
                   rate_limit: 600000\n      \
                   timeout: 5s\n      \
                   late_effect: 1s\n      \
                   lookup_lag: 1s\n      \
                   when_absent: recreate\n\
             mappings:\n  \
               sage100-ups:\n    \
                 connections: {{ erp: sage100, carrier: ups }}\n",
            sage100_url = self.sage100.url(),
            company = sage100.company,
            zone = sage100.zone,
            ups_url = self.ups.url(),
            account = ups.account,
        )
    }

    /// Stops the simulators and compares what they saw with what the engine says.
    pub async fn end(
        self,
        pair: &str,
        records: &[Record],
        troubles: Vec<(String, String)>,
        seconds: f64,
    ) -> Ending {
        let (sage100, ups) = (self.sage100.system.state(), self.ups.system.state());
        let verdict = verdict::verdict(&sage100, &ups);
        let saw = vec![
            ending::saw_sage100(&sage100, &self.sage100.system.controls().summary()),
            ending::saw_ups(&self.ups.system.summary(), &self.ups.system.controls().summary()),
        ];
        self.sage100.stop().await;
        self.ups.stop().await;
        let unexpected = ending::compare(&sage100.orders, records);
        Ending {
            pair: pair.to_owned(),
            verdict,
            saw,
            unexpected,
            troubles,
            seconds,
            ..Ending::count(records)
        }
    }
}

async fn listener() -> Result<TcpListener, Trouble> {
    TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| {
        Trouble::cannot_start(format!("no port of this machine can be listened at: {error}"))
    })
}
