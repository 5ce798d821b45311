//! What the resources are made of: their properties in the order of the model, their keys and their verbs.
//!
//! Verbs are those of Sage's Endpoint Reference. The names of OEOrders' properties are those that clients send
//! and read; `ShipToCountry`, `ShipViaCode` and the records of the other resources are named by the same pattern,
//! after the screens' fields, since no metadata of them is published.

use serde_json::{Map, Value, json};

/// What a property holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// Text of at most so many characters.
    Text(usize),
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// A day, shown as its midnight in UTC.
    Day,
    /// One of these words; the first is the default.
    Choice(&'static [&'static str]),
    /// Details of the record, inline.
    Details(&'static [Property]),
}

/// A property of a resource.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

const fn text(name: &'static str, most: usize) -> Property {
    Property { name, kind: Kind::Text(most) }
}

const fn number(name: &'static str) -> Property {
    Property { name, kind: Kind::Number }
}

const fn flag(name: &'static str) -> Property {
    Property { name, kind: Kind::Flag }
}

const fn day(name: &'static str) -> Property {
    Property { name, kind: Kind::Day }
}

const fn choice(name: &'static str, words: &'static [&'static str]) -> Property {
    Property { name, kind: Kind::Choice(words) }
}

const fn details(name: &'static str, properties: &'static [Property]) -> Property {
    Property { name, kind: Kind::Details(properties) }
}

const UPDATE: &[&str] = &["Unspecified", "Insert", "Update", "Delete"];

/// A resource: a view behind an entity set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resource {
    pub(super) module: &'static str,
    pub(super) name: &'static str,
    pub(super) keys: &'static [&'static str],
    pub(super) verbs: &'static [&'static str],
    pub(super) properties: &'static [Property],
}

impl Resource {
    pub(super) fn property(&self, name: &str) -> Option<&'static Property> {
        property(self.properties, name)
    }

    /// A new record as the view makes it: every property with its default, in the model's order.
    pub(super) fn template(&self) -> Map<String, Value> {
        template(self.properties)
    }
}

/// The property of that name.
pub(super) fn property(properties: &'static [Property], name: &str) -> Option<&'static Property> {
    properties.iter().find(|property| property.name == name)
}

/// Every property with its default.
pub(super) fn template(properties: &'static [Property]) -> Map<String, Value> {
    properties.iter().map(|property| (property.name.to_owned(), default(property.kind))).collect()
}

fn default(kind: Kind) -> Value {
    match kind {
        Kind::Text(_) => json!(""),
        Kind::Number => json!(0),
        Kind::Flag => json!(false),
        Kind::Day => Value::Null,
        Kind::Choice(words) => json!(words[0]),
        Kind::Details(_) => json!([]),
    }
}

const ALL: &[&str] = &["GET", "POST", "PUT", "DELETE", "PATCH"];

/// Orders in OE.
pub(super) const ORDERS: &str = "OEOrders";
/// Invoices of orders.
pub(super) const INVOICES: &str = "OEInvoices";
/// The ways to ship.
pub(super) const SHIP_VIAS: &str = "OEShipViaCodes";
/// Items.
pub(super) const ITEMS: &str = "ICItems";
/// Locations: warehouses.
pub(super) const LOCATIONS: &str = "ICLocations";
/// Quantities of items at locations.
pub(super) const QUANTITIES: &str = "ICLocationDetails";
/// Customers.
pub(super) const CUSTOMERS: &str = "ARCustomers";
/// Day-end processing, which has no records.
pub(super) const DAY_END: &str = "ICDayEndProcessing";
/// The partner's view of shipments; its address is an option.
pub(super) const TRACKING: &str = "ShipmentTracking";

/// The resources that are simulated.
pub(super) const RESOURCES: &[Resource] = &[
    Resource {
        module: "OE",
        name: ORDERS,
        keys: &["OrderUniquifier"],
        verbs: &["GET", "POST"],
        properties: ORDER,
    },
    Resource {
        module: "OE",
        name: INVOICES,
        keys: &["InvoiceUniquifier"],
        verbs: &["GET"],
        properties: INVOICE,
    },
    Resource { module: "OE", name: SHIP_VIAS, keys: &["ShipViaCode"], verbs: ALL, properties: SHIP_VIA },
    Resource { module: "IC", name: ITEMS, keys: &["ItemNumber"], verbs: ALL, properties: ITEM },
    Resource { module: "IC", name: LOCATIONS, keys: &["Location"], verbs: ALL, properties: LOCATION },
    // Other verbs than GET were never seen on it.
    Resource {
        module: "IC",
        name: QUANTITIES,
        keys: &["ItemNumber", "Location"],
        verbs: &["GET"],
        properties: QUANTITY,
    },
    Resource { module: "IC", name: DAY_END, keys: &[], verbs: &["POST"], properties: &[] },
    Resource { module: "AR", name: CUSTOMERS, keys: &["CustomerNumber"], verbs: ALL, properties: CUSTOMER },
    // The wizard that makes such an endpoint asks which verbs it shall have; this one was made with three.
    Resource {
        module: "",
        name: TRACKING,
        keys: &["OrderNumber", "TrackingNumber"],
        verbs: &["GET", "POST", "PATCH"],
        properties: SHIPMENT,
    },
];

/// The resource of that name.
pub(super) fn resource(name: &str) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| resource.name == name)
}

