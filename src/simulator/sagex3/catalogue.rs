//! The names, streets and products that generated orders are made of.

/// A product: code, description, weight, its unit, volume, its unit, price in cents.
pub type Item = (&'static str, &'static str, f64, &'static str, f64, &'static str, u64);

/// Products that weigh something; none alone reaches the limit of a parcel.
pub const ITEMS: &[Item] = &[
    ("CD100", "SPARK PLUG SET", 0.4, "KG", 0.9, "L", 3_990),
    ("CD120", "BRAKE PAD, FRONT", 2.1, "KG", 2.4, "L", 6_450),
    ("DIS012", "DISPLAY, 12 INCH", 3.5, "LB", 420.0, "IN3", 18_900),
    ("DIS027", "DISPLAY, 27 INCH", 12.4, "LB", 2_900.0, "IN3", 32_900),
    ("FIL200", "OIL FILTER", 0.9, "LB", 85.0, "IN3", 1_290),
    ("PMP330", "WATER PUMP", 4.2, "KG", 6.0, "L", 11_250),
    ("TOO410", "TORQUE WRENCH", 1.6, "KG", 3.1, "L", 8_700),
    ("WIP015", "WIPER BLADE, PAIR", 14.0, "OZ", 140.0, "IN3", 2_150),
];

/// Products that make an order heavy.
pub const HEAVY: &[Item] = &[
    ("BAT900", "BATTERY, 90 AH", 21.5, "KG", 11.0, "L", 15_900),
    ("TYR205", "TYRE 205/55 R16", 24.0, "LB", 4_200.0, "IN3", 9_900),
];

/// Products without a weight.
pub const WEIGHTLESS: &[Item] = &[
    ("SRV001", "EXTENDED WARRANTY", 0.0, "LB", 0.0, "IN3", 9_900),
    ("LIC002", "MAP LICENCE", 0.0, "", 0.0, "", 4_900),
];

/// Who orders.
pub const CUSTOMERS: &[&str] = &[
    "Northwind Motor Parts",
    "Cascade Fleet Services",
    "Bluewater Garage & Tow",
    "Silver Lake Auto Repair",
    "Tri-County Agricultural Machinery Maintenance",
    "O'Brien Brothers",
    "Prairie Truck Supply",
    "Harbor Point Rentals",
];

/// Who supplies.
pub const SUPPLIERS: &[&str] =
    &["Great Lakes Castings", "Mesa Rubber Works", "Allied Filter Corp.", "Hudson Electric Components"];

/// Where they are, without a number.
pub const STREETS: &[&str] =
    &["Main St", "Foundry Rd", "3rd Ave", "Harbor Blvd", "Airport Pkwy", "Mill Ln", "Union St", "N 8th St"];

/// Whom to ask.
pub const CONTACTS: &[&str] = &["Dana Reyes", "Chris Novak", "Ana Lima", "Sam Whitaker"];
