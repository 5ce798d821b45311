//! The eBusiness Web Services: SOAP 1.1 in front of the same books (IIS, `MasService.svc`).
//!
//! Operations, parameters, result wrappers and fault shapes are those that a working client uses (SkyVerge's connector for
//! WooCommerce) and that Sage's Web Services Guide of 2023 names. What neither says is Windows Communication Foundation's
//! default: members in the order of their names, elements that come out of that order or in another namespace skipped without
//! a word, `SOAPAction` made of contract and operation. There is no list, no search and nothing of invoices here.
//!
//! Codes with a client behind them: `CI_NOF`, `CI_NoKey`, `CI_CharLength`, `WS_AlreadyExists`. No source shows what an
//! invalid logon, a missing role or a record that somebody has open looks like; [`INVALID_LOGON`], [`NO_ACCESS`] and
//! [`LOCKED`] stand in for them.

use serde_json::{Map, Value, json};

use super::Sage100;
use super::books::{Books, HISTORY, OPEN};
use super::entity::{self, Fault as MasFault};
use super::table::Row;
use super::xml::{self, Element};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::{Fault, Strike};
use crate::simulator::places;
use crate::simulator::system::lock;

/// The service's namespace (seen on SkyVerge's extension of the contract, not on Sage's own WSDL).
pub const NAMESPACE: &str = "http://mas90.sage.com/ws";
/// The name of the contract in `SOAPAction`; not verified.
pub const CONTRACT: &str = "IMasService";
/// The code of a logon that is not accepted; ours.
pub const INVALID_LOGON: &str = "WS_InvalidLogon";
/// The code where the user's role does not allow the task; ours.
pub const NO_ACCESS: &str = "WS_NoAccess";
/// The code of a record that somebody has open; ours.
pub const LOCKED: &str = "CI_RecordLocked";
/// The date that says "make this date empty", as `GetContractInformation` tells.
pub const NULL_DATE: &str = "1753-01-01T00:00:00";

/// An order's number is seven characters.
const NUMBER: usize = 7;

/// The operation that a call asks for; `None` when it is not for these services.
pub fn operation(call: &Call) -> Option<String> {
    let path = call.path.to_ascii_lowercase();
    if !(path.ends_with("/masservice.svc") || path.ends_with("/masbasicservice.svc")) {
        return None;
    }
    let action = call.header("soapaction").unwrap_or_default().trim_matches('"');
    Some(action.rsplit('/').next().unwrap_or_default().to_owned())
}

/// The number or customer that a call is about.
pub fn subject(call: &Call) -> Option<String> {
    let root = xml::read(std::str::from_utf8(&call.body).ok()?).ok()?;
    let wrapper = root.child("Body")?.children.first()?.clone();
    let of = |element: &Element, name: &str| element.value(name).map(str::to_owned);
    of(&wrapper, "salesOrderNo")
        .or_else(|| wrapper.child("salesOrder").and_then(|order| of(order, "SalesOrderNo")))
        .or_else(|| of(&wrapper, "customerNo"))
}

/// What an operation yields: the text of its result element's inside, or nothing.
type Result<T> = std::result::Result<T, MasFault>;

