//! What templates yield, and the errors that only data can cause.

use serde_json::json;

use super::*;

#[test]
fn yields_typed_values() {
    for (source, expected) in [
        // One expression keeps its type.
        ("{{ order.SalesOrderNo }}", json!("0000169")),
        (" {{ weight }}\n", json!(120.3)),
        ("{{ status }}", json!(200)),
        ("{{ flag }}", json!(true)),
        ("{{ none }}", json!(null)),
        (
            "{{ order.Lines[0] }}",
            json!({"ItemCode": "A", "QuantityOrdered": 3, "UnitPrice": 2.5, "UnitWeight": 40.1}),
        ),
        ("{{ {'b': [1, 2.5], 'a': none} }}", json!({"b": [1, 2.5], "a": null})),
        ("{{ {'a': {'b': {'c': 1}}} }}", json!({"a": {"b": {"c": 1}}})),
        ("{{ {'a': {'b': {'c': 1}}}.a.b.c }}", json!(1)),
        // Anything else is text.
        ("Order {{ order.SalesOrderNo }}", json!("Order 0000169")),
        ("{{ status }}{{ weight }}", json!("200120.3")),
        ("{{ '}}' }}!", json!("}}!")),
        ("plain", json!("plain")),
        // Navigation through nothing is nothing.
        ("{{ address.valid }}", json!(null)),
        ("{{ address.found | first }}", json!(null)),
        ("{{ (order.Lines | last).UnitWeight }}", json!(null)),
        ("{{ order.Lines[7].ItemCode }}", json!(null)),
        ("{{ settings.shipper.phone | clip(5) }}", json!(null)),
        // Conditions.
        ("{{ code is none }}", json!(true)),
        ("{{ code is defined or address is not none }}", json!(false)),
        ("{{ not address and 1 < 2 }}", json!(true)),
        ("{{ order.Lines and flag }}", json!(true)),
        ("{{ address and flag }}", json!(false)),
        ("{{ order.ShipToState or order.ShipToCity }}", json!("Boston")),
        ("{{ 'yes' if flag else 'no' }}", json!("yes")),
        ("{{ 'a' if not flag }}", json!(null)),
        ("{{ order.ShipVia in settings.services }}", json!(true)),
        ("{{ code in settings.services }}", json!(false)),
        ("{{ code in ['A', 'B'] }}", json!(false)),
        ("{{ code not in ['A', 'B'] }}", json!(true)),
        ("{{ 'GROUND' in 'UPS GROUND' }}", json!(true)),
        ("{{ code == order.ShipToState }}", json!(true)),
        ("{{ code != order.ShipVia }}", json!(true)),
        ("{{ order.OrderType == 'S' and status != 404 }}", json!(true)),
        ("{{ order.ShipToAddress2 is empty }}", json!(true)),
        // Tables.
        ("{{ settings.services[order.ShipVia] }}", json!("03")),
        ("{{ settings.services[code] }}", json!(null)),
        ("{{ headers['retry-after'] }}", json!("5")),
        ("{{ headers.absent }}", json!(null)),
        // Calculation is exact, and whole results are integers.
        ("{{ 0.1 + 0.2 }}", json!(0.3)),
        ("{{ 0.1 + 0.2 == 0.3 }}", json!(true)),
        ("{{ 7 // 2 + -7 // 2 }}", json!(-1)),
        ("{{ 7 / 2 }}", json!(3.5)),
        ("{{ 8 / 2 }}", json!(4)),
        ("{{ -7 % 3 }}", json!(2)),
        ("{{ -weight }}", json!(-120.3)),
        ("{{ 2 * 3 + 1 }}", json!(7)),
        ("{{ order.Lines | sum_of('QuantityOrdered * UnitWeight') }}", json!(120.3)),
        ("{{ order.Lines | sum_of('QuantityOrdered') // 2 }}", json!(2)),
        // Text.
        ("{{ order.OrderType ~ '-' ~ status ~ 12.50 }}", json!("S-20012.5")),
        ("{{ order.ShipToName | clip(11) }}", json!("Höhere Gärt")),
        ("{{ order.ShipToName[:6] }}", json!("Höhere")),
        ("{{ order.ShipToZipCode | or_else('') | replace('-', '') | clip(9) }}", json!("021101234")),
        ("{{ order.ShipToAddress2 | or_else('none') }}", json!("none")),
        (r#"{{ "it's \"q\"\n" }}"#, json!("it's \"q\"\n")),
        // Lists.
        ("{{ order.Lines | each('UnitPrice') | filled }}", json!([2.5])),
        ("{{ order.Lines | where('UnitWeight is none') | each('ItemCode') }}", json!(["B"])),
        ("{{ order.Lines | where('UnitWeight is not none and UnitWeight > 40') | length }}", json!(1)),
        (
            "{{ [order.ShipToAddress1, order.ShipToAddress2, order.ShipToAddress3] | filled | clip_each(3) }}",
            json!(["1 M"]),
        ),
        ("{{ [3, 1] | max }}", json!(3)),
        // Data of unknown shape.
        ("{{ data.count + 1 }}", json!(4)),
        ("{{ data.nothing }}", json!(null)),
        ("{{ data.missing is none }}", json!(true)),
        ("{{ data.missing.deeper is defined }}", json!(false)),
        ("{{ data.missing | or_else('x') }}", json!("x")),
        ("{{ data.code == 'X' and data.count != 'X' }}", json!(true)),
        ("{{ data['code'] }}", json!("X")),
    ] {
        assert_eq!(evaluate(source), Ok(expected), "{source}");
    }
}

#[test]
fn says_what_is_wrong_with_data() {
    for (source, expected) in [
        ("{{ data.missing }}", "in `data.missing`: `data.missing` is missing in the data"),
        (
            "{{ data.missing.deeper }}",
            "in `data.missing.deeper`: `data.missing.deeper` is missing in the data",
        ),
        ("x{{ data.missing }}", "in `data.missing`: `data.missing` is missing in the data"),
        ("{{ data.missing == 'x' }}", "in `data.missing == 'x'`: `data.missing` is missing in the data"),
        (
            "{{ 1 if data.missing else 2 }}",
            "in `1 if data.missing else 2`: `data.missing` is missing in the data",
        ),
        (
            "{{ data.items | each('a') | last }}",
            "in `data.items | each('a') | last`: an item of `data.items | each('a')` is missing in the data",
        ),
        ("{{ data.code > 5 }}", "in `data.code > 5`: text cannot be compared with a number"),
        ("{{ data.code * 5 }}", "in `data.code * 5`: a number was expected, but it is text"),
        (
            "{{ data.count | upper }}",
            "in `data.count | upper`: `upper`: text was expected, but it is a number",
        ),
        ("{{ data.items ~ 'x' }}", "in `data.items ~ 'x'`: a list cannot be part of text"),
        ("x{{ data.items }}", "in `data.items`: is a list, which cannot be text"),
        ("x{{ data.nothing }}", "in `data.nothing`: is nothing, which cannot be text"),
        ("{{ 1 / (status - 200) }}", "in `1 / (status - 200)`: 1 cannot be divided by zero"),
        (
            "{{ 'UPS RED' | lookup(settings.services) }}",
            "in `'UPS RED' | lookup(settings.services)`: `lookup`: the table has no key \"UPS RED\"",
        ),
        (
            "{{ data.items | each('a') }}",
            "in `data.items | each('a')`: an item of `data.items | each('a')` is missing in the data",
        ),
        (
            "{{ data.items | sum_of('a * 2') }}",
            "in `data.items | sum_of('a * 2')`: `sum_of`: `a` is missing in the data",
        ),
        ("{{ 'x' | number }}", "in `'x' | number`: `number`: \"x\" is not a number"),
    ] {
        assert_eq!(evaluate(source), Err(expected.to_owned()), "{source}");
    }
}

#[test]
fn insists_on_the_values_it_was_compiled_for() {
    let template = compile("{{ weight }}");
    let error = template.evaluate(&Values::default()).unwrap_err();
    assert_eq!(error.message, "`weight` has no value yet in `{{ weight }}`");
    let mut values = values();
    values.set("weight", &json!(null));
    let error = template.evaluate(&values).unwrap_err();
    assert_eq!(error.message, "in `weight`: is nothing, although its type says that it never is");
    values.remove("address");
    assert_eq!(compile("{{ address.valid }}").evaluate(&values), Ok(json!(null)));
}

#[test]
fn writes_text_truth_and_urls() {
    let values = values();
    assert_eq!(compile("{{ weight }}").text(&values).unwrap(), "120.3");
    assert!(compile("{{ flag }}").text(&values).is_err());
    assert!(compile("{{ address.found }}").text(&values).is_err());
    assert_eq!(compile("{{ address.valid }}").truth(&values), Ok(false));
    assert_eq!(compile("{{ flag }}").truth(&values), Ok(true));
    assert!(compile("{{ weight }}").truth(&values).is_err());
    let encoded =
        compile("/a/{{ order.OrderDate }}/{{ status }}").encoded(&values, &|text| text.replace('-', "%2D"));
    assert_eq!(encoded.unwrap(), "/a/2026%2D03%2D09/200");
    assert_eq!(compile("{{ weight }}-{{ order.OrderType }}{{ weight }}").names(), ["order", "weight"]);
}

#[test]
fn knows_the_type_of_every_result() {
    for (source, expected) in [
        ("{{ weight }}", "number"),
        ("{{ order.Lines | first }}", "line, or nothing"),
        ("{{ (order.Lines | first).QuantityOrdered }}", "number, or nothing"),
        ("{{ order.ShipToName | clip(35) }}", "text of at most 35 characters"),
        ("{{ settings.services[order.ShipVia] }}", "text of at most 2 characters, or nothing"),
        ("{{ order.ShipVia | lookup(settings.services) }}", "text of at most 2 characters, or nothing"),
        ("{{ order.ShipVia | or_else('x') | lookup(settings.services) }}", "text of at most 2 characters"),
        ("{{ 1 + 2 }}", "integer"),
        ("{{ 1 / 2 }}", "number"),
        ("{{ 1 if flag }}", "integer, or nothing"),
        ("{{ 1 if flag else 2.5 }}", "number"),
        ("{{ flag and address }}", "boolean"),
        ("{{ order.Lines | each('UnitWeight') }}", "list of number, or nothing"),
        ("{{ order.Lines | each('UnitWeight') | filled }}", "list of number"),
        ("{{ [order.ShipToName, order.Lines] }}", "list of anything"),
        ("{{ settings.late_effect }}", "duration"),
        ("a{{ weight }}", "text"),
    ] {
        assert_eq!(compile(source).result_type().to_string(), expected, "{source}");
    }
}

#[test]
fn compiled_things_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    shared::<Template>();
    shared::<Values>();
    shared::<crate::expression::ValueTemplate>();
    shared::<crate::expression::Selector>();
}

