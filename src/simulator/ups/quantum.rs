//! Quantum View v3: what happened to all of an account's parcels, in files (UPS OpenAPI QuantumView.yaml).
//!
//! What the contract leaves open is decided so, the worse way for whoever reads:
//! - A request without name, range and file names asks for unread files, and a file that was given is read, even if the
//!   answer never arrived. That reading marks anything is nowhere said; [`Options::reading_marks`] switches it off.
//! - A range is of when a file was made, in UTC. Files are made when UPS learns of things, which may be later than when
//!   those happened.
//! - A page ends between files, and a bookmark names the next one.
//!
//! [`Options::reading_marks`]: super::Options::reading_marks

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use serde_json::{Value, json};

use super::answer::{self, many, text};
use super::state::Book;
use super::{Ups, quantum_record};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::system::lock;

/// The name of the account's one subscription.
const NAME: &str = "OutboundXML";

/// No range begins earlier than this, and none is longer.
const REACH: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Events in one file.
const FILE: usize = 50;

/// An event: shipment, parcel and event by their places in the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Of all shipments.
    pub shipment: usize,
    /// Of the shipment's parcels.
    pub parcel: usize,
    /// Of the parcel's events.
    pub event: usize,
}

/// A file: what UPS learned of within one second.
#[derive(Debug, Clone)]
struct File {
    made: Timestamp,
    /// Of those made in the same second.
    number: usize,
    entries: Vec<Entry>,
    read: bool,
}

impl File {
    /// `261120_150000001`.
    fn name(&self) -> String {
        let made = Zoned::new(self.made, TimeZone::UTC);
        format!("{}{:03}", made.strftime("%y%m%d_%H%M%S"), self.number)
    }
}

/// The files of an account, in the order in which they were made.
#[derive(Debug, Default)]
pub struct Files {
    files: Vec<File>,
}

impl Files {
    /// Adds an event that UPS learned of at `recorded`: to the second's file, or to a new one if that is full or was read.
    pub fn add(&mut self, recorded: Timestamp, entry: Entry) {
        let made = Timestamp::from_second(recorded.as_second()).unwrap_or(recorded);
        let number = match self.files.last_mut() {
            Some(last) if last.made == made && last.entries.len() < FILE && !last.read => {
                last.entries.push(entry);
                return;
            }
            Some(last) if last.made == made => last.number + 1,
            _ => 1,
        };
        self.files.push(File { made, number, entries: vec![entry], read: false });
    }
}

/// Which files are asked for.
enum Asked {
    Unread,
    Range(Timestamp, Timestamp),
    Named(Vec<String>),
}

/// Why a request cannot be served, in the body of a 200.
struct Failure {
    severity: &'static str,
    code: &'static str,
    description: &'static str,
    retry: Option<u32>,
}

impl Failure {
    /// UPS's numbers for these are unpublished; its general one for wrong values stands in.
    fn hard(description: &'static str) -> Self {
        Self { severity: "Hard", code: "10002", description, retry: None }
    }
}

impl Ups {
    /// The next `times` calls of Quantum View fail, in the body of a 200 that asks for `seconds` of patience.
    pub fn tire_quantum_view(&self, times: u32, seconds: u32) {
        *lock(&self.tired) = (times, seconds);
    }

    pub(super) fn quantum_view(&self, call: &Call, body: &Value) -> Answer {
        let request = &body["QuantumViewRequest"];
        let page = match self.tiredness() {
            Some(failure) => Err(failure),
            None => asked(request, self.desk.clock.now()).and_then(|asked| self.page(request, &asked)),
        };
        let answer = match page {
            Ok((files, bookmark)) => {
                let files: Vec<Value> = files.into_iter().map(|file| self.file(file)).collect();
                self.told(request, files, bookmark)
            }
            Err(failure) => self.failed(request, &failure),
        };
        answer::good(call, &json!({ "QuantumViewResponse": answer }))
    }

    fn tiredness(&self) -> Option<Failure> {
        let mut tired = lock(&self.tired);
        let (times, seconds) = *tired;
        tired.0 = times.checked_sub(1)?;
        let description = "The service is temporarily unavailable";
        Some(Failure { severity: "Transient", code: "10004", description, retry: Some(seconds) })
    }

    /// The files of a page, each with its records' makings, and the bookmark if there are more.
    fn page(&self, request: &Value, asked: &Asked) -> Result<(Vec<Given>, Option<String>), Failure> {
        let from = match request.get("Bookmark") {
            None | Some(Value::Null) => None,
            Some(bookmark) => Some(self.place_of(bookmark.as_str().unwrap_or_default(), asked)?),
        };
        let mut book = lock(&self.book);
        let chosen: Vec<usize> = (0..book.files.files.len())
            .filter(|index| {
                let file = &book.files.files[*index];
                let meant = match asked {
                    Asked::Unread => !file.read,
                    Asked::Range(begin, end) => (*begin..=*end).contains(&file.made),
                    Asked::Named(names) => names.contains(&file.name()),
                };
                meant && from.as_ref().and_then(|from| from.as_ref()).is_none_or(|from| file.name() >= *from)
            })
            .collect();
        let page: Vec<usize> = chosen.iter().copied().take(self.options.quantum_page.max(1)).collect();
        let bookmark = chosen.get(page.len()).map(|next| match asked {
            Asked::Unread => STANDARD.encode(&self.options.client_id),
            _ => {
                STANDARD.encode(format!("{}{NAME}{}", self.options.client_id, book.files.files[*next].name()))
            }
        });
        let given = page.iter().map(|index| given(&book, &book.files.files[*index])).collect();
        let said: Vec<Entry> =
            page.iter().flat_map(|index| book.files.files[*index].entries.iter().copied()).collect();
        let told = |entry: &Entry| quantum_record::is_told(book.event(entry).scan);
        let said: Vec<Entry> = said.into_iter().filter(told).collect();
        book.said.extend(said);
        if self.options.reading_marks {
            page.iter().for_each(|index| book.files.files[*index].read = true);
        }
        Ok((given, bookmark))
    }

