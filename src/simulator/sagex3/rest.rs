//! The REST interface `api1`: queries, details, and writes to what may be written.
//!
//! Sources: Sage's integration guide (ws-query, ws-read-details, ws-update) and api-guide. Every other property
//! than those of the facet, and every other facet than those of the representation, is refused as X3 does.

use serde_json::{Map, Value, json};

use super::SageX3;
use super::books::{Books, Record};
use super::dictionary::{self, Class, Kind};
use super::filter::{Refusal, Where};
use super::options::Missing;
use super::page::{Order, Page};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::Strike;
use crate::simulator::system::lock;

/// The rows of callers that ask for no number.
const ROWS: usize = 20;

/// What a path below the endpoint names: a class, and a key where one is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// The class as written.
    pub class: String,
    /// The key, its parts joined with `~`.
    pub key: Option<String>,
}

impl Entity {
    /// Reads `CLASS`, `CLASS('KEY')` or `CLASS("KEY")`.
    pub fn parse(text: &str) -> Option<Self> {
        let Some((class, rest)) = text.split_once('(') else {
            return Some(Self { class: text.to_owned(), key: None });
        };
        let inner = rest.strip_suffix(')')?;
        let quote = inner.chars().next().filter(|quote| ['\'', '"'].contains(quote))?;
        let key = inner.strip_prefix(quote)?.strip_suffix(quote)?;
        // Two quotes stand for one.
        let pieces: Vec<&str> = key.split(&format!("{quote}{quote}")).collect();
        let whole = pieces.iter().all(|piece| !piece.contains(quote));
        whole.then(|| Self { class: class.to_owned(), key: Some(pieces.join(&quote.to_string())) })
    }
}

/// An answer of Syracuse.
pub fn syracuse(status: u16, body: &Value) -> Answer {
    let mut answer = Answer::json(status, body);
    answer.headers.clear();
    answer.with("content-type", "application/json;vnd.sage=syracuse")
}

/// A refusal as `$diagnoses`.
pub fn diagnosis(status: u16, message: &str) -> Answer {
    syracuse(status, &json!({ "$diagnoses": [{ "$severity": "error", "$message": message }] }))
}

fn bad_where(message: &str) -> Answer {
    let diagnosis = json!({
        "$severity": "error", "$sdataCode": "BadWhereSyntax", "$applicationCode": "2403",
        "$message": "Invalid query syntax", "$stackTrace": message,
    });
    syracuse(400, &json!({ "$diagnoses": [diagnosis] }))
}

impl SageX3 {
    /// A call to `/api1/x3/erp/ENDPOINT/…`, signed in.
    pub(super) fn rest(&self, call: &Call, endpoint: &str, entity: &str, strike: Strikes<'_>) -> Answer {
        if endpoint != self.options.endpoint {
            return self.mistaken(diagnosis(404, &format!("The endpoint {endpoint} does not exist")));
        }
        let found =
            Entity::parse(entity).and_then(|entity| Some((dictionary::class(&entity.class)?, entity.key)));
        let Some((class, key)) = found else {
            return self.mistaken(diagnosis(404, &format!("The class of {entity} does not exist")));
        };
        let Some((representation, facet)) =
            call.parameter("representation").and_then(|text| text.split_once('.'))
        else {
            return self.mistaken(diagnosis(400, "The parameter representation is missing"));
        };
        if representation != class.name {
            let message =
                format!("The representation {representation} does not belong to the class {}", class.name);
            return self.mistaken(diagnosis(400, &message));
        }
        match (call.method.as_str(), facet, key) {
            ("GET", "$query", None) => self.query(call, class, strike.duplicate),
            ("GET", "$details", Some(key)) => self.details(call, class, &key),
            ("PUT", "$edit", Some(key)) if class.writable => self.edit_record(call, class, &key, strike),
            ("POST", "$create", None) if class.writable => self.create_record(call, class, strike),
            ("PUT" | "POST", "$edit" | "$create", _) => {
                let message =
                    format!("{} is a Classic object: the facet {facet} is not available", class.name);
                self.mistaken(diagnosis(400, &message))
            }
            ("GET" | "PUT" | "POST", ..) => {
                self.mistaken(diagnosis(400, &format!("The facet {facet} does not fit the request")))
            }
            _ => self.mistaken(diagnosis(405, &format!("{} is not supported", call.method))),
        }
    }

    /// Notes a caller's mistake.
    pub(super) fn mistaken(&self, answer: Answer) -> Answer {
        let what = String::from_utf8_lossy(&answer.body).into_owned();
        lock(&self.books).mistake(&what);
        answer
    }

