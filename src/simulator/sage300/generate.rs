//! Orders made up from a seed: the same seed and instant give the same books.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::books::{Books, Part, Record, midnight};
use super::model::{CUSTOMERS, ITEMS, LOCATIONS, ORDERS, QUANTITIES, SHIP_VIAS, resource};
use crate::simulator::dice::Dice;
use crate::simulator::places::CITIES;
use crate::simulator::sage100::catalogue::{CONTACTS, NAMES, STREETS};

/// How many orders of which kind are made up. Shares are of the count; what is left are plain orders.
#[derive(Debug, Clone)]
pub struct Orders {
    /// What they are made from.
    pub seed: u64,
    /// How many.
    pub count: usize,
    /// Over how many days up to now their dates are spread, in no order.
    pub days: u32,
    /// Orders from more than one location.
    pub several_locations: f64,
    /// Orders without addresses of their own: they go to the customer.
    pub to_customer: f64,
    /// Orders to nowhere: neither they nor their customer have a street.
    pub no_address: f64,
    /// Orders on hold.
    pub on_hold: f64,
    /// Quotes, future orders, and orders that are complete, each.
    pub not_ready: f64,
    /// Orders that are picked up.
    pub picked_up: f64,
    /// Orders of nothing but charges.
    pub charges_only: f64,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            seed: 1,
            count: 50,
            days: 10,
            several_locations: 0.2,
            to_customer: 0.15,
            no_address: 0.02,
            on_hold: 0.04,
            not_ready: 0.02,
            picked_up: 0.03,
            charges_only: 0.02,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    SeveralLocations,
    ToCustomer,
    NoAddress,
    OnHold,
    Quote,
    Future,
    Complete,
    PickedUp,
    ChargesOnly,
}

impl Orders {
    /// The kinds in random order.
    fn kinds(&self, dice: &mut Dice) -> Vec<Kind> {
        let shares = [
            (Kind::SeveralLocations, self.several_locations),
            (Kind::ToCustomer, self.to_customer),
            (Kind::NoAddress, self.no_address),
            (Kind::OnHold, self.on_hold),
            (Kind::Quote, self.not_ready),
            (Kind::Future, self.not_ready),
            (Kind::Complete, self.not_ready),
            (Kind::PickedUp, self.picked_up),
            (Kind::ChargesOnly, self.charges_only),
        ];
        dice.deal(self.count, &shares, Kind::Plain)
    }
}

