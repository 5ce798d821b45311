//! How badly simulators behave: nothing, what a normal week brings, or a bad day.

use std::time::Duration;

use clap::ValueEnum;

use super::outcome::Trouble;
use crate::simulator::faults::{Fault, Rule};
use crate::simulator::system::Desk;

/// How badly simulators behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Faults {
    /// They always answer.
    None,
    /// Now and then a lost answer, a busy server, a locked order.
    #[default]
    Some,
    /// A bad day.
    Many,
}

impl Faults {
    /// Switches UPS's faults on.
    ///
    /// # Errors
    /// Never with the rules here.
    pub fn disturb_ups(self, desk: &Desk, seed: u64) -> Result<(), Trouble> {
        switch_on(desk, self.ups(), seed)
    }

    /// Switches Sage's faults on.
    ///
    /// # Errors
    /// Never with the rules here.
    pub fn disturb_sage100(self, desk: &Desk, seed: u64) -> Result<(), Trouble> {
        switch_on(desk, self.sage100(), seed)
    }

    /// Switches Sage 300's faults on.
    ///
    /// # Errors
    /// Never with the rules here.
    pub fn disturb_sage300(self, desk: &Desk, seed: u64) -> Result<(), Trouble> {
        switch_on(desk, self.sage300(), seed)
    }

    /// Switches Sage X3's faults on.
    ///
    /// # Errors
    /// Never with the rules here.
    pub fn disturb_sagex3(self, desk: &Desk, seed: u64) -> Result<(), Trouble> {
        switch_on(desk, self.sagex3(), seed)
    }

    /// Switches SYSPRO's faults on.
    ///
    /// # Errors
    /// Never with the rules here.
    pub fn disturb_syspro(self, desk: &Desk, seed: u64) -> Result<(), Trouble> {
        switch_on(desk, self.syspro(), seed)
    }

    /// Switches ShipStation's faults on.
    ///
    /// # Errors
    /// Never with the rules here.
    pub fn disturb_shipstation(self, desk: &Desk, seed: u64) -> Result<(), Trouble> {
        switch_on(desk, self.shipstation(), seed)
    }

    /// The first rule that strikes decides: those for one operation come before those for all.
    fn ups(self) -> Vec<Rule> {
        let (ship, any) = (["POST", "/api/shipments/*/ship"], ["*", "/api/*"]);
        let rule = |fault, [method, path]: [&str; 2], rate| rule(fault, method, path, rate);
        match self {
            Self::None => Vec::new(),
            Self::Some => vec![
                rule(Fault::ActThenDrop, ship, 0.04),
                busy(rule(Fault::Status429, any, 0.01)),
                rule(Fault::Status503, any, 0.01),
            ],
            Self::Many => vec![
                rule(Fault::ActThenDrop, ship, 0.06),
                rule(Fault::ActThenStatus500, ship, 0.03),
                rule(Fault::TruncatedBody, ship, 0.03),
                rule(Fault::DropBeforeActing, ship, 0.03),
                rule(Fault::LateAct, ship, 0.02).lasting(Duration::from_millis(400)),
                rule(Fault::TokenExpired, any, 0.01).times(1),
                rule(Fault::HtmlError, any, 0.01),
                busy(rule(Fault::Status429, any, 0.03)),
                rule(Fault::Status503, any, 0.03),
                rule(Fault::Slow, any, 0.02).lasting(Duration::from_millis(300)),
            ],
        }
    }

    fn sage100(self) -> Vec<Rule> {
        let (write, list) = (["PUT", "/v1/*/tracking"], ["GET", "/v1/*/tables/*"]);
        let rule = |fault, [method, path]: [&str; 2], rate| rule(fault, method, path, rate);
        match self {
            Self::None => Vec::new(),
            Self::Some => {
                vec![rule(Fault::RecordLock, write, 0.05), rule(Fault::DuplicatePage, list, 1.0).times(1)]
            }
            Self::Many => vec![
                rule(Fault::RecordLock, write, 0.1),
                rule(Fault::NoLicence, write, 0.05),
                rule(Fault::ActThenDrop, write, 0.03),
                rule(Fault::DuplicatePage, list, 1.0).times(1),
                rule(Fault::PoolBusy, list, 1.0).times(1),
                rule(Fault::Status503, ["*", "/v1/*"], 0.02),
            ],
        }
    }

    /// Stalls without an answer take a while here, so that callers with a deadline meet it.
    fn sage300(self) -> Vec<Rule> {
        let (write, list, any) =
            (["POST", "/Sage300WebApi/*"], ["GET", "/Sage300WebApi/*"], ["*", "/Sage300WebApi/*"]);
        let rule = |fault, [method, path]: [&str; 2], rate| rule(fault, method, path, rate);
        match self {
            Self::None => Vec::new(),
            Self::Some => vec![
                rule(Fault::ActThenDrop, write, 0.03),
                rule(Fault::PoolBusy, any, 0.01),
                rule(Fault::DuplicatePage, list, 1.0).times(1),
            ],
            Self::Many => vec![
                rule(Fault::ActThenDrop, write, 0.05),
                rule(Fault::RecordLock, write, 0.05),
                rule(Fault::ActThenTimeout, any, 0.005).lasting(Duration::from_secs(60)),
                rule(Fault::TruncatedBody, list, 0.01),
                rule(Fault::Slow, any, 0.02).lasting(Duration::from_millis(800)),
                rule(Fault::PoolBusy, any, 0.02),
                rule(Fault::NoLicence, any, 0.01),
                rule(Fault::Status503, any, 0.02),
                rule(Fault::DuplicatePage, list, 1.0).times(1),
            ],
        }
    }

