//! Headers that carry a credential.

use super::AuthError;
pub(super) use crate::http::HeaderName;
use crate::http::Outgoing;

/// Puts the credential called `name` into a header of `request`, marked so that HTTP/2 does not index it.
///
/// # Errors
/// When the credential holds what no header can carry.
pub(super) fn insert(
    request: &mut Outgoing,
    header: &http::HeaderName,
    name: &str,
    value: &str,
) -> Result<(), AuthError> {
    let mut value = http::HeaderValue::from_str(value.trim()).map_err(|_| {
        AuthError::Refused(format!(
            "The credential `{name}` holds characters that the header `{header}` cannot carry; set it again."
        ))
    })?;
    value.set_sensitive(true);
    request.headers.insert(header.clone(), value);
    Ok(())
}

/// Whether `request` carries this value in `header`.
pub(super) fn carries(request: &Outgoing, header: &http::HeaderName, value: &str) -> bool {
    request.headers.get(header).is_some_and(|carried| carried.as_bytes() == value.trim().as_bytes())
}
