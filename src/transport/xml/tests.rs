//! What is written is read again; what is hostile is refused.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{ATTRIBUTES, DEPTH, Writer, read, write};

fn refusal(text: &str) -> String {
    match read(text) {
        Err(reason) => reason,
        Ok(tree) => panic!("{text} was read as {tree}"),
    }
}

fn unwritable(tree: &Value) -> String {
    match write(tree) {
        Err(reason) => reason,
        Ok(text) => panic!("{tree} was written as {text}"),
    }
}

#[test]
fn the_tree_is_what_the_front_page_says() {
    let text = r#"<?xml version="1.0" encoding="utf-8"?>
        <!-- a comment --><?pi x?>
        <ws:Order xmlns:ws="urn:a" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" id="7" ws:kind='a "b"'>
          <No>  100 </No>
          <Line><Sku>A &amp; B &#x20AC;</Sku></Line><o:Line xmlns:o="urn:o"><Sku><![CDATA[<C>]]></Sku></o:Line>
          <Weight unit="kg">2.5</Weight>
          <Empty/><Blank>  </Blank><Nil i:nil="true"/><Nil i:nil="1">x</Nil><NotNil i:nil="false"/>
          <Mixed>one <b>two</b> three</Mixed>
        </ws:Order>
    "#;
    assert_eq!(
        read(text).unwrap(),
        json!({ "Order": {
            "@id": "7", "@kind": "a \"b\"",
            "No": "  100 ",
            "Line": [{ "Sku": "A & B €" }, { "Sku": "<C>" }],
            "Weight": { "@unit": "kg", "#text": "2.5" },
            "Empty": "", "Blank": "", "Nil": [null, null], "NotNil": "",
            "Mixed": { "b": "two", "#text": "one  three" },
        } })
    );
}

