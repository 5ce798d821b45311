//! About expressions.

use super::{Code, code};

/// The codes of this family.
pub(super) const CODES: &[Code] = &[
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
        "Keys, references, tokens and links are text or whole numbers, and always there: they name a thing for ever. An expression among them needs its braces, or its words are the text.",
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
    code(
        "may-be-too-long",
        "Text of any length where only so much fits",
        "A value that is too long for its field parks the record that it belongs to. `| clip(35)` shortens it; where the source never gives more, declare that in its type, as in `text(35)`.",
    ),
];
