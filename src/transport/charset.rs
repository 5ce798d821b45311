//! The text of an answer's body, by what it says of its charset.

/// What windows-1252 has in the places 0x80 to 0x9F, where ISO 8859-1 has control characters.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// How text can be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    /// And ASCII, which is a part of it.
    Utf8,
    /// And ISO 8859-1: who says that often means this, as browsers know.
    Windows1252,
    /// Big-endian unless a byte order mark says otherwise.
    Utf16,
    /// Little-endian.
    Utf16Le,
}

impl Charset {
    /// The charset called `name`, in any case.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" | "us-ascii" | "ascii" => Self::Utf8,
            "iso-8859-1" | "latin1" | "windows-1252" | "cp1252" => Self::Windows1252,
            "utf-16" | "utf-16be" => Self::Utf16,
            "utf-16le" => Self::Utf16Le,
            _ => return None,
        })
    }

    /// Decodes bytes without a byte order mark.
    ///
    /// # Errors
    /// A sentence that says what is wrong with them.
    pub(super) fn decode(self, body: &[u8]) -> Result<String, String> {
        match self {
            Self::Utf8 => utf8(body),
            Self::Windows1252 => Ok(body.iter().copied().map(windows).collect()),
            Self::Utf16 => utf16(body, u16::from_be_bytes),
            Self::Utf16Le => utf16(body, u16::from_le_bytes),
        }
    }
}

/// Whether windows-1252 has the character.
pub(super) fn windows_1252_has(c: char) -> bool {
    matches!(c, '\0'..='\u{7f}' | '\u{a0}'..='\u{ff}') || WINDOWS.contains(&c)
}

/// Decodes `body`; a byte order mark is taken off. What says nothing of its charset is UTF-8.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(super) fn decode(body: &[u8], media_type: &str) -> Result<String, String> {
    if let Some(text) = marked(body) {
        return text;
    }
    match named(&parameter(media_type), body)? {
        Some(charset) => charset.decode(body),
        None => utf8(body),
    }
}

/// Decodes what may be XML: by its byte order mark, the charset of the content type, or its declaration; and else as
/// `otherwise`.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(super) fn decode_xml(body: &[u8], media_type: &str, otherwise: Charset) -> Result<String, String> {
    if let Some(text) = marked(body) {
        return text;
    }
    // Without a mark, XML in UTF-16 is known by its first character.
    match body {
        [b'<', 0, ..] => return Charset::Utf16Le.decode(body),
        [0, b'<', ..] => return Charset::Utf16.decode(body),
        _ => {}
    }
    let declared = named(&declaration(body), body)?
        // Bytes in which a declaration can be read are not UTF-16, whatever it says (it was true where they came from).
        .filter(|charset| matches!(charset, Charset::Utf8 | Charset::Windows1252));
    match named(&parameter(media_type), body)? {
        // Servers say `utf-8` of everything; what is not can still be what it says itself.
        Some(charset) => charset.decode(body).or_else(|error| match declared {
            Some(declared) if declared != charset => declared.decode(body),
            _ => Err(error),
        }),
        None => match declared {
            Some(declared) => declared.decode(body),
            None => utf8(body).or_else(|_| otherwise.decode(body)),
        },
    }
}

/// What a byte order mark says, if there is one.
fn marked(body: &[u8]) -> Option<Result<String, String>> {
    match body {
        [0xEF, 0xBB, 0xBF, rest @ ..] => Some(utf8(rest)),
        [0xFF, 0xFE, rest @ ..] => Some(utf16(rest, u16::from_le_bytes)),
        [0xFE, 0xFF, rest @ ..] => Some(utf16(rest, u16::from_be_bytes)),
        _ => None,
    }
}

fn named(name: &str, body: &[u8]) -> Result<Option<Charset>, String> {
    match Charset::named(name) {
        _ if name.is_empty() => Ok(None),
        Some(charset) => Ok(Some(charset)),
        // Whatever it is called: plain ASCII is the same in all of them.
        None if body.is_ascii() => Ok(Some(Charset::Utf8)),
        None => Err(format!(
            "The answer's charset `{name}` is not known; utf-8, utf-16, windows-1252 and iso-8859-1 are."
        )),
    }
}

/// The content type's charset, or nothing.
fn parameter(media_type: &str) -> String {
    media_type
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .map(|(_, value)| value.trim().trim_matches('"').to_ascii_lowercase())
        .unwrap_or_default()
}