impl Sage100 {
    pub(super) fn soap(&self, call: &Call, strike: Option<&Strike>) -> Answer {
        if call.method != "POST" {
            return Answer::html(405);
        }
        let kind = call.header("content-type").unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("text/xml") {
            // IIS answers other content types itself.
            return Answer::empty(415);
        }
        let root =
            match std::str::from_utf8(&call.body).map_err(|error| error.to_string()).and_then(xml::read) {
                Ok(root) => root,
                Err(_) => return unexpected(),
            };
        let Some(wrapper) = root.child("Body").and_then(|body| body.children.first()) else {
            return unexpected();
        };
        let action = call.header("soapaction").unwrap_or_default().trim_matches('"');
        if action != format!("{NAMESPACE}/{CONTRACT}/{}", wrapper.name) || wrapper.namespace != NAMESPACE {
            return fault(
                "a:ActionNotSupported",
                "The message cannot be processed at the receiver, due to a ContractFilter mismatch at the EndpointDispatcher.",
                None,
            );
        }
        match self.perform(wrapper, strike) {
            Ok(Some(result)) => envelope(
                200,
                &format!(
                    "<{0}Response xmlns=\"{NAMESPACE}\"><{0}Result xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\">{result}</{0}Result></{0}Response>",
                    wrapper.name
                ),
            ),
            Ok(None) => envelope(200, &format!("<{}Response xmlns=\"{NAMESPACE}\"/>", wrapper.name)),
            Err(MasFault::Known { code, message }) => {
                fault(&format!("a:{code}"), &message, Some((code, &message)))
            }
            Err(MasFault::Unexpected) => unexpected(),
        }
    }

    fn perform(&self, wrapper: &Element, strike: Option<&Strike>) -> Result<Option<String>> {
        let order: &[&str] = match wrapper.name.as_str() {
            "GetContractInformation" => return Ok(Some(contract_information())),
            "GetDiagnosticInformation" => return Ok(Some(self.diagnostic_information())),
            "GetSalesOrder" => &["logon", "companyCode", "salesOrderNo"],
            "GetNextSalesOrderNo" => &["logon", "companyCode"],
            "CreateSalesOrder" | "UpdateSalesOrder" => &["logon", "companyCode", "salesOrder"],
            "GetCustomer" => &["logon", "companyCode", "arDivisionNo", "customerNo"],
            _ => return Err(MasFault::Unexpected),
        };
        let parts = entity::parts(wrapper, order);
        let part = |name: &str| parts.iter().find(|part| part.name == name).copied();
        let text = |name: &str| part(name).map(|part| part.text.as_str()).unwrap_or_default();
        self.admit_to_web(part("logon"), text("companyCode"))?;
        let stamp = self.stamp();
        let mut books = lock(&self.books);
        match wrapper.name.as_str() {
            "GetSalesOrder" => books.web_order(text("salesOrderNo")).map(Some),
            "GetNextSalesOrderNo" => Ok(Some(books.burn_number())),
            "GetCustomer" => books.web_customer(text("arDivisionNo"), text("customerNo")).map(Some),
            name => {
                let order = part("salesOrder").ok_or(MasFault::Unexpected)?;
                let (members, ignored) = entity::members(order);
                books.web_ignored += ignored;
                let no_licence = strike.is_some_and(|strike| strike.fault == Fault::NoLicence);
                if !books.licence_free || no_licence {
                    // What the licence server says stays in the Windows event log.
                    return Err(MasFault::Unexpected);
                }
                if name == "CreateSalesOrder" {
                    books.web_create(&members, stamp)?;
                } else {
                    let number = entity::text(&members, "SalesOrderNo");
                    if let Some(strike) = strike.filter(|strike| strike.fault == Fault::RecordLock) {
                        books.open_for(&number, strike.attempts);
                    }
                    books.web_update(&number, &members, stamp)?;
                }
                Ok(None)
            }
        }
    }

    /// Every call but two brings user and password.
    fn admit_to_web(&self, logon: Option<&Element>, company: &str) -> Result<()> {
        let logon = logon.map(|logon| entity::parts(logon, &["Password", "Username"])).unwrap_or_default();
        let text = |name: &str| {
            logon.iter().find(|part| part.name == name).map(|part| part.text.as_str()).unwrap_or_default()
        };
        let known = text("Username").eq_ignore_ascii_case(&self.options.web_user)
            && text("Password") == self.options.web_password;
        if !known {
            return Err(MasFault::known(INVALID_LOGON, "The logon is invalid."));
        }
        if company != self.options.company {
            return Err(MasFault::known(NO_ACCESS, &format!("No Access: company {company} is not enabled.")));
        }
        Ok(())
    }