#[test]
fn knows_which_fields_of_a_name_it_reads() {
    let tables =
        named("tables", [("a", table(Type::TEXT)), ("b", table(Type::TEXT)), ("c", table(Type::TEXT))]);
    let scope: Scope = [("tables".to_owned(), tables), ("key".to_owned(), Type::TEXT)].into();
    let read = |source: &str| {
        let template = Template::compile(source, &scope).unwrap();
        template
            .fields_of("tables")
            .map(|field| field.unwrap_or("*").to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    for (source, expected) in [
        ("{{ key | lookup(tables.b, '') }} {{ tables['a'].x | or_else('') }}", "a b"),
        ("{{ 1 if tables.c | keys | length > 0 and tables.c[key] is none else 2 }}", "c"),
        ("{{ tables | json }}", "*"),
        ("{{ tables.a.x is none or tables | keys | length > 2 }}", "* a"),
        ("{{ key }}", ""),
    ] {
        assert_eq!(read(source), expected, "{source}");
    }
}

#[test]
fn finds_fields_at_any_depth() {
    let body = json!({
        "Fault": { "why": ["a", "b"], "detail": [{ "why": "c" }, { "other": { "why": null } }, { "why": { "why": "d" } }] },
    });
    let scope: Scope = [("body".to_owned(), Type::Any)].into();
    let mut values = Values::default();
    values.set("body", &body);
    let found = |source: &str| Template::compile(source, &scope).unwrap().evaluate(&values).unwrap();
    assert_eq!(found("{{ body | named('why') }}"), json!(["a", "b", "c", { "why": "d" }, "d"]));
    assert_eq!(found("{{ body | named('nothing') }}"), json!([]));
    assert_eq!(found("{{ body.Fault.why | first | named('why') | length }}"), json!(0));
    assert_eq!(found("{{ body.nothing | named('why') }}"), json!([]));
    assert_eq!(found("{{ body | named('why') | first }}"), json!("a"));
}

#[test]
fn named_knows_types_where_they_are_known() {
    let item = named("item", [("why", Type::TEXT.optional()), ("code", Type::Integer)]);
    let typed = Type::object([("items", Type::list(item.clone())), ("codes", Type::list(Type::Integer))]);
    let scope: Scope = [("typed".to_owned(), typed), ("items".to_owned(), Type::list(item))].into();
    let ty = |source: &str| Template::compile(source, &scope).map(|template| template.result_type().clone());
    assert_eq!(ty("{{ typed | named('why') }}").unwrap(), Type::list(Type::TEXT));
    assert_eq!(ty("{{ typed | named('codes') }}").unwrap(), Type::list(Type::Integer));
    assert_eq!(
        ty("{{ items | having('code', 3) }}").unwrap(),
        Type::list(named("item", [("why", Type::TEXT.optional()), ("code", Type::Integer)]))
    );
    for (source, message) in [
        ("{{ typed | named('whyy') }}", "there is no field `whyy` in it"),
        ("{{ items | having('cod', 3) }}", "has no field `cod`"),
        ("{{ items | having('code', 'x') }}", "the field is integer, but the value is text"),
    ] {
        let problems = ty(source).unwrap_err();
        assert!(problems[0].message.contains(message), "{source}: {problems:?}");
    }
}
