//! The business objects that write: SORTOI (an order's header), SORTOS (its status), SORTDN (dispatch notes) and COMTFM
//! (custom forms).

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::Options;
use super::books::{Books, STATUS_FIELD, day_text, padded};
use super::enet::Raised;
use super::xml::Element;
use crate::simulator::faults::{Fault, Strike};

/// What a posting needs to know.
pub(super) struct Post<'p> {
    pub(super) options: &'p Options,
    pub(super) today: Date,
    /// What strikes it.
    pub(super) strike: Option<&'p Strike>,
}

/// Elements of an order's header that SORTOI knows, with the column and how much it holds (the schema may say more).
const HEADER: &[(&str, &str, usize)] = &[
    ("CustomerPoNumber", "CustomerPoNumber", 30),
    ("ShippingInstrs", "ShippingInstrs", 50),
    ("ShippingInstrsCode", "ShippingInstrsCod", 6),
    ("SpecialInstrs", "SpecialInstrs", 30),
    ("ShipAddress1", "ShipAddress1", 40),
    ("ShipAddress2", "ShipAddress2", 40),
    ("ShipAddress3", "ShipAddress3", 40),
    ("ShipAddress4", "ShipAddress4", 40),
    ("ShipAddress5", "ShipAddress5", 40),
    ("ShipPostalCode", "ShipPostalCode", 10),
    ("Email", "Email", 255),
];

/// Elements of a header that name the order or are of no concern here.
const KEYS: &[&str] = &["OrderActionType", "SalesOrder", "Customer", "OrderDate", "RequestedShipDate"];

/// Clears a field; an empty element leaves it alone.
const BLANK: &str = "{blank}";