const ORDER: &[Property] = &[
    number("OrderUniquifier"),
    text("OrderNumber", 22),
    text("CustomerNumber", 12),
    text("CustomerGroupCode", 6),
    text("BillToName", 60),
    text("BillToAddressLine1", 60),
    text("BillToAddressLine2", 60),
    text("BillToAddressLine3", 60),
    text("BillToAddressLine4", 60),
    text("BillToCity", 30),
    text("BillToStateProvince", 30),
    text("BillToZipPostalCode", 20),
    text("BillToCountry", 30),
    text("BillToPhoneNumber", 30),
    text("BillToContact", 60),
    text("ShipToName", 60),
    text("ShipToAddressLine1", 60),
    text("ShipToAddressLine2", 60),
    text("ShipToAddressLine3", 60),
    text("ShipToAddressLine4", 60),
    text("ShipToCity", 30),
    text("ShipToStateProvince", 30),
    text("ShipToZipPostalCode", 20),
    text("ShipToCountry", 30),
    text("ShipToPhoneNumber", 30),
    text("ShipToContact", 60),
    text("ShipToEmail", 50),
    text("PurchaseOrderNumber", 22),
    text("OrderReference", 60),
    text("OrderDescription", 60),
    text("OrderComment", 250),
    choice("OrderType", &["Active", "Future", "Standing", "Quote"]),
    day("OrderDate"),
    day("PostingDate"),
    day("ExpectedShipDate"),
    text("OrderFiscalYear", 4),
    choice(
        "OrderFiscalPeriod",
        &["Num1", "Num2", "Num3", "Num4", "Num5", "Num6", "Num7", "Num8", "Num9", "Num10", "Num11", "Num12"],
    ),
    text("TermsCode", 6),
    text("DefaultLocationCode", 6),
    text("ShipViaCode", 6),
    text("ShipViaDescription", 60),
    flag("OnHold"),
    choice(
        "OrderCompleted",
        &[
            "IncompleteNotIncluded",
            "IncompleteIncluded",
            "CompleteNotIncluded",
            "CompleteIncluded",
            "CompleteDayEnd",
        ],
    ),
    flag("PostInvoice"),
    flag("InvoiceWillBeProduced"),
    text("LastShipmentNumber", 22),
    text("LastInvoiceNumber", 22),
    number("OrderTotal"),
    number("NumberOfLinesOnOrder"),
    choice("UpdateOperation", UPDATE),
    details("OrderOptionalFields", OPTIONAL),
    details("OrderDetails", LINE),
];

