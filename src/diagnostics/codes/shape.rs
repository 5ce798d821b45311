//! About the shape of what is written: keys, kinds, names and types.

use super::{Code, code};

/// The codes of this family.
pub(super) const CODES: &[Code] = &[
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
];