    fn diagnostic_information(&self) -> String {
        format!("{}{}", xml::element("ProductName", "Sage 100"), xml::element("Version", "2025"))
    }
}

fn contract_information() -> String {
    [
        xml::element("AssemblyVersion", "7.50.0.0"),
        xml::element("ContractVersion", "1"),
        xml::element("NullDateTime", NULL_DATE),
    ]
    .concat()
}

impl Books {
    fn web_order(&self, number: &str) -> Result<String> {
        // Only open orders: those in the history are not on file here.
        let row = self.tables[OPEN].get(number).ok_or_else(|| not_on_file("Sales Order", number))?;
        Ok(entity::written(row, self.lines.get(number).map(Vec::as_slice).unwrap_or_default()))
    }

    /// Every call takes a number, used or not.
    fn burn_number(&mut self) -> String {
        self.numbers_burnt += 1;
        format!("{:07}", 500_000 + self.numbers_burnt)
    }

    fn web_customer(&self, division: &str, number: &str) -> Result<String> {
        let row = self.tables["AR_Customer"].get(&format!("{division}~{number}"));
        let row = row.ok_or_else(|| not_on_file("Customer", number))?;
        Ok(entity::fields(&row.fields))
    }

    fn web_create(&mut self, members: &[&Element], stamp: super::stamp::Stamp) -> Result<()> {
        let number = entity::text(members, "SalesOrderNo");
        if number.len() != NUMBER {
            return Err(too_long("SalesOrderNo"));
        }
        if self.tables[OPEN].get(&number).is_some() || self.tables[HISTORY].get(&number).is_some() {
            return Err(MasFault::known(
                "WS_AlreadyExists",
                &format!("Sales Order {number} already exists."),
            ));
        }
        let mut fields = Map::from_iter([
            ("SalesOrderNo".to_owned(), json!(number)),
            ("OrderType".to_owned(), json!("S")),
            ("OrderStatus".to_owned(), json!("N")),
            ("OrderDate".to_owned(), json!(stamp.date_text())),
        ]);
        let customer =
            format!("{}~{}", entity::text(members, "ARDivisionNo"), entity::text(members, "CustomerNo"));
        let Some(known) = self.tables["AR_Customer"].get(&customer) else {
            return Err(MasFault::known("CI_NoKey", "The customer does not exist."));
        };
        fields.insert("ShipToName".into(), known.fields["CustomerName"].clone());
        let changed = entity::changed(&fields, members, false)?;
        self.check_zip_code(&changed)?;
        let lines = self.web_lines(&[], members)?;
        if lines.is_empty() {
            return Err(MasFault::known("CI_NoKey", "The order has no lines."));
        }
        self.table(OPEN).put(&number, Row { stamp: Some(stamp), fields: changed });
        self.lines.insert(number.clone(), lines);
        if let Some(expectation) = self.judge(&number) {
            self.expectations.insert(number, expectation);
        }
        Ok(())
    }

    /// The whole entity comes back: what it does not say any more is made empty.
    fn web_update(&mut self, number: &str, members: &[&Element], stamp: super::stamp::Stamp) -> Result<()> {
        let Some(row) = self.tables[OPEN].get(number).cloned() else {
            return Err(not_on_file("Sales Order", number));
        };
        if let Some(user) = self.locked_by(number) {
            return Err(MasFault::known(LOCKED, &format!("The Sales Order {number} is in use by {user}.")));
        }
        let fields = entity::changed(&row.fields, members, true)?;
        self.check_zip_code(&fields)?;
        let lines = self.web_lines(&self.lines.get(number).cloned().unwrap_or_default(), members)?;
        self.web_lost += entity::lost(&row.fields, &fields) + u64::from(lines.is_empty());
        self.table(OPEN).put(number, Row { stamp: Some(stamp), fields });
        self.lines.insert(number.to_owned(), lines);
        self.web_updates += 1;
        Ok(())
    }

