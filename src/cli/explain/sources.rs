//! The sources of a flow in words: what is read when, and how new records are found.

use serde_json::Value;

use super::story::{SourceStory, bare, capital, listed, sentence, value_words};
use crate::base::duration;
use crate::expression::ValueTemplate;
use crate::spec::model::{Content, CursorKind, Flow, Mapping, Schedule, Source, System, Webhook};

/// A source in words.
pub fn of(mapping: &Mapping, flow: &Flow, source: &Source) -> SourceStory {
    let (reads, finds) = words(mapping, flow, source);
    SourceStory { reads, finds, told: matches!(source, Source::Told) }
}

/// Where records come from, and how new ones are found.
fn words(mapping: &Mapping, flow: &Flow, source: &Source) -> (String, String) {
    let when = source.schedule().map(|schedule| capital(&schedule_words(schedule))).unwrap_or_default();
    match source {
        Source::Poll { role, stream, full, .. } => {
            let system = &mapping.systems[role];
            let docs = stream.docs.as_deref().map(|docs| format!(": {}", sentence(docs))).unwrap_or_default();
            let mut finds = finds(&stream.cursor, system);
            if let Some(full) = full {
                finds.push_str(&format!(" At least every {} it reads everything.", duration::display(*full)));
            }
            if system.limits.take_turns {
                finds.push_str(&format!(
                    " {} is used by one poll or record at a time; the others wait.",
                    system.title
                ));
            }
            (format!("{when} it reads `{}` of {}{docs}", stream.name, system.title), finds)
        }
        Source::Schedule { .. } => (
            format!("{when} there is a record of its own, with the day and the time; it reads no system."),
            "Each time gives one record.".to_owned(),
        ),
        Source::Webhook { role, webhook } => webhook_words(&mapping.systems[role], webhook),
        Source::Told => {
            (told_by(mapping, flow), "What is told is committed with what the teller did.".to_owned())
        }
    }
}

/// What a system tells by itself, and what of it is believed.
fn webhook_words(system: &System, webhook: &Webhook) -> (String, String) {
    let docs = webhook.docs.as_deref().map(|docs| format!(": {}", sentence(docs))).unwrap_or_default();
    let when = webhook.when.as_ref().map(|when| format!(", if `{}`", bare(when))).unwrap_or_default();
    let reads = format!("{} tells it by itself, as `{}`{when}{docs}", system.title, webhook.name);
    let mut finds = format!(
        "What proves itself (`{}`) is kept before it is acknowledged, and changes nothing when it comes twice.",
        webhook.proof.kind()
    );
    if let Content::Pointer { stream, .. } = &webhook.content {
        finds.push_str(&format!(" It only says where to look: there it reads `{}`.", stream.name));
    }
    if let Some(register) = &webhook.register {
        finds.push_str(&format!(" The engine itself asks to be told (`{}`).", register.create.name));
    }
    (reads, finds)
}

/// The flows that tell this one.
fn told_by(mapping: &Mapping, flow: &Flow) -> String {
    let tell = |other: &&Flow| other.tells.contains(&flow.name);
    let others = mapping.flows.values().map(|flow| flow.as_ref()).filter(tell);
    let others: Vec<&str> = others.map(|flow| flow.name.as_str()).collect();
    format!("It is told by {}.", listed(&others))
}

/// `every 15m`, or the cron expression with its zone.
fn schedule_words(schedule: &Schedule) -> String {
    match schedule {
        Schedule::Every(every) => format!("every {}", duration::display(*every)),
        Schedule::Cron(cron) => {
            format!("by the clock (`{}`, {})", cron.cron, cron.zone.iana_name().unwrap_or("UTC"))
        }
    }
}

fn finds(cursor: &CursorKind, system: &System) -> String {
    match cursor {
        CursorKind::None => {
            "Every time it reads everything, and compares contents to find what is new or changed.".to_owned()
        }
        CursorKind::Timestamp { field, zone, overlap, reach } => {
            let reach = reach.as_ref().map_or_else(String::new, |reach| {
                format!(", but never further back than {} from now", value_words(reach, &system.settings))
            });
            format!(
                "New and changed records are found by `{field}` (in zone {}), reading back {} behind the newest it has \
                 seen{reach}.",
                value_words(zone, &system.settings),
                value_words(overlap, &system.settings)
            )
        }
        CursorKind::DateAndDecimalHours { date, time, zone, overlap } => format!(
            "New and changed records are found by `{date}` and `{time}` (in zone {}), reading back {} behind the newest it \
             has seen; a record that comes again unchanged is noticed and left alone.",
            value_words(zone, &system.settings),
            value_words(overlap, &system.settings)
        ),
        CursorKind::Day { field, back, zone } => format!(
            "New and changed records are found by the day in `{field}` (in zone {}), reading back {} days behind the \
             newest it has seen; a record that comes again unchanged is noticed and left alone.",
            value_words(zone, &system.settings),
            value_words(back, &system.settings)
        ),
        CursorKind::Keyset { field, back, .. } => {
            let behind = match back {
                ValueTemplate::Literal(Value::Number(back)) if back.as_u64() == Some(0) => String::new(),
                back => format!(", reading back {} behind it", value_words(back, &system.settings)),
            };
            format!("New records are those whose `{field}` is greater than the greatest it has seen{behind}.")
        }
        CursorKind::Token { next } => {
            format!("Each time it goes on from the mark that the last answer gave (`{}`).", bare(next))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_put_into_words() {
        assert_eq!(schedule_words(&Schedule::Every(std::time::Duration::from_secs(900))), "every 15m");
    }

    #[test]
    fn webhooks_are_put_into_words() {
        let path = std::path::Path::new("tests/specs/ok/webhook-system.yaml");
        let (system, _) = crate::spec::load_system(path, &mut crate::diagnostics::Sources::default());
        let system = system.unwrap();
        let (reads, finds) = webhook_words(&system, &system.webhooks["moved"]);
        assert_eq!(
            reads,
            "An example tells it by itself, as `moved`, if `settings.push == 'v2'`: A parcel has moved."
        );
        assert!(finds.starts_with("What proves itself (`issued_token`) is kept"), "{finds}");
        let (_, finds) = webhook_words(&system, &system.webhooks["shipped"]);
        assert!(
            finds
                .ends_with("there it reads `parcels`. The engine itself asks to be told (`create_webhook`)."),
            "{finds}"
        );
    }
}
