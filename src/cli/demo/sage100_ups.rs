//! The pair Sage 100 and UPS: orders become shipments, and tracking numbers go back.

use std::future::Future;
use std::pin::Pin;

use super::carrier::{Alerts, Carrier, LOOK_EVERY};
use super::ending;
use super::stage::{Judged, Leg, Piece, Stage, Wishes, listener};
use crate::cli::outcome::Trouble;
use crate::simulator::{delivery, sage100, verdict};

/// Both simulators, running.
pub struct Sage100Ups {
    sage100: sage100::Handle,
    ups: Carrier,
}

impl Sage100Ups {
    /// Starts the simulators.
    ///
    /// # Errors
    /// When they cannot listen.
    pub async fn set(wishes: &Wishes) -> Result<Self, Trouble> {
        let Wishes { orders: count, seed, faults, .. } = *wishes;
        let orders = sage100::Orders { seed, count, ..sage100::Orders::default() };
        let options = sage100::Options { orders, ..sage100::Options::default() };
        let sage100 =
            sage100::Sage100::start(options, listener().await?).await.map_err(Trouble::cannot_start)?;
        faults.disturb_sage100(sage100.system.controls(), seed)?;
        Ok(Self { sage100, ups: Carrier::set("ups-a", Alerts::V2, wishes).await? })
    }
}

impl Stage for Sage100Ups {
    fn pair(&self) -> &'static str {
        "sage100-ups"
    }

    fn order_flows(&self) -> &'static [&'static str] {
        &["ship_orders"]
    }

    fn addresses(&self) -> String {
        format!("{} and {}", self.sage100.address, self.ups.address())
    }

    fn piece(&self) -> Piece {
        let sage100 = self.sage100.system.options();
        let connections = format!(
            "  sage100-a:\n    system: sage100\n    settings:\n      agent_url: {}\n      company: {}\n      time_zone: {}\n{}",
            self.sage100.url(),
            sage100.company,
            sage100.zone,
            self.ups.connection(),
        );
        let mapping = format!(
            "  sage100-ups:\n    connections: {{ erp: sage100-a, carrier: ups-a }}\n    \
             settings: {{ track_alert: true, look_every: {}s }}\n",
            LOOK_EVERY.as_secs()
        );
        let mut credentials = self.ups.credentials();
        credentials.extend([("sage100-a.api_key".to_owned(), sage100.api_key.clone().unwrap_or_default())]);
        Piece { connections, mapping, credentials }
    }

    fn carry(&self, leg: Leg) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.ups.carry(leg))
    }

    fn judge(&self) -> Judged {
        let sage100 = self.sage100.system.state();
        let orders = sage100.due();
        Judged {
            verdict: verdict::verdict(&orders, &self.ups.state().sent()),
            deliveries: delivery::deliveries(&orders, &self.ups.carriage(), sage100.write_backs_doubled),
            orders,
            saw: vec![
                ending::saw_sage100(&sage100, &self.sage100.system.controls().summary()),
                self.ups.saw(),
            ],
        }
    }

    fn stop(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            self.sage100.stop().await;
            self.ups.stop().await;
        })
    }
}
