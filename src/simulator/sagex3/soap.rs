//! The Classic web services: `CAdxWebServiceXmlCC`, RPC/encoded; `read`, `modify` and `getDescription` of published objects.
//!
//! Sources: Sage's WSDL and `WSSOH_WS_MODIFY.XML` (soap-tester-client). The pool in `callContext` is mandatory, user
//! and password in it are ignored; a failure is a 200 with status 0; what is published, under which name and in
//! which groups, is a deployment's own. Only a server without processes for web services answers a fault.

use serde_json::{Map, Value, json};

use super::SageX3;
use super::books::{Books, CUSTOM_FIELD, Lock, Record, STATUS_FIELD};
use super::dictionary::{PORDER, SORDER};
use super::xml::{self, Element};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::{Fault, Strike};
use crate::simulator::system::lock;

const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SERVICE: &str = "http://www.adonix.com/WSS";
/// The operations that the WSDL has.
const OPERATIONS: [&str; 12] = [
    "run",
    "query",
    "read",
    "save",
    "modify",
    "delete",
    "insertLines",
    "deleteLines",
    "actionObject",
    "actionObjectKeys",
    "getDescription",
    "getDataXmlSchema",
];

/// An object that is published: its name, its class, its key, and its fields by group.
struct Publication {
    name: &'static str,
    class: &'static str,
    key: &'static str,
    group: &'static str,
    /// Each field with the most characters it takes; 0 for one that cannot be changed.
    fields: &'static [(&'static str, usize)],
}

const PUBLICATIONS: &[Publication] = &[
    Publication {
        name: "WSSOH",
        class: SORDER,
        key: "SOHNUM",
        group: "SOH0_1",
        fields: &[
            ("SALFCY", 0),
            ("SOHTYP", 0),
            ("SOHNUM", 0),
            ("ORDDAT", 0),
            ("CUR", 0),
            ("CUSORDREF", 20),
            (CUSTOM_FIELD, 250),
            (STATUS_FIELD, 20),
            ("YESTDAT", 8),
            ("YDLVDAT", 8),
            ("YEXCFLG", 1),
            ("YEXCTXT", 80),
        ],
    },
    Publication {
        name: "WSPOH",
        class: PORDER,
        key: "POHNUM",
        group: "POH0_1",
        fields: &[
            ("POHFCY", 0),
            ("POHNUM", 0),
            ("ORDDAT", 0),
            ("CUR", 0),
            ("ORDREF", 20),
            (CUSTOM_FIELD, 250),
            (STATUS_FIELD, 20),
            ("YESTDAT", 8),
            ("YDLVDAT", 8),
            ("YEXCFLG", 1),
            ("YEXCTXT", 80),
        ],
    },
];

/// What an operation yields: the result, or why not.
type Outcome = Result<Value, String>;

/// A SOAP fault, which comes with 500.
pub fn fault(message: &str) -> Answer {
    let body = format!(
        "<soapenv:Fault><faultcode>soapenv:Server</faultcode><faultstring>{}</faultstring></soapenv:Fault>",
        xml::escape(message)
    );
    envelope(500, &body)
}

fn envelope(status: u16, body: &str) -> Answer {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"{ENVELOPE}\" \
         xmlns:soapenc=\"http://schemas.xmlsoap.org/soap/encoding/\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:wss=\"{SERVICE}\"><soapenv:Body>{body}\
         </soapenv:Body></soapenv:Envelope>"
    );
    Answer { status, headers: Vec::new(), body: text.into_bytes().into() }
        .with("content-type", "text/xml;charset=UTF-8")
}

/// What a call is about, for the log.
pub fn subject(body: &[u8]) -> (String, Option<String>) {
    let document = xml::parse(&String::from_utf8_lossy(body)).ok();
    match document.as_ref().and_then(|document| operation(document).ok()) {
        Some(operation) => {
            let key = keys(operation).first().map(|(_, value)| value.clone());
            (format!("soap.{}.{}", operation.text_of("publicName"), operation.name), key)
        }
        None => ("soap".to_owned(), None),
    }
}

