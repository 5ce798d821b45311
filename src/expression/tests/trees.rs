//! Trees of templates, and paths through answers.

use super::*;
use crate::expression::{Selector, ValueTemplate, assignable};

fn answer() -> Type {
    let package = Type::object([
        ("TrackingNumber", Type::TEXT),
        ("Label", Type::object([("Image", Type::TEXT)]).optional()),
    ]);
    Type::object([
        ("Results", Type::object([("Packages", Type::list(package)), ("Note", Type::TEXT.optional())])),
        ("Extra", Type::Any),
    ])
}

fn tree_scope() -> Scope {
    let mut scope = scope();
    scope.insert("answer".to_owned(), answer());
    scope
}

fn tree_values() -> Values {
    let mut values = values();
    values.set(
        "answer",
        &json!({
            "Results": {"Packages": [{"TrackingNumber": "1Z1", "Label": null}, {"TrackingNumber": "1Z2", "Label": {"Image": "R0"}}], "Note": null},
            "Extra": {"a": [1, 2, {"b": 3}]},
        }),
    );
    values
}

fn tree(tree: &Value) -> ValueTemplate {
    ValueTemplate::compile(tree, &tree_scope(), Some("answer"))
        .unwrap_or_else(|problems| panic!("{tree}: {problems:#?}"))
}

#[test]
fn evaluates_trees() {
    for (source, expected, ty) in [
        (json!({"a": 1, "b": ["x", null]}), json!({"a": 1, "b": ["x", null]}), "object"),
        (json!("{{ weight }}"), json!(120.3), "number"),
        (json!({"X": "X", "No": "{{ order.SalesOrderNo }}"}), json!({"X": "X", "No": "0000169"}), "object"),
        (
            json!({"a?": "{{ code }}", "b?": "", "c?": [], "d?": {"e?": null}, "f?": 0}),
            json!({"f": 0}),
            "object",
        ),
        (json!("$.Results.Packages[*].TrackingNumber"), json!(["1Z1", "1Z2"]), "list of text"),
        (json!("$.Results.Note"), json!(null), "text, or nothing"),
        (
            json!(["$", "$5"]),
            json!([tree(&json!("$")).evaluate(&tree_values()).unwrap(), "$5"]),
            "list of anything",
        ),
        (
            json!({"concat": [
                "$.Results.Packages[*].TrackingNumber",
                {"for_each": "{{ order.Lines }}", "as": "line", "give": "{{ line.ItemCode }}"},
                {"when": "{{ weight > 1000 }}", "give": ["heavy"]},
                [],
                ["last"],
            ]}),
            json!(["1Z1", "1Z2", "A", "B", "last"]),
            "list of text",
        ),
        (json!({"concat": [["a"], [1]]}), json!(["a", 1]), "list of anything"),
        (
            json!({"set": {"twice": "{{ weight * 2 }}", "more": "{{ twice + 1 }}"}, "give": {"n": "{{ more - twice }}"}}),
            json!({"n": 1}),
            "object",
        ),
        (
            json!({"for_each": "{{ order.Lines }}", "as": "line", "give": {
                "set": {"sku": "{{ line.ItemCode }}"}, "give": "{{ sku ~ sku }}",
            }}),
            json!(["AA", "BB"]),
            "list of text",
        ),
        (
            json!({"for_each": "{{ order.Lines }}", "as": "line", "give": {"sku": "{{ line.ItemCode }}", "n": "{{ line.QuantityOrdered }}"}}),
            json!([{"sku": "A", "n": 3}, {"sku": "B", "n": 2}]),
            "list of object",
        ),
        (
            json!({"for_each": "{{ order.Lines }}", "as": "line", "when": "{{ line.QuantityOrdered > weight / 50 }}", "give": "{{ line.ItemCode }}"}),
            json!(["A"]),
            "list of text",
        ),
        (
            json!({"for_each": "{{ address.found }}", "as": "one", "give": "{{ one }}"}),
            json!([]),
            "list of text",
        ),
        (json!({"when": "{{ code }}", "give": {"Number": "{{ code }}"}}), json!(null), "object, or nothing"),
        (
            json!({"when": "{{ price.price }}", "give": "{{ price.price + 1 }}", "otherwise": "{{ weight }}"}),
            json!(13.5),
            "number",
        ),
        (
            json!({"when": "{{ order.Lines }}", "give": "yes", "otherwise": "no"}),
            json!("yes"),
            "text of at most 3 characters",
        ),
    ] {
        let template = tree(&source);
        assert_eq!(
            template.evaluate(&tree_values()).map_err(|error| error.message),
            Ok(expected),
            "{source}"
        );
        assert_eq!(template.result_type().to_string(), ty, "{source}");
    }
    let optional = tree(&json!({"a?": "{{ weight }}", "b": "{{ weight }}"})).result_type();
    assert_eq!(
        assignable(&optional, &Type::object([("b", Type::Number)])).unwrap_err(),
        "`a` is not a field of object (did you mean `b`?)"
    );
}

#[test]
fn keeps_literals_whole() {
    assert!(matches!(tree(&json!({"a": {"b": [1, "x"]}})), ValueTemplate::Literal(_)));
    assert!(matches!(tree(&json!({"a": {"b?": 1}})), ValueTemplate::Object(_)));
}

