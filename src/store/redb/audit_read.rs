//! Reading and checking the audit chain.

use ::redb::ReadOnlyTable;

use super::codec;
use super::error::Failure;
use super::read::{Read, Reader};
use super::tables::{AUDIT, AUDIT_BODIES, AUDIT_BY_RECORD};
use crate::store::audit::{self, ChainHead, Verifier};
use crate::store::{AuditEntry, AuditQuery, AuditReport};

type Entries = ReadOnlyTable<u64, &'static [u8]>;

impl Reader {
    pub(super) fn audit(&self, query: &AuditQuery) -> Read<Vec<AuditEntry>> {
        let limit = if query.limit == 0 { usize::MAX } else { query.limit };
        let table = self.transaction.open_table(AUDIT)?;
        let mut found = Vec::new();
        let mut take = |entry: AuditEntry| -> Read<bool> {
            if matches(&entry, query) {
                found.push(self.with_body(entry, query)?);
            }
            Ok(found.len() < limit)
        };
        let first = query.after.saturating_add(1);
        match &query.record {
            Some(record) => {
                let places = self.transaction.open_table(AUDIT_BY_RECORD)?;
                for place in places.range((record.as_str(), first)..=(record.as_str(), u64::MAX))? {
                    let seq = place?.0.value().1;
                    let stored = table
                        .get(seq)?
                        .ok_or_else(|| super::read::damaged(&format!("audit entry {seq} is missing")))?;
                    if !take(entry(seq, stored.value())?)? {
                        break;
                    }
                }
            }
            None => {
                for stored in table.range(first..)? {
                    let (seq, stored) = stored?;
                    if !take(entry(seq.value(), stored.value())?)? {
                        break;
                    }
                }
            }
        }
        Ok(found)
    }

    /// Checks the whole chain, which is known to have come as far as each of `marks`.
    pub(super) fn verify_audit(&self, marks: Vec<ChainHead>) -> Read<AuditReport> {
        let entries: Entries = self.transaction.open_table(AUDIT)?;
        let bodies: Entries = self.transaction.open_table(AUDIT_BODIES)?;
        let mut verifier = Verifier::new(marks);
        for stored in entries.range(0..)? {
            let (seq, stored) = stored?;
            let seq = seq.value();
            let body = bodies.get(seq)?;
            let body = body.as_ref().map(::redb::AccessGuard::value);
            match text(seq, stored.value()) {
                Ok(text) => verifier.entry(seq, text, body),
                Err(failure) => {
                    verifier.problem(failure.into_error().to_string());
                    verifier.entry(seq, "", body);
                }
            }
        }
        for body in bodies.range(0..)? {
            let seq = body?.0.value();
            if entries.get(seq)?.is_none() {
                verifier.problem(format!("entry {seq} is missing, but its body is there"));
            }
        }
        Ok(verifier.finish())
    }

    fn with_body(&self, mut entry: AuditEntry, query: &AuditQuery) -> Read<AuditEntry> {
        if query.bodies && entry.body_hash.is_some() {
            let table = self.transaction.open_table(AUDIT_BODIES)?;
            if let Some(stored) = table.get(entry.seq)? {
                let seq = entry.seq;
                let body = audit::body(&entry, stored.value()).ok_or_else(|| {
                    super::read::damaged(&format!(
                        "the body of audit entry {seq} is not the one it was written with"
                    ))
                })?;
                entry.body = Some(body);
            }
        }
        Ok(entry)
    }
}

fn matches(entry: &AuditEntry, query: &AuditQuery) -> bool {
    query.since.is_none_or(|since| entry.at >= since)
        && query.event.as_deref().is_none_or(|event| entry.event.starts_with(event))
}

fn entry(seq: u64, stored: &[u8]) -> Read<AuditEntry> {
    codec::decode("audit", &seq.to_string(), stored).map_err(Failure::Database)
}

fn text(seq: u64, stored: &[u8]) -> Read<&str> {
    let bytes = codec::decode_bytes("audit", &seq.to_string(), stored).map_err(Failure::Database)?;
    std::str::from_utf8(bytes).map_err(|_| super::read::damaged(&format!("audit entry {seq} is no text")))
}
