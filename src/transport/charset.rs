//! The text of an answer's body, by the charset that its content type names.

/// What windows-1252 has in the places 0x80 to 0x9F, where ISO 8859-1 has control characters.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Decodes `body`; a byte order mark is taken off.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(super) fn decode(body: &[u8], media_type: &str) -> Result<String, String> {
    if let Some(body) = body.strip_prefix(b"\xEF\xBB\xBF") {
        return utf8(body);
    }
    match body {
        [0xFF, 0xFE, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        _ => {}
    }
    match charset(media_type).as_str() {
        "" | "utf-8" | "utf8" | "us-ascii" | "ascii" => utf8(body),
        // As browsers do: who says ISO 8859-1 often means windows-1252.
        "iso-8859-1" | "latin1" | "windows-1252" | "cp1252" => {
            Ok(body.iter().copied().map(windows).collect())
        }
        "utf-16" | "utf-16be" => utf16(body, u16::from_be_bytes),
        "utf-16le" => utf16(body, u16::from_le_bytes),
        // Whatever it is called: plain ASCII is the same in all of them.
        _ if body.is_ascii() => utf8(body),
        other => Err(format!("The answer's charset `{other}` is not known; utf-8 and iso-8859-1 are.")),
    }
}

fn charset(media_type: &str) -> String {
    media_type
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .map(|(_, value)| value.trim().trim_matches('"').to_ascii_lowercase())
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
    fn what_is_no_text_is_said() {
        assert!(decode(b"abc\xFF", "").unwrap_err().contains("not UTF-8"));
        assert!(decode(b"\xFF", "text/plain; charset=koi8-r").unwrap_err().contains("`koi8-r`"));
        assert!(decode(b"\xFF\xFE\x00", "").unwrap_err().contains("UTF-16"));
    }
}