#[test]
fn finds_every_problem_in_its_place() {
    let source = json!({
        "a": ["{{ ordr }}", {"b?": "{{ order.ShipToZip }} {{ code }}"}],
        "p/q": "$.Results.Pakages[*]",
        "each": {"for_each": "{{ weight }}", "as": "order", "give": 1, "gve": 2},
        "when": {"when": "x", "give": 1},
        "lone": {"give": 1},
        "joined": {"concat": [[1], "{{ code }}", {"a": 1}], "when": "{{ true }}"},
        "loose": {"concat": "{{ order.Lines }}"},
        "named": {"set": {"order": 1, "two words": 2, "fine": "{{ fin }}"}, "give": "{{ fine }}", "otherwise": 1},
        "bare": {"set": "{{ order }}", "give": 1},
    });
    let problems = ValueTemplate::compile(&source, &tree_scope(), Some("answer")).unwrap_err();
    let found: Vec<String> =
        problems.iter().map(|(pointer, problem)| format!("{pointer} {}", problem.code)).collect();
    assert_eq!(
        found,
        [
            "/a/0 unknown-name",
            "/a/1/b? unknown-field",
            "/a/1/b? maybe-nothing",
            "/p~1q unknown-field",
            "/each/gve unknown-key",
            "/each/for_each wrong-type",
            "/each/as bad-name",
            "/when/when wrong-type",
            "/lone missing-key",
            "/joined/when unknown-key",
            "/joined/concat/1 wrong-type",
            "/joined/concat/2 wrong-type",
            "/loose/concat wrong-type",
            "/named/otherwise unknown-key",
            "/named/set/order bad-name",
            "/named/set/two words bad-name",
            "/named/set/fine unknown-name",
            "/bare/set wrong-type",
        ]
    );
}

#[test]
fn errors_name_their_place_in_the_tree() {
    let template = tree(&json!({"a": {"b": [1, "{{ data.missing }}"]}}));
    let error = template.evaluate(&tree_values()).unwrap_err();
    assert_eq!(error.message, "at a.b[1]: in `data.missing`: `data.missing` is missing in the data");
    let template = tree(&json!({"all": {"concat": [["a"], "{{ data.count }}"]}}));
    let error = template.evaluate(&tree_values()).unwrap_err();
    assert!(error.message.starts_with("at all[1]: a list was expected to join, but it is"), "{error}");
}

#[test]
fn paths_are_followed_through_types() {
    for (path, ty) in [
        ("$", "object"),
        ("$.Results.Packages[0].TrackingNumber", "text, or nothing"),
        ("$['Results'].Packages[-1]", "object, or nothing"),
        ("$.Results.Packages[*].Label.Image", "list of text"),
        ("$.Results.Packages[0:1]", "list of object"),
        ("$.Results.Packages[?@.TrackingNumber == '1Z2'].Label.Image", "list of text"),
        ("$.Results.Packages[?length(@.TrackingNumber) > 2 && @.Label]", "list of object"),
        ("$.Extra.a[2].b", "anything"),
        ("$..TrackingNumber", "list of anything"),
    ] {
        let selector =
            Selector::compile(path, &answer()).unwrap_or_else(|problems| panic!("{path}: {problems:?}"));
        assert_eq!(selector.result_type().to_string(), ty, "{path}");
    }
    for (path, expected) in [
        ("$.Results.Pakages[*]", ("unknown-field", "Pakages")),
        ("$.Results.Packages.TrackingNumber", ("not-an-object", "TrackingNumber")),
        ("$.Results.Packages[?@.Traking == 'x']", ("unknown-field", "Traking")),
        ("$.Results[0]", ("not-a-list", "[0]")),
        ("$..['a','b']", ("unsupported", "$..['a','b']")),
        ("$.Results.Packages[?count(@.Label)]", ("unsupported", "$.Results.Packages[?count(@.Label)]")),
        ("$.Results.Packages[?length(@.*) > 1]", ("unsupported", "$.Results.Packages[?length(@.*) > 1]")),
        ("$.Extra[?@[?@ > 1]]", ("unsupported", "$.Extra[?@[?@ > 1]]")),
        ("$.Results[", ("invalid-path", "$.Results[")),
        ("Results", ("invalid-path", "Results")),
    ] {
        let problem = Selector::compile(path, &answer()).unwrap_err().remove(0);
        assert_eq!((problem.code, &path[problem.range]), expected, "{path}");
    }
}

#[test]
fn paths_select() {
    let value = json!({"Results": {"Packages": [{"TrackingNumber": "1", "Label": null}], "Note": null}, "Extra": {"a": [1, 2]}});
    for (path, expected) in [
        ("$.Results.Packages[*].TrackingNumber", json!(["1"])),
        ("$.Results.Packages[0].TrackingNumber", json!("1")),
        ("$.Results.Packages[-1].Label.Image", json!(null)),
        ("$.Results.Packages[5]", json!(null)),
        ("$.Results.Packages[*].Label.Image", json!([])),
        ("$.Extra.a[-1]", json!(2)),
        ("$.Extra.missing", json!(null)),
        ("$.Extra.a[*]", json!([1, 2])),
        ("$.Extra[*]", json!([[1, 2]])),
        ("$.Extra.a[1:]", json!([2])),
        ("$.Extra.a[?@ > 1]", json!([2])),
        ("$..a", json!([[1, 2]])),
    ] {
        let selector = Selector::compile(path, &answer()).unwrap();
        assert_eq!(selector.select(&value), Ok(expected.clone()), "{path}");
        let mut values = Values::default();
        values.set("answer", &value);
        let tree = ValueTemplate::Selector { root: "answer".to_owned(), selector };
        assert_eq!(tree.evaluate(&values), Ok(expected), "{path}");
    }
    let selector = Selector::compile("$.Results.Packages", &answer()).unwrap();
    assert!(selector.select(&json!({})).is_err());
}
