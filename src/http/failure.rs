//! What a failure proves: that nothing was sent, or nothing at all.

use std::error::Error;
use std::io;
use std::time::Duration;

use http::StatusCode;
use tokio_rustls::rustls::{AlertDescription, Error as TlsError};

use super::SendError;
use super::global::Closed;
use crate::base::duration;

/// What went wrong, and how far the exchange had come.
pub(super) enum Failed {
    /// Before an answer's headers came.
    Before(reqwest::Error),
    /// While its body was read.
    During(StatusCode, reqwest::Error),
    /// Its body was over the limit of bytes.
    TooLarge(StatusCode, usize),
}

/// Says it for a person; `name` is what to call the other side. Neither URL nor credential is in any sentence.
pub(super) fn describe(failed: Failed, name: &str) -> SendError {
    match failed {
        Failed::Before(error) => no_answer(&error.without_url(), name),
        Failed::During(status, error) => SendError::Unknown {
            reason: format!(
                "{name} answered with status {}, but the answer broke off: {}.",
                status.as_u16(),
                innermost(&error.without_url())
            ),
        },
        Failed::TooLarge(status, limit) => SendError::Unknown {
            reason: format!(
                "{name} answered with status {} and a body of more than {limit} bytes, which was not read further.",
                status.as_u16()
            ),
        },
    }
}

/// No whole answer within `timeout`; without a connection by then, nothing was sent.
pub(super) fn too_slow(name: &str, timeout: Duration, connected: bool) -> SendError {
    let timeout = duration::display(timeout);
    if connected {
        SendError::Unknown { reason: format!("{name} gave no whole answer within {timeout}.") }
    } else {
        SendError::NotSent {
            reason: format!("{name} could not be connected to within {timeout}."),
            permanent: false,
        }
    }
}

fn no_answer(error: &reqwest::Error, name: &str) -> SendError {
    if let Some(refusal) = refused_certificate(error) {
        return SendError::NotSent {
            reason: format!("{name} did not accept our client certificate ({refusal})."),
            permanent: true,
        };
    }
    if error.is_builder() {
        let reason = format!("The request to {name} is not one that can be sent: {}.", innermost(error));
        return SendError::NotSent { reason, permanent: true };
    }
    if error.is_connect() {
        return no_connection(error, name);
    }
    SendError::Unknown { reason: format!("{name} gave no answer: {}.", innermost(error)) }
}

fn no_connection(error: &reqwest::Error, name: &str) -> SendError {
    let tls = find::<TlsError>(error);
    let closed = find::<Closed>(error);
    let reason = if let Some(closed) = closed {
        format!("{name} was not asked: {closed}.")
    } else if error.is_timeout() {
        format!("{name} could not be connected to: it did not respond in time.")
    } else if error.is_dns() {
        format!("{name} has no address: {}.", innermost(error))
    } else if let Some(tls) = tls {
        format!("No secure connection to {name} could be made: {tls}.")
    } else {
        format!("{name} could not be connected to: {}.", innermost(error))
    };
    // A certificate that is not trusted stays so until somebody changes something, and so does an address.
    let permanent = matches!(tls, Some(TlsError::InvalidCertificate(_))) || closed.is_some();
    SendError::NotSent { reason, permanent }
}

/// In TLS 1.3 a client learns only after its first bytes that its certificate was refused. The other side cannot have
/// read those bytes: it refused before the handshake was complete.
fn refused_certificate(error: &reqwest::Error) -> Option<&'static str> {
    let Some(TlsError::AlertReceived(alert)) = find::<TlsError>(error) else { return None };
    Some(match alert {
        AlertDescription::CertificateRequired => "it wants one",
        AlertDescription::CertificateExpired => "it has expired",
        AlertDescription::CertificateRevoked => "it was revoked",
        AlertDescription::UnknownCA => "it does not know who issued it",
        AlertDescription::DecryptError => "its signature is not one that it can verify",
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied => "it is not one it knows",
        _ => return None,
    })
}

/// The text of the cause at the bottom, which is the one that says something and holds no URL.
pub(super) fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &(dyn Error + 'static) = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string().trim_end_matches('.').to_owned()
}

/// The cause of type `T`; I/O errors hide theirs from `source`.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<T>() {
            return Some(found);
        }
        let hidden = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = hidden.and_then(|hidden| find::<T>(hidden)) {
            return Some(found);
        }
        next = cause.source();
    }
    None
}
