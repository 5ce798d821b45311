//! The templates of the shipped mappings, against the types that those declare.

use super::*;

fn ups() -> Scope {
    let errors = Type::object([(
        "response",
        Type::object([(
            "errors",
            Type::list(Type::object([("code", Type::TEXT.optional()), ("message", Type::TEXT.optional())]))
                .optional(),
        )])
        .optional(),
    )]);
    let charge = || {
        Type::object([("CurrencyCode", Type::TEXT.optional()), ("MonetaryValue", Type::Number.optional())])
    };
    let rated = Type::object([
        ("TotalCharges", charge()),
        ("NegotiatedRateCharges", Type::object([("TotalCharge", charge().optional())]).optional()),
        (
            "GuaranteedDelivery",
            Type::object([("BusinessDaysInTransit", Type::Integer.optional())]).optional(),
        ),
    ]);
    let label = Type::object([
        ("TrackingNumber", Type::TEXT),
        ("LabelImage", Type::object([("GraphicImage", Type::TEXT.optional())]).optional()),
    ]);
    let answer = Type::object([
        ("RatedShipment", Type::list(rated)),
        ("LabelResults", Type::list(label)),
        ("ShipmentIdentificationNumber", Type::TEXT.optional()),
        ("ValidAddressIndicator", Type::Presence),
        ("next", Type::TEXT.optional()),
    ]);
    let input = Type::object([
        ("description", text(50).optional()),
        ("ship_to", Type::object([("country", text(2)), ("phone", text(15).optional())])),
    ]);
    let mut scope = scope();
    for (name, ty) in [
        ("error", errors),
        ("headers", table(Type::TEXT)),
        ("body", Type::Any),
        ("error_code", Type::TEXT.optional()),
        ("answer", answer),
        ("input", input),
        ("package", Type::object([("weight", Type::Number), ("TrackingNumber", Type::TEXT)])),
        (
            "label",
            Type::object([(
                "LabelImage",
                Type::object([("GraphicImage", Type::TEXT.optional())]).optional(),
            )]),
        ),
        ("ship_to", Type::object([("country", text(2))])),
        ("idempotency_key", Type::TEXT),
        (
            "shipment",
            Type::object([("tracking_numbers", Type::list(Type::TEXT)), ("cost", Type::Number.optional())]),
        ),
    ] {
        scope.insert(name.to_owned(), ty);
    }
    scope
}

#[test]
fn every_template_compiles() {
    let scope = ups();
    for (source, ty) in [
        // sage100-ups.yaml
        (
            "{{ order.OrderType in ['S', 'B'] and order.OrderStatus in ['N', 'O'] and order.ShipVia in settings.services }}",
            "boolean",
        ),
        ("{{ order.SalesOrderNo }}-{{ order.OrderDate }}", "text"),
        ("{{ order.Lines | sum_of('QuantityOrdered * UnitWeight') }}", "number"),
        ("{{ order.ShipToName | clip(35) }}", "text of at most 35 characters"),
        (
            "{{ [order.ShipToAddress1, order.ShipToAddress2, order.ShipToAddress3] | filled | clip_each(35) }}",
            "list of text of at most 35 characters",
        ),
        ("{{ order.ShipToCity | or_else('') | clip(30) }}", "text of at most 30 characters"),
        ("{{ order.ShipToState | or_else('') }}", "text"),
        (
            "{{ order.ShipToZipCode | or_else('') | replace('-', '') | clip(9) }}",
            "text of at most 9 characters",
        ),
        (
            "{{ order.ShipToCountryCode | or_else('USA') | lookup(settings.countries) }}",
            "text of at most 2 characters",
        ),
        ("{{ order.ShipVia | lookup(settings.services) }}", "text of at most 2 characters, or nothing"),
        ("{{ weight > 0 }}", "boolean"),
        ("{{ weight | split_evenly(settings.max_package_weight) }}", "list of number"),
        ("{{ ship_to.country in ['US', 'PR'] }}", "boolean"),
        ("{{ address is none or address.valid }}", "boolean"),
        ("{{ address.found }}", "list of text, or nothing"),
        (
            "{{ settings.max_price is none or price.price is none or price.price <= settings.max_price }}",
            "boolean",
        ),
        ("Order {{ order.SalesOrderNo }}", "text of at most 13 characters"),
        ("{{ shipment.tracking_numbers }}", "list of text"),
        ("{{ [order.ShipToName, order.ShipToAddress1, order.ShipVia, order.Lines] }}", "list of anything"),
        // ups.yaml
        ("{{ status == 429 or status >= 500 }}", "boolean"),
        ("{{ error_code in ['10429', '10004', 'VSS100'] }}", "boolean"),
        ("{{ headers.errordescription is defined and body is none }}", "boolean"),
        (
            "{{ (error.response.errors | first).code if error.response and error.response.errors else headers.errorcode }}",
            "text, or nothing",
        ),
        ("{{ input.description | or_else('Merchandise') | clip(50) }}", "text of at most 50 characters"),
        (
            "{{ not (settings.shipper.country == input.ship_to.country and input.ship_to.country in ['US', 'PR']) }}",
            "boolean",
        ),
        ("{{ package.weight | decimals(1) }}", "text"),
        (
            "{{ status == 400 or (status == 200 and body is none and headers.errordescription is defined) }}",
            "boolean",
        ),
        ("{{ status in [401, 403, 429] }}", "boolean"),
        (
            "{{ (answer.RatedShipment | first).NegotiatedRateCharges.TotalCharge.MonetaryValue
                | or_else((answer.RatedShipment | first).TotalCharges.MonetaryValue) }}",
            "number, or nothing",
        ),
        (
            "{{ (answer.RatedShipment | first).GuaranteedDelivery.BusinessDaysInTransit }}",
            "integer, or nothing",
        ),
        ("{{ package.TrackingNumber }}.{{ settings.label_format | lower }}", "text"),
        (
            "{{ answer.ShipmentIdentificationNumber | or_else((answer.LabelResults | first).TrackingNumber) }}",
            "text, or nothing",
        ),
        ("{{ label.LabelImage.GraphicImage }}", "text, or nothing"),
        ("{{ answer.ValidAddressIndicator }}", "boolean"),
        ("{{ settings.late_effect }}", "duration"),
        ("{{ error_code == '190117' }}", "boolean"),
        ("{{ none }}", "nothing"),
    ] {
        let template =
            Template::compile(source, &scope).unwrap_or_else(|problems| panic!("{source}: {problems:#?}"));
        assert_eq!(template.result_type().to_string(), ty, "{source}");
    }
}

#[test]
fn an_error_is_read_with_and_without_a_body() {
    let source = "{{ (error.response.errors | first).code if error.response and error.response.errors else headers.errorcode }}";
    let template = Template::compile(source, &ups()).unwrap();
    for (error, expected) in [
        (json!({"response": {"errors": [{"code": "1", "message": null}]}}), json!("1")),
        (json!({"response": {"errors": []}}), json!("H")),
        (json!({"response": null}), json!("H")),
    ] {
        let mut values = Values::default();
        values.set("error", &error);
        values.set("headers", &json!({"errorcode": "H"}));
        assert_eq!(template.evaluate(&values), Ok(expected), "{error}");
    }
}
