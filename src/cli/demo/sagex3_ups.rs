//! The pair Sage X3 and UPS: sales and purchase orders become shipments, tracking numbers go back, and parcels are fetched.

use std::future::Future;
use std::pin::Pin;

use super::carrier::{Alerts, Carrier};
use super::ending;
use super::stage::{Judged, Leg, Piece, Stage, Wishes, listener};
use crate::cli::outcome::Trouble;
use crate::simulator::{delivery, sagex3, verdict};

/// Both simulators, running.
pub struct SageX3Ups {
    sagex3: sagex3::Handle,
    ups: Carrier,
}

impl SageX3Ups {
    /// Starts the simulators.
    ///
    /// # Errors
    /// When they cannot listen.
    pub async fn set(wishes: &Wishes) -> Result<Self, Trouble> {
        let Wishes { orders: count, seed, faults, .. } = *wishes;
        let orders = sagex3::Orders { seed, count, ..sagex3::Orders::default() };
        let options = sagex3::Options { orders, ..sagex3::Options::default() };
        let sagex3 =
            sagex3::SageX3::start(options, listener().await?).await.map_err(Trouble::cannot_start)?;
        faults.disturb_sagex3(sagex3.system.controls(), seed)?;
        Ok(Self { sagex3, ups: Carrier::set("ups-x", Alerts::Off, wishes).await? })
    }
}

impl Stage for SageX3Ups {
    fn pair(&self) -> &'static str {
        "sagex3-ups"
    }

    fn order_flows(&self) -> &'static [&'static str] {
        &["ship_orders", "ship_purchases"]
    }

    fn addresses(&self) -> String {
        format!("{} and {}", self.sagex3.address, self.ups.address())
    }

    fn piece(&self) -> Piece {
        let sagex3 = self.sagex3.system.options();
        let url = self.sagex3.url();
        let connections = format!(
            "  x3:\n    system: sagex3\n    settings:\n      url: {url}\n      endpoint: {}\n  \
             x3-soap:\n    system: sagex3-soap\n    settings:\n      url: {url}\n      pool: {}\n{}",
            sagex3.endpoint,
            sagex3.pool,
            self.ups.connection(),
        );
        let mapping = "  sagex3-ups:\n    connections: { erp: x3, erp_soap: x3-soap, carrier: ups-x }\n    settings:\n      sites:\n        \
             NA011: { name: Demo Shop, phone: \"9495550100\", lines: [26601 Aliso Creek Rd], city: Irvine, state: CA, postal_code: \"92618\", country: US }\n"
            .to_owned();
        let mut credentials = self.ups.credentials();
        credentials.extend([
            ("x3.username".to_owned(), sagex3.user.clone()),
            ("x3.password".to_owned(), sagex3.password.clone()),
            ("x3-soap.username".to_owned(), sagex3.user.clone()),
            ("x3-soap.password".to_owned(), sagex3.password.clone()),
        ]);
        Piece { connections, mapping, credentials }
    }

    fn carry(&self, leg: Leg) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.ups.carry(leg))
    }

    fn judge(&self) -> Judged {
        let orders = [self.sagex3.system.orders(), self.sagex3.system.purchase_orders()].concat();
        let verdict = verdict::verdict(&orders, &self.ups.state().sent());
        let saw =
            vec![ending::saw("Sage X3", &orders, &self.sagex3.system.controls().summary()), self.ups.saw()];
        let doubled = self.sagex3.system.state().write_backs_doubled;
        let deliveries = delivery::deliveries(&orders, &self.ups.carriage(), doubled);
        Judged { verdict, deliveries, orders, saw }
    }

    fn stop(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            self.sagex3.stop().await;
            self.ups.stop().await;
        })
    }
}