    fn query(&self, call: &Call, class: &'static Class, duplicate: bool) -> Answer {
        let condition = match call.parameter("where").map(|text| Where::parse(text, class)) {
            None => None,
            Some(Ok(condition)) => Some(condition),
            Some(Err(Refusal::Syntax(message))) => return self.mistaken(bad_where(&message)),
            // Seen on X3 endpoints: not 400 but 500.
            Some(Err(Refusal::UnknownProperty(name))) => {
                return self.mistaken(diagnosis(500, &format!("Unknown property {name}")));
            }
        };
        let order = match Order::parse(call.parameter("orderBy").unwrap_or_default(), class) {
            Ok(order) => order,
            Err((status, message)) => return self.mistaken(diagnosis(status, &message)),
        };
        let count = match call.parameter("count").map(str::parse::<usize>) {
            None => ROWS,
            Some(Ok(count)) if count > 0 => count,
            Some(_) => return self.mistaken(diagnosis(400, "count is not a number")),
        };
        let count = count.min(self.options.most_rows);
        let mut books = lock(&self.books);
        books.pages += 1;
        let rows = books
            .records(class.name)
            .filter(|(_, record)| condition.as_ref().is_none_or(|condition| condition.holds(record)));
        let page = match Page::cut(rows, &order, call.parameter("key"), count) {
            Ok(page) => page,
            Err(message) => {
                drop(books);
                return self.mistaken(diagnosis(400, &message));
            }
        };
        let base = self.base(call, class);
        let resources: Vec<Value> =
            page.rows.iter().map(|(key, record)| row(class, key, record, &base)).collect();
        let mut links = json!({ "$first": { "$url": page_url(&base, call, None) } });
        if duplicate {
            // Once more from where this page began.
            let again = call.parameter("key").map(str::to_owned);
            let url = page_url(&base, call, again.as_deref());
            links["$next"] = json!({ "$url": format!("{url}&again={}", books.pages) });
        } else if let Some(next) = &page.next {
            links["$next"] = json!({ "$url": page_url(&base, call, Some(next)) });
        }
        let body = json!({
            "$url": page_url(&base, call, call.parameter("key")),
            "$descriptor": class.name,
            "$itemsPerPage": count,
            "$resources": resources,
            "$links": links,
        });
        syracuse(200, &body)
    }

    /// Where the class is, as absolute as every link.
    fn base(&self, call: &Call, class: &Class) -> String {
        let scheme = if self.options.tls.is_some() { "https" } else { "http" };
        let host = call.header("host").unwrap_or("localhost");
        format!("{scheme}://{host}/api1/x3/erp/{}/{}", self.options.endpoint, class.name)
    }

    fn details(&self, call: &Call, class: &'static Class, key: &str) -> Answer {
        let books = lock(&self.books);
        match books.get(class.name, key) {
            Some(record) => syracuse(200, &shown(class, key, record, &self.base(call, class))),
            None => self.missing(),
        }
    }

    fn missing(&self) -> Answer {
        let status = match self.options.missing {
            Missing::NotFound => 404,
            Missing::Diagnosed => 200,
        };
        diagnosis(status, "721 : Record does not exist")
    }

    fn edit_record(&self, call: &Call, class: &'static Class, key: &str, strike: Strikes<'_>) -> Answer {
        let set = match given(call, class) {
            Ok(set) => set,
            Err(answer) => return self.mistaken(answer),
        };
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        if let Some(attempts) = strike.locks {
            let held = super::books::Lock { user: "MJONE".into(), attempts: Some(attempts) };
            books.locks.entry(key.to_owned()).or_insert(held);
        }
        if let Some(user) = books.locked_by(key) {
            return diagnosis(500, &format!("Record locked: {key} is in use by {user}"));
        }
        if books.get(class.name, key).is_none() {
            return self.missing();
        }
        tally(&mut books, class, key, &set);
        books.wrote_status(class.name, key, &set, strike.strike);
        books.change(class.name, key, &set, Some((now, &self.options.user)));
        let record = books.get(class.name, key).cloned().unwrap_or_default();
        syracuse(200, &shown(class, key, &record, &self.base(call, class)))
    }

