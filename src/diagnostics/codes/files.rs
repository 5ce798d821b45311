//! About files and the YAML in them.

use super::{Code, code};

/// The codes of this family.
pub(super) const CODES: &[Code] = &[
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
];
