//! What happens to a parcel, in UPS's words: scans with type, code and three-digit status.
//!
//! UPS publishes tables of types, codes and three-digit statuses, but not which go together. Where an example of its Track
//! Alert files shows the three beside each other they are taken from there (MP 003, OR 005, DP 005, YP 071, OT 021, FS 011);
//! the other pairs are plausible ones of the tables.

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scan {
    /// The shipper made a label.
    LabelCreated,
    /// The label was voided.
    Voided,
    /// Origin scan: UPS has the parcel.
    PickedUp,
    /// Departure from a UPS building.
    InTransit,
    /// Preparing for delivery.
    Preparing,
    /// Out for delivery.
    OutForDelivery,
    /// Something out of the normal; it may still arrive on time.
    Exception,
    /// Nobody was there to take it.
    Attempted,
    /// Waits at a UPS facility for whoever fetches it.
    Held,
    /// On its way back to the sender.
    Returning,
    /// Back at the sender.
    Returned,
    /// Delivered.
    Delivered,
    /// A new day of delivery.
    Estimated,
    /// A new time of delivery, the same day.
    Retimed,
}

/// UPS's words for a scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// `D`, `I`, `M`, `MV`, `U` or `X`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Two characters; what they mean depends on the type.
    pub code: String,
    /// Three digits.
    pub status_code: String,
    /// The long text, as tracking shows it.
    pub description: String,
    /// The short text that belongs to the three digits, as pushes show it.
    pub short: String,
}

impl Scan {
    /// UPS's words for it.
    pub fn status(self) -> Status {
        let (kind, code, status_code, description, short) = match self {
            Self::LabelCreated => (
                "M",
                "MP",
                "003",
                "Shipper created a label, UPS has not received the package yet.",
                "Shipment Ready for UPS",
            ),
            Self::Voided => {
                ("MV", "VP", "007", "Manifest cancelled and shipment voided", "Shipment Information Voided")
            }
            Self::PickedUp => ("I", "OR", "005", "Origin Scan", "On the Way"),
            Self::InTransit => ("I", "DP", "005", "Departed from Facility", "On the Way"),
            Self::Preparing => ("I", "YP", "071", "Processing at UPS Facility", "Preparing for Delivery"),
            Self::OutForDelivery => ("I", "OT", "021", "Out For Delivery Today", "Out for Delivery"),
            Self::Exception => (
                "X",
                "17",
                "046",
                "A late UPS trailer arrival has delayed delivery. We're adjusting plans to deliver your package as quickly as possible.",
                "Delay",
            ),
            Self::Attempted => (
                "X",
                "48",
                "022",
                "The receiver was not available for delivery. We'll make a second attempt the next business day.",
                "First Attempt Made",
            ),
            Self::Held => (
                "X",
                "54",
                "017",
                "The receiver arranged to pick up the package at a UPS facility. Pickup must be made within 5 business days.",
                "Held for Customer Pickup",
            ),
            Self::Returning => (
                "X",
                "UF",
                "035",
                "We're in the process of returning this package to the sender.",
                "Returning to Sender",
            ),
            Self::Returned => {
                ("X", "UA", "034", "UPS has returned your package to the sender.", "Returned to Sender")
            }
            Self::Delivered => ("D", "FS", "011", "DELIVERED", "Delivered"),
            Self::Estimated => ("U", "UP", "154", "Updated Delivery Date", "Updated Delivery Date"),
            Self::Retimed => ("U", "UT", "153", "Updated Delivery Time", "Updated Delivery Time"),
        };
        Status {
            kind: kind.to_owned(),
            code: code.to_owned(),
            status_code: status_code.to_owned(),
            description: description.to_owned(),
            short: short.to_owned(),
        }
    }

    /// The next scan of a parcel that meets no trouble; `None` at its end.
    pub fn next(self) -> Option<Self> {
        Some(match self {
            Self::LabelCreated => Self::PickedUp,
            Self::PickedUp => Self::InTransit,
            Self::InTransit => Self::Preparing,
            Self::Preparing | Self::Exception | Self::Attempted => Self::OutForDelivery,
            Self::OutForDelivery | Self::Held => Self::Delivered,
            Self::Returning => Self::Returned,
            Self::Delivered | Self::Returned | Self::Voided => return None,
            Self::Estimated | Self::Retimed => return None,
        })
    }

    /// Whether it only tells when delivery is to be, and not where the parcel is.
    pub fn is_update(self) -> bool {
        matches!(self, Self::Estimated | Self::Retimed)
    }

    /// Whether nothing can follow.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Delivered | Self::Returned | Self::Voided)
    }
}

/// One thing that happened to a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What.
    pub scan: Scan,
    /// In UPS's words.
    pub status: Status,
    /// When it happened.
    pub at: Timestamp,
    /// How far local time was from UTC there and then, in seconds.
    pub offset: i32,
    /// When UPS learned of it: pushes and Quantum View's files follow this.
    pub recorded: Timestamp,
    /// Where.
    pub city: String,
    /// The state's or province's code there.
    pub state: String,
    /// ISO code of two letters.
    pub country: String,
    /// The postal code; only deliveries have one.
    pub postal_code: Option<String>,
    /// The day that delivery was planned for when it happened.
    pub scheduled: Option<Date>,
    /// Who signed.
    pub signed_by: Option<String>,
    /// Where the parcel was left.
    pub left_at: Option<String>,
}

impl Event {
    /// When, on the clocks of the place.
    pub fn local(&self) -> DateTime {
        let offset = Offset::from_seconds(self.offset).unwrap_or(Offset::UTC);
        Zoned::new(self.at, TimeZone::fixed(offset)).datetime()
    }

    /// When, in UTC.
    pub fn gmt(&self) -> DateTime {
        Zoned::new(self.at, TimeZone::UTC).datetime()
    }

    /// The offset as `-05:00`, with whatever stands between hours and minutes.
    pub fn offset_text(&self, between: char) -> String {
        let minutes = self.offset.abs() / 60;
        let sign = if self.offset < 0 { '-' } else { '+' };
        format!("{sign}{:02}{between}{:02}", minutes / 60, minutes % 60)
    }
}

/// `20261120`.
pub fn day(date: Date) -> String {
    date.strftime("%Y%m%d").to_string()
}

/// `094512`.
pub fn time(at: DateTime) -> String {
    at.strftime("%H%M%S").to_string()
}

/// What is to happen to a parcel; what is left out is chosen by the parcel's course.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Happening {
    /// What.
    pub scan: Scan,
    /// When; now if it is left out. What happened earlier is learned of late.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// Other words than the usual ones.
    #[serde(default)]
    pub status: Option<Status>,
    /// The new day of delivery.
    #[serde(default)]
    pub scheduled: Option<Date>,
    /// Who signed.
    #[serde(default)]
    pub signed_by: Option<String>,
}

impl From<Scan> for Happening {
    fn from(scan: Scan) -> Self {
        Self { scan, at: None, status: None, scheduled: None, signed_by: None }
    }
}