    /// The file that a bookmark names: subscriber, subscription and file; of unread files only the subscriber.
    fn place_of(&self, bookmark: &str, asked: &Asked) -> Result<Option<String>, Failure> {
        let text = STANDARD.decode(bookmark).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let rest = text.as_deref().and_then(|text| text.strip_prefix(self.options.client_id.as_str()));
        match (rest, asked) {
            (Some(""), Asked::Unread) => Ok(None),
            (Some(rest), Asked::Range(..) | Asked::Named(_)) => match rest.strip_prefix(NAME) {
                Some(file) if !file.is_empty() => Ok(Some(file.to_owned())),
                _ => Err(Failure::hard("The bookmark is invalid")),
            },
            _ => Err(Failure::hard("The bookmark is invalid")),
        }
    }

    fn told(&self, request: &Value, files: Vec<Value>, bookmark: Option<String>) -> Value {
        let context =
            request.pointer("/Request/TransactionReference/CustomerContext").and_then(Value::as_str);
        let mut events = json!({
            "Name": NAME,
            "Number": "1",
            "SubscriptionStatus": { "Code": "A", "Description": "Active" },
        });
        if !files.is_empty() {
            events["SubscriptionFile"] = self.list(files);
        }
        let mut answer = json!({
            "Response": response("1", "Success", context),
            "QuantumViewEvents": {
                "SubscriberID": self.options.client_id,
                "SubscriptionEvents": self.list(vec![events]),
            },
        });
        if let Some(bookmark) = bookmark {
            answer["Bookmark"] = Value::String(bookmark);
        }
        answer
    }

    fn failed(&self, request: &Value, failure: &Failure) -> Value {
        let context =
            request.pointer("/Request/TransactionReference/CustomerContext").and_then(Value::as_str);
        let mut error = json!({
            "ErrorSeverity": failure.severity,
            "ErrorCode": failure.code,
            "ErrorDescription": failure.description,
        });
        if let Some(seconds) = failure.retry {
            error["MinimumRetrySeconds"] = Value::String(seconds.to_string());
        }
        let mut response = response("0", "Failure", context);
        response["Error"] = self.list(vec![error]);
        json!({ "Response": response })
    }

    fn file(&self, given: Given) -> Value {
        let (code, description) = if given.read { ("R", "Read") } else { ("U", "Unread") };
        let mut file = json!({
            "FileName": given.name,
            "StatusType": { "Code": code, "Description": description },
        });
        for (kind, records) in given.records {
            file[kind] = self.list(records);
        }
        file
    }
}

/// A file as it is given: its records by kind.
struct Given {
    name: String,
    read: bool,
    records: Vec<(&'static str, Vec<Value>)>,
}

fn given(book: &Book, file: &File) -> Given {
    let mut records: Vec<(&'static str, Vec<Value>)> = Vec::new();
    for entry in &file.entries {
        let shipment = &book.state.shipments[entry.shipment];
        let parcel = &shipment.packages[entry.parcel];
        let Some(event) = parcel.events.get(entry.event) else { continue };
        let Some((kind, record)) = quantum_record::of(shipment, parcel, event) else { continue };
        match records.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, all)) => all.push(record),
            None => records.push((kind, vec![record])),
        }
    }
    Given { name: file.name(), read: file.read, records }
}

fn response(code: &str, description: &str, context: Option<&str>) -> Value {
    json!({
        "TransactionReference": match context {
            Some(context) if !context.is_empty() => json!({ "CustomerContext": context }),
            _ => json!(""),
        },
        "ResponseStatusCode": code,
        "ResponseStatusDescription": description,
    })
}

fn asked(request: &Value, now: Timestamp) -> Result<Asked, Failure> {
    let wanted = many(&request["SubscriptionRequest"]);
    let Some(wanted) = wanted.first() else { return Ok(Asked::Unread) };
    let name = text(wanted, "/Name");
    if !name.is_empty() && name != NAME {
        return Err(Failure::hard("There is no subscription of that name"));
    }
    let names: Vec<String> =
        many(&wanted["FileName"]).into_iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let begin = text(wanted, "/DateTimeRange/BeginDateTime");
    if begin.is_empty() {
        return Ok(match (names.is_empty(), name.is_empty()) {
            (false, _) => Asked::Named(names),
            (true, true) => Asked::Unread,
            // Everything of that subscription that is kept.
            (true, false) => Asked::Range(earlier(now), now),
        });
    }
    let begin = instant(begin).ok_or_else(|| Failure::hard("The begin date is not YYYYMMDDHHmmss"))?;
    let end = match text(wanted, "/DateTimeRange/EndDateTime") {
        "" => begin.checked_add(REACH).unwrap_or(begin),
        end => instant(end).ok_or_else(|| Failure::hard("The end date is not YYYYMMDDHHmmss"))?,
    };
    match begin < earlier(now) || end.duration_since(begin) > REACH {
        true => Err(Failure::hard("The date range exceeds 7 days")),
        false => Ok(Asked::Range(begin, end)),
    }
}

fn earlier(now: Timestamp) -> Timestamp {
    now.checked_sub(REACH).unwrap_or(now)
}

/// `20261120150000`, in UTC.
fn instant(text: &str) -> Option<Timestamp> {
    let at = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", text).ok()?;
    at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
}
