//! The classes that the simulated folder has: their properties, keys and facets.
//!
//! Names are those of X3's dictionary without `_0`. Which properties a `$query` facet carries is a matter of each
//! representation; here it is what Sage's help shows for SORDER, and the stamps. Child collections are named as
//! Sage's help names `SOHSOP`: the header's abbreviation, then the table's. `Y…` is what a deployment has added.

use serde_json::Value;

/// What a property holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Whole numbers, local menus among them: No is 1 and Yes is 2.
    Integer,
    /// Decimal numbers.
    Decimal,
    /// A day.
    Date,
    /// An instant, in whole seconds.
    Instant,
    /// A list of texts.
    Texts,
}

/// One property.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether the `$query` facet carries it.
    pub listed: bool,
}

/// One class with its representation of the same name.
#[derive(Debug)]
pub struct Class {
    /// Its name.
    pub name: &'static str,
    /// The properties that make up its key.
    pub key: &'static [&'static str],
    /// All its properties.
    pub properties: &'static [Property],
    /// Its child collections, in the `$details` facet only.
    pub collections: &'static [&'static str],
    /// Properties that refer to another record, which is shown beside them by its title.
    pub references: &'static [&'static str],
    /// Whether it is built on class and representation, so that REST may write it; Classic objects are read only.
    pub writable: bool,
}

const fn listed(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, listed: true }
}

const fn detail(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, listed: false }
}

use Kind::{Date, Decimal, Instant, Integer, Text, Texts};

/// Sales orders.
pub const SORDER: &str = "SORDER";
/// Purchase orders.
pub const PORDER: &str = "PORDER";
/// Products.
pub const ITMMASTER: &str = "ITMMASTER";
/// Addresses of business partners.
pub const BPADDRESS: &str = "BPADDRESS";
/// A deployment's own class: what ships a sales order.
pub const YSOT: &str = "YSOT";
/// A deployment's own class: what ships a purchase order.
pub const YPOT: &str = "YPOT";

