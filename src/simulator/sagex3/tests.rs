//! The simulated Sage X3, quirk by quirk.

mod graphql;
mod rest;
mod soap;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::options::Missing;
use super::route::SOAP;
use super::{Options, Orders, SageX3};
use crate::base::ManualClock;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::expectation::{Expectation, Reason};
use crate::simulator::faults::{Fault, Strike};
use crate::simulator::system::System;

struct Site {
    x3: SageX3,
    clock: ManualClock,
}

fn site(change: impl FnOnce(&mut Options)) -> Site {
    let clock = ManualClock::at("2026-11-20T18:15:30.750Z".parse().unwrap());
    let mut options = Options { clock: Arc::new(clock.clone()), ..Options::default() };
    change(&mut options);
    Site { x3: SageX3::new(options), clock }
}

fn basic() -> String {
    format!("Basic {}", STANDARD.encode("WSUPS:sim-password"))
}

fn plain(method: &str, target: &str, body: Option<&Value>) -> Call {
    Call::new(method, target, body).with("host", "x3.example.com:8124").with("authorization", &basic())
}

fn strike(fault: Fault) -> Strike {
    Strike { fault, delay: None, retry_after: None, attempts: 2 }
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

impl Site {
    fn rest(&self, method: &str, target: &str, body: Option<&Value>) -> Answer {
        self.x3.act(&plain(method, &format!("/api1/x3/erp/SEED/{target}"), body), None)
    }

    /// Every row of a query, link by link.
    fn all(&self, target: &str) -> Vec<Value> {
        let mut target = format!("/api1/x3/erp/SEED/{target}");
        let mut rows = Vec::new();
        for _ in 0..100 {
            let answer = self.x3.act(&plain("GET", &target, None), None);
            assert_eq!(answer.status, 200, "{}", answer.value());
            let body = answer.value();
            rows.extend(body["$resources"].as_array().unwrap().clone());
            match body["$links"]["$next"]["$url"].as_str() {
                Some(next) => target = next.strip_prefix("http://x3.example.com:8124").unwrap().to_owned(),
                None => return rows,
            }
        }
        panic!("the pages do not end");
    }

    fn soap(&self, operation: &str, pool: &str, name: &str, key: &str, object: &str) -> Answer {
        let text = format!(
            "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:wss=\"http://www.adonix.com/WSS\">\
             <soapenv:Body><wss:{operation}><callContext><codeLang>ENG</codeLang><poolAlias>{pool}</poolAlias>\
             <requestConfig>adxwss.optreturn=JSON</requestConfig></callContext><publicName>{name}</publicName>\
             <objectKeys><keys><key>SOHNUM</key><value>{key}</value></keys></objectKeys>\
             <objectXml><![CDATA[{object}]]></objectXml></wss:{operation}></soapenv:Body></soapenv:Envelope>"
        );
        let mut call = plain("POST", SOAP, None).with("content-type", "text/xml; charset=utf-8");
        call.body = text.into_bytes().into();
        self.x3.act(&call, None)
    }

    fn graphql(&self, token: &str, query: &str, variables: Value) -> Answer {
        let body = json!({ "query": query, "variables": variables });
        let call = Call::new("POST", "/xtrem/api", Some(&body))
            .with("authorization", &format!("Bearer {token}"))
            .with("content-type", "application/json")
            .with("x-xtrem-endpoint", "SEED");
        self.x3.act(&call, None)
    }

    fn jwt(&self, change: impl FnOnce(&mut Value), secret: &str) -> String {
        let now = self.x3.desk.clock.now().as_second();
        let mut claims = json!({
            "iss": self.x3.options.client_id, "sub": "WSUPS", "aud": "xtrem", "iat": now, "exp": now + 300,
        });
        change(&mut claims);
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": "HS256", "typ": "JWT" })), part(&claims));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()).as_ref());
        format!("{signed}.{signature}")
    }

    fn token(&self, form: &str) -> Answer {
        let mut call = Call::new("POST", "/v1/token", None);
        call.body = form.to_owned().into_bytes().into();
        self.x3.act(&call, None)
    }

    fn refresh(&self, token: &str) -> Answer {
        let client = &self.x3.options.client_id;
        self.token(&format!(
            "grant_type=refresh_token&client_id={client}&client_secret=sim-secret&refresh_token={token}"
        ))
    }
}

fn said(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

#[test]
fn the_same_seed_gives_the_same_books() {
    let state = |seed| site(|options| options.orders.seed = seed).x3.state();
    assert_eq!(state(1), state(1));
    assert_ne!(state(1), state(2));
}

#[test]
fn every_kind_of_order_occurs_and_is_judged() {
    let site = site(|options| (options.orders.count, options.orders.purchases) = (300, 100));
    let count = |dues: Vec<crate::simulator::due::Due>| {
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for due in dues {
            *found.entry(format!("{:?}", due.expectation)).or_default() += 1;
        }
        found
    };
    let sales = count(site.x3.orders());
    for reason in [Reason::UnknownAddress, Reason::AmbiguousAddress, Reason::ServiceRefused, Reason::NoWeight]
    {
        assert!(sales.contains_key(&format!("{:?}", Expectation::Parked(reason))), "{sales:?}");
    }
    assert_eq!(sales["NotSelected"], 3 * 6 + 2 * 9);
    let purchases = count(site.x3.purchase_orders());
    assert_eq!(purchases["NotSelected"], 3 * 2 + 2 * 3);
    assert!(purchases["Ships"] > 80, "{purchases:?}");
    let blocked =
        |name: &str, value: i64| site.x3.state().orders.iter().any(|order| order.record[name] == value);
    assert!(blocked("CDTSTA", 2) && blocked("HLDSTA", 2) && blocked("ORDSTA", 2) && blocked("DLVSTA", 3));
}

#[test]
fn only_plain_orders_are_made_where_they_are_asked_for() {
    let site = site(|options| options.orders = Orders::plain(30, 10));
    assert!(
        site.x3
            .orders()
            .iter()
            .chain(&site.x3.purchase_orders())
            .all(|due| due.expectation == Expectation::Ships)
    );
    assert_eq!(site.x3.add_orders(2), ["SONNA0110031", "SONNA0110032"]);
    assert_eq!(site.x3.add_purchase_orders(1), ["PONA0110011"]);
    assert_eq!((site.x3.summary().orders, site.x3.summary().purchase_orders), (32, 11));
}
