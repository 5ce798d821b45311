//! The e.net service over REST: logon, logoff, and the two calls behind which the business objects stand.

use bytes::Bytes;

use super::xml::{self, Element};
use super::{Site, Syspro, post, query};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::{Fault, Strike};
use crate::simulator::system::lock;

/// An exception that a business object raised: the service answers with a fault.
pub(super) struct Raised(pub(super) String);

/// A fault of the service, as WCF writes it for REST.
pub fn fault(status: u16, text: &str) -> Answer {
    let text = quick_xml::escape::escape(text);
    let body = format!(
        "<Fault xmlns=\"http://schemas.microsoft.com/ws/2005/05/envelope/none\"><Code><Value>Receiver</Value></Code><Reason><Text xml:lang=\"en-US\">{text}</Text></Reason></Fault>"
    );
    Answer { status, headers: Vec::new(), body: Bytes::from(body) }
        .with("content-type", "application/xml; charset=utf-8")
}

impl Syspro {
    pub(super) fn enet(&self, call: &Call, path: &[&str], strike: Option<&Strike>) -> Answer {
        if call.method != "GET" {
            return Answer::html(405).with("allow", "GET");
        }
        let struck = strike.map(|strike| strike.fault);
        match path {
            ["Logon"] => self.logon(call, struck == Some(Fault::NoLicence)),
            ["Logoff"] => self.logoff(call),
            ["Query", "Query"] => self.business(call, |site, object, xml| {
                query::answer(&site.books, &self.options, object, &xml("XmlIn")?)
            }),
            ["Transaction", "Post"] => self.business(call, |site, object, xml| {
                let post = post::Post { options: &self.options, today: self.today(), strike };
                post.answer(&mut site.books, object, &xml("XmlParameters")?, &xml("XmlIn")?)
            }),
            _ => Answer::html(404),
        }
    }

    fn logon(&self, call: &Call, without_licence: bool) -> Answer {
        let wanted = ["Operator", "OperatorPassword", "CompanyId", "CompanyPassword"];
        // Blanks are sent, never left out: the service has no such address without one of them.
        let Some(given) = wanted.iter().map(|name| call.parameter(name)).collect::<Option<Vec<_>>>() else {
            return Answer::html(404);
        };
        let options = &self.options;
        let mut site = lock(&self.site);
        let refused = match () {
            () if !given[0].eq_ignore_ascii_case(&options.operator) => Some("Invalid operator"),
            () if given[1] != options.operator_password => Some("Invalid operator password"),
            () if given[2] != options.company => Some("Invalid company"),
            () if given[3] != options.company_password => Some("Invalid company password"),
            () if without_licence || !site.sessions.licence_free => {
                Some("The maximum number of concurrent users has been reached")
            }
            () => None,
        };
        match refused {
            Some(reason) => {
                site.sessions.counts.refused += 1;
                self.text(&format!("ERROR: {reason}"))
            }
            None => {
                site.sessions.counts.logons += 1;
                let now = self.desk.clock.now();
                // Padded, as everything that comes out of COBOL.
                self.text(&format!("{}  ", site.sessions.open(&options.operator, now)))
            }
        }
    }

    fn logoff(&self, call: &Call) -> Answer {
        let closed = lock(&self.site).sessions.close(call.parameter("UserId").unwrap_or_default());
        self.text(if closed { "0" } else { "ERROR: Not logged on" })
    }

    fn business(
        &self,
        call: &Call,
        work: impl FnOnce(&mut Site, &str, &dyn Fn(&str) -> Result<Element, Raised>) -> Result<Element, Raised>,
    ) -> Answer {
        let (user, object) = (call.parameter("UserId"), call.parameter("BusinessObject"));
        let (Some(user), Some(object)) = (user, object) else { return Answer::html(404) };
        let mut site = lock(&self.site);
        if !site.sessions.admit(user, self.desk.clock.now(), self.options.idle) {
            // What the real one says of a session that is no more is not public; these words are made up.
            return self.text(&format!("ERROR: Operator session {user} is not logged on"));
        }
        if self.options.unlicensed.iter().any(|unlicensed| unlicensed.eq_ignore_ascii_case(object)) {
            return fault(500, "e.net exception 100000");
        }
        let document = |name: &str| {
            let text = call.parameter(name).unwrap_or_default();
            xml::parse(text).map_err(|error| Raised(format!("{name}: {error}")))
        };
        match work(&mut site, object, &document) {
            Ok(element) => self.document(&element),
            Err(Raised(text)) => fault(500, &text),
        }
    }

    fn text(&self, text: &str) -> Answer {
        if self.options.wrapped {
            let body = Bytes::from(serde_json::Value::from(text).to_string());
            return Answer { status: 200, headers: Vec::new(), body }
                .with("content-type", "application/json; charset=utf-8");
        }
        Answer { status: 200, headers: Vec::new(), body: Bytes::from(text.to_owned()) }
            .with("content-type", "text/plain")
    }

    fn document(&self, element: &Element) -> Answer {
        let text = element.document();
        if self.options.wrapped {
            return self.text(&text);
        }
        let body: Vec<u8> = text.chars().map(windows_1252).collect();
        Answer { status: 200, headers: Vec::new(), body: Bytes::from(body) }.with("content-type", "text/xml")
    }
}

/// The byte of a character; what the code page has not is a question mark, as everywhere in SYSPRO.
fn windows_1252(c: char) -> u8 {
    match c {
        '€' => 0x80,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '–' => 0x96,
        c => u8::try_from(u32::from(c)).unwrap_or(b'?'),
    }
}
