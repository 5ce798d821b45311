//! What is refused before anything runs, where, and with which help.

use super::*;
use crate::expression::Problem;

/// Each problem as `code: the text it points at`.
fn problems(source: &str) -> Vec<String> {
    let show = |problem: &Problem| format!("{}: {}", problem.code, &source[problem.range.clone()]);
    match Template::compile(source, &scope()) {
        Ok(template) => panic!("{source} is {}", template.result_type()),
        Err(problems) => problems.iter().map(show).collect(),
    }
}

fn first(source: &str) -> Problem {
    Template::compile(source, &scope()).unwrap_err().remove(0)
}

#[test]
fn points_at_what_is_wrong() {
    for (source, expected) in [
        ("{{ ordr.OrderDate }}", "unknown-name: ordr"),
        ("ä{{ order.ShipToZip }}", "unknown-field: ShipToZip"),
        ("{{ order['ShipToZip'] }}", "unknown-field: ['ShipToZip']"),
        ("{{ order.OrderDate.year }}", "not-an-object: year"),
        ("{{ order.Lines.ItemCode }}", "not-an-object: ItemCode"),
        ("{{ weight[0] }}", "not-a-list: weight[0]"),
        ("{{ order.Lines['a'] }}", "not-an-object: ['a']"),
        ("{{ order.Lines[weight] }}", "wrong-type: weight"),
        ("{{ settings.services[status] }}", "wrong-type: status"),
        ("{{ weight | uper }}", "unknown-filter: uper"),
        ("{{ weight | upper }}", "wrong-type: weight"),
        ("{{ order.OrderDate | clip }}", "wrong-argument: clip"),
        ("{{ order.OrderDate | clip(1, 2) }}", "wrong-argument: clip(1, 2)"),
        ("{{ order.OrderDate | clip('1') }}", "wrong-argument: '1'"),
        ("{{ order.OrderDate | clip(most=1) }}", "wrong-argument: 1"),
        ("{{ order.OrderDate | pad_left(price.days) }}", "maybe-nothing: price.days"),
        ("{{ weight is odd }}", "unknown-test: odd"),
        ("{{ order.OrderDate is starts_with }}", "unknown-test: starts_with"),
        ("{{ upper(code) }}", "unknown-function: upper"),
        ("{{ code.upper() }}", "unknown-function: code.upper"),
        ("{{ range(1000000) }}", "unknown-function: range"),
        ("{{ order.OrderDate == 5 }}", "wrong-type: order.OrderDate == 5"),
        ("{{ flag == 1 }}", "wrong-type: flag == 1"),
        ("{{ order.OrderDate > weight }}", "wrong-type: order.OrderDate > weight"),
        ("{{ flag > 1 }}", "wrong-type: flag"),
        ("{{ settings.late_effect < '3m' }}", "wrong-type: settings.late_effect"),
        ("{{ 1 < weight < 3 }}", "unsupported: 1 < weight < 3"),
        ("{{ code == none }}", "compare-none: none"),
        ("{{ 1 in weight }}", "wrong-type: weight"),
        ("{{ status in ['200'] }}", "wrong-type: status"),
        ("{{ status in settings.services }}", "wrong-type: status"),
        ("{{ order.OrderDate + 1 }}", "wrong-type: order.OrderDate"),
        ("{{ 'a' * 1000000000 }}", "wrong-type: 'a'"),
        ("{{ 2 ** 3 }}", "unsupported: 2 ** 3"),
        ("{{ (1, 2) }}", "unsupported: (1, 2)"),
        ("{{ price.price <= 3 }}", "maybe-nothing: price.price"),
        ("{{ price.days + 1 }}", "maybe-nothing: price.days"),
        ("Order {{ code }}", "maybe-nothing: code"),
        ("Order {{ flag }}", "wrong-type: flag"),
        ("Order {{ order.Lines }}", "wrong-type: order.Lines"),
        ("{{ code ~ 'x' }}", "maybe-nothing: code"),
        ("{{ code[:2] }}", "maybe-nothing: code"),
        ("{{ 1 if flag else 'a' }}", "mixed-types: 1 if flag else 'a'"),
        ("{{ weight or 'a' }}", "mixed-types: weight or 'a'"),
        ("{{ code | or_else(5) }}", "wrong-argument: or_else(5)"),
        ("{{ weight | convert('lb', 'cm') }}", "wrong-argument: convert('lb', 'cm')"),
        ("{{ weight | convert('lbs', 'kg') }}", "wrong-argument: convert('lbs', 'kg')"),
        ("{{ order.OrderDate | date_format('%J') }}", "wrong-argument: date_format('%J')"),
        ("{{ order.OrderDate | to_zone('Boston') }}", "wrong-argument: to_zone('Boston')"),
        ("{{ order.Lines | each('Itemcode') }}", "wrong-argument: each('Itemcode')"),
        ("{{ order.Lines | each(code) }}", "wrong-argument: code"),
        ("{{ order.Lines | sum_of('Quantity * UnitWeight') }}", "unknown-field: Quantity"),
        ("{{ order.Lines | sum_of('ItemCode * 2') }}", "wrong-type: ItemCode"),
        ("{{ order.Lines | sum_of('UnitWeight > 2') }}", "wrong-type: UnitWeight > 2"),
        ("{{ order.Lines | where('UnitWeight > 2') }}", "maybe-nothing: UnitWeight"),
        ("{{ order.Lines | where('weight > 2') }}", "unknown-name: weight"),
        ("{{ order.Lines | where('UnitPrice') }}", "wrong-type: UnitPrice"),
        ("{{ [1, 2] | where('a') }}", "not-an-object: a"),
        ("{{ order.Lines | sort }}", "wrong-type: order.Lines"),
        ("{{ [{'a': flag}] | sort_by('a') }}", "wrong-argument: sort_by('a')"),
        ("{{ [order] | sort_by('Lines') }}", "wrong-argument: sort_by('Lines')"),
        ("{{ order.OrderDate | clip(-1) }}", "wrong-argument: -1"),
        ("{{ order.OrderDate | pad_left(200000) }}", "wrong-argument: 200000"),
        ("{{ order.OrderDate | pad_right(9, 'ab') }}", "wrong-argument: 'ab'"),
        ("{{ order.OrderDate | split('') }}", "wrong-argument: ''"),
        ("{{ order.OrderDate | replace('', 'x') }}", "wrong-argument: ''"),
        ("{{ weight | round(11) }}", "wrong-argument: 11"),
        ("{{ weight | decimals(-2) }}", "wrong-argument: -2"),
        ("{{ none | upper }}", "wrong-type: none"),
        ("{{ {flag: 1} }}", "unsupported: flag"),
        ("{{ }}", "syntax:  "),
        ("{{ 1 + }}", "syntax: +"),
        ("{{ a b }}", "syntax: b"),
        ("{% if flag %}", "no-statements: {%"),
        ("{{ 99999999999999999999 }}", "syntax: 99999999999999999999"),
    ] {
        assert_eq!(problems(source), [expected], "{source}");
    }
}