impl Post<'_> {
    pub(super) fn answer(
        &self,
        books: &mut Books,
        object: &str,
        parameters: &Element,
        document: &Element,
    ) -> Result<Element, Raised> {
        let empty = Element::default();
        let parameters = parameters.child("Parameters").unwrap_or(&empty);
        match object {
            "SORTOI" => Ok(self.orders(books, parameters, document)),
            "SORTOS" => Ok(self.statuses(books, parameters, document)),
            "SORTDN" => Ok(self.dispatches(books, parameters, document)),
            "COMTFM" => Ok(self.forms(books, parameters, document)),
            other => Err(Raised(format!("Business object '{other}' not found"))),
        }
    }

    /// SORTOI. A clean success names no order; one with warnings does; a rejection has an empty one.
    fn orders(&self, books: &mut Books, parameters: &Element, document: &Element) -> Element {
        let validate = parameters.text_of("Process") == "VALIDATE";
        let refuse_warnings = parameters.text_of("IgnoreWarnings") == "N";
        let (mut processed, mut rejected, mut warned) = (0, 0, 0);
        let mut answer = Element::new("SalesOrders");
        for header in document.all("Orders").flat_map(|orders| orders.all("OrderHeader")) {
            processed += 1;
            let action = header.text_of("OrderActionType");
            let number = header.text_of("SalesOrder");
            let outcome = self.may_change(books, action, number);
            let warning = outcome.as_ref().is_ok_and(|warning| warning.is_some());
            let shown = |number: &str| {
                Element::new("Order")
                    .field("SalesOrder", number)
                    .field("CustomerPoNumber", header.text_of("CustomerPoNumber"))
                    .field("OrderActionType", action)
            };
            match outcome {
                Ok(Some(text)) if refuse_warnings => {
                    rejected += 1;
                    books.rejected.push(format!("SORTOI {number}: {text}"));
                    answer = answer.with(shown("").with(error("110110", &text)));
                }
                Ok(text) => {
                    if !validate {
                        change(books, number, header);
                    }
                    if let Some(text) = text {
                        warned += 1;
                        answer = answer.with(
                            shown(number)
                                .with(Element::new("WarningMessages").field("WarningDescription", text)),
                        );
                    }
                }
                Err(text) => {
                    rejected += 1;
                    books.rejected.push(format!("SORTOI {number}: {text}"));
                    answer = answer.with(shown("").with(error("100400", &text)));
                }
            }
            debug_assert!(!warning || rejected + warned > 0);
        }
        if validate {
            let status = if rejected > 0 { "Failed" } else { "Successful" };
            answer = answer.with(Element::new("ValidationStatus").field("Status", status));
        }
        answer.with(
            Element::new("StatusOfItems")
                .field("ItemsProcessed", format!("{processed:06}"))
                .field("ItemsRejectedWithWarnings", format!("{rejected:06}"))
                .field("ItemsProcessedWithWarnings", format!("{warned:06}")),
        )
    }

    /// Whether an order can be changed, perhaps with a warning.
    fn may_change(&self, books: &Books, action: &str, number: &str) -> Result<Option<String>, String> {
        if action != "C" {
            // Adding and cancelling are nothing that a shipment asks for.
            return Err(format!("Order action type '{action}' is not valid here"));
        }
        if number.is_empty() {
            return Err("Sales order number is required".to_owned());
        }
        let order = books.order(number).ok_or_else(|| format!("Sales order '{number}' not on file"))?;
        self.lock(number)?;
        match order.text("OrderStatus") {
            "9" => Err(format!("Sales order '{number}' is complete and cannot be changed")),
            "\\" | "*" => Err(format!("Sales order '{number}' is cancelled")),
            "4" => Ok(Some(format!("Delivery note already printed for sales order '{number}'"))),
            _ => Ok(None),
        }
    }

    fn lock(&self, number: &str) -> Result<(), String> {
        let locked = self.strike.is_some_and(|strike| strike.fault == Fault::RecordLock);
        if locked { Err(format!("Sales order '{number}' is in use by operator KATE")) } else { Ok(()) }
    }

    fn statuses(&self, books: &mut Books, parameters: &Element, document: &Element) -> Element {
        let apply = parameters.text_of("ValidateOnly") != "Y";
        self.items("PostSorOrderStatus", books, document, |books, item| {
            let (number, from, to) =
                (item.text_of("SalesOrder"), item.text_of("OrderStatus"), item.text_of("NewOrderStatus"));
            let order = books.order(number).ok_or_else(|| format!("Sales order '{number}' not on file"))?;
            self.lock(number)?;
            let now = order.text("OrderStatus");
            if now != from {
                return Err(format!("Order status of sales order '{number}' is '{now}' and not '{from}'"));
            }
            if !["1", "2", "3", "4", "8", "9", "S"].contains(&to) {
                return Err(format!("New order status '{to}' is invalid"));
            }
            if apply {
                write(books, number, &Map::from_iter([("OrderStatus".to_owned(), json!(to))]));
            }
            Ok(())
        })
    }

    fn dispatches(&self, books: &mut Books, parameters: &Element, document: &Element) -> Element {
        let apply = parameters.text_of("ValidateOnly") != "Y";
        let today = day_text(self.today);
        let mut notes = Element::new("Notes");
        notes.children =
            document.all("DispatchNote").filter_map(|note| note.child("DispatchHeader").cloned()).collect();
        notes.children.iter_mut().for_each(|header| header.name = "Item".to_owned());
        self.items("PostDispatchNotes", books, &notes, |books, header| {
            let number = header.text_of("SalesOrder");
            let order = books.order(number).ok_or_else(|| format!("Sales order '{number}' not on file"))?;
            self.lock(number)?;
            let mut note = Map::new();
            for name in ["SalesOrder", "Customer", "CustomerPoNumber"] {
                note.insert(name.to_owned(), order.fields[name].clone());
            }
            note.insert("DispatchName".into(), order.fields["CustomerName"].clone());
            note.insert("DispatchAddress1".into(), order.fields["ShipAddress1"].clone());
            note.insert("DispatchPostalCode".into(), order.fields["ShipPostalCode"].clone());
            for name in ["ShippingInstrs", "SpecialInstrs", "UserDefined1", "UserDefined2"] {
                note.insert(name.to_owned(), json!(header.text_of(name)));
            }
            note.insert("PlannedDeliverDate".into(), json!(today));
            note.insert("DispatchNoteStatus".into(), json!("3"));
            if apply {
                let next = books.dispatch_notes.len() + 1;
                note.insert("DispatchNote".into(), json!(format!("{next:015}")));
                books.dispatch_notes.push(note);
            }
            Ok(())
        })
    }

    /// COMTFM: fields of an order's custom form. The row of the order itself does not change with them.
    fn forms(&self, books: &mut Books, parameters: &Element, document: &Element) -> Element {
        let apply = parameters.text_of("ValidateOnly") != "Y";
        self.items("PostCustomForm", books, document, |books, item| {
            let form = item.at(&["Key", "FormType"]).map(|element| element.text.trim()).unwrap_or_default();
            if form != "ORD" {
                return Err(format!("Form type '{form}' is invalid"));
            }
            let number =
                item.at(&["Key", "KeyFields"]).map(|keys| keys.text_of("SalesOrder")).unwrap_or_default();
            if books.order(number).is_none() {
                return Err(format!("Sales order '{number}' not on file"));
            }
            self.lock(number)?;
            let fields = item.child("Fields").map(|fields| fields.children.clone()).unwrap_or_default();
            for field in &fields {
                self.fits(field)?;
            }
            let Some(order) = books.orders.get_mut(&padded(number)).filter(|_| apply) else { return Ok(()) };
            let mut changed = false;
            let of_status = fields.iter().any(|field| field.name == STATUS_FIELD);
            for field in fields {
                let text = field.text.trim().to_owned();
                changed |= order.custom.insert(field.name, text.clone()).unwrap_or_default() != text;
            }
            if changed {
                order.writes += 1
            } else {
                order.repeated += 1
            }
            if of_status {
                books.write_backs.note(&padded(number), changed, self.strike);
            }
            Ok(())
        })
    }

    fn fits(&self, field: &Element) -> Result<(), String> {
        let known = self.options.custom_fields.iter().find(|(name, _)| *name == field.name);
        let Some((name, length)) = known else {
            return Err(format!("Field '{}' is not defined on the custom form", field.name));
        };
        let text = field.text.trim();
        // What has too many decimals is no number to SYSPRO.
        let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        match length {
            0 if text.parse::<f64>().is_err() || decimals > 6 => {
                Err(format!("Field '{name}' is not numeric"))
            }
            0 => Ok(()),
            length if text.chars().count() > *length => {
                Err(format!("Field '{name}' is longer than {length}"))
            }
            _ => Ok(()),
        }
    }

    /// The shape of most objects: items, each processed or invalid.
    fn items(
        &self,
        root: &str,
        books: &mut Books,
        document: &Element,
        work: impl Fn(&mut Books, &Element) -> Result<(), String>,
    ) -> Element {
        let (mut processed, mut invalid) = (0, 0);
        let mut answer = Element::new(root);
        for item in document.all("Item") {
            match work(books, item) {
                Ok(()) => processed += 1,
                Err(text) => {
                    invalid += 1;
                    books.rejected.push(format!("{root}: {text}"));
                    let mut echoed = item.clone();
                    echoed.children.push(Element::of("ErrorNumber", "100400"));
                    echoed.children.push(Element::of("ErrorDescription", text));
                    answer = answer.with(echoed);
                }
            }
        }
        answer.with(
            Element::new("StatusOfItems")
                .field("ItemsProcessed", format!("{processed:06}"))
                .field("ItemsInvalid", format!("{invalid:06}")),
        )
    }
}

fn error(number: &str, text: &str) -> Element {
    Element::new("Error").field("ErrorNumber", number).field("ErrorDescription", text)
}

/// Changes an order's header; elements that are not known are dropped, and nobody is told.
fn change(books: &mut Books, number: &str, header: &Element) {
    let mut set = Map::new();
    for element in &header.children {
        let text = element.text.trim();
        match HEADER.iter().find(|(name, ..)| *name == element.name) {
            Some((_, column, _)) if text == BLANK => {
                set.insert((*column).to_owned(), json!(""));
            }
            Some((_, column, length)) if !text.is_empty() => {
                let kept: String = text.chars().take(*length).collect();
                set.insert((*column).to_owned(), json!(kept.trim_end()));
            }
            Some(_) => {}
            None if KEYS.contains(&element.name.as_str()) => {}
            None => *books.dropped.entry(element.name.clone()).or_default() += 1,
        }
    }
    write(books, number, &set);
}

fn write(books: &mut Books, number: &str, set: &Map<String, Value>) {
    let changed = books.change(number, set);
    if let Some(order) = books.orders.get_mut(&padded(number)) {
        if changed { order.writes += 1 } else { order.repeated += 1 }
    }
}
