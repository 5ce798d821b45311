//! Filters for lists.

use std::cmp::Ordering;
use std::collections::HashSet;

use minijinja::Value;
use minijinja::value::ValueKind;
use rust_decimal::Decimal;

use super::super::Type;
use super::super::arithmetic::{Arithmetic, decimal, value};
use super::super::check::member;
use super::super::data::to_json;
use super::super::runtime::Condition;
use super::{
    Argument, Filter, Kind, argument, is_empty, is_nothing, item_type, list_at, noun, param, text_at,
};
use crate::base::json;

/// The filters of this family.
pub const FILTERS: &[Filter] = &[
    Filter {
        name: "first",
        takes: Kind::List,
        params: &[],
        docs: "The first item; nothing when there is none.",
        example: ("{{ ['a', 'b'] | first }}", "\"a\""),
        nulls: false,
        gives: |input, _| Ok(item_type(input).optional()),
        run: |arguments| Ok(list_at(arguments, 0)?.first().cloned().unwrap_or_default()),
    },
    Filter {
        name: "last",
        takes: Kind::List,
        params: &[],
        docs: "The last item; nothing when there is none.",
        example: ("{{ ['a', 'b'] | last }}", "\"b\""),
        nulls: false,
        gives: |input, _| Ok(item_type(input).optional()),
        run: |arguments| Ok(list_at(arguments, 0)?.last().cloned().unwrap_or_default()),
    },
    Filter {
        name: "filled",
        takes: Kind::List,
        params: &[],
        docs: "Without items that are nothing, blank or empty.",
        example: ("{{ ['Street 1', none, ' '] | filled }}", r#"["Street 1"]"#),
        nulls: false,
        gives: |input, _| Ok(Type::list(item_type(input).required().clone())),
        run: |arguments| {
            Ok(Value::from(
                list_at(arguments, 0)?.into_iter().filter(|item| !is_empty(item)).collect::<Vec<_>>(),
            ))
        },
    },
    Filter {
        name: "sort",
        takes: Kind::Plains,
        params: &[],
        docs: "The items in order, all text or all numbers.",
        example: ("{{ [3, 1, 2] | sort }}", "[1, 2, 3]"),
        nulls: false,
        gives: |input, _| {
            if item_type(input).may_be_null() && item_type(input) != Type::Any {
                Err("items that may be nothing have no order; drop them with `| filled` first".to_owned())
            } else {
                Ok(input.clone())
            }
        },
        run: |arguments| {
            let mut items = comparable(list_at(arguments, 0)?)?;
            items.sort_by(compare);
            Ok(Value::from(items))
        },
    },
    Filter {
        name: "sort_by",
        takes: Kind::List,
        params: &[param("field", Kind::Name)],
        docs: "The items in the order of one of their fields, all text or all numbers; items in which it is nothing come last.",
        example: (
            "{{ [{'code': '01', 'price': 42.1}, {'code': '03', 'price': 11.5}] | sort_by('price') | each('code') }}",
            r#"["03", "01"]"#,
        ),
        nulls: false,
        gives: |input, arguments| {
            let by = each_type(input, arguments)?;
            if Kind::Plains.accepts(&by) {
                Ok(input.clone())
            } else {
                Err(format!("items have no order by what is {}", item_type(&by).noun()))
            }
        },
        run: sorted_by,
    },
    Filter {
        name: "append",
        takes: Kind::List,
        params: &[param("more", Kind::List)],
        docs: "The items of both lists, one after the other.",
        example: ("{{ ['a'] | append(['b', 'c']) }}", r#"["a", "b", "c"]"#),
        nulls: false,
        gives: |input, arguments| {
            let more = arguments.first().map_or(Type::Any, |more| item_type(&more.ty));
            Ok(Type::list(item_type(input).join(&more).unwrap_or(Type::Any)))
        },
        run: |arguments| {
            let mut items = list_at(arguments, 0)?;
            items.extend(list_at(arguments, 1)?);
            Ok(Value::from(items))
        },
    },
    Filter {
        name: "unique",
        takes: Kind::List,
        params: &[],
        docs: "Without items that came before.",
        example: ("{{ ['a', 'b', 'a'] | unique }}", r#"["a", "b"]"#),
        nulls: false,
        gives: |input, _| Ok(input.clone()),
        run: unique,
    },
    Filter {
        name: "each",
        takes: Kind::List,
        params: &[param("field", Kind::Name)],
        docs: "The list of one field of all items.",
        example: ("{{ [{'sku': 'A1'}, {'sku': 'B2'}] | each('sku') }}", r#"["A1", "B2"]"#),
        nulls: false,
        gives: each_type,
        run: |arguments| {
            let name = text_at(arguments, 1)?;
            let field = |item: Value| {
                if is_nothing(&item) {
                    Ok(item)
                } else {
                    item.get_attr(name).map_err(|error| error.to_string())
                }
            };
            Ok(Value::from(list_at(arguments, 0)?.into_iter().map(field).collect::<Result<Vec<_>, _>>()?))
        },
    },
    Filter {
        name: "where",
        takes: Kind::List,
        params: &[param("condition", Kind::Condition)],
        docs: "The items for which a condition over their fields holds.",
        example: (r#"{{ [{'qty': 0}, {'qty': 2}] | where("qty > 0") }}"#, r#"[{"qty": 2}]"#),
        nulls: false,
        gives: |input, _| Ok(Type::list(item_type(input).required().clone())),
        run: filtered,
    },
    Filter {
        name: "having",
        takes: Kind::List,
        params: &[param("field", Kind::Name), param("value", Kind::Plain)],
        docs: "The items whose field has this value.",
        example: (
            "{{ [{'day': '2026-11-20', 'n': 1}, {'day': '2026-11-21', 'n': 2}] | having('day', '2026-11-21') }}",
            r#"[{"day": "2026-11-21", "n": 2}]"#,
        ),
        nulls: false,
        gives: |input, arguments| {
            let field = each_type(input, arguments)?;
            let value = arguments.get(1).map_or(Type::Any, |value| value.ty.clone());
            let field = super::item_type(&field);
            match field.join(&value) {
                Some(_) => Ok(Type::list(item_type(input).required().clone())),
                None => Err(format!("the field is {}, but the value is {}", field.noun(), value.noun())),
            }
        },
        run: having,
    },
    Filter {
        name: "sum",
        takes: Kind::Numbers,
        params: &[],
        docs: "All items added up, exactly; nothing counts as zero.",
        example: ("{{ [0.1, 0.2] | sum }}", "0.3"),
        nulls: false,
        gives: |input, _| Ok(if item_type(input) == Type::Integer { Type::Integer } else { Type::Number }),
        run: |arguments| {
            total(
                &list_at(arguments, 0)?,
                |item| if is_nothing(item) { Ok(Decimal::ZERO) } else { decimal(item) },
            )
        },
    },
    Filter {
        name: "sum_of",
        takes: Kind::List,
        params: &[param("formula", Kind::Arithmetic)],
        docs: "A formula over the fields of each item, added up exactly; a field that is nothing counts as zero.",
        example: (
            "{{ [{'qty': 2, 'weight': 1.1}, {'qty': 1, 'weight': none}] | sum_of('qty * weight') }}",
            "2.2",
        ),
        nulls: false,
        gives: |_, _| Ok(Type::Number),
        run: |arguments| {
            let formula = argument(arguments, 1)?
                .downcast_object_ref::<Arithmetic>()
                .ok_or("the formula is missing")?;
            total(&list_at(arguments, 0)?, |item| formula.evaluate(item))
        },
    },
    Filter {
        name: "min",
        takes: Kind::Plains,
        params: &[],
        docs: "The least item; nothing when there is none.",
        example: ("{{ [3, 1, 2] | min }}", "1"),
        nulls: false,
        gives: |input, _| Ok(item_type(input).optional()),
        run: |arguments| Ok(present(arguments)?.into_iter().min_by(compare).unwrap_or_default()),
    },
    Filter {
        name: "max",
        takes: Kind::Plains,
        params: &[],
        docs: "The greatest item; nothing when there is none.",
        example: ("{{ [3, 1, 2] | max }}", "3"),
        nulls: false,
        gives: |input, _| Ok(item_type(input).optional()),
        run: |arguments| Ok(present(arguments)?.into_iter().max_by(compare).unwrap_or_default()),
    },
];

fn each_type(input: &Type, arguments: &[Argument]) -> Result<Type, String> {
    let name =
        arguments.first().and_then(|name| name.literal.as_ref()).and_then(Value::as_str).unwrap_or_default();
    match member(&item_type(input), name, "item") {
        Ok(ty) => Ok(Type::list(ty)),
        Err(wrong) => {
            Err(wrong.help.map_or(wrong.message.clone(), |help| format!("{}; {help}", wrong.message)))
        }
    }
}

fn sorted_by(arguments: &[Value]) -> Result<Value, String> {
    let name = text_at(arguments, 1)?;
    let mut sortable = Vec::new();
    let mut rest = Vec::new();
    for item in list_at(arguments, 0)? {
        let by =
            if is_nothing(&item) { item.clone() } else { item.get_attr(name).map_err(|e| e.to_string())? };
        if is_nothing(&by) { rest.push(item) } else { sortable.push((by, item)) }
    }
    comparable(sortable.iter().map(|(by, _)| by.clone()).collect())?;
    sortable.sort_by(|(one, _), (other, _)| compare(one, other));
    Ok(Value::from(sortable.into_iter().map(|(_, item)| item).chain(rest).collect::<Vec<_>>()))
}

fn filtered(arguments: &[Value]) -> Result<Value, String> {
    let condition =
        argument(arguments, 1)?.downcast_object_ref::<Condition>().ok_or("the condition is missing")?;
    let mut kept = Vec::new();
    for item in list_at(arguments, 0)? {
        if !is_nothing(&item) && condition.holds(&item)? {
            kept.push(item);
        }
    }
    Ok(Value::from(kept))
}

fn having(arguments: &[Value]) -> Result<Value, String> {
    let (name, value) = (text_at(arguments, 1)?, argument(arguments, 2)?);
    let has = |item: &Value| !is_nothing(item) && item.get_attr(name).is_ok_and(|field| field == *value);
    Ok(Value::from(list_at(arguments, 0)?.into_iter().filter(has).collect::<Vec<_>>()))
}

fn total(items: &[Value], amount: impl Fn(&Value) -> Result<Decimal, String>) -> Result<Value, String> {
    let mut total = Decimal::ZERO;
    for item in items {
        total = total.checked_add(amount(item)?).ok_or("the sum is too large")?;
    }
    Ok(value(total))
}

fn unique(arguments: &[Value]) -> Result<Value, String> {
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for item in list_at(arguments, 0)? {
        if seen.insert(json::canonical(&to_json(&item)?)) {
            kept.push(item);
        }
    }
    Ok(Value::from(kept))
}

fn present(arguments: &[Value]) -> Result<Vec<Value>, String> {
    comparable(list_at(arguments, 0)?.into_iter().filter(|item| !is_nothing(item)).collect())
}

/// Items that have an order among each other.
fn comparable(items: Vec<Value>) -> Result<Vec<Value>, String> {
    let Some(first) = items.first() else { return Ok(items) };
    let kind = first.kind();
    let odd = items
        .iter()
        .find(|item| item.kind() != kind || !matches!(kind, ValueKind::Number | ValueKind::String));
    match odd {
        Some(odd) => Err(format!("{} and {} have no order", noun(first), noun(odd))),
        None => Ok(items),
    }
}

fn compare(a: &Value, b: &Value) -> Ordering {
    a.cmp(b)
}