const LINE: &[Property] = &[
    number("OrderUniquifier"),
    number("LineNumber"),
    choice("LineType", &["Item", "Miscellaneous"]),
    text("Item", 24),
    text("MiscellaneousChargesCode", 6),
    text("Description", 60),
    text("Location", 6),
    flag("StockItem"),
    number("QuantityOrdered"),
    number("QuantityShipped"),
    text("OrderUnitOfMeasure", 10),
    number("OrderUnitConversion"),
    number("OrderUnitPrice"),
    number("PricingUnitPrice"),
    number("ExtendedAmount"),
    choice("UpdateOperation", UPDATE),
    details("OrderDetailOptionalFields", OPTIONAL),
];

const OPTIONAL: &[Property] = &[
    text("OptionalField", 12),
    text("Value", 60),
    choice("OrderOptionalFieldType", &["Text", "Amount", "Number", "Integer", "YesNo", "Date", "Time"]),
];

const INVOICE: &[Property] = &[
    number("InvoiceUniquifier"),
    text("InvoiceNumber", 22),
    day("InvoiceDate"),
    text("CustomerNumber", 12),
    text("OrderNumber", 22),
    text("ShipmentNumber", 22),
    number("InvoiceTotal"),
];

const SHIP_VIA: &[Property] =
    &[text("ShipViaCode", 6), text("Name", 60), text("Comment", 80), day("DateLastMaintained")];

const ITEM: &[Property] = &[
    text("ItemNumber", 24),
    text("Description", 60),
    choice("Status", &["Active", "Inactive"]),
    flag("StockItem"),
    text("StockingUnitOfMeasure", 10),
    number("UnitWeight"),
    text("WeightUnitOfMeasure", 10),
    text("CommodityNumber", 16),
    text("Category", 6),
    day("DateLastMaintained"),
];

const LOCATION: &[Property] = &[
    text("Location", 6),
    text("Name", 60),
    text("AddressLine1", 60),
    text("AddressLine2", 60),
    text("City", 30),
    text("StateProvince", 30),
    text("ZipPostalCode", 20),
    text("Country", 30),
    text("PhoneNumber", 30),
    text("ContactName", 60),
    choice("Status", &["Active", "Inactive"]),
    choice("LocationType", &["Physical", "Logical", "Intransit"]),
    day("DateLastMaintained"),
];

const QUANTITY: &[Property] = &[
    text("ItemNumber", 24),
    text("Location", 6),
    text("Name", 60),
    flag("InUse"),
    flag("Allowed"),
    number("QuantityOnHand"),
    number("QuantityCommitted"),
    number("QuantityAvailableToShip"),
    number("AverageCost"),
    number("TotalCost"),
    number("MostRecentCost"),
    day("LastReceiptDate"),
];

const CUSTOMER: &[Property] = &[
    text("CustomerNumber", 12),
    text("GroupCode", 6),
    text("CustomerName", 60),
    text("AddressLine1", 60),
    text("AddressLine2", 60),
    text("AddressLine3", 60),
    text("AddressLine4", 60),
    text("City", 30),
    text("StateProvince", 30),
    text("ZipPostalCode", 20),
    text("Country", 30),
    text("ContactName", 60),
    text("PhoneNumber", 30),
    text("Email", 50),
    choice("Status", &["Active", "Inactive"]),
    flag("OnHold"),
    text("TermsCode", 6),
    text("ShipViaCode", 6),
    day("DateLastMaintained"),
];

const SHIPMENT: &[Property] = &[
    text("OrderNumber", 22),
    text("TrackingNumber", 60),
    text("ShipmentNumber", 22),
    choice("Status", &["Shipped", "Voided"]),
    day("ShipDate"),
    text("Carrier", 60),
    text("Service", 60),
    text("Reference", 60),
    number("ShipmentCost"),
    details("ShipmentDetails", SHIPMENT_LINE),
    // What the carrier tells later; the view keeps it and does nothing.
    text("DeliveryStatus", 30),
    day("EstimatedDelivery"),
    day("DeliveredOn"),
    flag("HasException"),
    text("ExceptionText", 250),
];

const SHIPMENT_LINE: &[Property] = &[number("LineNumber"), text("Item", 24), number("QuantityShipped")];