#[test]
fn a_nil_of_another_namespace_is_an_attribute() {
    assert_eq!(read(r#"<a xmlns:i="urn:other" i:nil="true"/>"#).unwrap(), json!({ "a": { "@nil": "true" } }));
}

#[test]
fn the_tree_is_written() {
    let tree = json!({ "ws:Order": {
        "@xmlns:ws": "urn:a", "ws:Number": 2.50, "ws:Big": 9_007_199_254_740_993_u64, "Truth": true, "None": null, "Empty": "",
        "NoLines": [], "Lines": { "Line": [{ "@n": 1, "#text": "a<b" }, null, "c]]>d"] },
        "Param": { "#xml": { "PARAM": { "FLD": { "@NAME": "X", "#text": "]]> & \"" } } } },
        "Text": "a\r\nb\tc", "@note": "a\nb\"",
    } });
    assert_eq!(
        write(&tree).unwrap(),
        concat!(
            r#"<ws:Order xmlns:ws="urn:a" note="a&#10;b&quot;"><ws:Number>2.5</ws:Number><ws:Big>9007199254740993</ws:Big><Truth>true</Truth>"#,
            "<Empty/><Lines><Line n=\"1\">a&lt;b</Line><Line>c]]&gt;d</Line></Lines>",
            r#"<Param><![CDATA[<PARAM><FLD NAME="X">]]&gt; &amp; "</FLD></PARAM>]]></Param>"#,
            "<Text>a&#13;\nb\tc</Text></ws:Order>"
        )
    );
}

#[test]
fn what_xml_cannot_hold_is_an_error() {
    for (tree, expected) in [
        (json!({ "a": { "b": "x\u{0}" } }), "`a/b/#text` holds the character U+0000"),
        (json!({ "a": "\u{FFFE}" }), "U+FFFE"),
        (json!({ "a": { "@b": "\u{1b}" } }), "`a/@b` holds the character U+001B"),
        (json!({ "a b": "" }), "`a b` is not a name"),
        (json!({ "1a": "" }), "not a name"),
        (json!({ "": "" }), "not a name"),
        (json!({ "a><b": "" }), "not a name"),
        (json!({ "a": { "@x y": "" } }), "`a/@x y` is not a name"),
        (json!({ "a": { "#other": "" } }), "not a name"),
        (json!({ "p:a": "" }), "the prefix `p`, which is not declared"),
        (
            json!({ "a": { "b": { "@xmlns:p": "urn:p" }, "p:c": "" } }),
            "the prefix `p`, which is not declared",
        ),
        (json!({ "a": { "b": [[1]] } }), "a list in a list"),
        (json!({ "a": { "@b": {} } }), "`a/@b` must be one text"),
        (json!({ "a": { "#text": ["x"] } }), "must be one text"),
        (json!({ "a": { "#xml": { "b": "", "c": "" } } }), "`a/#xml` cannot be written"),
        (json!({ "a": "", "b": "" }), "one field"),
        (json!({ "a": ["", ""] }), "one field"),
        (json!({ "a": null }), "null"),
        (json!("a"), "one field"),
        (json!({ "a": { "#elements": [{ "name": "b c", "value": "" }] } }), "`a/b c` is not a name"),
        (json!({ "a": { "#elements": [{ "name": "#xml", "value": "" }] } }), "`a/#xml` is not a name"),
        (json!({ "a": { "#elements": ["b"] } }), "must be a list of"),
    ] {
        assert!(unwritable(&tree).contains(expected), "{}", unwritable(&tree));
    }
    let deep = (0..=DEPTH).fold(json!(""), |inner, _| json!({ "a": inner }));
    assert!(unwritable(&deep).contains("deep"));
}

#[test]
fn elements_can_be_named_by_data() {
    let tree = json!({ "Fields": { "First": 1, "#elements": [
        { "name": "TrackingNo", "value": "1Z" }, { "name": "Left" }, { "name": "Cost", "value": "" },
    ] } });
    assert_eq!(write(&tree).unwrap(), "<Fields><First>1</First><TrackingNo>1Z</TrackingNo><Cost/></Fields>");
}

#[test]
fn what_an_encoding_has_not_is_a_reference() {
    let ascii = Writer { prefixes: &[], has: Some(|c| c.is_ascii()) };
    assert_eq!(
        ascii.document(&json!({ "a": { "@b": "ü", "#text": "😀" } })).unwrap(),
        "<a b=\"&#252;\">&#128512;</a>"
    );
    assert!(ascii.document(&json!({ "ä": "" })).is_err());
    assert!(ascii.document(&json!({ "a": { "#xml": { "b": "ü" } } })).unwrap_err().contains("CDATA"));
}

#[test]
fn billions_of_laughs_stop_at_the_door() {
    let laughs = r#"<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;">]><lolz>&lol2;</lolz>"#;
    assert!(refusal(laughs).starts_with("A document type"), "{}", refusal(laughs));
    let external = r#"<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>"#;
    assert!(refusal(external).starts_with("A document type"), "{}", refusal(external));
    assert!(refusal("<a>&lol;</a>").contains("`&lol;` is refused"));
    assert!(refusal("<a b='&lol;'/>").contains("lol"), "{}", refusal("<a b='&lol;'/>"));
}

#[test]
fn depth_and_number_are_bounded() {
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(read(&nested(DEPTH)).is_ok());
    assert!(refusal(&nested(DEPTH + 1)).contains("deep"));
    assert!(refusal(&"<a>".repeat(1_000_000)).contains("deep"));
    let attributes: String = (0..=ATTRIBUTES).map(|n| format!(" a{n}=''")).collect();
    assert!(refusal(&format!("<a{attributes}/>")).contains("attributes"));
    let many = format!("<a>{}</a>", "<b/>".repeat(super::PARTS));
    assert!(refusal(&many).contains("more than"));
    let entities = format!("<a b=\"{0}\">{0}</a>", "&amp;".repeat(5000));
    assert_eq!(read(&entities).unwrap()["a"]["@b"].as_str().map(str::len), Some(5000));
}

#[test]
fn what_is_not_well_formed_is_refused_with_its_place() {
    for (text, expected) in [
        ("", "no element"),
        ("  \n ", "no element"),
        ("text", "outside"),
        ("<a", "(line 1"),
        ("<a>", "ends inside `<a>`"),
        ("<a>\n <b>\n</a>", "(line 3"),
        ("<a></b>", "(line 1, column"),
        ("<a/><b/>", "second element"),
        ("<a/>x", "outside"),
        ("<a/><![CDATA[x]]>", "outside"),
        ("<a b=1/>", "In `<a>`"),
        ("<a b/>", "In `<a>`"),
        ("<a b='1' b='2'/>", "In `<a>`"),
        ("<a>\u{1}</a>", "U+0001"),
        ("<a>&#0;</a>", "(line 1"),
        ("<a>&#xB;</a>", "U+000B"),
        ("<a b='&#1;'/>", "U+0001"),
        ("<a>&#x110000;</a>", "(line 1"),
        ("<a>&amp</a>", "(line 1"),
        ("<a>a & b</a>", "(line 1"),
        ("<a><!-- x", "(line 1"),
        ("<a><![CDATA[x</a>", "(line 1"),
        ("<a><?x</a>", "(line 1"),
        ("<1a/>", "not a name"),
        ("<a:b:c/>", "not a name"),
        ("<:a/>", "not a name"),
        ("<a><?xml version='1.0'?></a>", "does not stand at the beginning"),
        ("{\"a\": 1}", "outside"),
    ] {
        let reason = refusal(text);
        assert!(reason.contains(expected) && reason.contains("(line "), "{text}: {reason}");
        assert!(reason.starts_with(|c: char| c.is_uppercase() || c == '`'), "{reason}");
    }
}

/// Names that occur in documents, some beyond ASCII.
fn name() -> impl Strategy<Value = String> {
    "[A-Za-z_ÄéЖ漢][A-Za-z0-9_.·-]{0,8}"
}

/// Text that is more than white space, with whatever characters XML can hold.
fn text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| {
        let kept: String = text.chars().filter(|c| super::characters::is_character(*c)).collect();
        format!("x{kept}")
    })
}

