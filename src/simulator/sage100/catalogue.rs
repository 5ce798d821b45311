//! The names, streets and items that generated orders are made of.

/// An item: code, description, weight in pounds, price in cents.
pub type Item = (&'static str, &'static str, &'static str, u64);

/// Items that weigh something; none alone reaches the limit of a parcel.
pub const ITEMS: &[Item] = &[
    ("1001-HON-H252", "HON 2 DRAWER LETTER FLE W/O LK", "28.5", 15_600),
    ("1001-HON-H252LK", "HON 2 DRAWER LETTER FLE W/ LCK", "29", 16_800),
    ("2480-8-50", "DESK FILE 8\" CAP 50", "2.4", 1_395),
    ("2551-3-250", "3.5 DISKETTE STORAGE UNIT CAP 250", "1.75", 2_450),
    ("6652", "OFFICE PAPER, LETTER, CASE", "20", 4_199),
    ("6655", "STAPLER, HEAVY DUTY", "1.2", 2_299),
    ("8971", "DESK LAMP, LED", "3.6", 5_450),
    ("8974", "MONITOR ARM, SINGLE", "7.25", 11_900),
    ("D1100", "TONER CARTRIDGE, BLACK", "2.1", 8_900),
    ("D1400", "DOCKING STATION", "1.9", 17_900),
    ("GB-MD001", "GOLF BAG, STAND", "5.5", 12_500),
    ("TF-90", "TABLE FAN 90", "6.1", 3_900),
];

/// Items that make an order heavy.
pub const HEAVY: &[Item] =
    &[("9200-CHAIR", "TASK CHAIR, BOXED", "42", 24_900), ("9310-CAB", "CABINET, STEEL", "55.5", 31_500)];

/// Items without a weight.
pub const WEIGHTLESS: &[Item] =
    &[("GIFT-CARD", "GIFT CARD", "0", 5_000), ("SRV-PLAN", "SERVICE PLAN, 1 YEAR", "0", 9_900)];

/// Who orders.
pub const NAMES: &[&str] = &[
    "American Business Futures",
    "Avnet Processing Corp",
    "Breslin Parts Supply",
    "Jellco Packing",
    "Orange Door & Window Co.",
    "R & S Supply Corp.",
    "Shepard Motorworks",
    "Tri-State Medical Instruments & Supplies Inc.",
    "Northwestern Agricultural Cooperative Supply Co.",
    "Hilltop Dental Group",
    "Bayside Hardware",
    "O'Malley & Sons Plumbing",
];

/// Where they live, without a number.
pub const STREETS: &[&str] = &[
    "Main St",
    "Oak Ave",
    "2nd Ave",
    "Industrial Pkwy",
    "Market St",
    "Sunset Blvd",
    "Commerce Dr",
    "Lakeview Rd",
    "Elm St",
    "W 5th St",
    "Technology Way",
    "River Rd",
];

/// Whom to ask.
pub const CONTACTS: &[&str] = &["Jane Doe", "Luis Ortega", "Priya Patel", "Tom Becker", "Mary O'Neil"];
