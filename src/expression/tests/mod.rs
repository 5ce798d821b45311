//! The language as a whole: the templates of the shipped mappings, what is refused, and what stays bounded.

mod bounds;
mod evaluation;
mod mappings;
mod problems;
mod tables;
mod trees;

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Field, ObjectType, Scope, Template, Type, Values};

fn text(max: u32) -> Type {
    Type::Text { max: Some(max) }
}

fn named<const N: usize>(name: &str, fields: [(&str, Type); N]) -> Type {
    let fields = fields.into_iter().map(|(name, ty)| (name.to_owned(), Field { ty, docs: None })).collect();
    Type::Object(Arc::new(ObjectType { name: Some(name.to_owned()), fields }))
}

fn table(item: Type) -> Type {
    Type::Table(Arc::new(item))
}

/// A Sage 100 order, as the shipped system file declares it.
fn order() -> Type {
    let line = named(
        "line",
        [
            ("ItemCode", Type::TEXT),
            ("QuantityOrdered", Type::Number),
            ("UnitPrice", Type::Number.optional()),
            ("UnitWeight", Type::Number.optional()),
        ],
    );
    named(
        "sales_order",
        [
            ("SalesOrderNo", text(7)),
            ("OrderDate", Type::TEXT),
            ("OrderType", Type::TEXT),
            ("OrderStatus", Type::TEXT),
            ("ShipToName", Type::TEXT),
            ("ShipToAddress1", Type::TEXT.optional()),
            ("ShipToAddress2", Type::TEXT.optional()),
            ("ShipToAddress3", Type::TEXT.optional()),
            ("ShipToCity", Type::TEXT.optional()),
            ("ShipToState", Type::TEXT.optional()),
            ("ShipToZipCode", Type::TEXT.optional()),
            ("ShipToCountryCode", Type::TEXT.optional()),
            ("ShipVia", Type::TEXT.optional()),
            ("Lines", Type::list(line)),
        ],
    )
}

fn settings() -> Type {
    Type::object([
        ("services", table(text(2))),
        ("countries", table(text(2))),
        ("max_package_weight", Type::Number),
        ("max_price", Type::Number.optional()),
        ("label_format", Type::TEXT),
        ("late_effect", Type::Duration),
        ("shipper", Type::object([("country", text(2)), ("phone", text(15).optional())])),
    ])
}

/// The names that most tests use.
fn scope() -> Scope {
    [
        ("order", order()),
        ("settings", settings()),
        ("weight", Type::Number),
        ("price", Type::object([("price", Type::Number.optional()), ("days", Type::Integer.optional())])),
        ("address", Type::object([("valid", Type::Boolean), ("found", Type::list(Type::TEXT))]).optional()),
        ("data", Type::Any),
        ("status", Type::Integer),
        ("headers", table(Type::TEXT)),
        ("code", Type::TEXT.optional()),
        ("flag", Type::Boolean),
    ]
    .map(|(name, ty)| (name.to_owned(), ty))
    .into()
}

fn values() -> Values {
    let mut values = Values::default();
    for (name, value) in [
        (
            "order",
            json!({
                "SalesOrderNo": "0000169", "OrderDate": "2026-03-09", "OrderType": "S", "OrderStatus": "N",
                "ShipToName": "Höhere Gärtnerei & Söhne, Landschaftsbau", "ShipToAddress1": "1 Main St",
                "ShipToAddress2": "", "ShipToAddress3": null, "ShipToCity": "Boston", "ShipToState": null,
                "ShipToZipCode": "02110-1234", "ShipToCountryCode": null, "ShipVia": "UPS GROUND",
                "Lines": [
                    {"ItemCode": "A", "QuantityOrdered": 3, "UnitPrice": 2.5, "UnitWeight": 40.1},
                    {"ItemCode": "B", "QuantityOrdered": 2, "UnitPrice": null, "UnitWeight": null},
                ],
            }),
        ),
        (
            "settings",
            json!({
                "services": {"UPS GROUND": "03"}, "countries": {"USA": "US"}, "max_package_weight": 70,
                "max_price": null, "label_format": "GIF", "late_effect": "3m",
                "shipper": {"country": "US", "phone": null},
            }),
        ),
        ("weight", json!(120.3)),
        ("price", json!({"price": 12.5, "days": null})),
        ("address", json!(null)),
        ("data", json!({"code": "X", "count": 3, "nothing": null, "items": [{"a": 1}, {"b": 2}]})),
        ("status", json!(200)),
        ("headers", json!({"retry-after": "5"})),
        ("code", json!(null)),
        ("flag", json!(true)),
    ] {
        values.set(name, &value);
    }
    values
}

fn compile(source: &str) -> Template {
    Template::compile(source, &scope()).unwrap_or_else(|problems| panic!("{source}: {problems:#?}"))
}

fn evaluate(source: &str) -> Result<Value, String> {
    compile(source).evaluate(&values()).map_err(|error| error.message)
}
