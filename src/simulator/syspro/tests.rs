//! The simulated SYSPRO, quirk by quirk.

mod status;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::xml::{self, Element};
use super::{Options, Syspro};
use crate::base::ManualClock;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::expectation::{Expectation, Reason};
use crate::simulator::faults::{Fault, Strike};
use crate::simulator::system::System;

struct Desk {
    syspro: Syspro,
    clock: ManualClock,
}

fn desk(change: impl FnOnce(&mut Options)) -> Desk {
    let clock = ManualClock::at("2026-11-20T18:15:30Z".parse().unwrap());
    let mut options = Options { clock: Arc::new(clock.clone()), ..Options::default() };
    change(&mut options);
    Desk { syspro: Syspro::new(options).unwrap(), clock }
}

fn text(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    match answer.header("content-type") {
        Some(json) if json.starts_with("application/json") => answer.value().as_str().unwrap().to_owned(),
        _ => answer.body.iter().copied().map(char::from).collect(),
    }
}

impl Desk {
    fn get(&self, path: &str, query: &[(&str, &str)], strike: Option<&Strike>) -> Answer {
        let mut call = Call::new("GET", &format!("/SYSPROWCFService/Rest/{path}"), None);
        call.query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.syspro.act(&call, strike)
    }

    fn logon(&self) -> Answer {
        let options = self.syspro.options();
        let query = [
            ("Operator", options.operator.as_str()),
            ("OperatorPassword", &options.operator_password),
            ("CompanyId", &options.company),
            ("CompanyPassword", &options.company_password),
        ];
        self.get("Logon", &query, None)
    }

    fn session(&self) -> String {
        text(&self.logon()).trim().to_owned()
    }

    fn query(&self, session: &str, object: &str, xml: &str) -> Answer {
        self.get("Query/Query", &[("UserId", session), ("BusinessObject", object), ("XmlIn", xml)], None)
    }

    fn post(&self, session: &str, object: &str, parameters: &str, xml: &str) -> Element {
        self.struck(session, object, parameters, xml, None)
    }

    fn struck(
        &self,
        session: &str,
        object: &str,
        parameters: &str,
        xml: &str,
        strike: Option<&Strike>,
    ) -> Element {
        let query =
            [("UserId", session), ("BusinessObject", object), ("XmlParameters", parameters), ("XmlIn", xml)];
        xml::parse(&text(&self.get("Transaction/Post", &query, strike))).unwrap()
    }

    fn change(&self, session: &str, number: &str, element: &str, warnings: &str) -> Element {
        let parameters = format!(
            "<SalesOrders><Parameters><Process>IMPORT</Process><IgnoreWarnings>{warnings}</IgnoreWarnings><StatusInProcess>N</StatusInProcess></Parameters></SalesOrders>"
        );
        let xml = format!(
            "<SalesOrders><Orders><OrderHeader><OrderActionType>C</OrderActionType><SalesOrder>{number}</SalesOrder>{element}</OrderHeader></Orders></SalesOrders>"
        );
        self.post(session, "SORTOI", &parameters, &xml)
    }

    fn odata(&self, target: &str) -> Answer {
        let options = self.syspro.options();
        let basic =
            STANDARD.encode(format!("{}:{}", options.operator.to_lowercase(), options.operator_password));
        let call = Call::new("GET", &format!("/SYSPRO8Odata/SYSPROOData/{target}"), None)
            .with("authorization", &format!("Basic {basic}"));
        self.syspro.act(&call, None)
    }

    fn rows(&self, target: &str) -> Vec<Value> {
        let answer = self.odata(target);
        assert_eq!(answer.status, 200, "{}", answer.value());
        answer.value()["value"].as_array().unwrap().clone()
    }

    fn ready(&self) -> String {
        let orders = self.syspro.orders();
        orders.iter().find(|order| order.expectation == Expectation::Ships).unwrap().number.clone()
    }

    fn with_status(&self, status: &str) -> String {
        self.syspro.state().orders.iter().find(|order| order.status == status).unwrap().number.clone()
    }
}

