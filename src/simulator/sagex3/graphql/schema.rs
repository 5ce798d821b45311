//! What GraphQL knows: the nodes of each package, their fields, and the records behind them.

use serde_json::{Map, Value, json};

use super::super::books::{Books, Record};
use super::super::dictionary::{ITMMASTER, PORDER, SORDER};

/// Names of the enumeration behind a local menu.
pub type Menu = &'static [(i64, &'static str)];

/// What a field is.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Text.
    Text(&'static str),
    /// A day.
    Date(&'static str),
    /// A number that counts.
    Integer(&'static str),
    /// A decimal number, which is written as text with so many places.
    Decimal(&'static str, usize),
    /// A local menu, as a name.
    Menu(&'static str, Menu),
    /// A local menu of No and Yes, as false and true.
    Truth(&'static str),
    /// An instant.
    Stamp(&'static str),
    /// Another record.
    Reference(&'static str, &'static Node),
    /// The record itself under another type: `orderFromSupplier { code { code } }`.
    Within(&'static str, &'static Node),
    /// A collection of the record.
    Lines(&'static str, &'static Node),
}

/// A type with its fields.
#[derive(Debug)]
pub struct Node {
    /// The type's name, as errors say it.
    pub name: &'static str,
    /// Its fields.
    pub fields: &'static [(&'static str, Shape)],
}

/// A node that can be queried.
#[derive(Debug)]
pub struct Root {
    /// The package.
    pub package: &'static str,
    /// The node's field in it.
    pub field: &'static str,
    /// The class behind it.
    pub class: &'static str,
    /// Its type.
    pub node: &'static Node,
}

const RECEIVED: Menu = &[(1, "no"), (2, "inPart"), (3, "inFull"), (4, "notManaged"), (5, "yesAutomatic")];

const SITE: Node =
    Node { name: "Site", fields: &[("_id", Shape::Text("_id")), ("name", Shape::Text("name"))] };
const PARTNER: Node =
    Node { name: "BusinessPartner", fields: &[("code", Shape::Text("_id")), ("_id", Shape::Text("_id"))] };
const CUSTOMER: Node = Node {
    name: "Customer",
    fields: &[("_id", Shape::Text("_id")), ("code", Shape::Within("_id", &PARTNER))],
};
const SUPPLIER: Node = Node {
    name: "Supplier",
    fields: &[("_id", Shape::Text("_id")), ("code", Shape::Within("_id", &PARTNER))],
};
const UNIT: Node = Node { name: "UnitOfMeasure", fields: &[("code", Shape::Text("_id"))] };
const PRODUCT: Node = Node {
    name: "Product",
    fields: &[("code", Shape::Text("_id")), ("description1", Shape::Text("ITMDES1"))],
};
const LINE: Node = Node {
    name: "PurchaseOrderQuantityLine",
    fields: &[
        ("lineNumber", Shape::Integer("POPLIN")),
        ("product", Shape::Reference("ITMREF", &PRODUCT)),
        ("quantityInOrderUnitOrdered", Shape::Decimal("QTYUOM", 3)),
        ("quantityInStockUnitReceived", Shape::Decimal("RCPQTYSTU", 3)),
        ("orderUnit", Shape::Reference("UOM", &UNIT)),
    ],
};

/// The nodes. `salesOrder`: the fields that clients were seen to read; addresses and lines have no known name.
pub const ROOTS: &[Root] = &[
    Root {
        package: "x3Sales",
        field: "salesOrder",
        class: SORDER,
        node: &Node {
            name: "SalesOrder",
            fields: &[
                ("_id", Shape::Text("SOHNUM")),
                ("id", Shape::Text("SOHNUM")),
                ("orderDate", Shape::Date("ORDDAT")),
                ("orderStatus", Shape::Menu("ORDSTA", &[(1, "open"), (2, "closed")])),
                (
                    "deliveryStatus",
                    Shape::Menu("DLVSTA", &[(1, "notDelivered"), (2, "partlyDelivered"), (3, "delivered")]),
                ),
                (
                    "invoicedStatus",
                    Shape::Menu("INVSTA", &[(1, "notInvoiced"), (2, "partlyInvoiced"), (3, "invoiced")]),
                ),
                ("linesAmountExcludingTax", Shape::Decimal("ORDNOT", 2)),
                ("salesSite", Shape::Reference("SALFCY", &SITE)),
                ("shippingSite", Shape::Reference("STOFCY", &SITE)),
                ("soldToCustomer", Shape::Reference("BPCORD", &CUSTOMER)),
                ("requestedDeliveryDate", Shape::Date("DEMDLVDAT")),
                ("shipmentDate", Shape::Date("SHIDAT")),
                ("_createStamp", Shape::Stamp("CREDATTIM")),
                ("_updateStamp", Shape::Stamp("UPDDATTIM")),
            ],
        },
    },
    Root {
        package: "x3Purchasing",
        field: "purchaseOrder",
        class: PORDER,
        node: &Node {
            name: "PurchaseOrder",
            fields: &[
                ("_id", Shape::Text("POHNUM")),
                ("id", Shape::Text("POHNUM")),
                ("purchaseSite", Shape::Reference("POHFCY", &SITE)),
                ("receiptSite", Shape::Reference("RCPFCY", &SITE)),
                ("orderFromSupplier", Shape::Reference("BPSNUM", &SUPPLIER)),
                ("internalOrderReference", Shape::Text("ORDREF")),
                ("receiptStatus", Shape::Menu("RCPFLG", RECEIVED)),
                ("signatureStatus", Shape::Menu("APPFLG", RECEIVED)),
                ("isClosed", Shape::Truth("CLEFLG")),
                ("_createStamp", Shape::Stamp("CREDATTIM")),
                ("_updateStamp", Shape::Stamp("UPDDATTIM")),
                ("purchaseOrderLines", Shape::Lines("POHPOQ", &LINE)),
            ],
        },
    },
];

impl Node {
    /// The field called `name`.
    ///
    /// # Errors
    /// As Sage says it.
    pub fn field(&self, name: &str) -> Result<Shape, String> {
        let found = self.fields.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, shape)| *shape)
            .ok_or_else(|| unknown(name, self.name, self.fields.iter().map(|(name, _)| *name)))
    }
}

/// `Cannot query field "x" on type "Y".`, with a suggestion where a name is alike.
pub fn unknown(name: &str, owner: &str, known: impl Iterator<Item = &'static str>) -> String {
    let start: String = name.chars().take(4).collect();
    let hint = known
        .filter(|known| known.starts_with(&start))
        .map(|known| format!(" Did you mean \"{known}\"?"))
        .next();
    format!("Cannot query field \"{name}\" on type \"{owner}\".{}", hint.unwrap_or_default())
}

impl Shape {
    /// The plain value of a field of `record`, for answers and conditions; `None` for what has fields of its own.
    pub fn value(&self, record: &Record) -> Option<Value> {
        let field = |name: &str| record.get(name).cloned().unwrap_or(Value::Null);
        let text = |name: &str| record.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        Some(match self {
            Self::Text(name) => json!(text(name).unwrap_or_default()),
            Self::Date(name) => json!(text(name)),
            Self::Integer(name) => field(name),
            Self::Decimal(name, places) => {
                field(name).as_f64().map_or(Value::Null, |number| json!(format!("{number:.places$}")))
            }
            Self::Menu(name, menu) => {
                let code = field(name).as_i64();
                json!(menu.iter().find(|(number, _)| Some(*number) == code).map(|(_, name)| name))
            }
            Self::Truth(name) => field(name).as_i64().map_or(Value::Null, |code| json!(code == 2)),
            Self::Stamp(name) => json!(text(name).map(|text| text.replace('Z', ".000Z"))),
            Self::Reference(..) | Self::Within(..) | Self::Lines(..) => return None,
        })
    }

    /// The record that a reference leads to: a product, or what is known of a code.
    pub(in crate::simulator::sagex3) fn follow(
        &self,
        record: &Record,
        books: &Books,
    ) -> Option<(Record, &'static Node)> {
        let (Self::Reference(name, node) | Self::Within(name, node)) = self else { return None };
        let code = record.get(*name).and_then(Value::as_str).unwrap_or_default();
        let mut target =
            books.get(ITMMASTER, code).filter(|_| *name == "ITMREF").cloned().unwrap_or_else(Map::new);
        target.insert("_id".into(), json!(code));
        target.insert("name".into(), json!(format!("Site {code}")));
        Some((target, node))
    }
}