fn operation(document: &Element) -> Result<&Element, String> {
    if (document.name.as_str(), document.namespace.as_str()) != ("Envelope", ENVELOPE) {
        return Err("The document is not a SOAP 1.1 envelope".to_owned());
    }
    let body = document.child("Body").filter(|body| body.namespace == ENVELOPE);
    let operation = body.and_then(|body| body.children.first()).ok_or("The SOAP body is empty")?;
    if operation.namespace != SERVICE || !OPERATIONS.contains(&operation.name.as_str()) {
        return Err(format!("The operation {} is not in the service {SERVICE}", operation.name));
    }
    Ok(operation)
}

fn keys(operation: &Element) -> Vec<(String, String)> {
    let keys = operation.child("objectKeys").map(|keys| keys.children.as_slice()).unwrap_or_default();
    keys.iter().map(|pair| (pair.text_of("key").to_owned(), pair.text_of("value").to_owned())).collect()
}

impl SageX3 {
    /// A call to the service, signed in.
    pub(super) fn soap(&self, call: &Call, strike: Option<&Strike>) -> Answer {
        let busy = strike.is_some_and(|strike| strike.fault == Fault::PoolBusy);
        if busy || !lock(&self.books).web_services {
            return fault("No web services accepted");
        }
        let typed = call.header("content-type").is_some_and(|kind| kind.starts_with("text/xml"));
        let document = xml::parse(&String::from_utf8_lossy(&call.body));
        let operation = match &document {
            _ if !typed => return self.mistaken(fault("The content type is not text/xml")),
            Err(message) => return self.mistaken(fault(message)),
            Ok(document) => match operation(document) {
                Err(message) => return self.mistaken(fault(&message)),
                Ok(operation) => operation,
            },
        };
        let outcome = self.outcome(operation, strike);
        if let Err(message) = &outcome {
            lock(&self.books).mistake(message);
        }
        self.result(operation, &outcome)
    }

    fn outcome(&self, operation: &Element, strike: Option<&Strike>) -> Outcome {
        let context = operation.child("callContext").ok_or("The call context is missing")?;
        let pool = context.text_of("poolAlias");
        if pool != self.options.pool {
            return Err(format!("No classic web service pool match to '{pool}'"));
        }
        let name = operation.text_of("publicName");
        let publication = PUBLICATIONS.iter().find(|publication| publication.name == name);
        let publication = publication.ok_or_else(|| format!("Unknown public name: {name}"))?;
        if operation.name == "getDescription" {
            return Ok(described(publication));
        }
        let keys = keys(operation);
        let [(key_name, key)] = keys.as_slice() else {
            return Err("objectKeys must name one key".to_owned());
        };
        if key_name != publication.key {
            return Err(format!("Unknown key: {key_name}"));
        }
        match operation.name.as_str() {
            "read" => self.read(publication, key),
            "modify" => self.modify(publication, key, operation.text_of("objectXml"), strike),
            other => Err(format!("The operation {other} is not published for {name}")),
        }
    }

    fn read(&self, publication: &Publication, key: &str) -> Outcome {
        let books = lock(&self.books);
        let record =
            books.get(publication.class, key).ok_or_else(|| format!("{key} : Record does not exist"))?;
        Ok(group(publication, record))
    }

    fn modify(&self, publication: &Publication, key: &str, object: &str, strike: Option<&Strike>) -> Outcome {
        let set = fields(publication, object)?;
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        let record = books.get(publication.class, key).cloned();
        let record = record.ok_or_else(|| format!("{key} : Record does not exist"))?;
        if let Some(strike) = strike.filter(|strike| strike.fault == Fault::RecordLock) {
            let attempts = strike.attempts;
            let held = Lock { user: "MJONE".into(), attempts: Some(attempts) };
            books.locks.entry(key.to_owned()).or_insert(held);
        }
        if let Some(user) = books.locked_by(key) {
            return Err(format!("Record locked: {key} is in use by {user}"));
        }
        tally(&mut books, key, &record, &set);
        books.wrote_status(publication.class, key, &set, strike);
        books.change(publication.class, key, &set, Some((now, &self.options.user)));
        let record = books.get(publication.class, key).cloned().unwrap_or_default();
        Ok(group(publication, &record))
    }