/// The folder's classes.
pub const CLASSES: &[Class] = &[
    Class {
        name: SORDER,
        key: &["SOHNUM"],
        properties: &[
            listed("SOHNUM", Text),
            listed("SOHTYP", Text),
            listed("SALFCY", Text),
            listed("STOFCY", Text),
            listed("BPCORD", Text),
            listed("BPAADD", Text),
            listed("ORDDAT", Date),
            listed("SHIDAT", Date),
            listed("CUSORDREF", Text),
            listed("ORDSTA", Integer),
            listed("DLVSTA", Integer),
            listed("UPDDATTIM", Instant),
            listed("UPDUSR", Text),
            detail("DEMDLVDAT", Date),
            detail("CNDNAM", Text),
            detail("BPDNAM", Texts),
            detail("BPDADDLIG", Texts),
            detail("BPDPOSCOD", Text),
            detail("BPDCTY", Text),
            detail("BPDSAT", Text),
            detail("BPDCRY", Text),
            detail("BPTNUM", Text),
            detail("MDL", Text),
            detail("EECICT", Text),
            detail("CUR", Text),
            detail("ORDNOT", Decimal),
            detail("CDTSTA", Integer),
            detail("HLDSTA", Integer),
            detail("ALLSTA", Integer),
            detail("INVSTA", Integer),
            detail("DSPTOTWEI", Decimal),
            detail("DSPWEU", Text),
            detail("DSPTOTVOL", Decimal),
            detail("DSPVOU", Text),
            detail("CREDATTIM", Instant),
            detail("CREUSR", Text),
        ],
        collections: &["SOHSOP", "SOHSOQ"],
        references: &["BPCORD", "SALFCY"],
        writable: false,
    },
    Class {
        name: PORDER,
        key: &["POHNUM"],
        properties: &[
            listed("POHNUM", Text),
            listed("POHTYP", Integer),
            listed("POHFCY", Text),
            listed("RCPFCY", Text),
            listed("BPSNUM", Text),
            listed("ORDDAT", Date),
            listed("ORDREF", Text),
            listed("APPFLG", Integer),
            listed("CLEFLG", Integer),
            listed("RCPFLG", Integer),
            listed("UPDDATTIM", Instant),
            listed("UPDUSR", Text),
            detail("BPOADD", Text),
            detail("BPONAM", Texts),
            detail("BPOADDLIG", Texts),
            detail("BPOPOSCOD", Text),
            detail("BPOCTY", Text),
            detail("BPOSAT", Text),
            detail("BPOCRY", Text),
            detail("BPTNUM", Text),
            detail("MDL", Text),
            detail("CUR", Text),
            detail("TOTORD", Decimal),
            detail("TOTLINWEU", Decimal),
            detail("DSPWEU", Text),
            detail("TOTLINVOU", Decimal),
            detail("DSPVOU", Text),
            detail("EXTRCPDAT1", Date),
            detail("CREDATTIM", Instant),
            detail("CREUSR", Text),
        ],
        collections: &["POHPOP", "POHPOQ"],
        references: &["BPSNUM", "POHFCY"],
        writable: false,
    },
    Class {
        name: ITMMASTER,
        key: &["ITMREF"],
        properties: &[
            listed("ITMREF", Text),
            listed("ITMDES1", Text),
            listed("STU", Text),
            listed("SAU", Text),
            listed("UPDDATTIM", Instant),
            detail("ITMWEI", Decimal),
            detail("WEU", Text),
            detail("ITMVOU", Decimal),
            detail("VOU", Text),
        ],
        collections: &[],
        references: &[],
        writable: false,
    },
    Class {
        name: BPADDRESS,
        key: &["BPATYP", "BPANUM", "BPAADD"],
        properties: &[
            listed("BPATYP", Integer),
            listed("BPANUM", Text),
            listed("BPAADD", Text),
            listed("BPADES", Text),
            listed("UPDDATTIM", Instant),
            detail("TEL", Texts),
        ],
        collections: &[],
        references: &[],
        writable: false,
    },
    Class {
        name: YSOT,
        key: &["SOHNUM"],
        properties: &[
            listed("SOHNUM", Text),
            listed("COURIER", Text),
            listed("TRACKNO", Text),
            listed("SHIPDAT", Date),
            listed("SHPSTA", Text),
            listed("ESTDAT", Date),
            listed("DLVDAT", Date),
            listed("EXCFLG", Integer),
            listed("EXCTXT", Text),
            listed("SHPCST", Decimal),
            listed("UPDDATTIM", Instant),
        ],
        collections: &[],
        references: &[],
        writable: true,
    },
    Class {
        name: YPOT,
        key: &["POHNUM"],
        properties: &[
            listed("POHNUM", Text),
            listed("COURIER", Text),
            listed("TRACKNO", Text),
            listed("SHIPDAT", Date),
            listed("SHPSTA", Text),
            listed("ESTDAT", Date),
            listed("DLVDAT", Date),
            listed("EXCFLG", Integer),
            listed("EXCTXT", Text),
            listed("SHPCST", Decimal),
            listed("UPDDATTIM", Instant),
        ],
        collections: &[],
        references: &[],
        writable: true,
    },
];

/// The class called `name`.
pub fn class(name: &str) -> Option<&'static Class> {
    CLASSES.iter().find(|class| class.name == name)
}

impl Class {
    /// The property called `name`.
    pub fn property(&self, name: &str) -> Option<&'static Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// The key of a record with these fields, its parts joined as REST joins them.
    pub fn key_of(&self, fields: &serde_json::Map<String, Value>) -> String {
        let part = |name: &&str| match fields.get(*name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        self.key.iter().map(part).collect::<Vec<_>>().join("~")
    }
}

impl Kind {
    /// Whether a property of this kind can hold `value`.
    pub fn holds(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Decimal => value.is_number(),
            Self::Date => value.as_str().is_some_and(|text| text.parse::<jiff::civil::Date>().is_ok()),
            Self::Instant => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
            Self::Texts => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
        }
    }
}
