//! Filters for numbers. All calculate with decimals, and halves are rounded away from zero.

use minijinja::Value;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use super::super::Type;
use super::super::arithmetic::{decimal, value};
use super::super::budget;
use super::super::data::plain_text;
use super::super::normalise::parse_number;
use super::{Argument, Filter, Kind, argument, made, option, param, text_at};

/// The most parts that `split_evenly` makes.
const PARTS: i128 = 10_000;

/// The filters of this family.
pub const FILTERS: &[Filter] = &[
    Filter {
        name: "number",
        takes: Kind::Plain,
        params: &[],
        docs: "The number that a text says.",
        example: ("{{ ' 12.50 ' | number }}", "12.5"),
        nulls: false,
        gives: |input, _| Ok(if *input == Type::Integer { Type::Integer } else { Type::Number }),
        run: number,
    },
    Filter {
        name: "integer",
        takes: Kind::Plain,
        params: &[],
        docs: "The whole number that a text or number is; an error when it is not whole.",
        example: ("{{ '12.0' | integer }}", "12"),
        nulls: false,
        gives: |_, _| Ok(Type::Integer),
        run: |arguments| {
            let number = decimal(&number(arguments)?)?;
            if number.fract().is_zero() {
                whole(number)
            } else {
                Err(format!("{number} is not a whole number"))
            }
        },
    },
    Filter {
        name: "abs",
        takes: Kind::Number,
        params: &[],
        docs: "Without its sign.",
        example: ("{{ -2.5 | abs }}", "2.5"),
        nulls: false,
        gives: |input, _| Ok(input.clone()),
        run: |arguments| Ok(value(decimal(argument(arguments, 0)?)?.abs())),
    },
    Filter {
        name: "ceil",
        takes: Kind::Number,
        params: &[],
        docs: "Rounded up to a whole number.",
        example: ("{{ 2.1 | ceil }}", "3"),
        nulls: false,
        gives: |_, _| Ok(Type::Integer),
        run: |arguments| whole(decimal(argument(arguments, 0)?)?.ceil()),
    },
    Filter {
        name: "floor",
        takes: Kind::Number,
        params: &[],
        docs: "Rounded down to a whole number.",
        example: ("{{ 2.9 | floor }}", "2"),
        nulls: false,
        gives: |_, _| Ok(Type::Integer),
        run: |arguments| whole(decimal(argument(arguments, 0)?)?.floor()),
    },
    Filter {
        name: "round",
        takes: Kind::Number,
        params: &[option("places", Kind::Places)],
        docs: "Rounded to so many decimal places; to a whole number without an argument.",
        example: ("{{ 2.345 | round(2) }}", "2.35"),
        nulls: false,
        gives: |_, arguments| Ok(if arguments.is_empty() { Type::Integer } else { Type::Number }),
        run: |arguments| Ok(value(rounded(decimal(argument(arguments, 0)?)?, places(arguments)?))),
    },
    Filter {
        name: "decimals",
        takes: Kind::Number,
        params: &[param("places", Kind::Places)],
        docs: "As text with exactly so many decimal places.",
        example: ("{{ 12.5 | decimals(2) }}", "\"12.50\""),
        nulls: false,
        gives: |_, _| Ok(Type::TEXT),
        run: |arguments| {
            let places = places(arguments)?;
            let number = rounded(decimal(argument(arguments, 0)?)?, places);
            // Minus zero is nobody's amount.
            let number = if number.is_zero() { Decimal::ZERO } else { number };
            made(format!("{number:.*}", places as usize))
        },
    },
    Filter {
        name: "split_evenly",
        takes: Kind::Number,
        params: &[param("max", Kind::Number)],
        docs: "A quantity as the fewest equal parts, none above `max`. Parts have three decimal places and add up to the quantity; the first ones take what does not divide evenly. Zero has no parts.",
        example: ("{{ 150 | split_evenly(70) }}", "[50, 50, 50]"),
        nulls: false,
        gives: |_, _| Ok(Type::list(Type::Number)),
        run: split_evenly,
    },
    Filter {
        name: "convert",
        takes: Kind::Number,
        params: &[param("from", Kind::Text), param("to", Kind::Text)],
        docs: "From one unit to another: lb, oz, kg and g, or in, ft, mm, cm and m. Rounded to six decimal places.",
        example: ("{{ 2 | convert('lb', 'kg') }}", "0.907185"),
        nulls: false,
        gives: |_, arguments| convert_type(arguments),
        run: convert,
    },
];

fn number(arguments: &[Value]) -> Result<Value, String> {
    let given = argument(arguments, 0)?;
    match given.as_str() {
        None => {
            decimal(given)?;
            Ok(given.clone())
        }
        Some(text) => {
            let number = parse_number(text).ok_or_else(|| format!("{:?} is not a number", clip(text)))?;
            Ok(super::super::data::from_json(&serde_json::Value::Number(number)))
        }
    }
}

fn clip(text: &str) -> String {
    text.chars().take(40).collect()
}

fn whole(number: Decimal) -> Result<Value, String> {
    number.to_i64().map(Value::from).ok_or_else(|| format!("{number} is too large for a whole number"))
}

/// The decimal places of the argument; none without it.
fn places(arguments: &[Value]) -> Result<u32, String> {
    arguments.get(1).map_or(Ok(0), super::places)
}

fn rounded(number: Decimal, places: u32) -> Decimal {
    number.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero)
}

