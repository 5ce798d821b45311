//! The web services, quirk by quirk.

use super::*;
use crate::simulator::sage100::soap::{CONTRACT, INVALID_LOGON, LOCKED, NAMESPACE, NO_ACCESS};
use crate::simulator::sage100::xml::{self, Element};

const PATH: &str = "/ebusinesswebservices/MasService.svc";

impl Site {
    fn web(&self, operation: &str, inside: &str) -> Answer {
        self.web_as("WEB", "sim-password", operation, inside, None)
    }

    fn web_as(
        &self,
        user: &str,
        password: &str,
        operation: &str,
        inside: &str,
        strike: Option<&Strike>,
    ) -> Answer {
        let logon = format!("<logon><Password>{password}</Password><Username>{user}</Username></logon>");
        let logon = if operation.contains("Information") {
            String::new()
        } else {
            format!("{logon}<companyCode>ABC</companyCode>")
        };
        let body = format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><{operation} xmlns=\"{NAMESPACE}\">{logon}{inside}</{operation}></s:Body></s:Envelope>"
        );
        let mut call = Call::new("POST", PATH, None)
            .with("content-type", "text/xml; charset=utf-8")
            .with("soapaction", &format!("\"{NAMESPACE}/{CONTRACT}/{operation}\""));
        call.body = body.into_bytes().into();
        self.sage.act(&call, strike)
    }

    fn web_order(&self, number: &str) -> Element {
        let answer = self.web("GetSalesOrder", &format!("<salesOrderNo>{number}</salesOrderNo>"));
        assert_eq!(answer.status, 200, "{}", text(&answer));
        body(&answer).child("GetSalesOrderResponse").unwrap().child("GetSalesOrderResult").unwrap().clone()
    }
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

fn body(answer: &Answer) -> Element {
    xml::read(&text(answer)).unwrap().child("Body").unwrap().clone()
}

/// Code and text of a fault.
fn fault(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 500, "{}", text(answer));
    let fault = body(answer).child("Fault").unwrap().clone();
    let mas = fault.child("detail").and_then(|detail| detail.child("MasFault")).cloned();
    let said = fault.value("faultstring").unwrap().to_owned();
    (mas.map_or_else(String::new, |mas| mas.value("ErrorCode").unwrap().to_owned()), said)
}

/// An element as it was read, written again.
fn again(element: &Element) -> String {
    if element.children.is_empty() {
        return xml::element(&element.name, &element.text);
    }
    let inside: String = element.children.iter().map(again).collect();
    format!("<{0}>{inside}</{0}>", element.name)
}

fn entity(order: &Element, change: impl Fn(&Element) -> Option<String>) -> String {
    let members: String =
        order.children.iter().map(|member| change(member).unwrap_or_else(|| again(member))).collect();
    format!("<salesOrder>{members}</salesOrder>")
}

fn replaced(name: &'static str, value: &'static str) -> impl Fn(&Element) -> Option<String> {
    move |member: &Element| (member.name == name).then(|| xml::element(name, value))
}

#[test]
fn an_order_is_read_in_the_order_of_its_members() {
    let site = site(|_| {});
    let number = site.open_order();
    let order = site.web_order(&number);
    let names: Vec<&str> = order.children.iter().map(|member| member.name.as_str()).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(names, sorted);
    assert!(order.value("OrderDate").unwrap().ends_with("T00:00:00"));
    let line = &order.child("Lines").unwrap().children[0];
    assert!(line.value("UnitPrice").unwrap().contains('.') && line.child("UnitWeight").is_none());
    assert!(order.child("ShipToTelephoneNo").is_none(), "the agent joins it");
    let missing = site.web("GetSalesOrder", "<salesOrderNo>9999999</salesOrderNo>");
    assert_eq!(fault(&missing).0, "CI_NOF");
}

#[test]
fn every_call_brings_its_logon() {
    let site = site(|_| {});
    let ask = |user, password| site.web_as(user, password, "GetNextSalesOrderNo", "", None);
    assert_eq!(fault(&ask("web", "wrong")).0, INVALID_LOGON);
    assert_eq!(fault(&ask("WEB", "SIM-PASSWORD")).0, INVALID_LOGON, "only the user's name has no case");
    let company = Site::web(&site, "GetNextSalesOrderNo", "");
    assert_eq!(
        body(&company).child("GetNextSalesOrderNoResponse").unwrap().value("GetNextSalesOrderNoResult"),
        Some("0500001")
    );
    let other =
        crate::simulator::sage100::Sage100::new(Options { company: "XYZ".into(), ..Options::default() })
            .unwrap();
    let elsewhere = Site { sage: other, clock: site.clock.clone() };
    assert_eq!(fault(&elsewhere.web("GetNextSalesOrderNo", "")).0, NO_ACCESS);
    let information = site.web("GetContractInformation", "");
    let information = body(&information).child("GetContractInformationResponse").unwrap().children[0].clone();
    assert_eq!(information.value("NullDateTime"), Some("1753-01-01T00:00:00"));
}