fn count(answer: &Element, name: &str) -> u32 {
    let text = answer.child("StatusOfItems").unwrap().text_of(name);
    assert_eq!(text.len(), 6);
    text.parse().unwrap()
}

fn order_query(number: &str) -> String {
    format!(
        "<Query><Key><SalesOrder>{number}</SalesOrder></Key><Option><IncludeCustomForms>Y</IncludeCustomForms></Option></Query>"
    )
}

#[test]
fn the_same_seed_gives_the_same_books() {
    let state = |seed| desk(|options| options.orders.seed = seed).syspro.state();
    assert_eq!(state(1), state(1));
    assert_ne!(state(1), state(2));
}

#[test]
fn every_kind_of_order_occurs_and_is_judged() {
    let orders = desk(|options| options.orders.count = 200).syspro.orders();
    let found: BTreeSet<String> = orders.iter().map(|order| format!("{:?}", order.expectation)).collect();
    for reason in [Reason::UnknownAddress, Reason::AmbiguousAddress, Reason::ServiceRefused, Reason::NoWeight]
    {
        assert!(found.contains(&format!("{:?}", Expectation::Parked(reason))), "{found:?}");
    }
    assert!(found.contains("NotSelected") && found.contains("Ships"));
    assert!(orders.iter().all(|order| order.key.len() == 15 + 11), "{}", orders[0].key);
}

