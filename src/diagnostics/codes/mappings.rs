//! About mappings.

use super::{Code, code};

/// The codes of this family.
pub(super) const CODES: &[Code] = &[
    code(
        "unknown-system",
        "There is no such system",
        "System files are looked for in `systems/` beside the mapping, in `mappings/systems/` of the configuration, and among those that come with the program.",
    ),
    code(
        "unknown-role",
        "There is no such role",
        "A mapping gives each of its systems a role, such as `erp` and `carrier`; streams and operations are named `role.name`, and a configuration names a connection for each role.",
    ),
    code(
        "unknown-stream",
        "There is no such stream",
        "What can be polled is declared under `streams:` of the system.",
    ),
    code(
        "two-schedules",
        "Two schedules contradict each other",
        "A flow is polled `every` so often, or by a `cron` expression.",
    ),
    code(
        "zone-without-cron",
        "A zone has nothing to apply to",
        "`every: 15m` is the same in all time zones; only the times of a `cron` expression need one.",
    ),
    code(
        "not-a-cron",
        "Something is not a cron expression",
        "A cron expression has minute, hour, day of month, month and day of week: `0 6-18 * * MON-FRI` is each full hour of a working day.",
    ),
    code(
        "unknown-zone",
        "There is no such time zone",
        "Zones have names such as `America/New_York`, which know daylight saving time. Abbreviations such as `EST` and offsets do not.",
    ),
    code(
        "step-does-nothing",
        "A step does nothing",
        "A step has one of `call`, `check`, `set`, `link`, `put`, `for_each`, `find` and `tell`.",
    ),
    code(
        "step-does-several",
        "A step does several things",
        "A step has one of `call`, `check`, `set`, `link`, `put`, `for_each`, `find` and `tell`, so that it is clear what is done first and what a retry repeats.",
    ),
    code(
        "misplaced-key",
        "A key belongs to another kind of step",
        "For example `with` gives a `call` its input; beside a `check` it would be ignored.",
    ),
    code(
        "park-or-skip",
        "A check does not say what happens",
        "A record that fails a check waits for a person (`park`), is left out (`skip`), or is done, and people are told (`report`) or not (`done`); all say why.",
    ),
    code(
        "cache-not-read",
        "An answer is kept of a call that does more than read",
        "`cache` uses an answer again instead of asking; only of a call that changes nothing is that the same.",
    ),
    code(
        "refusal-not-seen",
        "A refusal has a name, but nothing can see it",
        "Without `on_refusal: go_on` a refused call ends the steps of its record, so no later step can look at the refusal.",
    ),
    code(
        "give-without-id",
        "A loop gives a list that nothing can name",
        "What `give` makes of each item becomes the result of the step; only by the step's `id` can later steps see it.",
    ),
    code(
        "loop-without-key",
        "A loop over rows of tables makes something, and has no key",
        "What must happen once is known by its step and, in a loop, by its item. Rows of tables come and go while a record waits, so an item's place in such a list may be another's when its steps go on: that one would be taken for made. With `key` an item is known by what names it.",
    ),
    code(
        "unknown-table",
        "There is no such table",
        "`put` writes rows of tables that the mapping declares under `tables:`, with the type of their rows.",
    ),
    code(
        "table-not-put",
        "A table is looked into, but nothing puts rows into it",
        "Tables are filled by `put` steps of the same mapping and by nothing else: without one, this table is always empty.",
    ),
    code(
        "unused-table",
        "A table that no step looks into",
        "What is put into a table is for other steps to look up. This one is never looked into: it is left from an earlier version, or a name is misspelt somewhere.",
    ),
    code(
        "unknown-step",
        "There is no such call",
        "Replies and expected calls of a test are named by the path of a step that calls a system: its `id`, or `step3` for the third step, behind the path of the loop it is in, such as `step5.label`.",
    ),
    code(
        "unknown-link",
        "There is no such kind of link",
        "`find` goes by a kind of link that no step makes, or a test by one that its flow neither makes nor finds by.",
    ),
    code(
        "unfit-record",
        "The record of a test is not one of its flow",
        "The record does not have the shape that the stream declares, so the flow would park it before its first step. Write it as the system gives it; a record kept by `ml-connector show` can be copied.",
    ),
    code(
        "unknown-webhook",
        "There is no such webhook",
        "What a system tells by itself is declared under `webhooks:` of its system file. A test pushes to a webhook that is a source of its flow, and that its connection has: some are there with some settings only.",
    ),
    code(
        "schedule-with-others",
        "A schedule stands beside other sources",
        "Each time of a schedule is a record of its own, `{ date, at }`; it is never a record that a system gives. Make a flow of its own for it.",
    ),
    code(
        "source-twice",
        "A source is named twice",
        "What two sources of one name give is the same; the flow would read everything twice.",
    ),
    code(
        "source-types-differ",
        "The sources of a flow give different records",
        "Whatever a flow is told, by push, poll or another flow, goes through the same steps, so all of it must be of one type: text that may have 35 characters here and 50 there is not. Declare the type once, under `types:` of the system.",
    ),
    code(
        "told-without-record",
        "Nothing says what a record is like",
        "Records of a flow that is only told by others have the type that `told: { record: … }` declares; what tells it is checked against that.",
    ),
    code(
        "told-by-nobody",
        "A flow waits to be told, but nothing tells it",
        "Only `tell` steps of other flows of the same mapping tell a flow. Without one, this flow never has a record from there.",
    ),
    code(
        "not-told",
        "A flow is told that does not listen",
        "A flow takes what others tell it only where `told` is one of its sources, so that whoever reads it sees where its records come from.",
    ),
    code(
        "tells-itself",
        "A flow tells itself",
        "A record that made the next one would never end. For a record that comes again after a time there is `again`.",
    ),
    code(
        "merge-on-schedule",
        "Records of a schedule are to be merged",
        "`merge` says which of several tellings about one record counts. The time tells each record once.",
    ),
    code(
        "not-comparable",
        "Two tellings cannot be put in order",
        "`by` of `merge` yields what tells which of two tellings is later: numbers, text or booleans, or a list of them, which are compared one after the other. Objects and lists in lists have no order, and what is the same for every telling puts none of them last.",
    ),
    code(
        "keep-never-missing",
        "A field is to be kept that is never missing",
        "`keep` names fields that stay as they were where the later telling has nothing. One that is always there is always replaced.",
    ),
    code(
        "find-in-loop",
        "A record is to be found in a loop",
        "A record that `find` found is held until all steps are done, so that two events about one order never work at once. In a loop, one record would hold many, and two such could wait for each other for ever.",
    ),
    code(
        "one-link",
        "A `find` does not go by one link",
        "`find` looks for the record that was linked, by a `link` step, as one kind under one value. With several, it would not be clear which of them counts.",
    ),
    code(
        "again-not-there",
        "A test expects a record to come again, but its flow has no `again`",
        "Only flows with `again` have records that come again by themselves.",
    ),
    code(
        "record-and-pushed",
        "A test has two records",
        "A test begins with the `record` as a source gives it, or with what a webhook is told (`pushed`), from which the record comes.",
    ),
];