fn split_evenly(arguments: &[Value]) -> Result<Value, String> {
    const SCALE: u32 = 3;
    let total = decimal(argument(arguments, 0)?)?;
    let max = decimal(argument(arguments, 1)?)?;
    if total.is_sign_negative() && !total.is_zero() {
        return Err(format!("{} cannot be split", plain_text(&value(total)).unwrap_or_default()));
    }
    let thousandths =
        |number: Decimal| number.checked_mul(Decimal::ONE_THOUSAND).and_then(|number| number.to_i128());
    let too_large = || format!("{total} is too large to split");
    let max = thousandths(max).filter(|max| *max > 0).ok_or("`max` must be at least 0.001")?;
    let sum = thousandths(rounded(total, SCALE)).ok_or_else(too_large)?;
    // Whatever weighs something needs a part, however little it weighs.
    let sum = if total.is_zero() { 0 } else { sum.max(1) };
    let parts = sum / max + i128::from(sum % max > 0);
    if parts > PARTS {
        return Err(format!("that makes more than {PARTS} parts"));
    }
    budget::charge(usize::try_from(parts).map_err(|error| error.to_string())? * budget::ITEM)?;
    let part = |index: i128| {
        value(Decimal::from_i128_with_scale(sum / parts + i128::from(index < sum % parts), SCALE))
    };
    Ok(Value::from((0..parts).map(part).collect::<Vec<_>>()))
}

/// What a unit measures, and how many of the smallest exact unit it is.
fn unit(name: &str) -> Option<(char, Decimal)> {
    // In grams and millimetres, all by definition exact.
    let exact = |measure, digits: i64, scale| Some((measure, Decimal::new(digits, scale)));
    match name {
        "g" => exact('w', 1, 0),
        "kg" => exact('w', 1000, 0),
        "lb" => exact('w', 45_359_237, 5),
        "oz" => exact('w', 28_349_523_125, 9),
        "mm" => exact('l', 1, 0),
        "cm" => exact('l', 10, 0),
        "m" => exact('l', 1000, 0),
        "in" => exact('l', 254, 1),
        "ft" => exact('l', 3048, 1),
        _ => None,
    }
}

fn factors(from: &str, to: &str) -> Result<(Decimal, Decimal), String> {
    let unit = |name| unit(name).ok_or_else(|| format!("there is no unit `{name}`"));
    let ((from_measure, from_factor), (to_measure, to_factor)) = (unit(from)?, unit(to)?);
    if from_measure != to_measure {
        return Err(format!("`{from}` cannot become `{to}`: one is a weight, the other a length"));
    }
    Ok((from_factor, to_factor))
}

fn convert_type(arguments: &[Argument]) -> Result<Type, String> {
    let literal = |index: usize| arguments.get(index)?.literal.as_ref()?.as_str();
    let (from, to) = (literal(0), literal(1));
    for name in [from, to].into_iter().flatten() {
        unit(name).ok_or_else(|| format!("there is no unit `{name}`"))?;
    }
    if let (Some(from), Some(to)) = (from, to) {
        factors(from, to)?;
    }
    Ok(Type::Number)
}

fn convert(arguments: &[Value]) -> Result<Value, String> {
    let (from, to) = factors(text_at(arguments, 1)?, text_at(arguments, 2)?)?;
    let number = decimal(argument(arguments, 0)?)?;
    let converted = number.checked_mul(from).and_then(|number| number.checked_div(to));
    converted.map(|number| value(rounded(number, 6))).ok_or_else(|| "the result is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(total: &str, max: &str) -> Result<Vec<Decimal>, String> {
        budget::start();
        let [total, max] = [total, max].map(|text| value(text.parse().unwrap()));
        split_evenly(&[total, max])?.try_iter().unwrap().map(|part| decimal(&part)).collect()
    }

    #[test]
    fn splits_into_the_fewest_parts() {
        let show = |total, max| parts(total, max).unwrap().iter().map(Decimal::to_string).collect::<Vec<_>>();
        assert_eq!(show("100", "70"), ["50", "50"]);
        assert_eq!(show("70", "70"), ["70"]);
        assert_eq!(show("10", "3.4"), ["3.334", "3.333", "3.333"]);
        assert_eq!(show("10", "3.3335"), ["2.5", "2.5", "2.5", "2.5"]);
        assert_eq!(show("0.0001", "70"), ["0.001"]);
        assert!(show("0", "70").is_empty());
        assert!(parts("-1", "70").is_err());
        assert!(parts("1", "0").is_err());
        assert!(parts("10001", "1").is_err());
    }

    #[test]
    fn rounds_halves_away_from_zero() {
        for (number, places, text) in
            [("2.5", 0, "3"), ("-2.5", 0, "-3"), ("1.005", 2, "1.01"), ("0.1", 3, "0.1")]
        {
            assert_eq!(rounded(number.parse().unwrap(), places).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn parts_add_up_and_stay_below_the_maximum(total in 1_i64..5_000_000, max in 1_000_i64..200_000) {
            let (total, max) = (Decimal::new(total, 3), Decimal::new(max, 3));
            let parts = parts(&total.to_string(), &max.to_string()).unwrap();
            prop_assert_eq!(parts.iter().sum::<Decimal>(), total);
            prop_assert!(parts.iter().all(|part| *part <= max && *part > Decimal::ZERO));
            let spread = parts.iter().max().unwrap() - parts.iter().min().unwrap();
            prop_assert!(spread <= Decimal::new(1, 3));
        }
    }
}
