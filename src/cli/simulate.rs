//! `ml-connector simulate`: one simulated system on its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::ValueEnum;
use http::{HeaderMap, Method};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use super::faults::Faults;
use super::outcome::{Exit, Outcome, Trouble};
use super::output::{FormatArg, Output};
use crate::http::{Client, ClientOptions, Kind, Outgoing, authority};
use crate::simulator::{sage100, sage300, sagex3, shipstation, syspro, ups};

/// How long a simulator may take to change an order.
const EDIT_LIMIT: Duration = Duration::from_secs(10);

/// Runs one simulated system on this machine until it is stopped.
///
/// It behaves like the real one where that matters: sign-in, paging, error bodies, limits, locks. Prints its address, its
/// credentials, and the settings that point a configuration at it. `GET /_sim/state`, `/_sim/summary`, `/_sim/log` and
/// `/_sim/faults` show and disturb it. `--edit` changes an order of one that runs already, as a person would in Sage.
///
/// Example: `ml-connector simulate ups --port 7200`, `ml-connector simulate shipstation --port 7300 --ship-after 2m`, `ml-connector simulate sage100 --port 7100 --orders 200`, `ml-connector
/// simulate sage100 --port 7100 --edit 0010022 --set ShipToZipCode=84101`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The system.
    #[arg(value_enum, value_name = "SYSTEM")]
    system: System,
    /// The port; 0 takes one that is free.
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// The address to listen at; only this machine can reach it.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// For systems with orders: how many.
    #[arg(long, value_name = "N", default_value_t = 50)]
    orders: usize,
    /// For shipstation: the warehouse ships every order that has waited so long, such as `2m`; without it nothing is shipped
    /// until somebody posts to `/_sim/ship`, such as `{"order_key": "0012345", "parcels": 2}`. People also `mark_as_shipped`
    /// (with `tracking_number`), `void` (with it, or all) and `cancel`.
    #[arg(long, value_name = "DURATION", value_parser = crate::base::duration::parse)]
    ship_after: Option<Duration>,
    /// For ups: every parcel comes one scan further each so long, such as `30s`, until it is delivered; without it nothing
    /// happens to a parcel until somebody posts to `/_sim/parcels/NUMBER`, such as `{"scan": "delivered"}`. What it pushes goes
    /// where `/_sim/webhook` says.
    #[arg(long, value_name = "DURATION", value_parser = crate::base::duration::parse)]
    scan_every: Option<Duration>,
    /// For sage100: the company's code, three characters. Two companies of one Sage 100 are two simulators here.
    #[arg(long, value_name = "CODE", default_value = "ABC")]
    company: String,
    /// What orders, numbers and chance are made from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How badly it behaves.
    #[arg(long, value_enum, default_value_t = Faults::None, value_name = "HOW")]
    faults: Faults,
    /// Starts nothing: changes this order of the sage100, sage300 or sagex3 that runs at `--port`.
    #[arg(long, value_name = "ORDER", requires_all = ["set", "port"])]
    edit: Option<String>,
    /// With `--edit`: a field of the order and its new value, as text. May be given several times.
    #[arg(long, value_name = "FIELD=VALUE", requires = "edit")]
    set: Vec<String>,
    #[command(flatten)]
    format: FormatArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum System {
    Sage100,
    Sage300,
    Shipstation,
    Sagex3,
    Syspro,
    Ups,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When it cannot listen there.
    pub async fn run(self, output: &Output) -> Outcome {
        if !self.host.is_loopback() {
            return Err(Trouble::usage(format!(
                "{} can be reached from elsewhere; a simulator listens on this machine only",
                self.host
            )));
        }
        if let Some(order) = &self.edit {
            return self.change(order, output).await;
        }
        let listener = TcpListener::bind((self.host, self.port)).await.map_err(|error| {
            Trouble::cannot_start(format!("cannot listen at {}:{}: {error}", self.host, self.port))
        })?;
        match self.system {
            System::Ups => {
                let options =
                    ups::Options { seed: self.seed, scan_every: self.scan_every, ..ups::Options::default() };
                let running = ups::Ups::start(options, listener).await.map_err(Trouble::cannot_start)?;
                self.faults.disturb_ups(running.system.controls(), self.seed)?;
                self.announce(&ups_card(&running.url(), running.system.options()), output)?;
                until_stopped().await?;
                running.stop().await;
            }
            System::Shipstation => {
                let options = shipstation::Options {
                    seed: self.seed,
                    ship_after: self.ship_after,
                    products: products(),
                    ..shipstation::Options::default()
                };
                let running = shipstation::ShipStation::start(options, listener)
                    .await
                    .map_err(Trouble::cannot_start)?;
                self.faults.disturb_shipstation(running.system.controls(), self.seed)?;
                let options = running.system.options();
                for card in [
                    shipstation_v1_card(&running.url(), options),
                    shipstation_v2_card(&running.url(), options),
                ] {
                    self.announce(&card, output)?;
                }
                until_stopped().await?;
                running.stop().await;
            }
            System::Sage100 => {
                let orders =
                    sage100::Orders { seed: self.seed, count: self.orders, ..sage100::Orders::default() };
                let options =
                    sage100::Options { orders, company: self.company.clone(), ..sage100::Options::default() };
                let running =
                    sage100::Sage100::start(options, listener).await.map_err(Trouble::cannot_start)?;
                self.faults.disturb_sage100(running.system.controls(), self.seed)?;
                let options = running.system.options();
                for card in
                    [sage100_card(&running.url(), options), sage100_soap_card(&running.url(), options)]
                {
                    self.announce(&card, output)?;
                }
                until_stopped().await?;
                running.stop().await;
            }
            System::Sage300 => {
                let orders =
                    sage300::Orders { seed: self.seed, count: self.orders, ..sage300::Orders::default() };
                let options = sage300::Options { orders, ..sage300::Options::default() };
                let running =
                    sage300::Sage300::start(options, listener).await.map_err(Trouble::cannot_start)?;
                self.faults.disturb_sage300(running.system.controls(), self.seed)?;
                self.announce(&sage300_card(&running.url(), running.system.options()), output)?;
                until_stopped().await?;
                running.stop().await;
            }
            System::Sagex3 => {
                let orders = sagex3::Orders {
                    seed: self.seed,
                    count: self.orders,
                    purchases: self.orders.div_ceil(3),
                    ..sagex3::Orders::default()
                };
                let options = sagex3::Options { orders, ..sagex3::Options::default() };
                let running =
                    sagex3::SageX3::start(options, listener).await.map_err(Trouble::cannot_start)?;
                self.faults.disturb_sagex3(running.system.controls(), self.seed)?;
                self.announce(&sagex3_card(&running.url(), running.system.options()), output)?;
                until_stopped().await?;
                running.stop().await;
            }
            System::Syspro => {
                let orders =
                    syspro::Orders { seed: self.seed, count: self.orders, ..syspro::Orders::default() };
                let options = syspro::Options { orders, ..syspro::Options::default() };
                let running =
                    syspro::Syspro::start(options, listener).await.map_err(Trouble::cannot_start)?;
                self.faults.disturb_syspro(running.system.controls(), self.seed)?;
                // One product, two services: each is a connection of its own.
                for card in syspro_cards(&running.url(), running.system.options()) {
                    self.announce(&card, output)?;
                }
                until_stopped().await?;
                running.stop().await;
            }
        }
        Ok(Exit::Fine)
    }

    /// Changes an order of a simulator that runs.
    async fn change(&self, order: &str, output: &Output) -> Outcome {
        if matches!(self.system, System::Ups | System::Shipstation) {
            return Err(Trouble::usage("ups and shipstation have no orders of their own to edit"));
        }
        let mut set = Map::new();
        for text in &self.set {
            let (field, value) = text
                .split_once('=')
                .ok_or_else(|| Trouble::usage(format!("`{text}` is not of the form FIELD=VALUE")))?;
            set.insert(field.to_owned(), json!(value));
        }
        let simulator = format!("http://{}", SocketAddr::new(self.host, self.port));
        let mut url = Url::parse(&simulator).map_err(Trouble::failed)?;
        url.set_path(&format!("/_sim/orders/{order}"));
        let options = ClientOptions { hosts: vec![authority(&url)], ..ClientOptions::default() };
        let request = Outgoing {
            method: Method::POST,
            url,
            headers: HeaderMap::new(),
            body: Some(json!({ "set": set }).to_string().into()),
        };
        let client = Client::new(options).map_err(Trouble::cannot_start)?;
        let answer = client.send(request, Kind::Repeatable, EDIT_LIMIT).await.map_err(Trouble::failed)?;
        if !answer.status.is_success() {
            return Err(Trouble::failed(format!(
                "the simulator says: {}",
                String::from_utf8_lossy(&answer.body)
            )));
        }
        output.say(format!("{order} is changed"));
        Ok(Exit::Fine)
    }

    fn announce(&self, card: &Value, output: &Output) -> Result<(), Trouble> {
        if self.format.json() {
            return output.json(card);
        }
        output.line(text(card));
        Ok(())
    }
}