    /// `CAdxResultXml`: messages, the result as JSON or XML, and 1 or 0.
    fn result(&self, operation: &Element, outcome: &Outcome) -> Answer {
        let config = operation.child("callContext").map_or("", |context| context.text_of("requestConfig"));
        let kind = |name: &str| match self.options.typed {
            true => format!(" xsi:type=\"{name}\""),
            false => String::new(),
        };
        let message = |text: &str| {
            format!(
                "<item{}><message{}>{}</message><type{}>3</type></item>",
                kind("wss:CAdxMessage"),
                kind("xsd:string"),
                xml::escape(text),
                kind("xsd:string")
            )
        };
        let (messages, shown, status) = match outcome {
            Ok(value) if config.contains("adxwss.optreturn=JSON") => (String::new(), value.to_string(), 1),
            Ok(value) => (String::new(), as_xml(value), 1),
            Err(text) => (message(text), String::new(), 0),
        };
        let shown = if shown.is_empty() { shown } else { format!("<![CDATA[{shown}]]>") };
        let name = &operation.name;
        let body = format!(
            "<wss:{name}Response soapenv:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\">\
             <{name}Return{}><messages{}>{messages}</messages><resultXml{}>{shown}</resultXml>\
             <status{}>{status}</status><technicalInfos{}/></{name}Return></wss:{name}Response>",
            kind("wss:CAdxResultXml"),
            kind("wss:ArrayOfCAdxMessage"),
            kind("xsd:string"),
            kind("xsd:int"),
            kind("wss:CAdxTechnicalInfos"),
        );
        envelope(200, &body)
    }
}

/// Counts writes of tracking numbers, and writes that change nothing.
fn tally(books: &mut Books, key: &str, record: &Record, set: &Record) {
    let Some(new) = set.get(CUSTOM_FIELD).filter(|new| **new != json!("")) else { return };
    if record.get(CUSTOM_FIELD) == Some(new) {
        books.counts.repeated_writes += 1;
    } else {
        books.wrote(key);
    }
}

/// What `<PARAM><GRP ID="SOH0_1"><FLD NAME="CUSORDREF">…` sets.
fn fields(publication: &Publication, object: &str) -> Result<Record, String> {
    let document = xml::parse(object).map_err(|error| format!("objectXml cannot be read: {error}"))?;
    if document.name != "PARAM" {
        return Err("objectXml is not a PARAM".to_owned());
    }
    let mut set = Map::new();
    for group in &document.children {
        if group.name != "GRP" || group.attribute("ID") != publication.group {
            return Err(format!("Unknown group: {}", group.attribute("ID")));
        }
        for field in &group.children {
            let name = field.attribute("NAME");
            let known = publication.fields.iter().find(|(known, _)| *known == name);
            let Some((name, most)) = known.filter(|_| field.name == "FLD") else {
                return Err(format!("Unknown field: {name}"));
            };
            let text = field.text.trim();
            if *most == 0 {
                return Err(format!("Field not available for input: {name}"));
            }
            if text.chars().count() > *most {
                return Err(format!("{name} : Value too long"));
            }
            set.insert((*name).to_owned(), json!(text));
        }
    }
    if set.is_empty() { Err("objectXml sets nothing".to_owned()) } else { Ok(set) }
}

/// What is published: groups with their fields.
fn described(publication: &Publication) -> Value {
    let fields: Map<String, Value> =
        publication.fields.iter().map(|(name, _)| ((*name).to_owned(), json!("Char"))).collect();
    json!({ publication.group: fields })
}

/// The published fields of a record; days without dashes.
fn group(publication: &Publication, record: &Record) -> Value {
    let mut shown = Map::new();
    for (name, _) in publication.fields {
        let text = record.get(*name).and_then(Value::as_str).unwrap_or_default();
        let text = if *name == "ORDDAT" { text.replace('-', "") } else { text.to_owned() };
        shown.insert((*name).to_owned(), json!(text));
    }
    json!({ publication.group: shown })
}

fn as_xml(value: &Value) -> String {
    let mut text = "<RESULT>".to_owned();
    for (group, fields) in value.as_object().into_iter().flatten() {
        text.push_str(&format!("<GRP ID=\"{group}\">"));
        for (name, value) in fields.as_object().into_iter().flatten() {
            let value = xml::escape(value.as_str().unwrap_or_default());
            text.push_str(&format!("<FLD NAME=\"{name}\" TYPE=\"Char\">{value}</FLD>"));
        }
        text.push_str("</GRP>");
    }
    text + "</RESULT>"
}