#[test]
fn logons_are_guids_in_quotes_and_refusals_are_errors_with_a_status_of_200() {
    let desk = desk(|_| {});
    let logon = desk.logon();
    assert_eq!(logon.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(text(&logon).trim().len(), 36);
    let refused = |operator: &str, password: &str| {
        text(&desk.get(
            "Logon",
            &[
                ("Operator", operator),
                ("OperatorPassword", password),
                ("CompanyId", "EDU1"),
                ("CompanyPassword", ""),
            ],
            None,
        ))
    };
    assert_eq!(refused("MLAPI", "x"), "ERROR: Invalid operator password");
    assert_eq!(refused("mlapi", "sim-operator-password"), "ERROR: Invalid company password");
    assert_eq!(desk.get("Logon", &[("Operator", "MLAPI")], None).status, 404);
    desk.syspro.licence_free(false);
    assert!(text(&desk.logon()).contains("maximum number"));
    assert_eq!(desk.syspro.state().sessions.refused, 3);
    let post = Call::new("POST", "/SYSPROWCFService/Rest/Logon", None);
    assert_eq!(desk.syspro.act(&post, None).status, 405);
}

#[test]
fn an_operator_has_one_session() {
    let desk = desk(|_| {});
    let first = desk.session();
    let query = order_query(&desk.ready());
    assert!(text(&desk.query(&first, "SORQRY", &query)).starts_with("<?xml"));
    let second = desk.session();
    assert!(text(&desk.query(&first, "SORQRY", &query)).starts_with("ERROR"));
    assert!(text(&desk.query(&second, "SORQRY", &query)).starts_with("<?xml"));
    desk.syspro.human_logon();
    assert!(text(&desk.query(&second, "SORQRY", &query)).starts_with("ERROR"));
    let third = desk.session();
    desk.clock.advance(Duration::from_secs(21 * 60));
    assert!(text(&desk.query(&third, "SORQRY", &query)).starts_with("ERROR"), "idle for too long");
    let fourth = desk.session();
    assert_eq!(text(&desk.get("Logoff", &[("UserId", &fourth)], None)), "0");
    assert!(text(&desk.get("Logoff", &[("UserId", &fourth)], None)).starts_with("ERROR"));
    let counts = desk.syspro.state().sessions;
    assert_eq!((counts.logons, counts.evicted, counts.logoffs, counts.turned_away), (4, 4, 1, 3));
}

#[test]
fn objects_that_are_not_licensed_are_a_fault() {
    let desk = desk(|options| options.unlicensed = vec!["COMTFM".into()]);
    let session = desk.session();
    let answer = desk.query(&session, "COMTFM", "<Query/>");
    assert_eq!(answer.status, 500);
    assert!(String::from_utf8_lossy(&answer.body).contains("e.net exception 100000"));
    assert_eq!(desk.query(&session, "SORXXX", "<Query/>").status, 500);
}

#[test]
fn xml_comes_wrapped_or_raw_in_windows_1252() {
    let named = |desk: &Desk| {
        let number = desk.ready();
        let set = Map::from_iter([("CustomerName".to_owned(), json!("Café Olé"))]);
        desk.syspro.edit_order(&number, &set).unwrap();
        desk.query(&desk.session(), "SORQRY", &order_query(&number))
    };
    let wrapped = named(&desk(|_| {}));
    assert!(wrapped.value().as_str().unwrap().contains("encoding=\"Windows-1252\""));
    assert!(wrapped.value().as_str().unwrap().contains("Café Olé"));
    let raw = named(&desk(|options| options.wrapped = false));
    assert_eq!(raw.header("content-type"), Some("text/xml"));
    assert!(raw.body.windows(4).any(|bytes| bytes == b"Caf\xE9"));
}

#[test]
fn keys_and_numbers_come_in_other_clothes() {
    let desk = desk(|_| {});
    let session = desk.session();
    let number = desk.ready();
    let short = format!("{:0>6}", number.trim_start_matches('0'));
    for given in [number.as_str(), short.as_str(), number.trim_start_matches('0')] {
        let detail = xml::parse(&text(&desk.query(&session, "SORQRY", &order_query(given)))).unwrap();
        assert_eq!((detail.text_of("SalesOrder"), detail.text_of("Customer").len()), (short.as_str(), 15));
        assert_eq!(detail.child("ExchangeRate").unwrap().text, "     1.000000");
    }
    let row = &desk.rows(&format!("SorMaster?$filter=SalesOrder eq '{number}'"))[0];
    assert_eq!(row["SalesOrder"], json!(number));
    let unknown = "<Query><Key><SalesOrder>1</SalesOrder><Nonsense/></Key><Colour/></Query>";
    assert_eq!(desk.query(&session, "SORQRY", unknown).status, 500);
    assert_eq!(desk.query(&session, "SORQRY", &order_query("999999")).status, 500);
}

#[test]
fn orders_are_listed_by_status_and_date() {
    let desk = desk(|options| options.orders.count = 120);
    let session = desk.session();
    let list = |option: &str, filter: &str| {
        let xml = format!("<Query><Option>{option}</Option><Filter>{filter}</Filter></Query>");
        xml::parse(&text(&desk.query(&session, "SORQSO", &xml))).unwrap()
    };
    let open = "<OrderStatus FilterType=\"L\" FilterValue=\"1,4\"/>";
    assert_eq!(list("<ReturnOrders/>", open).children.len(), 20);
    let all = list("", open);
    assert!(all.children.len() > 100);
    assert!(all.children.iter().all(|item| ["1", "4"].contains(&item.text_of("OrderStatus"))));
    let day = "<OrderDate FilterType=\"R\" FilterValue=\"2026-11-19,2026-11-20\"/>";
    let days: BTreeSet<String> =
        list("", day).children.iter().map(|item| item.text_of("OrderDate").to_owned()).collect();
    assert!(days.iter().all(|day| ["2026-11-19", "2026-11-20"].contains(&day.as_str())) && !days.is_empty());
    assert_eq!(desk.query(&session, "SORQSO", "<Query><Filter><Colour/></Filter></Query>").status, 500);
}

#[test]
fn tables_are_read_by_conditions() {
    let desk = desk(|_| {});
    let session = desk.session();
    let find = |table: &str, expression: &str| {
        let xml = format!(
            "<Query><TableName>{table}</TableName><Columns><Column>SalesOrder</Column><Column>OrderStatus</Column></Columns><Where>{expression}</Where><OrderBy><Column>SalesOrder</Column></OrderBy></Query>"
        );
        desk.query(&session, "COMFND", &xml)
    };
    let ready = "<Expression><OpenBracket>(</OpenBracket><Column>OrderStatus</Column><Condition>EQ</Condition><Value>4</Value><CloseBracket>)</CloseBracket></Expression>";
    let found = xml::parse(&text(&find("SorMaster", ready))).unwrap();
    assert!(!found.children.is_empty() && found.children.iter().all(|row| row.text_of("OrderStatus") == "4"));
    assert_eq!(find("sormaster", ready).status, 500);
    assert_eq!(find("SorMaster", &ready.replace("EQ", "IS")).status, 500);
}

#[test]
fn sortoi_answers_in_three_ways() {
    let desk = desk(|_| {});
    let session = desk.session();
    // Cleanly, with no word of the order.
    let open = desk.with_status("1");
    let clean = desk.change(&session, &open, "<SpecialInstrs>1Z999AA10123456784</SpecialInstrs>", "W");
    assert_eq!(clean.children.len(), 1);
    assert_eq!((count(&clean, "ItemsProcessed"), count(&clean, "ItemsRejectedWithWarnings")), (1, 0));
    // With a warning, and the order's number.
    let ready = desk.ready();
    let warned = desk.change(&session, &ready, "<SpecialInstrs>1Z999AA10123456784</SpecialInstrs>", "W");
    assert_eq!(warned.at(&["Order", "SalesOrder"]).unwrap().text, ready);
    assert_eq!(count(&warned, "ItemsProcessedWithWarnings"), 1);
    // Rejected, with an empty number.
    for (number, warnings) in [(ready.as_str(), "N"), (&desk.with_status("9"), "W"), ("123", "W")] {
        let rejected = desk.change(&session, number, "<SpecialInstrs>x</SpecialInstrs>", warnings);
        assert_eq!(rejected.at(&["Order", "SalesOrder"]).unwrap().text, "");
        assert_eq!(count(&rejected, "ItemsRejectedWithWarnings"), 1);
    }
    let state = desk.syspro.state();
    let order = state.orders.iter().find(|order| order.number == ready).unwrap();
    assert_eq!((order.tracking.as_slice(), order.writes), (&["1Z999AA10123456784".to_owned()][..], 1));
    assert_eq!(state.rejected.len(), 3);
}

#[test]
fn what_sortoi_does_not_know_it_drops_and_what_is_too_long_it_cuts() {
    let desk = desk(|_| {});
    let session = desk.session();
    let ready = desk.ready();
    let elements = format!("<Telephone>555</Telephone><SpecialInstrs>{}</SpecialInstrs>", "x".repeat(40));
    assert_eq!(count(&desk.change(&session, &ready, &elements, "W"), "ItemsProcessed"), 1);
    desk.change(&session, &ready, "<SpecialInstrs/>", "W");
    let state = desk.syspro.state();
    assert_eq!(state.dropped["Telephone"], 1);
    let record = |state: &super::State| {
        state.orders.iter().find(|order| order.number == ready).unwrap().record["SpecialInstrs"].clone()
    };
    assert_eq!(record(&state), json!("x".repeat(30)), "an empty element changes nothing");
    desk.change(&session, &ready, "<SpecialInstrs>{blank}</SpecialInstrs>", "W");
    assert_eq!(record(&desk.syspro.state()), json!(""));
}

#[test]
fn statuses_move_from_what_they_are() {
    let desk = desk(|_| {});
    let session = desk.session();
    let ready = desk.ready();
    let move_on = |from: &str, to: &str| {
        let xml = format!(
            "<PostSorOrderStatus><Item><SalesOrder>{ready}</SalesOrder><OrderStatus>{from}</OrderStatus><NewOrderStatus>{to}</NewOrderStatus></Item></PostSorOrderStatus>"
        );
        desk.post(&session, "SORTOS", "<PostSorOrderStatus><Parameters/></PostSorOrderStatus>", &xml)
    };
    let wrong = move_on("1", "8");
    assert_eq!((count(&wrong, "ItemsProcessed"), count(&wrong, "ItemsInvalid")), (0, 1));
    assert!(wrong.at(&["Item", "ErrorDescription"]).unwrap().text.contains("is '4' and not '1'"));
    assert_eq!(count(&move_on("4", "7"), "ItemsInvalid"), 1);
    assert_eq!(count(&move_on("4", "8"), "ItemsProcessed"), 1);
    assert_eq!(count(&move_on("4", "8"), "ItemsInvalid"), 1, "a repetition is refused");
    assert_eq!(desk.syspro.state().orders.iter().find(|order| order.number == ready).unwrap().status, "8");
}

#[test]
fn custom_forms_take_the_fields_that_they_have() {
    let desk = desk(|_| {});
    let session = desk.session();
    let ready = desk.ready();
    let post = |fields: &str| {
        let xml = format!(
            "<PostCustomForm><Item><Key><FormType>ORD</FormType><KeyFields><SalesOrder>{ready}</SalesOrder></KeyFields></Key><Fields>{fields}</Fields></Item></PostCustomForm>"
        );
        desk.post(
            &session,
            "COMTFM",
            "<PostCustomForm><Parameters><Function>U</Function></Parameters></PostCustomForm>",
            &xml,
        )
    };
    let stamp = || desk.rows(&format!("SorMaster?$filter=SalesOrder eq '{ready}'"))[0]["TimeStamp"].clone();
    let before = stamp();
    assert_eq!(
        count(&post("<TrackingNo>1Z1 1Z2</TrackingNo><ShipmentCost>12.50</ShipmentCost>"), "ItemsProcessed"),
        1
    );
    assert_eq!(count(&post("<TrackingNo>1Z1 1Z2</TrackingNo>"), "ItemsProcessed"), 1);
    for bad in [
        "<Colour>red</Colour>",
        "<ShipmentCost>12.123456789012345</ShipmentCost>",
        "<ShipmentStatus>much too long for this field</ShipmentStatus>",
    ] {
        assert_eq!(count(&post(bad), "ItemsInvalid"), 1, "{bad}");
    }
    assert_eq!(stamp(), before, "a custom form is another table");
    let order = desk.syspro.state().orders.into_iter().find(|order| order.number == ready).unwrap();
    assert_eq!(
        (order.tracking, order.writes, order.repeated),
        (vec!["1Z1".to_owned(), "1Z2".to_owned()], 1, 1)
    );
    let detail = xml::parse(&text(&desk.query(&session, "SORQRY", &order_query(&ready)))).unwrap();
    assert_eq!(detail.at(&["CustomForm", "TrackingNo"]).unwrap().text, "1Z1 1Z2");
    assert_eq!(detail.at(&["CustomForm", "ShipmentCost"]).unwrap().text, "        12.500", "as all numbers");
    assert_eq!(detail.at(&["CustomForm", "ShipmentStatus"]).unwrap().text, "");
}

#[test]
fn locked_records_and_dispatch_notes() {
    let desk = desk(|_| {});
    let session = desk.session();
    let ready = desk.ready();
    let xml = format!(
        "<PostDispatchNotes><DispatchNote><DispatchHeader><SalesOrder>{ready}</SalesOrder><SpecialInstrs>1Z1</SpecialInstrs></DispatchHeader></DispatchNote></PostDispatchNotes>"
    );
    let strike = Strike { fault: Fault::RecordLock, delay: None, retry_after: None, attempts: 1 };
    let parameters = "<PostDispatchNotes><Parameters/></PostDispatchNotes>";
    let locked = desk.struck(&session, "SORTDN", parameters, &xml, Some(&strike));
    assert!(locked.at(&["Item", "ErrorDescription"]).unwrap().text.contains("in use"));
    assert_eq!(count(&desk.post(&session, "SORTDN", parameters, &xml), "ItemsProcessed"), 1);
    assert_eq!(desk.rows("MdnMaster?$filter=DispatchNoteStatus eq '3'")[0]["SpecialInstrs"], "1Z1");
}

#[test]
fn odata_reads_pages_by_filters_and_nothing_else() {
    let desk = desk(|options| {
        options.orders.count = 120;
        options.max_rows = 50;
    });
    assert_eq!(desk.rows("SorMaster").len(), 50, "never more than the service gives");
    let mut all = BTreeSet::new();
    for skip in [0, 50, 100, 150] {
        let page =
            desk.rows(&format!("SorMaster?$orderby=SalesOrder&$top=5000&$skip={skip}&$select=SalesOrder"));
        all.extend(page.iter().map(|row| row["SalesOrder"].as_str().unwrap().to_owned()));
    }
    assert_eq!(all.len(), 120);
    let printed =
        desk.rows("SorMaster?$filter=OrderStatus eq '4' and DateLastDocPrt ge 2026-11-20T00:00:00Z&$top=500");
    assert!(!printed.is_empty());
    assert!(printed.iter().all(|row| row["DateLastDocPrt"] == "2026-11-20T00:00:00Z"));
    assert!(!desk.rows("SorMaster?$filter=DateLastDocPrt eq null").is_empty());
    let either = desk
        .rows("SorMaster?$filter=(OrderStatus eq '1' or OrderStatus eq 's') and CustomerName ne 'O''Neil'");
    assert_eq!(either.len(), 4);
    assert_eq!(desk.odata("SorMaster?$count=true&$top=1").value()["@odata.count"], 120);
    for wrong in [
        "SorMaster?$filter=Colour eq 'x'",
        "SorMaster?$filter=OrderStatus eq 4",
        "SorMaster?$filter=DateLastDocPrt ge '2026-11-20'",
        "SorMaster?$filter=DateLastDocPrt ge datetime'2026-11-20T00:00:00'",
        "SorMaster?$filter=TimeStamp gt 1",
        "SorMaster?$filter=OrderStatus eq '4",
        "SorMaster?$filter=OrderStatus eq '4')",
        "SorMaster?$filter=contains(OrderStatus,'4')",
        "SorMaster?$filter=OrderStatus eq",
        "SorMaster?$expand=Lines",
        "SorMaster?$top=x",
        "SorMaster?$top=1&$top=2",
        "SorMaster?$orderby=Colour",
        "SorMaster?$select=Colour",
    ] {
        assert_eq!(desk.odata(wrong).status, 400, "{wrong}");
    }
    assert_eq!(desk.odata("ArEverything").status, 404);
    let keyless = desk.syspro.act(&Call::new("GET", "/SYSPRO8Odata/SYSPROOData/SorMaster", None), None);
    assert_eq!(keyless.status, 401);
    let basic = format!("Basic {}", STANDARD.encode("MLAPI:sim-operator-password"));
    for method in ["POST", "PATCH", "DELETE"] {
        let call =
            Call::new(method, "/SYSPRO8Odata/SYSPROOData/SorMaster", None).with("authorization", &basic);
        assert_eq!(desk.syspro.act(&call, None).status, 405);
    }
}

#[test]
fn people_change_orders_and_no_date_moves() {
    let desk = desk(|_| {});
    let bad = desk
        .syspro
        .orders()
        .into_iter()
        .find(|order| order.expectation == Expectation::Parked(Reason::UnknownAddress))
        .unwrap()
        .number;
    let row = || desk.rows(&format!("SorMaster?$filter=SalesOrder eq '{bad}'")).remove(0);
    let before = row();
    let set = Map::from_iter([("ShipAddress1".to_owned(), json!("12 Main St"))]);
    desk.syspro.edit_order(&bad, &set).unwrap();
    let after = row();
    assert_eq!(before["DateLastDocPrt"], after["DateLastDocPrt"]);
    assert_ne!(before["TimeStamp"], after["TimeStamp"]);
    let due = desk.syspro.orders().into_iter().find(|order| order.number == bad).unwrap();
    assert_eq!(due.expectation, Expectation::Ships);
    let open = desk.with_status("1");
    desk.syspro.print_delivery_note(&open).unwrap();
    let printed =
        desk.rows("SorMaster?$filter=DateLastDocPrt ge 2026-11-20T00:00:00Z and OrderStatus eq '4'");
    assert!(printed.iter().any(|row| row["SalesOrder"] == open.as_str()));
    assert_eq!(desk.syspro.add_orders(3).len(), 3);
    assert!(desk.syspro.edit_order("7", &set).is_err());
    assert!(desk.rows("SorDetail?$filter=LineType eq '6'").iter().all(|line| line["MStockCode"] == ""));
    assert!(desk.rows("InvMaster?$filter=StockCode eq '6652'")[0]["Mass"].as_f64().unwrap() > 0.0);
}