fn ups_card(url: &str, options: &ups::Options) -> Value {
    json!({
        "system": "ups",
        "url": url,
        "settings": { "base_url": url, "account": options.account },
        "credentials": { "client_id": options.client_id, "client_secret": options.client_secret },
    })
}

fn sage100_card(url: &str, options: &sage100::Options) -> Value {
    json!({
        "system": "sage100",
        "url": url,
        "settings": { "agent_url": url, "company": options.company, "time_zone": options.zone },
        "credentials": { "api_key": options.api_key },
    })
}

fn sage300_card(url: &str, options: &sage300::Options) -> Value {
    json!({
        "system": "sage300",
        "url": url,
        "settings": { "base_url": url, "company": options.company },
        "credentials": { "user": options.user, "password": options.password },
    })
}

/// The web services stand beside the agent, on one port here, with a user of their own.
fn sage100_soap_card(url: &str, options: &sage100::Options) -> Value {
    json!({
        "system": "sage100-soap",
        "url": url,
        "settings": { "url": format!("{url}/ebusinesswebservices"), "company": options.company },
        "credentials": { "username": options.web_user, "password": options.web_password },
    })
}

/// The catalogue of the simulated Sage 100, so that its inventory finds its products.
fn products() -> Vec<shipstation::Product> {
    use sage100::catalogue::{HEAVY, ITEMS, WEIGHTLESS};
    let items = ITEMS.iter().chain(HEAVY).chain(WEIGHTLESS);
    items
        .map(|(sku, name, pounds, cents)| shipstation::Product {
            sku: (*sku).to_owned(),
            name: (*name).to_owned(),
            cents: *cents,
            ounces: pounds.parse::<f64>().unwrap_or_default() * 16.0,
        })
        .collect()
}