/// The encoding that an XML declaration names, or nothing.
fn declaration(body: &[u8]) -> String {
    let start = String::from_utf8_lossy(&body[..body.len().min(200)]);
    let declaration = start.trim_start().strip_prefix("<?xml").and_then(|rest| rest.split("?>").next());
    declaration
        .and_then(|declaration| declaration.split_once("encoding"))
        .map(|(_, rest)| rest.trim_start_matches(['=', ' ', '\t', '\r', '\n']))
        .and_then(|rest| rest.split(['"', '\'']).nth(1))
        .map(str::to_ascii_lowercase)
        .unwrap_or_default()
}

fn utf8(body: &[u8]) -> Result<String, String> {
    std::str::from_utf8(body).map(str::to_owned).map_err(|error| {
        format!("The answer is not UTF-8 text (after {} of {} bytes).", error.valid_up_to(), body.len())
    })
}

fn utf16(body: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let (pairs, rest) = body.as_chunks::<2>();
    let text = char::decode_utf16(pairs.iter().copied().map(unit)).collect::<Result<String, _>>();
    text.ok().filter(|_| rest.is_empty()).ok_or_else(|| "The answer is not UTF-16 text.".to_owned())
}

fn windows(byte: u8) -> char {
    match byte {
        0x80..=0x9F => WINDOWS[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_charsets_are_read() {
        for (body, media_type) in [
            (&b"\"\xC3\xBC\xE2\x82\xAC\""[..], "application/json"),
            (b"\xEF\xBB\xBF\"\xC3\xBC\xE2\x82\xAC\"", "application/json"),
            (b"\"\xC3\xBC\xE2\x82\xAC\"", "application/json; Charset=\"UTF-8\""),
            (b"\"\xFC\x80\"", "application/json;charset=ISO-8859-1"),
            (b"\xFF\xFE\"\0\xFC\0\xAC\x20\"\0", "application/json"),
            (b"\0\"\0\xFC\x20\xAC\0\"", "text/json; charset=utf-16"),
        ] {
            assert_eq!(decode(body, media_type).unwrap(), "\"ü€\"", "{media_type}");
        }
        assert_eq!(decode(b"{}", "application/json; charset=klingon").unwrap(), "{}");
    }

    #[test]
    fn xml_says_its_own_charset() {
        const LATIN: Charset = Charset::Windows1252;
        let utf16: Vec<u8> = "<a>ü€</a>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (body, media_type) in [
            (&b"<?xml version=\"1.0\" encoding=\"Windows-1252\"?><a>\xFC\x80</a>"[..], "text/xml"),
            (b"<?xml version='1.0' encoding = 'ISO-8859-1' ?><a>\xFC\x80</a>", ""),
            // The charset parameter is what the server says of everything.
            (b"<?xml version=\"1.0\" encoding=\"Windows-1252\"?><a>\xFC\x80</a>", "text/xml; charset=utf-8"),
            (
                b"<?xml version=\"1.0\" encoding=\"utf-16\"?><a>\xC3\xBC\xE2\x82\xAC</a>",
                "text/xml; charset=utf-8",
            ),
            (b"<a>\xFC\x80</a>", "text/xml"),
            (b"<a>\xC3\xBC\xE2\x82\xAC</a>", ""),
            (b"<?xml version=\"1.0\"?><a>\xC3\xBC\xE2\x82\xAC</a>", ""),
            (&utf16, ""),
        ] {
            assert!(decode_xml(body, media_type, LATIN).unwrap().ends_with("<a>ü€</a>"), "{media_type}");
        }
        assert!(decode_xml(b"<?xml version='1.0' encoding='koi8-r'?><a>\xFC</a>", "", LATIN).is_err());
        assert!(decode_xml(b"<a>\xFC</a>", "text/xml; charset=utf-8", LATIN).is_err());
        assert!(
            windows_1252_has('€')
                && windows_1252_has('ü')
                && !windows_1252_has('ł')
                && !windows_1252_has('😀')
        );
    }

    #[test]
    fn what_is_no_text_is_said() {
        assert!(decode(b"abc\xFF", "").unwrap_err().contains("not UTF-8"));
        assert!(decode(b"\xFF", "text/plain; charset=koi8-r").unwrap_err().contains("`koi8-r`"));
        assert!(decode(b"\xFF\xFE\x00", "").unwrap_err().contains("UTF-16"));
    }
}