#[test]
fn collects_every_problem() {
    let source = "{{ ordr.a }} and {{ order.ShipToZip }} and {{ weight | uper ~ code }}";
    assert_eq!(
        problems(source),
        ["unknown-name: ordr", "unknown-field: ShipToZip", "unknown-filter: uper", "maybe-nothing: code"]
    );
}

/// What a misspelt name would have guarded is no second mistake.
#[test]
fn a_misspelt_guard_is_told_once() {
    for (source, expected) in [
        ("{{ price.prize is none or price.price <= 3 }}", "unknown-field: prize"),
        ("{{ prize.price is not none and price.price <= 3 and price.days > 1 }}", "unknown-name: prize"),
        ("{{ 0 if price.prize is none else price.price + 1 }}", "unknown-field: prize"),
        ("{{ price.price + 1 if price.prize is defined else 0 }}", "unknown-field: prize"),
    ] {
        assert_eq!(problems(source), [expected], "{source}");
    }
    // What comes before it is not guarded by it.
    assert_eq!(problems("{{ price.price <= 3 or price.prize is none }}").len(), 2);
}

#[test]
fn helps() {
    for (source, message, help) in [
        ("{{ order.ShipToZip }}", "`sales_order` has no field `ShipToZip`", "did you mean `ShipToZipCode`?"),
        ("{{ oder.OrderDate }}", "there is no `oder` here", "did you mean `order`?"),
        ("{{ weight | decimal(2) }}", "there is no filter `decimal`", "did you mean `decimals`?"),
        ("{{ code is nothing }}", "there is no test `nothing`", "there are `none`, `defined`, `empty`"),
        ("{{ address.vaild }}", "`address` has no field `vaild`", "did you mean `valid`?"),
        (
            "{{ price.price <= 3 }}",
            "`price.price` may be nothing, and nothing is neither more nor less",
            "guard it with `price.price is none or …`, or give a value with `| or_else(…)`",
        ),
        ("{{ code == none }}", "nothing equals `none`", "write `is none`"),
        ("{{ code.upper() }}", "there is no function `upper`", "filters are written `x | upper`"),
        (
            "{{ order.OrderDate | clip }}",
            "`clip` takes one argument, not 0",
            "it is written `text | clip(most)`, for example `{{ 'Ship to here' | clip(8) }}`",
        ),
        (
            "{{ status == '200' }}",
            "integer cannot be compared with text",
            "turn the number into text with `| text`",
        ),
    ] {
        let problem = first(source);
        assert_eq!((problem.message.as_str(), problem.help.as_deref()), (message, Some(help)), "{source}");
    }
}

