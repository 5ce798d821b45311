//! The pair SYSPRO and UPS: orders that are ready become shipments, and what they cost goes back with their numbers.

use std::future::Future;
use std::pin::Pin;

use super::carrier::{Alerts, Carrier, LOOK_EVERY};
use super::ending;
use super::stage::{Judged, Leg, Piece, Stage, Wishes, listener};
use crate::cli::outcome::Trouble;
use crate::simulator::{delivery, syspro, verdict};

/// The field of the custom form that tracking numbers go into, and how many characters it holds.
const TRACKING_FIELD: &str = "TrackingNo";
const TRACKING_LENGTH: usize = 400;

/// Both simulators, running.
pub struct SysproUps {
    syspro: syspro::Handle,
    ups: Carrier,
}

impl SysproUps {
    /// Starts the simulators.
    ///
    /// # Errors
    /// When they cannot listen.
    pub async fn set(wishes: &Wishes) -> Result<Self, Trouble> {
        let Wishes { orders: count, seed, faults, .. } = *wishes;
        let orders = syspro::Orders { seed, count, ..syspro::Orders::default() };
        let mut options = syspro::Options { orders, ..syspro::Options::default() };
        // Room for the numbers of the heaviest orders: the form's fields are the site's own.
        if let Some((_, length)) = options.custom_fields.iter_mut().find(|(name, _)| name == TRACKING_FIELD) {
            *length = TRACKING_LENGTH;
        }
        let syspro =
            syspro::Syspro::start(options, listener().await?).await.map_err(Trouble::cannot_start)?;
        faults.disturb_syspro(syspro.system.controls(), seed)?;
        Ok(Self { syspro, ups: Carrier::set("ups-s", Alerts::V1, wishes).await? })
    }
}

impl Stage for SysproUps {
    fn pair(&self) -> &'static str {
        "syspro-ups"
    }

    fn order_flows(&self) -> &'static [&'static str] {
        &["ship_orders"]
    }

    fn addresses(&self) -> String {
        format!("{} and {}", self.syspro.address, self.ups.address())
    }

    fn piece(&self) -> Piece {
        let syspro = self.syspro.system.options();
        let url = self.syspro.url();
        let connections = format!(
            "  syspro:\n    system: syspro\n    settings:\n      rest_url: {url}/SYSPROWCFService/Rest\n      company: {}\n  \
             syspro-odata:\n    system: syspro-odata\n    settings:\n      base_url: {url}/SYSPRO8Odata/SYSPROOData\n      time_zone: {}\n{}",
            syspro.company,
            syspro.zone,
            self.ups.connection(),
        );
        let mapping = format!(
            "  syspro-ups:\n    connections: {{ erp: syspro-odata, enet: syspro, carrier: ups-s }}\n    \
             settings: {{ tracking_field: {TRACKING_FIELD}, tracking_length: {TRACKING_LENGTH}, track_alert: true, look_every: {}s }}\n",
            LOOK_EVERY.as_secs()
        );
        let mut credentials = self.ups.credentials();
        credentials.extend([
            ("syspro.operator".to_owned(), syspro.operator.clone()),
            ("syspro.operator_password".to_owned(), syspro.operator_password.clone()),
            ("syspro.company_password".to_owned(), syspro.company_password.clone()),
            ("syspro-odata.operator".to_owned(), syspro.operator.clone()),
            ("syspro-odata.operator_password".to_owned(), syspro.operator_password.clone()),
        ]);
        Piece { connections, mapping, credentials }
    }

    fn carry(&self, leg: Leg) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.ups.carry(leg))
    }

    fn judge(&self) -> Judged {
        let orders = self.syspro.system.orders();
        let verdict = verdict::verdict(&orders, &self.ups.state().sent());
        let saw =
            vec![ending::saw("SYSPRO", &orders, &self.syspro.system.controls().summary()), self.ups.saw()];
        let doubled = self.syspro.system.state().write_backs_doubled;
        let deliveries = delivery::deliveries(&orders, &self.ups.carriage(), doubled);
        Judged { verdict, deliveries, orders, saw }
    }

    fn stop(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            self.syspro.stop().await;
            self.ups.stop().await;
        })
    }
}
