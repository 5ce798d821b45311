//! Every code a finding can have, with its story. One list, so that no two findings share a code by accident.

/// A code and its story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The code, in kebab-case; it never changes its meaning.
    pub name: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// Why it matters and what to do.
    pub explanation: &'static str,
}

/// The story of a code; none if there is no such code.
pub fn explain(code: &str) -> Option<&'static Code> {
    CODES.iter().find(|known| known.name == code)
}

const fn code(name: &'static str, title: &'static str, explanation: &'static str) -> Code {
    Code { name, title, explanation }
}

/// All codes: about files, YAML, shape, types, expressions, systems, mappings and configurations, in this order.
pub const CODES: &[Code] = &[
    // Files.
    code(
        "unreadable-file",
        "A file cannot be read",
        "The file is not there, or the user who runs ml-connector may not read it. Check the path and its permissions.",
    ),
    code(
        "not-a-file",
        "A path is not a regular file",
        "Only regular files are read: a directory, pipe or device in the place of a file is a mistake or an attack.",
    ),
    code(
        "outside-directory",
        "A link leads out of its directory",
        "Links inside a configuration directory are followed, but never out of it, so that what one user may write there cannot show files of another. Put a copy of the file into the directory.",
    ),
    code(
        "file-too-large",
        "A file is too large",
        "A mapping of a megabyte is the wrong file. What is really that large belongs into several files.",
    ),
    code(
        "not-utf8",
        "A file is not UTF-8 text",
        "Files are read as UTF-8, with or without a byte order mark. Save the file as UTF-8; Windows editors often call it that in the `Save as` dialogue.",
    ),
    code(
        "empty-file",
        "There is nothing in a file",
        "A file without a value, or a directory without YAML files, says nothing to check. Begin with `system:`, `mapping:` or `connections:`.",
    ),
    code(
        "unknown-file",
        "A file does not say what it is, or is something else",
        "A system file begins with `system: name`, a mapping with `mapping: name`, a configuration with `connections:`. System files belong into `mappings/systems/`, mappings into `mappings/`.",
    ),
    code(
        "file-name",
        "A file is called otherwise than its content",
        "Systems and mappings are found by the name of their file, so `mapping: sage100-ups` is in `sage100-ups.yaml`. A configuration is always called `ml-connector.yaml`.",
    ),
    // YAML.
    code(
        "not-yaml",
        "The text is not YAML",
        "Most often the indentation is off (blanks only, never tabs), a quote or bracket is not closed, or a text with `: ` or ` #` in it needs quotes. The place is where the reader gave up: look just above it too.",
    ),
    code(
        "unquoted-template",
        "An expression needs quotes around it",
        "To YAML, `{{ order.Name }}` without quotes is a map in a map. Write `\"{{ order.Name }}\"`, or `>-` and the expression on the next lines.",
    ),
    code(
        "duplicate-key",
        "A key is written twice",
        "Many YAML readers silently take the last one, and the other is lost. Keep one of the two.",
    ),
    code(
        "key-not-text",
        "A key is not text",
        "Keys are names. A list or map as a key is usually a missing quote.",
    ),
    code(
        "several-documents",
        "A file holds several documents",
        "A `---` begins a new YAML document; one file holds one.",
    ),
    code(
        "unsupported-tag",
        "A YAML tag means nothing here",
        "Only `!!str` is known. Text that begins with `!` needs quotes.",
    ),
    code(
        "unknown-alias",
        "An alias has no anchor",
        "`*name` repeats what `&name` marked earlier in the same file. Text that begins with `*` needs quotes.",
    ),
    code(
        "merge-not-a-map",
        "Only maps can be merged",
        "`<<: *name` adds the keys of a map marked `&name` that are not there yet; it has no meaning for lists or texts.",
    ),
    code(
        "nested-too-deep",
        "Values are nested too deeply",
        "No file that people write is nested this deeply; the limit protects the reader.",
    ),
    code(
        "too-many-values",
        "A file grows too large when aliases are written out",
        "Aliases of aliases multiply. The limit protects the reader from small files that mean gigabytes.",
    ),
    code(
        "doubtful-number",
        "A number was probably meant as text",
        "`03` without quotes is the number 3, `1E5` is 100000 and `0x10` is 16. Codes of carriers and ERPs look like that: put quotes around them.",
    ),
    code(
        "doubtful-boolean",
        "A text looks like a boolean",
        "`no`, `yes`, `on` and `off` are text here, but older YAML tools make `false` and `true` of them, so the file means different things to different tools. Put quotes around it.",
    ),
    // Shape.
    code(
        "unknown-key",
        "A key has no meaning here",
        "A misspelt key that is ignored is a mapping that does something else than it says. Only known keys are accepted.",
    ),
    code(
        "missing-key",
        "A needed key is missing",
        "The block cannot work without this key. Operations with `effect: create` need the most: without knowing how to look an effect up again, it could happen twice.",
    ),
    code(
        "wrong-type",
        "A value is of another type than is needed here",
        "For example text where a list is needed, or a number where text is: `\"3\"` with quotes is text, `3` without is a number. In expressions, a function or operator was given what it cannot work with.",
    ),
    code(
        "unknown-word",
        "A word is none of those allowed",
        "Some keys take one of a few words, which the finding lists.",
    ),
    code(
        "unknown-kind",
        "There is no such kind",
        "Blocks such as `auth`, `paging`, `cursor` and `source` have one key that says their kind, which the finding lists.",
    ),
    code(
        "missing-kind",
        "A block does not say its kind",
        "Blocks such as `auth`, `paging` and `cursor` have one key that says their kind, with the kind's own keys below it.",
    ),
    code(
        "several-kinds",
        "A block is of several kinds at once",
        "Blocks such as `transport`, `paging` and `cursor` are of one kind. Keep one of the keys; the others probably belong below it.",
    ),
    code("empty", "Something must not be empty", "An empty list or block here would do nothing at all."),
    code(
        "too-many-items",
        "A list has too many items",
        "A list type is written with the one type that all its items have: `[text]`.",
    ),
    code(
        "value-not-allowed",
        "A value is outside of what is allowed",
        "Numbers have limits here, and some texts a form, such as the name of a header.",
    ),
    // Names and types.
    code(
        "bad-name",
        "A name is not well formed",
        "Names begin with a small letter and go on with small letters, digits and `_`; names that no expression uses may have `-`. So they can be written in expressions, file names and commands without quotes.",
    ),
    code(
        "name-taken",
        "A name is taken already",
        "Each name means one thing from where it is defined to the end of its flow or loop, so that nobody reads one value for another.",
    ),
    code(
        "unknown-type",
        "There is no such type",
        "Types are `text`, `text(35)`, `number`, `integer`, `boolean`, `presence`, `duration`, `zone`, `any`, the names under `types:`, `[type]` for lists, `{ field: type }` for objects and `{ \"*\": type }` for tables; a `?` behind means that it may be missing.",
    ),
    code(
        "recursive-type",
        "A type holds itself",
        "Types are checked to their ends, so they need one. Write `any` where you stop looking.",
    ),
    code(
        "bad-type",
        "A type is not well formed",
        "`{ \"*\": type }` is a table with keys of any name; an object has named fields. It is one or the other.",
    ),
    code(
        "duplicate-field",
        "A field is there twice",
        "`name` and `name?` are the same field: the `?` only says that it may be missing, or is left out when empty.",
    ),
    code(
        "not-an-object-type",
        "Something needs fields",
        "Inputs and records are objects: their fields are what expressions name.",
    ),
    // Expressions.
    code(
        "syntax",
        "An expression cannot be read",
        "Expressions are written as in Jinja: `order.Lines | length > 0`, `a if b else c`, `x in ['A', 'B']`.",
    ),
    code(
        "unclosed-expression",
        "An expression has no end",
        "Each `{{` needs its `}}`, and each quote inside its partner.",
    ),
    code(
        "no-statements",
        "Only expressions are allowed",
        "There are no `{% … %}` statements and no `{# … #}` comments: loops are `for_each:` and choices `when:` in YAML, where they keep their types and places.",
    ),
    code(
        "unsupported",
        "Something is not part of the language",
        "The expression or path is well formed but uses what is left out here, because it could not be checked or bounded.",
    ),
    code(
        "too-long",
        "An expression is too long",
        "Expressions are bounded so that checking them is. Split it, for example with a `set` step.",
    ),
    code(
        "too-deep",
        "A tree is nested too deeply",
        "Trees of values are bounded so that checking them is. Write it flatter.",
    ),
    code(
        "unknown-name",
        "There is no such name here",
        "Expressions see a few names, which depend on the place: in a mapping `settings`, the record, and what earlier steps set or got.",
    ),
    code(
        "unknown-field",
        "There is no such field",
        "Every path is followed through the declared types, so that a misspelt name is found now and not at night. If the field does exist at the other side, add it to the type.",
    ),
    code(
        "not-an-object",
        "Something without fields was asked for one",
        "Text, numbers and lists have no fields. Take one item of a list with `| first`, or a field of all items with `| each('field')`.",
    ),
    code("not-a-list", "Something is not a list", "Only lists have items that can be gone through."),
    code(
        "unknown-filter",
        "There is no such filter",
        "Filters come behind a `|`, for example `name | upper | clip(35)`.",
    ),
    code(
        "unknown-test",
        "There is no such test",
        "Tests come behind `is`, for example `x is none` or `x is not empty`.",
    ),
    code(
        "unknown-function",
        "There are no functions",
        "What other languages write as `upper(name)` is the filter `name | upper` here.",
    ),
    code(
        "wrong-argument",
        "A filter was given what it cannot work with",
        "The help shows how the filter is called.",
    ),
    code(
        "mixed-types",
        "A value is sometimes one thing and sometimes another",
        "What follows must know what it gets. Make both the same, for example with `| text`.",
    ),
    code(
        "compare-none",
        "Nothing equals `none`",
        "A comparison with nothing is never what was meant. Write `is none` or `is not none`.",
    ),
    code(
        "maybe-nothing",
        "A value may be missing",
        "The field is declared with a `?`, so some day it is missing. Say what happens then: `| or_else(…)`, a condition before it, or `name?:` to leave the field out.",
    ),
    code("invalid-path", "A JSONPath cannot be read", "Paths are as in RFC 9535: `$.records[*].number`."),
    code(
        "path-not-here",
        "A JSONPath has nothing to pick from",
        "Paths pick from an operation's `answer`, in its `result` and `documents`. Everywhere else an expression names what it wants.",
    ),
    code(
        "not-a-condition",
        "A condition is neither true nor false",
        "Text and numbers are not conditions: whether `'0'` or `''` counts as true differs from language to language. Compare it with something.",
    ),
    code(
        "not-text",
        "Something must be text",
        "Keys, references, tokens and links are text or whole numbers, and always there: they name a thing for ever.",
    ),
    code(
        "does-not-fit",
        "A value does not fit where it is given",
        "What an operation takes is declared, and what is given is checked against it: its type, its length, and whether it may be missing. Shorten text with `| clip(35)`, and give another value for nothing with `| or_else(…)`.",
    ),
    code(
        "missing-field",
        "A field is missing",
        "The type declares this field without a `?`, so it must be given.",
    ),
    code(
        "not-a-duration",
        "Something is not a duration",
        "Durations are written with their unit: `250ms`, `30s`, `15m`, `1h30m`, `14d`.",
    ),
    code(
        "not-a-whole-number",
        "Something must be a whole number",
        "Page sizes and rates are counted in ones. Settings used for them have `type: integer`.",
    ),
    code(
        "not-one-of",
        "A value is none of those listed",
        "The setting declares with `one_of` which values have a meaning.",
    ),
    code(
        "unused-setting",
        "Nothing uses a setting",
        "Someone will set it and wonder why nothing changes. Use it in an expression, or remove it.",
    ),
    // Systems.
    code(
        "not-a-url",
        "Something is not a URL",
        "A base URL begins with `https://`, or `http://` inside your own network.",
    ),
    code(
        "bad-path",
        "A path is not well formed",
        "The path is appended to the base URL, so it begins with `/`. Query parameters are written under `query:`, where they are encoded.",
    ),
    code(
        "not-a-parameter",
        "A parameter is not one value",
        "Query parameters and headers are single texts or numbers. Join lists with `| join(',')`.",
    ),
    code(
        "unknown-credential",
        "There is no such credential",
        "Auth blocks name the credentials that a connection's vault holds; each is declared under `credentials:`.",
    ),
    code(
        "unknown-operation",
        "There is no such operation",
        "Calls are written `role.operation`; what can be called is declared under `operations:` of the system.",
    ),
    code(
        "ping-not-read",
        "The ping does more than read",
        "The ping runs whenever someone looks whether a connection works, so it must not change anything.",
    ),
    code(
        "lookup-not-read",
        "A look-up does more than read",
        "After a crash a look-up is repeated until the outcome is known, so it must not change anything.",
    ),
    code(
        "lookup-without-found",
        "A look-up does not say what it found",
        "The result of a look-up has a field `found`: a list with one entry, shaped as the create's own result, for each thing that carries our reference.",
    ),
    code(
        "page-not-used",
        "A stream never asks for its next page",
        "The stream has pages, but its request is the same for all of them: the first page would be read for ever.",
    ),
    code(
        "cursor-not-used",
        "A stream never uses its cursor",
        "The stream has a cursor, but its request does not send it: each poll would read everything there is.",
    ),
    // Mappings.
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
        "A step has one of `call`, `check`, `set`, `link` and `for_each`.",
    ),
    code(
        "step-does-several",
        "A step does several things",
        "A step has one of `call`, `check`, `set`, `link` and `for_each`, so that it is clear what is done first and what a retry repeats.",
    ),
    code(
        "misplaced-key",
        "A key belongs to another kind of step",
        "For example `with` gives a `call` its input; beside a `check` it would be ignored.",
    ),
    code(
        "park-or-skip",
        "A check does not say what happens",
        "A record that fails a check either waits for a person (`park`) or is left out (`skip`); both say why.",
    ),
    // Configurations.
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
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_well_formed() {
        for (index, code) in CODES.iter().enumerate() {
            assert!(
                CODES[..index].iter().all(|other| other.name != code.name),
                "{} is there twice",
                code.name
            );
            assert!(
                code.name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
                "{}",
                code.name
            );
            assert!(!code.title.is_empty() && code.explanation.ends_with('.'), "{}", code.name);
        }
    }
}
