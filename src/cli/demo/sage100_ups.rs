//! The pair Sage 100 and UPS: orders become shipments, and tracking numbers go back.

use std::future::Future;
use std::pin::Pin;

use super::carrier::Carrier;
use super::ending;
use super::stage::{Judged, Piece, Stage, listener};
use crate::cli::faults::Faults;
use crate::cli::outcome::Trouble;
use crate::simulator::{sage100, verdict};

/// Both simulators, running.
pub struct Sage100Ups {
    sage100: sage100::Handle,
    ups: Carrier,
}

impl Sage100Ups {
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
        Ok(Self { sage100, ups: Carrier::set("ups-a", seed, faults).await? })
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
        let mapping = "  sage100-ups:\n    connections: { erp: sage100-a, carrier: ups-a }\n".to_owned();
        let mut credentials = self.ups.credentials();
        credentials.extend([("sage100-a.api_key".to_owned(), sage100.api_key.clone().unwrap_or_default())]);
        Piece { connections, mapping, credentials }
    }

    fn judge(&self) -> Judged {
        let sage100 = self.sage100.system.state();
        let orders = sage100.due();
        Judged {
            verdict: verdict::verdict(&orders, &self.ups.state().sent()),
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