#[test]
fn numbers_burn_and_a_number_is_used_once() {
    let site = site(|_| {});
    let next = || {
        let answer = site.web("GetNextSalesOrderNo", "");
        body(&answer).children[0].value("GetNextSalesOrderNoResult").unwrap().to_owned()
    };
    let (first, second) = (next(), next());
    assert_ne!(first, second);
    let create = |number: &str, customer: &str, item: &str| {
        site.web("CreateSalesOrder", &format!(
            "<salesOrder><ARDivisionNo>01</ARDivisionNo><CustomerNo>{customer}</CustomerNo><Lines><SalesOrderLine><ItemCode>{item}</ItemCode><QuantityOrdered>2</QuantityOrdered></SalesOrderLine></Lines><SalesOrderNo>{number}</SalesOrderNo><ShipToState>FL</ShipToState><ShipToZipCode>32821</ShipToZipCode></salesOrder>"
        ))
    };
    let made = create(&second, "CUST001", "6652");
    assert_eq!((made.status, body(&made).children[0].children.len()), (200, 0), "{}", text(&made));
    assert_eq!(fault(&create(&second, "CUST001", "6652")).0, "WS_AlreadyExists");
    assert_eq!(fault(&create(&first, "NOBODY", "6652")).0, "CI_NoKey");
    assert_eq!(fault(&create(&first, "CUST001", "NOTHING")).0, "CI_NOF");
    assert_eq!(
        site.web_order(&second).child("Lines").unwrap().children[0].value("UnitPrice"),
        Some("41.9900")
    );
    assert_eq!(site.sage.state().numbers_burnt, 2);
}

#[test]
fn an_update_sends_the_whole_order_back_in_order() {
    let site = site(|_| {});
    let number = site.open_order();
    let order = site.web_order(&number);
    let name = order.value("ShipToName").unwrap().to_owned();
    let with_field = |member: &Element| {
        match member.name.as_str() {
        "OtherFields" => Some("<OtherFields><Field><MasFieldName>UDF_CARRIER$</MasFieldName><Value>ups</Value></Field></OtherFields><SalesOrderNo/>".replace("<SalesOrderNo/>", "")),
        "SalesOrderNo" => Some(format!("{}<ShipExpireDate>2026-11-24T00:00:00</ShipExpireDate>", again(member))),
        _ => None,
    }
    };
    assert_eq!(site.web("UpdateSalesOrder", &entity(&order, with_field)).status, 200);
    let after = site.web_order(&number);
    assert_eq!(
        (after.value("ShipExpireDate"), after.value("ShipToName")),
        (Some("2026-11-24T00:00:00"), Some(name.as_str()))
    );
    let fields = after.child("OtherFields").unwrap();
    assert_eq!((fields.children.len(), fields.children[0].value("Value")), (1, Some("ups")));
    assert_eq!(
        (site.sage.state().web_updates, site.sage.state().web_lost, site.sage.state().web_ignored),
        (1, 0, 0)
    );
    // What is left out is gone, and so is what comes out of order.
    let partial =
        format!("<salesOrder><SalesOrderNo>{number}</SalesOrderNo><OrderStatus>O</OrderStatus></salesOrder>");
    site.web("UpdateSalesOrder", &partial);
    let state = site.sage.state();
    assert!(state.web_lost > 5 && state.web_ignored == 1, "{} {}", state.web_lost, state.web_ignored);
    assert_eq!(site.web_order(&number).value("ShipToName"), None);
}

#[test]
fn an_update_is_refused_as_sage_does() {
    let site = site(|_| {});
    let number = site.open_order();
    let order = site.web_order(&number);
    let send = |name, value| site.web("UpdateSalesOrder", &entity(&order, replaced(name, value)));
    let (code, message) = fault(&send("ShipToZipCode", "00000"));
    assert_eq!(code, "CI_NOF");
    assert!(message.starts_with("Could not set SO_SalesOrder_Bus column ShipToZipCode"), "{message}");
    assert_eq!(fault(&send("ShipVia", "A NAME THAT IS TOO LONG")).0, "CI_CharLength");
    assert_eq!(fault(&send("OrderDate", "yesterday")), (String::new(), "An exception occurred.".into()));
    site.sage.lock_order(&number, "jgarcia", Some(1));
    assert_eq!(fault(&send("OrderStatus", "O")).0, LOCKED);
    assert_eq!(send("OrderStatus", "O").status, 200);
    site.sage.licence_free(false);
    assert_eq!(fault(&send("OrderStatus", "O")).1, "An exception occurred.");
    assert_eq!(site.web("GetSalesOrder", &format!("<salesOrderNo>{number}</salesOrderNo>")).status, 200);
}

#[test]
fn the_gate_is_windows_own() {
    let site = site(|_| {});
    let mut call = Call::new("POST", PATH, None).with("content-type", "application/soap+xml");
    assert_eq!(site.sage.act(&call, None).status, 415);
    call = Call::new("POST", PATH, None).with("content-type", "text/xml");
    assert_eq!(fault(&site.sage.act(&call, None)).1, "An exception occurred.");
    call.body =
        format!("<s:Envelope xmlns:s='x'><s:Body><GetCustomer xmlns='{NAMESPACE}'/></s:Body></s:Envelope>")
            .into_bytes()
            .into();
    let mismatch = fault(&site.sage.act(&call, None)).1;
    assert!(mismatch.contains("ContractFilter mismatch"), "{mismatch}");
    let customer = site.web("GetCustomer", "<arDivisionNo>01</arDivisionNo><customerNo>CUST001</customerNo>");
    assert!(text(&customer).contains("<CustomerName>Avnet Processing Corp</CustomerName>"));
}