/// An item: number, description, unit weight in pounds, price in cents, category, kept in stock.
type Item = (&'static str, &'static str, f64, u64, &'static str, bool);

/// Numbers as the sample company writes them: with dashes and a slash.
const GOODS: &[Item] = &[
    ("A1-103/0", "Fluorescent desk lamp", 4.5, 5_950, "A1", true),
    ("A1-105/0", "Halogen desk lamp", 3.2, 6_450, "A1", true),
    ("A1-310/0", "Fluorescent tube 2'", 0.8, 1_275, "A1", true),
    ("A1-320/0", "Fluorescent tube 4'", 1.6, 1_890, "A1", true),
    ("A1-400/0", "Task light, clamp", 2.1, 3_995, "A1", true),
    ("A1-450/0", "Floor lamp, brass", 12.5, 13_900, "A1", true),
    ("A1-810/A", "Custom lamp, blue", 5.5, 8_800, "A1", true),
    ("A1-900/B", "Ballast 40W", 2.75, 2_650, "A1", true),
    ("S1-100/0", "Dimmer switch", 0.5, 2_100, "S1", true),
    ("S1-220/0", "Wall sconce", 6.0, 9_450, "S1", true),
    ("V1-001/0", "Lighting plan, hour", 0.0, 9_500, "V1", false),
];

/// Locations: code, name, city's place in the list of cities, in use for stock.
const SITES: &[(&str, &str, usize, bool)] = &[
    ("1", "Central warehouse - Seattle", 22, true),
    ("2", "Warehouse - Los Angeles", 3, true),
    ("3", "Warehouse - Newark", 41, true),
    ("GIT", "Goods in transit", 22, false),
];

/// Ways to ship, as the company knows them.
const VIAS: &[(&str, &str)] = &[
    ("UPSGND", "UPS Ground"),
    ("UPS2DA", "UPS 2nd Day Air"),
    ("USPSPM", "USPS Priority Mail"),
    ("FXGRND", "FedEx Ground"),
    ("CCT", "Custom Courier & Truck"),
    ("PICKUP", "Customer pick-up"),
];

/// The customer without a street.
const NOWHERE: &str = "1999";

/// Adds made-up orders to the books, with all that they refer to; gives their numbers.
pub(super) fn fill(books: &mut Books, orders: &Orders, now: Timestamp) -> Vec<String> {
    let mut dice = Dice::new(orders.seed.wrapping_add(books.count(ORDERS) as u64));
    if books.count(ITEMS) == 0 {
        stock(books, now, &mut Dice::new(orders.seed));
    }
    let kinds = orders.kinds(&mut dice);
    let mut numbers = Vec::with_capacity(orders.count);
    for kind in kinds {
        let order = order(books, kind, orders.days, now, &mut dice);
        let number = order["OrderNumber"].as_str().unwrap_or_default().to_owned();
        if let Some(resource) = resource(ORDERS) {
            books.put(resource, order);
        }
        books.judge(&number);
        numbers.push(number);
    }
    numbers
}

/// A day up to so many days ago.
fn some_day(days: u32, now: Timestamp, dice: &mut Dice) -> Value {
    let back = i64::try_from(dice.below(u64::from(days.max(1)))).unwrap_or_default();
    midnight(now - SignedDuration::from_hours(24 * back))
}

fn order(books: &Books, kind: Kind, days: u32, now: Timestamp, dice: &mut Dice) -> Record {
    let Some(view) = resource(ORDERS) else { return Record::new() };
    let mut order = view.template();
    let key = books.next_uniquifier();
    let customer = match kind {
        Kind::NoAddress => NOWHERE.to_owned(),
        _ => customer_number(dice.below(NAMES.len() as u64)),
    };
    let date = some_day(days, now, dice);
    let lines = lines(kind, key, dice);
    let via = match kind {
        Kind::PickedUp => "PICKUP",
        _ => dice
            .pick(&["UPSGND", "UPSGND", "UPS2DA", "USPSPM", "FXGRND", "CCT", ""])
            .copied()
            .unwrap_or_default(),
    };
    let mut set = |name: &str, value: Value| order.insert(name.to_owned(), value);
    set("OrderUniquifier", json!(key));
    set("OrderNumber", json!(format!("ORD{:06}", key % 1_000_000)));
    set("CustomerNumber", json!(customer));
    set("PurchaseOrderNumber", json!(format!("PO-{}", dice.between(1_000, 9_999))));
    set("OrderDescription", json!("Order Entry"));
    set("OrderDate", date.clone());
    set("PostingDate", date.clone());
    set("ExpectedShipDate", date);
    set("OrderFiscalYear", json!(now.to_string().chars().take(4).collect::<String>()));
    set("TermsCode", json!("N30"));
    set("DefaultLocationCode", json!("1"));
    set("ShipViaCode", json!(via));
    let description = VIAS.iter().find(|(code, _)| *code == via).map_or("", |(_, name)| *name);
    set("ShipViaDescription", json!(description));
    match kind {
        Kind::Quote => set("OrderType", json!("Quote")),
        Kind::Future => set("OrderType", json!("Future")),
        Kind::OnHold => set("OnHold", json!(true)),
        Kind::Complete => set("OrderCompleted", json!("CompleteDayEnd")),
        _ => None,
    };
    let amount = |line: &Value| line["ExtendedAmount"].as_f64().unwrap_or_default();
    let total: f64 = lines.iter().map(amount).sum();
    set("OrderTotal", json!((total * 100.0).round() / 100.0));
    set("NumberOfLinesOnOrder", json!(lines.len()));
    set("OrderDetails", json!(lines));
    if let Some(customer) = books.record(CUSTOMERS, &Part::text(&customer)) {
        set("BillToName", customer["CustomerName"].clone());
        for field in ["AddressLine1", "City", "StateProvince", "ZipPostalCode", "Country", "PhoneNumber"] {
            set(&format!("BillTo{field}"), customer[field].clone());
        }
    }
    if kind != Kind::ToCustomer && kind != Kind::NoAddress {
        ship_to(&mut order, dice);
    }
    order
}

fn ship_to(order: &mut Record, dice: &mut Dice) {
    let Some(place) = dice.pick(CITIES) else { return };
    let street = dice.pick(STREETS).copied().unwrap_or_default();
    let mut set = |name: &str, value: String| order.insert(name.to_owned(), json!(value));
    set("ShipToName", dice.pick(NAMES).copied().unwrap_or_default().to_owned());
    set("ShipToAddressLine1", format!("{} {street}", dice.between(1, 9_899)));
    if dice.chance(0.3) {
        set("ShipToAddressLine2", format!("Suite {}", dice.between(100, 999)));
    }
    set("ShipToCity", place.city.to_owned());
    set("ShipToStateProvince", place.state.to_owned());
    set("ShipToZipPostalCode", place.postal_code.to_owned());
    let country = dice.pick(&["", "USA", "US", "United States"]).copied().unwrap_or_default();
    set("ShipToCountry", country.to_owned());
    if dice.chance(0.6) {
        set("ShipToPhoneNumber", format!("(555) 555-01{:02}", dice.below(100)));
        set("ShipToContact", dice.pick(CONTACTS).copied().unwrap_or_default().to_owned());
    }
    if dice.chance(0.5) {
        set("ShipToEmail", format!("receiving{}@example.com", dice.below(100)));
    }
}

fn lines(kind: Kind, key: i64, dice: &mut Dice) -> Vec<Value> {
    let Some(view) = resource(ORDERS) else { return Vec::new() };
    let Some(super::model::Kind::Details(properties)) =
        view.property("OrderDetails").map(|property| property.kind)
    else {
        return Vec::new();
    };
    let home = dice.pick(&["1", "2", "3"]).copied().unwrap_or("1");
    let count = if kind == Kind::SeveralLocations { dice.between(2, 4) } else { dice.between(1, 4) };
    let mut goods: Vec<Item> = GOODS.to_vec();
    dice.shuffle(&mut goods);
    let charge = kind == Kind::ChargesOnly || dice.chance(0.2);
    let things = if kind == Kind::ChargesOnly { 0 } else { count };
    let mut lines = Vec::new();
    for index in 0..things {
        let Some((number, description, _, cents, _, in_stock)) = goods.pop() else { break };
        let location = match kind {
            Kind::SeveralLocations if index == 0 => {
                if home == "1" {
                    "2"
                } else {
                    "1"
                }
            }
            _ => home,
        };
        let quantity = dice.between(1, 5);
        let mut line = super::model::template(properties);
        let mut set = |name: &str, value: Value| line.insert(name.to_owned(), value);
        set("Item", json!(number));
        set("Description", json!(description));
        set("Location", json!(location));
        set("StockItem", json!(in_stock));
        set("QuantityOrdered", json!(quantity));
        set("OrderUnitOfMeasure", json!("Ea."));
        set("OrderUnitConversion", json!(1));
        set("OrderUnitPrice", json!(cents as f64 / 100.0));
        set("PricingUnitPrice", json!(cents as f64 / 100.0));
        set("ExtendedAmount", json!((quantity * cents) as f64 / 100.0));
        lines.push(line);
    }
    if charge {
        let mut line = super::model::template(properties);
        let mut set = |name: &str, value: Value| line.insert(name.to_owned(), value);
        set("LineType", json!("Miscellaneous"));
        set("MiscellaneousChargesCode", json!("HC"));
        set("Description", json!("Handling charges"));
        set("ExtendedAmount", json!(20.25));
        lines.push(line);
    }
    for (index, line) in lines.iter_mut().enumerate() {
        line.insert("OrderUniquifier".into(), json!(key));
        line.insert("LineNumber".into(), json!((index + 1) * 32));
    }
    lines.into_iter().map(Value::Object).collect()
}

fn customer_number(index: u64) -> String {
    format!("{}", 1100 + index * 50)
}

/// Items, locations, quantities, ship-via codes and customers.
fn stock(books: &mut Books, now: Timestamp, dice: &mut Dice) {
    let long_ago = midnight(now - SignedDuration::from_hours(24 * 200));
    let put = |books: &mut Books, name: &str, fields: Value| {
        let Some(view) = resource(name) else { return };
        let mut record = view.template();
        record.extend(fields.as_object().cloned().unwrap_or_default());
        if record.contains_key("DateLastMaintained") {
            record.insert("DateLastMaintained".into(), long_ago.clone());
        }
        books.put(view, record);
    };
    for (number, description, weight, _, category, in_stock) in GOODS {
        let item = json!({
            "ItemNumber": number, "Description": description, "StockItem": in_stock, "StockingUnitOfMeasure": "Ea.",
            "UnitWeight": weight, "WeightUnitOfMeasure": "lbs.", "Category": category,
        });
        put(books, ITEMS, item);
        for (location, name, _, in_use) in SITES {
            let (on_hand, committed) =
                if *in_stock { (dice.between(0, 400), dice.below(20)) } else { (0, 0) };
            let cost = dice.between(100, 9_000) as f64 / 100.0;
            let quantity = json!({
                "ItemNumber": number, "Location": location, "Name": name, "InUse": in_use, "Allowed": in_use,
                "QuantityOnHand": on_hand, "QuantityCommitted": committed,
                "QuantityAvailableToShip": on_hand as i64 - committed as i64,
                "AverageCost": cost, "MostRecentCost": cost, "TotalCost": (cost * on_hand as f64 * 100.0).round() / 100.0,
                "LastReceiptDate": some_day(100, now, dice),
            });
            put(books, QUANTITIES, quantity);
        }
    }
    for (code, name, place, in_use) in SITES {
        let place = CITIES[*place];
        let location = json!({
            "Location": code, "Name": name, "AddressLine1": format!("{} Warehouse Way", 100 + code.len()),
            "City": place.city, "StateProvince": place.state, "ZipPostalCode": place.postal_code, "Country": "USA",
            "PhoneNumber": "(206) 555-0100", "LocationType": if *in_use { "Physical" } else { "Intransit" },
        });
        put(books, LOCATIONS, location);
    }
    for (code, name) in VIAS {
        put(books, SHIP_VIAS, json!({ "ShipViaCode": code, "Name": name }));
    }
    for (index, name) in NAMES.iter().enumerate() {
        let Some(place) = dice.pick(CITIES) else { continue };
        let street = dice.pick(STREETS).copied().unwrap_or_default();
        let customer = json!({
            "CustomerNumber": customer_number(index as u64), "GroupCode": "WHL", "CustomerName": name,
            "AddressLine1": format!("{} {street}", dice.between(1, 9_899)), "City": place.city,
            "StateProvince": place.state, "ZipPostalCode": place.postal_code, "Country": "USA",
            "ContactName": dice.pick(CONTACTS), "PhoneNumber": format!("(555) 555-02{index:02}"),
            "Email": format!("orders{index}@example.com"), "TermsCode": "N30", "ShipViaCode": "UPSGND",
        });
        put(books, CUSTOMERS, customer);
    }
    let nowhere = json!({ "CustomerNumber": NOWHERE, "GroupCode": "RTL", "CustomerName": "Counter sales" });
    put(books, CUSTOMERS, nowhere);
}
