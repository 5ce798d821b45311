//! Makes outside data fit a declared type, or says where it does not.

use serde_json::Value;

use super::Type;

/// Where a value does not fit its declared type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {path}: {message}")]
pub struct Mismatch {
    /// Where, as `ShipmentResponse.ShipmentResults.PackageResults[0].TrackingNumber`.
    pub path: String,
    /// What was expected and what came.
    pub message: String,
}

/// Makes `value` fit `ty` the way real systems need it: numbers as text, one-or-many lists, `""` for an absent
/// object, presence indicators, control characters and surrounding blanks in text. Fields that the type does not
/// name are kept; optional fields that are absent become null.
///
/// # Errors
/// Every place that does not fit.
pub fn normalise(value: Value, ty: &Type) -> Result<Value, Vec<Mismatch>> {}
