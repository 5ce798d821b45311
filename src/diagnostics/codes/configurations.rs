//! About configurations.

use super::{Code, code};

/// The codes of this family.
pub(super) const CODES: &[Code] = &[
    code(
        "unknown-setting",
        "There is no such setting",
        "A misspelt setting that is ignored would leave the default in force. Only declared settings are accepted.",
    ),
    code(
        "missing-setting",
        "A setting is missing",
        "The setting has no default, and its type does not end in `?`, so it must be set.",
    ),
    code(
        "unknown-auth",
        "A system has no such auth",
        "A system file lists the ways to prove who we are; a connection chooses one of them, or takes the first.",
    ),
    code(
        "unknown-mapping",
        "There is no such mapping",
        "Mappings are looked for in `mappings/` of the configuration, and among those that come with the program.",
    ),
    code(
        "unknown-connection",
        "There is no such connection",
        "Each role of a mapping names a connection that is declared under `connections:`.",
    ),
    code(
        "unknown-flow",
        "A mapping has no such flow",
        "Choices for flows are made by the names that the mapping gives them.",
    ),
    code(
        "missing-connection",
        "A role has no connection",
        "Each role of a mapping needs a connection to a system of that kind.",
    ),
    code(
        "other-system",
        "A connection leads to another system",
        "The mapping was checked against the fields and operations of one system; a connection to another has none of them.",
    ),
    code(
        "full-without-poll",
        "A flow that polls nothing is to read everything",
        "`full` says how often a poll reads everything; this flow's records come from the clock, or by themselves.",
    ),
    code(
        "used-twice",
        "A mapping runs twice between the same systems",
        "The same flows would take the same records twice, and do twice what must happen once. A mapping may run several times, but between other connections, with other settings, or with other flows enabled.",
    ),
    code(
        "unknown-source",
        "A flow has no such source",
        "The sources of a flow are called as its mapping names them, `role.stream` or `role.webhook`. A schedule and what other flows tell have no name; they go with the flow.",
    ),
    code(
        "no-intake",
        "A webhook is to be open, but nothing says where",
        "Other systems can tell us only where `intake:` says at which address we listen, and under which URL they reach it. Without it no webhook is open, and flows live by their polls.",
    ),
    code(
        "schedule-without-poll",
        "A time is given for what comes by itself",
        "`every`, `cron` and `full` say when to poll. What a webhook or another flow tells is taken when it is told.",
    ),
    code(
        "not-an-address",
        "Something is not an address to listen at",
        "An address is an IP address and a port, such as `127.0.0.1:8480`. Names are not looked up here, so that it is clear who can reach us.",
    ),
];