    /// 201 says only that the request was understood: `$diagnoses` say whether there is a record now.
    fn create_record(&self, call: &Call, class: &'static Class, strike: Strikes<'_>) -> Answer {
        let record = match given(call, class) {
            Ok(record) => record,
            Err(answer) => return self.mistaken(answer),
        };
        let key = class.key_of(&record);
        let order = if class.name == dictionary::YSOT { dictionary::SORDER } else { dictionary::PORDER };
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        if books.get(class.name, &key).is_some() {
            return diagnosis(201, &format!("{key} : Record already exists"));
        }
        if books.get(order, &key).is_none() {
            return diagnosis(201, &format!("{key} : Record does not exist in {order}"));
        }
        tally(&mut books, class, &key, &record);
        books.wrote_status(class.name, &key, &record, strike.strike);
        books.put(class.name, record.clone(), now);
        let record = books.get(class.name, &key).cloned().unwrap_or_default();
        let base = self.base(call, class);
        let url = format!("{base}('{key}')?representation={}.$details", class.name);
        syracuse(201, &shown(class, &key, &record, &base)).with("location", url)
    }
}

/// What a fault makes of a call to REST.
#[derive(Debug, Clone, Copy, Default)]
pub struct Strikes<'s> {
    /// What strikes it.
    pub strike: Option<&'s Strike>,
    /// The next page is this one again.
    pub duplicate: bool,
    /// For how many writes somebody opens the record.
    pub locks: Option<u32>,
}

/// Counts writes of tracking numbers, and writes that change nothing.
fn tally(books: &mut Books, class: &'static Class, key: &str, set: &Record) {
    let Some(new) = set.get("TRACKNO").filter(|new| **new != json!("")) else { return };
    if books.get(class.name, key).and_then(|record| record.get("TRACKNO")) == Some(new) {
        books.counts.repeated_writes += 1;
    } else {
        books.wrote(key);
    }
}

/// The properties of a body, each known and of its kind. `$uuid` and the like come back with a record and are left alone.
fn given(call: &Call, class: &Class) -> Result<Record, Answer> {
    let Some(Value::Object(body)) = call.json() else {
        return Err(diagnosis(400, "The body is not a JSON object"));
    };
    let mut record = Map::new();
    for (name, value) in body.into_iter().filter(|(name, _)| !name.starts_with('$')) {
        let Some(property) = class.property(&name) else {
            return Err(diagnosis(500, &format!("Unknown property {name}")));
        };
        if !property.kind.holds(&value) {
            return Err(diagnosis(400, &format!("{name} : Incorrect value")));
        }
        if property.kind == Kind::Text && value.as_str().is_some_and(|text| text.chars().count() > 250) {
            return Err(diagnosis(400, &format!("{name} : Value too long")));
        }
        record.insert(name, value);
    }
    Ok(record)
}

/// A row of a query.
fn row(class: &Class, key: &str, record: &Record, base: &str) -> Value {
    let mut shown = head(key, record);
    shown.insert("$url".into(), json!(format!("{base}('{key}')?representation={}.$details", class.name)));
    for property in class.properties.iter().filter(|property| property.listed) {
        show(class, &mut shown, record, property.name);
    }
    Value::Object(shown)
}

/// A record in full.
fn shown(class: &Class, key: &str, record: &Record, base: &str) -> Value {
    let mut shown = head(key, record);
    shown.insert("$url".into(), json!(format!("{base}('{key}')?representation={}.$details", class.name)));
    for property in class.properties {
        show(class, &mut shown, record, property.name);
    }
    for collection in class.collections {
        shown.insert((*collection).to_owned(), record.get(*collection).cloned().unwrap_or_else(|| json!([])));
    }
    Value::Object(shown)
}

/// `$etag` is the record's stamp: two changes within a second have the same.
fn head(key: &str, record: &Record) -> Record {
    Map::from_iter([
        ("$uuid".to_owned(), record.get("$uuid").cloned().unwrap_or_default()),
        ("$etag".to_owned(), record.get("UPDDATTIM").cloned().unwrap_or_default()),
        ("$key".to_owned(), json!(key)),
    ])
}

fn show(class: &Class, shown: &mut Record, record: &Record, name: &str) {
    let Some(value) = record.get(name) else { return };
    shown.insert(name.to_owned(), value.clone());
    if class.references.contains(&name) {
        let title = format!("{name} {}", value.as_str().unwrap_or_default());
        shown.insert(format!("{name}_REF"), json!({ "$title": title }));
    }
}

fn page_url(base: &str, call: &Call, key: Option<&str>) -> String {
    let kept = call.query.iter().filter(|(name, _)| !["key", "again"].contains(&name.as_str()));
    let mut pairs: Vec<(&str, &str)> = kept.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    pairs.extend(key.map(|key| ("key", key)));
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{base}?{}", query.replace('+', "%20"))
}
