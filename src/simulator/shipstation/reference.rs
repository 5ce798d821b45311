//! Carriers with their services, warehouses (where parcels start) and stores: what an account has from the beginning.

use serde_json::{Value, json};

/// A carrier account.
#[derive(Debug, Clone, Copy)]
pub struct Carrier {
    /// Its code.
    pub code: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The account number.
    pub account: &'static str,
    /// `shippingProviderId`; `se-<id>` in V2.
    pub id: u64,
    /// V1 sends the text `null` for none (sample of `/carriers`).
    pub nickname: &'static str,
    /// Its services: code, name, domestic.
    pub services: &'static [(&'static str, &'static str, bool)],
}

/// The carriers.
pub const CARRIERS: &[Carrier] = &[
    Carrier {
        code: "stamps_com",
        name: "Stamps.com",
        account: "SS123",
        id: 12345,
        nickname: "null",
        services: &[
            ("usps_priority_mail", "USPS Priority Mail", true),
            ("usps_ground_advantage", "USPS Ground Advantage", true),
            ("usps_priority_mail_international", "USPS Priority Mail Intl", false),
        ],
    },
    Carrier {
        code: "ups",
        name: "UPS",
        account: "ABCR80",
        id: 12347,
        nickname: "null",
        services: &[
            ("ups_ground", "UPS® Ground", true),
            ("ups_3_day_select", "UPS 3 Day Select®", true),
            ("ups_2nd_day_air", "UPS 2nd Day Air®", true),
            ("ups_next_day_air", "UPS Next Day Air®", true),
            ("ups_standard_international", "UPS Standard®", false),
        ],
    },
    Carrier {
        code: "fedex",
        name: "FedEx",
        account: "297929999",
        id: 12348,
        nickname: "SS",
        services: &[
            ("fedex_ground", "FedEx Ground®", true),
            ("fedex_2day", "FedEx 2Day®", true),
            ("fedex_standard_overnight", "FedEx Standard Overnight®", true),
            ("fedex_ground_international", "FedEx International Ground®", false),
        ],
    },
];

/// A place that parcels start from.
#[derive(Debug, Clone, Copy)]
pub struct Warehouse {
    /// `warehouseId`; `se-<id>` in V2.
    pub id: u64,
    /// Its name.
    pub name: &'static str,
    /// Its street, city, state and postal code.
    pub address: [&'static str; 4],
    /// Whether orders that name none start here.
    pub default: bool,
}

/// The warehouses.
pub const WAREHOUSES: &[Warehouse] = &[
    Warehouse {
        id: 17977,
        name: "Main warehouse",
        address: ["123 S Spring Rd", "Elmhurst", "IL", "60126"],
        default: true,
    },
    Warehouse {
        id: 14265,
        name: "Austin",
        address: ["2815 Exposition Blvd", "Austin", "TX", "78703"],
        default: false,
    },
];

/// A store.
#[derive(Debug, Clone, Copy)]
pub struct Store {
    /// `storeId`.
    pub id: u64,
    /// Its name.
    pub name: &'static str,
    /// Whether it is active.
    pub active: bool,
}

/// The store of orders that name none: the first that is filled by hand.
pub const MANUAL_STORE: u64 = 22766;

/// The stores.
pub const STORES: &[Store] = &[
    Store { id: MANUAL_STORE, name: "ShipStation Manual Store", active: true },
    Store { id: 123_456, name: "ERP orders", active: true },
    Store { id: 25_748, name: "Old web shop", active: false },
];

/// The carrier and service that the warehouse takes for a V1 order: those it names, or what its wish reads like.
pub fn service_for(order: &Value) -> (String, String) {
    let of = |name: &str| order[name].as_str().map(str::to_owned).filter(|text| !text.is_empty());
    if let (Some(carrier), Some(service)) = (of("carrierCode"), of("serviceCode")) {
        return (carrier, service);
    }
    let named = |code: &str| {
        CARRIERS.iter().find(|carrier| carrier.services.iter().any(|(service, ..)| *service == code))
    };
    if let Some(service) = of("serviceCode")
        && let Some(carrier) = named(&service)
    {
        return (carrier.code.to_owned(), service);
    }
    let wish = of("requestedShippingService").unwrap_or_default().to_lowercase();
    let (carrier, service) = match () {
        () if wish.contains("fedex") => ("fedex", "fedex_ground"),
        () if wish.contains("usps") || wish.contains("mail") => ("stamps_com", "usps_priority_mail"),
        () if wish.contains("next day") => ("ups", "ups_next_day_air"),
        () if wish.contains("2nd day") => ("ups", "ups_2nd_day_air"),
        () => ("ups", "ups_ground"),
    };
    (carrier.to_owned(), service.to_owned())
}

/// A carrier by its code.
pub fn carrier(code: &str) -> Option<&'static Carrier> {
    CARRIERS.iter().find(|carrier| carrier.code == code)
}

impl Warehouse {
    /// The warehouse with an id, or the one that parcels start from otherwise.
    pub fn of(id: Option<u64>) -> &'static Self {
        let named = WAREHOUSES.iter().find(|warehouse| Some(warehouse.id) == id);
        named.or_else(|| WAREHOUSES.iter().find(|warehouse| warehouse.default)).unwrap_or(&WAREHOUSES[0])
    }

    /// As V1 writes its address.
    pub fn v1_address(&self) -> Value {
        let [street, city, state, postal_code] = self.address;
        json!({
            "name": self.name, "company": "", "street1": street, "street2": "", "street3": "", "city": city,
            "state": state, "postalCode": postal_code, "country": "US", "phone": "5121112222", "residential": false,
        })
    }

    /// As V2 writes its address.
    pub fn v2_address(&self) -> Value {
        let [street, city, state, postal_code] = self.address;
        json!({
            "name": self.name, "phone": "5121112222", "address_line1": street, "city_locality": city,
            "state_province": state, "postal_code": postal_code, "country_code": "US",
            "address_residential_indicator": "no",
        })
    }
}