    fn sagex3(self) -> Vec<Rule> {
        let (write, list, any) = (["POST", "/soap-generic/*"], ["GET", "/api1/*ORDER"], ["*", "/api1/*"]);
        let rule = |fault, [method, path]: [&str; 2], rate| rule(fault, method, path, rate);
        match self {
            Self::None => Vec::new(),
            Self::Some => vec![
                rule(Fault::RecordLock, write, 0.05),
                rule(Fault::PoolBusy, write, 0.02),
                rule(Fault::DuplicatePage, list, 1.0).times(1),
            ],
            Self::Many => vec![
                rule(Fault::RecordLock, write, 0.1),
                rule(Fault::PoolBusy, write, 0.05),
                rule(Fault::ActThenDrop, write, 0.03),
                rule(Fault::DuplicatePage, list, 1.0).times(1),
                rule(Fault::HtmlError, any, 0.01),
                rule(Fault::TruncatedBody, any, 0.01),
                rule(Fault::Status503, any, 0.02),
            ],
        }
    }

    /// A token that expires is a session that somebody's logon ended.
    fn syspro(self) -> Vec<Rule> {
        let (write, enet, odata) = (
            ["GET", "/SYSPROWCFService/Rest/Transaction/Post"],
            ["GET", "/SYSPROWCFService/Rest/*"],
            ["GET", "/SYSPRO8Odata/*"],
        );
        let rule = |fault, [method, path]: [&str; 2], rate| rule(fault, method, path, rate);
        match self {
            Self::None => Vec::new(),
            Self::Some => vec![
                rule(Fault::RecordLock, write, 0.05),
                rule(Fault::TokenExpired, write, 0.02).times(2),
                rule(Fault::Status503, odata, 0.01),
            ],
            Self::Many => vec![
                rule(Fault::RecordLock, write, 0.08),
                rule(Fault::ActThenDrop, write, 0.05),
                rule(Fault::TruncatedBody, write, 0.02),
                rule(Fault::TokenExpired, write, 0.04).times(4),
                rule(Fault::HtmlError, enet, 0.01),
                rule(Fault::Status500, enet, 0.02),
                rule(Fault::Status503, odata, 0.03),
                rule(Fault::Slow, odata, 0.02).lasting(Duration::from_millis(300)),
            ],
        }
    }

    /// V1's paths begin with what they are about, V2's with `/v2`.
    fn shipstation(self) -> Vec<Rule> {
        let (orders, shipments) = (["POST", "/orders/createorder*"], ["POST", "/v2/shipments"]);
        let (lists, any) = (["GET", "/orders*"], ["*", "/*"]);
        let rule = |fault, [method, path]: [&str; 2], rate| rule(fault, method, path, rate);
        match self {
            Self::None => Vec::new(),
            Self::Some => vec![
                rule(Fault::ActThenDrop, orders, 0.03),
                rule(Fault::ActThenDrop, shipments, 0.03),
                rule(Fault::DuplicatePage, lists, 1.0).times(1),
                rule(Fault::Status500, any, 0.01),
            ],
            Self::Many => vec![
                rule(Fault::ActThenDrop, orders, 0.05),
                rule(Fault::ActThenStatus500, orders, 0.03),
                rule(Fault::ActThenDrop, shipments, 0.05),
                rule(Fault::TruncatedBody, shipments, 0.03),
                rule(Fault::DropBeforeActing, shipments, 0.03),
                rule(Fault::LateAct, shipments, 0.02).lasting(Duration::from_millis(400)),
                rule(Fault::ActThenDrop, ["POST", "/v2/inventory"], 0.03),
                rule(Fault::DuplicatePage, lists, 1.0).times(2),
                rule(Fault::DuplicatePage, ["GET", "/shipments"], 1.0).times(2),
                rule(Fault::HtmlError, any, 0.01),
                busy(rule(Fault::Status429, any, 0.02)),
                rule(Fault::Status503, any, 0.02),
                rule(Fault::Slow, any, 0.02).lasting(Duration::from_millis(300)),
            ],
        }
    }
}

fn switch_on(desk: &Desk, rules: Vec<Rule>, seed: u64) -> Result<(), Trouble> {
    for mut rule in rules {
        rule.seed = seed;
        desk.switch_on(rule).map_err(Trouble::cannot_start)?;
    }
    Ok(())
}

fn rule(fault: Fault, method: &str, path: &str, rate: f64) -> Rule {
    let mut rule = Rule::every(fault).at_random(rate, 0);
    rule.method = (method != "*").then(|| method.to_owned());
    rule.path = Some(path.to_owned());
    rule
}

fn busy(mut rule: Rule) -> Rule {
    rule.retry_after = Some("1".to_owned());
    rule
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SystemClock;

    #[test]
    fn all_rules_make_sense() {
        for faults in [Faults::None, Faults::Some, Faults::Many] {
            let desk = Desk::new(SystemClock::shared(), Duration::ZERO);
            faults.disturb_ups(&desk, 7).unwrap();
            faults.disturb_sage100(&desk, 7).unwrap();
            faults.disturb_sage300(&desk, 7).unwrap();
            faults.disturb_sagex3(&desk, 7).unwrap();
            faults.disturb_syspro(&desk, 7).unwrap();
            faults.disturb_shipstation(&desk, 7).unwrap();
        }
        assert!(Faults::Many.ups().len() > Faults::Some.ups().len());
    }
}
