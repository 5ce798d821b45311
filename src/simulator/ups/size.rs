//! How large parcels are, and what they are billed for: their weight, or their size where that is more.

use serde_json::Value;

use super::answer::{many, text};
use super::check;

/// Cubic inches to a billed pound, of daily rates (UPS OpenAPI Shipping.yaml, `BillingWeight`).
const DIVISOR: f64 = 139.0;
/// The longest side, in inches.
const LONGEST: f64 = 108.0;
/// The most that length and girth may add up to, in inches.
const LARGEST: f64 = 165.0;

/// A parcel's sides in inches, the longest first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size([f64; 3]);

/// What is wrong with a parcel's dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// A side is missing, zero or not a number, or the unit is unknown.
    Unreadable,
    /// It is longer than UPS carries, or length and girth are.
    TooLarge,
}

impl Size {
    /// The dimensions of a package of Rating or Shipping; `None` when it names none.
    ///
    /// # Errors
    /// When they cannot be read, or UPS does not carry such a parcel.
    pub fn of(package: &Value) -> Result<Option<Self>, Misfit> {
        let dimensions = &package["Dimensions"];
        if !dimensions.is_object() {
            return Ok(None);
        }
        let inches = match text(dimensions, "/UnitOfMeasurement/Code") {
            "IN" => 1.0,
            "CM" => 1.0 / 2.54,
            _ => return Err(Misfit::Unreadable),
        };
        let side = |pointer: &str| {
            let side: f64 = text(dimensions, pointer).parse().ok()?;
            (side > 0.0 && side.is_finite()).then_some(side * inches)
        };
        let sides = [side("/Length"), side("/Width"), side("/Height")];
        let [Some(length), Some(width), Some(height)] = sides else { return Err(Misfit::Unreadable) };
        let mut sides = [length, width, height];
        sides.sort_by(|one, other| other.total_cmp(one));
        let girth = 2.0 * (sides[1] + sides[2]);
        if sides[0] > LONGEST || sides[0] + girth > LARGEST {
            return Err(Misfit::TooLarge);
        }
        Ok(Some(Self(sides)))
    }

    /// The dimensional weight in tenths of a pound: sides and pounds are rounded up to whole ones.
    pub fn weight(self) -> u64 {
        let volume: f64 = self.0.iter().map(|side| side.ceil()).product();
        (volume / DIVISOR).ceil() as u64 * 10
    }
}

/// What each parcel of a shipment is billed for, in tenths of a pound.
///
/// # Errors
/// When a parcel's dimensions are wrong.
pub fn billed(shipment: &Value) -> Result<Vec<u64>, Misfit> {
    let weights = check::weights(shipment).unwrap_or_default();
    let sizes = many(&shipment["Package"]).into_iter().map(Size::of);
    weights
        .into_iter()
        .zip(sizes)
        .map(|(weight, size)| Ok(size?.map_or(weight, |size| weight.max(size.weight()))))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(unit: &str, sides: [&str; 3]) -> Value {
        let [length, width, height] = sides;
        json!({ "Dimensions": {
            "UnitOfMeasurement": { "Code": unit }, "Length": length, "Width": width, "Height": height,
        }})
    }

    #[test]
    fn a_large_light_parcel_weighs_what_it_takes_up() {
        let size = |unit, sides| Size::of(&package(unit, sides));
        // 24 × 18 × 12 = 5184 cubic inches; by 139 that is 37.3, billed as 38 pounds.
        assert_eq!(size("IN", ["24", "18", "12"]).unwrap().unwrap().weight(), 380);
        assert_eq!(size("IN", ["12", "24", "17.2"]).unwrap().unwrap().weight(), 380);
        assert_eq!(size("CM", ["60.96", "45.72", "30.48"]).unwrap().unwrap().weight(), 380);
        assert_eq!(Size::of(&json!({})), Ok(None));
    }

    #[test]
    fn sides_are_numbers_within_bounds() {
        assert_eq!(Size::of(&package("IN", ["109", "1", "1"])), Err(Misfit::TooLarge));
        assert_eq!(Size::of(&package("IN", ["90", "20", "18"])), Err(Misfit::TooLarge));
        assert!(Size::of(&package("IN", ["90", "20", "17"])).is_ok());
        assert_eq!(Size::of(&package("IN", ["0", "1", "1"])), Err(Misfit::Unreadable));
        assert_eq!(Size::of(&package("FT", ["1", "1", "1"])), Err(Misfit::Unreadable));
    }
}
