//! UPS as the carrier of a pair: its simulator, and the connection to it.

use std::time::Duration;

use super::ending;
use super::stage::{Leg, Wishes, all_told, listener};
use crate::cli::outcome::Trouble;
use crate::simulator::delivery::Carriage;
use crate::simulator::ups::{self, Scan};

/// Every so-manieth parcel meets with something out of the normal on its way.
const TROUBLED: usize = 8;

/// What UPS calls itself where it fetches its tokens.
const PUSH_CLIENT: &str = "ups-pubsub";

/// How often UPS is asked for each parcel of a pair to which it pushes: seldom enough that most is told before it is asked.
pub const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How UPS tells what becomes of parcels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alerts {
    /// It is only asked.
    Off,
    /// Track Alert v1: each subscription has its destination and its credential.
    V1,
    /// Track Alert v2: with a token that UPS fetches from us.
    V2,
}

impl Alerts {
    /// As the connection has it.
    fn setting(self) -> &'static str {
        match self {
            Self::Off => "\"off\"",
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}

/// A UPS simulator of one pair's own.
pub struct Carrier {
    /// The connection's name.
    name: &'static str,
    alerts: Alerts,
    handle: ups::Handle,
}

impl Carrier {
    /// Starts the simulator.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn set(name: &'static str, alerts: Alerts, wishes: &Wishes) -> Result<Self, Trouble> {
        // What the owner of an app enters in UPS's portal.
        let webhook = ups::Webhook {
            url: format!("{}/hooks/{name}/track_alert", wishes.intake),
            token_url: format!("{}/token/{name}", wishes.intake),
            client_id: PUSH_CLIENT.to_owned(),
            client_secret: format!("{name}-push-secret"),
        };
        let options = ups::Options {
            seed: wishes.seed,
            webhook: (alerts == Alerts::V2).then_some(webhook),
            ..ups::Options::default()
        };
        let handle = ups::Ups::start(options, listener().await?).await.map_err(Trouble::cannot_start)?;
        handle.system.outbox().set_manner(wishes.manner());
        wishes.faults.disturb_ups(handle.system.controls(), wishes.seed)?;
        Ok(Self { name, alerts, handle })
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
             rate_limit: 600000\n      timeout: 5s\n      late_effect: 1s\n      lookup_lag: 1s\n      when_absent: recreate\n      track_alert: {}\n",
            self.name,
            self.handle.url(),
            self.handle.system.options().account,
            self.alerts.setting(),
        )
    }

    /// What the vault must hold for it.
    pub fn credentials(&self) -> Vec<(String, String)> {
        let options = self.handle.system.options();
        let credential = |name: &str, value: &str| (format!("{}.{name}", self.name), value.to_owned());
        let mut credentials = vec![
            credential("client_id", &options.client_id),
            credential("client_secret", &options.client_secret),
        ];
        match self.alerts {
            Alerts::Off => {}
            Alerts::V1 => credentials.push(credential("push_credential", &format!("{}-push", self.name))),
            Alerts::V2 => credentials.extend([
                credential("push_client_id", PUSH_CLIENT),
                credential("push_client_secret", &format!("{}-push-secret", self.name)),
            ]),
        }
        credentials
    }

    /// Parcels travel, and whoever wants to hear of it hears.
    pub async fn carry(&self, leg: Leg) {
        let ups = &self.handle.system;
        let live = ups.state().shipments.into_iter().filter(ups::Shipment::is_live);
        let numbers = live.flat_map(|shipment| shipment.packages).map(|parcel| parcel.tracking_number);
        for (at, number) in numbers.enumerate() {
            let scans: &[Scan] = match leg {
                Leg::Collected => &[Scan::PickedUp, Scan::InTransit],
                Leg::Underway if at % TROUBLED == 0 => &[Scan::Exception],
                Leg::Underway => &[Scan::Preparing, Scan::OutForDelivery],
                Leg::Delivered => &[Scan::Delivered],
                Leg::Still => &[],
            };
            // A parcel that was voided meanwhile does not travel, which is no lie.
            scans.iter().for_each(|scan| drop(ups.advance(&number, *scan)));
        }
        all_told(ups.outbox()).await;
        if leg == Leg::Still && self.alerts != Alerts::Off {
            // By then every parcel has been asked for after it last moved.
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What it knows of parcels, and has told.
    pub fn carriage(&self) -> Carriage {
        self.handle.system.carriage()
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