/// Trees as they are read: lists have two items or more, objects something in them.
fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![text().prop_map(Value::from), Just(json!(""))];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let item = prop_oneof![
            4 => inner.clone(),
            1 => prop::collection::vec(inner, 2..4).prop_map(Value::from),
        ];
        let attributes = prop::collection::vec((name(), text()), 0..3);
        (attributes, prop::collection::vec((name(), item), 1..5)).prop_map(|(attributes, children)| {
            let mut fields: Map<String, Value> =
                attributes.into_iter().map(|(name, text)| (format!("@{name}"), Value::from(text))).collect();
            fields.extend(children);
            Value::Object(fields)
        })
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(name in name(), tree in tree()) {
        let document = json!({ name: tree });
        let text = write(&document).unwrap();
        prop_assert_eq!(read(&text).unwrap(), document.clone(), "{}", text);
        // And as text in a document around it.
        let around = json!({ "a": { "#xml": document } });
        let inner = read(&write(&around).unwrap()).unwrap();
        prop_assert_eq!(inner["a"].as_str(), Some(text.as_str()));
    }

    #[test]
    fn text_beside_attributes_is_kept(value in text(), attribute in text()) {
        let document = json!({ "a": { "@b": attribute, "#text": value } });
        prop_assert_eq!(read(&write(&document).unwrap()).unwrap(), document);
    }

    #[test]
    fn what_is_not_xml_never_panics(text in any::<String>()) {
        let _ = read(&text);
    }

    #[test]
    fn torn_documents_never_panic(tree in tree(), at in any::<prop::sample::Index>(), piece in "[<>&;\"'/!?\\[\\]a-]{0,4}") {
        let text = write(&json!({ "a": tree })).unwrap();
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let at = places[at.index(places.len())];
        let _ = read(&format!("{}{piece}{}", &text[..at], &text[at..]));
        prop_assert!(read(&text[..at]).is_err());
    }

    #[test]
    fn whatever_is_written_is_well_formed(tree in any::<String>().prop_map(|text| json!({ "a": { "b": text, "@c": "d" } }))) {
        if let Ok(text) = write(&tree) {
            prop_assert!(read(&text).is_ok(), "{}", text);
        }
    }
}