/// V1 and V2 are two systems with credentials of their own, on one port.
fn shipstation_v1_card(url: &str, options: &shipstation::Options) -> Value {
    json!({
        "system": "shipstation-v1",
        "url": url,
        "settings": { "base_url": url },
        "credentials": { "api_key": options.api_key, "api_secret": options.api_secret },
    })
}

fn shipstation_v2_card(url: &str, options: &shipstation::Options) -> Value {
    json!({
        "system": "shipstation-v2",
        "url": url,
        "settings": { "base_url": url },
        "credentials": { "api_key": options.v2_api_key },
    })
}

/// One server, three interfaces: the same user for REST and SOAP, a connected application for GraphQL.
fn sagex3_card(url: &str, options: &sagex3::Options) -> Value {
    let user = json!({ "username": options.user, "password": options.password });
    json!({
        "system": "sagex3",
        "url": url,
        "settings": { "url": url, "endpoint": options.endpoint },
        "credentials": user,
        "also": [
            { "system": "sagex3-soap", "settings": { "url": url, "pool": options.pool }, "credentials": user },
            {
                "system": "sagex3-graphql",
                "settings": {
                    "url": format!("{url}/xtrem"),
                    "endpoint": options.endpoint,
                    "user": options.subject,
                    "audience": options.audience,
                    "token_url": format!("{url}/v1/token"),
                },
                "credentials": {
                    "client_id": options.client_id,
                    "client_secret": options.client_secret,
                    "refresh_token": options.refresh_token,
                },
            },
        ],
    })
}

fn syspro_cards(url: &str, options: &syspro::Options) -> [Value; 2] {
    let services = syspro::route::card(url);
    let (operator, password) = (&options.operator, &options.operator_password);
    [
        json!({
            "system": "syspro",
            "url": url,
            "settings": { "rest_url": services["enet"], "company": options.company },
            "credentials": {
                "operator": operator, "operator_password": password, "company_password": options.company_password,
            },
        }),
        json!({
            "system": "syspro-odata",
            "url": url,
            "settings": { "base_url": services["odata"], "time_zone": options.zone },
            "credentials": { "operator": operator, "operator_password": password },
        }),
    ]
}

/// The card for people: what to put where.
fn text(card: &Value) -> String {
    let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let fields = |card: &Value, name: &str| -> Vec<(String, String)> {
        let fields = card[name].as_object().into_iter().flatten();
        fields.map(|(name, value)| (name.clone(), of(value))).collect()
    };
    let connections: Vec<&Value> =
        [card].into_iter().chain(card["also"].as_array().into_iter().flatten()).collect();
    let head = format!("{} is simulated at {}", of(&card["system"]), of(&card["url"]));
    let mut text = format!("{head}\n\nIn ml-connector.yaml:\n\nconnections:\n");
    for connection in &connections {
        let system = of(&connection["system"]);
        text.push_str(&format!("  {system}:\n    system: {system}\n    settings:\n"));
        for (name, value) in fields(connection, "settings") {
            text.push_str(&format!("      {name}: {value}\n"));
        }
    }
    text.push_str("\nIts credentials (made up, so they may be shown):\n\n");
    for connection in &connections {
        let system = of(&connection["system"]);
        for (name, value) in fields(connection, "credentials") {
            text.push_str(&format!("printf %s {value} | ml-connector secret set {system}.{name}\n"));
        }
    }
    text
}

async fn until_stopped() -> Result<(), Trouble> {
    let watch = |kind| {
        signal(kind).map_err(|error| Trouble::cannot_start(format!("signals cannot be caught: {error}")))
    };
    let (mut terminate, mut interrupt) = (watch(SignalKind::terminate())?, watch(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_can_be_copied() {
        let text = text(&ups_card("http://127.0.0.1:8081", &ups::Options::default()));
        assert!(text.contains("    settings:\n      base_url: http://127.0.0.1:8081\n"), "{text}");
        assert!(text.contains("printf %s sim-client | ml-connector secret set ups.client_id\n"), "{text}");
        let text =
            super::text(&shipstation_v2_card("http://127.0.0.1:8082", &shipstation::Options::default()));
        assert!(text.contains("  shipstation-v2:\n    system: shipstation-v2\n"), "{text}");
        assert!(
            text.contains("printf %s sim-v2-key | ml-connector secret set shipstation-v2.api_key\n"),
            "{text}"
        );
    }
}