    /// A postal code that SY_ZipCode does not hold refuses the order.
    fn check_zip_code(&self, fields: &Map<String, Value>) -> Result<()> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let (zip, state, country) = (text("ShipToZipCode"), text("ShipToState"), text("ShipToCountryCode"));
        let domestic = ["", "USA", "US"].contains(&country);
        if zip.is_empty() || !domestic || places::postal_code_lies_in(zip, state) {
            return Ok(());
        }
        Err(MasFault::known(
            "CI_NOF",
            &format!(
                "Could not set SO_SalesOrder_Bus column ShipToZipCode to {zip}. The Zip Code is not on file."
            ),
        ))
    }

    /// Lines by their key; one without a key is new, one that is not sent is removed.
    fn web_lines(&self, old: &[Value], members: &[&Element]) -> Result<Vec<Value>> {
        let sent = members.iter().find(|member| member.name == "Lines");
        let mut lines: Vec<Value> = Vec::new();
        for line in
            sent.into_iter().flat_map(|lines| &lines.children).filter(|line| line.name == "SalesOrderLine")
        {
            let (members, _) = entity::members(line);
            let key = entity::text(&members, "LineKey");
            let code = entity::text(&members, "ItemCode");
            let item = self.tables["CI_Item"].get(&code);
            let item = item.ok_or_else(|| not_on_file("Item", &code))?;
            let known = old.iter().find(|line| !key.is_empty() && line["LineKey"] == key.as_str()).cloned();
            let mut new = known.unwrap_or_else(|| {
                json!({
                    "LineKey": format!("{:06}", old.len() + lines.len() + 1),
                    "ItemCode": code,
                    "ItemCodeDesc": item.fields["ItemCodeDesc"],
                    "UnitOfMeasure": "EACH",
                    "WarehouseCode": "001",
                    "UnitPrice": item.fields["StandardUnitPrice"],
                    "UnitWeight": item.fields["ShipWeight"].as_str().and_then(|weight| weight.parse::<f64>().ok()),
                })
            });
            for (name, numeric) in [("QuantityOrdered", true), ("UnitPrice", true), ("WarehouseCode", false)]
            {
                let text = entity::text(&members, name);
                if text.is_empty() {
                    continue;
                }
                new[name] = match numeric {
                    true => entity::number(&text).ok_or(MasFault::Unexpected)?,
                    false => json!(text),
                };
            }
            lines.push(new);
        }
        Ok(lines)
    }
}

fn not_on_file(what: &str, key: &str) -> MasFault {
    MasFault::known("CI_NOF", &format!("The {what} {key} is not on file."))
}

pub(super) fn too_long(column: &str) -> MasFault {
    MasFault::known(
        "CI_CharLength",
        &format!("Could not set SO_SalesOrder_Bus column {column}: it is too long."),
    )
}

/// What nobody expected reaches the client as these words only; the rest is in the Windows event log.
pub fn unexpected() -> Answer {
    fault("a:InternalServiceFault", "An exception occurred.", None)
}

fn fault(code: &str, message: &str, detail: Option<(&str, &str)>) -> Answer {
    let detail = detail.map_or_else(String::new, |(code, message)| {
        format!(
            "<detail><MasFault xmlns=\"{NAMESPACE}\" xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\">{}{}</MasFault></detail>",
            xml::element("ErrorCode", code),
            xml::element("ErrorMessage", message)
        )
    });
    let body = format!(
        "<s:Fault><faultcode xmlns:a=\"{NAMESPACE}\">{}</faultcode><faultstring xml:lang=\"en-US\">{}</faultstring>{detail}</s:Fault>",
        xml::escaped(code),
        xml::escaped(message)
    );
    envelope(500, &body)
}

fn envelope(status: u16, body: &str) -> Answer {
    let text = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{body}</s:Body></s:Envelope>"
    );
    Answer { status, headers: Vec::new(), body: text.into_bytes().into() }
        .with("content-type", "text/xml; charset=utf-8")
}