#[test]
fn narrows_what_a_condition_tells() {
    for source in [
        "{{ price.price is none or price.price <= 3 }}",
        "{{ price.price is not none and price.price <= 3 }}",
        "{{ price.price is defined and price.price <= 3 }}",
        "{{ price.price and price.price <= 3 }}",
        "{{ settings.max_price is none or price.price is none or price.price <= settings.max_price }}",
        "{{ not (price.price is none or price.days is none) and price.price + price.days > 3 }}",
        "{{ price.price + 1 if price.price is not none else 0 }}",
        "{{ 0 if price.price is none else price.price + 1 }}",
        "{{ 0 if price.price is empty else price.price + 1 }}",
        "{{ code ~ 'x' if code in ['A', 'B'] else 'y' }}",
        "{{ code == 'A' and code ~ 'x' == 'Ax' }}",
        "{{ address is none or address.valid }}",
        "{{ (price.price is none and price.days is none) or flag }}",
        "{{ (code == 'A' or code == 'B') and code ~ 'x' == 'Ax' }}",
        "{{ data.a is none or data.a > 3 }}",
    ] {
        compile(source);
    }
    for source in [
        "{{ price.price is not none or price.price <= 3 }}",
        "{{ price.price is none and price.price <= 3 }}",
        "{{ price.days is none or price.price <= 3 }}",
        "{{ (price.price is none or flag) and price.price <= 3 }}",
        "{{ (code == 'A' or flag) and code ~ 'x' == 'Ax' }}",
        "{{ flag or price.price <= 3 }}",
    ] {
        assert_eq!(problems(source).len(), 1, "{source}");
    }
}

#[test]
fn narrows_a_scope_for_what_follows() {
    let check = compile(
        "{{ settings.max_price is none or price.price is none or price.price <= settings.max_price }}",
    );
    let otherwise = check.narrowed(&scope(), false);
    let park = "UPS asks {{ price.price | decimals(2) }}, more than {{ settings.max_price }}";
    assert!(Template::compile(park, &otherwise).is_ok());
    assert!(Template::compile(park, &check.narrowed(&scope(), true)).is_err());
    let select = compile("{{ order.OrderType in ['S', 'B'] and order.ShipVia in settings.services }}");
    let selected = select.narrowed(&scope(), true);
    let service = Template::compile("{{ order.ShipVia | lookup(settings.services) }}", &selected).unwrap();
    assert_eq!(service.result_type(), &text(2));
    assert_eq!(compile("a {{ weight }}").narrowed(&scope(), true), scope());
}
