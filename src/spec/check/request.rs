//! What is sent.

use crate::expression::{Scope, Type, ValueTemplate};
use crate::spec::model::{Request, RequestBody};
use crate::spec::raw::request::{RawGraphql, RawMethod, RawRequest};
use crate::spec::raw::{AnyTree, Written};
use crate::spec::tree::{Content, NodeId};

use super::checker::Checker;

/// Reads a request whose templates see `names`.
pub fn request(checker: &mut Checker<'_>, raw: &Written<RawRequest>, names: &Scope) -> Option<Request> {
    let path = raw.path.as_ref().and_then(|path| {
        let template = checker.template(path.node, names);
        (usable_path(checker, path) && template.is_some()).then_some(template)?
    });
    let query = optional(raw.query, |tree| parameters(checker, tree.0, names, "a query parameter"));
    let headers = optional(raw.headers, |tree| parameters(checker, tree.0, names, "a header"));
    let body = body(checker, raw, names);
    let open = without_secret(checker, raw);
    open.then_some(())?;
    Some(Request { method: method(raw.method?), path: path?, query: query?, headers: headers?, body: body? })
}

/// Whether path and headers, which are written to logs on the way, carry no credential.
fn without_secret(checker: &mut Checker<'_>, raw: &RawRequest) -> bool {
    let path = raw.path.as_ref().map(|path| path.node);
    let mut fine = true;
    for node in [path, raw.headers.map(|tree| tree.0)].into_iter().flatten() {
        if checker.reads(node, "secret.") {
            let headline = "a credential goes into the query or the body only";
            let help = "use it there, or an auth kind such as `api_key` or `basic`, which writes a header";
            checker.report("secret-not-here", node, headline, help);
            fine = false;
        }
    }
    fine
}

/// A method as HTTP has it.
pub fn method(raw: RawMethod) -> http::Method {
    match raw {
        RawMethod::Get => http::Method::GET,
        RawMethod::Post => http::Method::POST,
        RawMethod::Put => http::Method::PUT,
        RawMethod::Patch => http::Method::PATCH,
        RawMethod::Delete => http::Method::DELETE,
    }
}

/// At most one body.
fn body(checker: &mut Checker<'_>, raw: &Written<RawRequest>, names: &Scope) -> Option<Option<RequestBody>> {
    let json = optional(raw.json, |tree| checker.values(tree.0, names, None).map(RequestBody::Json));
    let xml = optional(raw.xml, |tree| checker.values(tree.0, names, None).map(RequestBody::Xml));
    let graphql = match &raw.graphql {
        Some(raw) => graphql(checker, raw, names).map(Some),
        None => Some(None),
    };
    let mut given = [json?, xml?, graphql?].into_iter().flatten();
    let body = given.next();
    match given.next() {
        None => Some(body),
        Some(second) => {
            let key = checker.tree.entry(raw.node, second.form()).map_or(raw.node, |(key, _)| key);
            let help = "keep one of `json`, `xml` and `graphql`";
            checker.report("several-bodies", key, "a request has one body", help);
            None
        }
    }
}

fn graphql(checker: &mut Checker<'_>, raw: &RawGraphql, names: &Scope) -> Option<RequestBody> {
    let query = raw.query.as_ref()?;
    let fine = untemplated(checker, query, "the document");
    let variables = optional(raw.variables, |tree| checker.values(tree.0, names, None));
    let name = raw.operation_name.as_ref();
    let fine = name.is_none_or(|name| untemplated(checker, name, "the operation's name")) && fine;
    let (query, operation_name) = (query.value.clone(), name.map(|name| name.value.clone()));
    let body = RequestBody::Graphql { query, variables: variables?, operation_name };
    fine.then_some(body)
}

/// Whether text that must not vary has no template in it.
fn untemplated(checker: &mut Checker<'_>, written: &Written<String>, what: &str) -> bool {
    let Some(at) = written.find("{{") else { return true };
    let span = checker.tree.inside(written.node, &(at..at + 2));
    let finding = checker
        .error_at("template-not-here", written.node, span, format!("{what} cannot hold templates"))
        .help("declare a variable such as `$number: String!` in the document and give it under `variables:`");
    checker.push(finding);
    false
}

fn optional<T>(tree: Option<AnyTree>, read: impl FnOnce(AnyTree) -> Option<T>) -> Option<Option<T>> {
    match tree {
        Some(tree) => read(tree).map(Some),
        None => Some(None),
    }
}

fn usable_path(checker: &mut Checker<'_>, path: &Written<String>) -> bool {
    if !path.starts_with('/') {
        let help = format!("write `/{}`", path.trim_start_matches("./"));
        checker.report("bad-path", path.node, "a path begins with `/`: it is appended to the base URL", help);
        return false;
    }
    // Inside an expression a question mark or a blank is part of some text.
    let outside = |at: usize| path[..at].matches("{{").count() == path[..at].matches("}}").count();
    if let Some((at, _)) = path.match_indices(['?', '#', ' ']).find(|(at, _)| outside(*at)) {
        let span = checker.tree.inside(path.node, &(at..at + 1));
        let help = "write parameters under `query:`, and `%20` for a blank";
        let finding =
            checker.error_at("bad-path", path.node, span, "a path has no query, fragment or blanks");
        checker.push(finding.help(help));
        return false;
    }
    true
}

/// Query parameters or headers: each one value, and never nothing unless its name ends in `?`.
fn parameters(checker: &mut Checker<'_>, node: NodeId, names: &Scope, what: &str) -> Option<ValueTemplate> {
    let value = checker.values(node, names, None)?;
    if !matches!(&value, ValueTemplate::Object(_) | ValueTemplate::Literal(_)) {
        let help = "write names and values, without `for_each` or `when` around them";
        checker.report("not-a-parameter", node, format!("each {} needs a name", &what[2..]), help);
        return None;
    }
    let mut fine = true;
    for (key, inner) in checker.tree.entries(node) {
        let name = checker.text(*key);
        let (name, omit_empty) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
        let ty = match &value {
            ValueTemplate::Object(fields) => fields
                .iter()
                .find(|field| field.name == name)
                .map_or(Type::Any, |field| field.value.result_type()),
            _ => literal_type(checker, *inner),
        };
        if matches!(ty.required(), Type::List(_) | Type::Object(_) | Type::Table(_)) {
            let headline = format!("{what} is one value, but this is {ty}");
            checker.report(
                "not-a-parameter",
                *inner,
                headline,
                "make it one text, for example with `| join(',')`",
            );
            fine = false;
        } else if ty.may_be_null() && ty != Type::Any && !omit_empty {
            let headline = format!("{what} needs a value, but this is {ty}");
            let help = format!("write `{name}?:` to leave it out when there is none");
            checker.report("maybe-nothing", *key, headline, help);
            fine = false;
        }
    }
    fine.then_some(value)
}

fn literal_type(checker: &Checker<'_>, node: NodeId) -> Type {
    match checker.tree.content(node) {
        Content::Null => Type::Null,
        Content::List(_) => Type::list(Type::Any),
        Content::Map(_) => Type::object([]),
        _ => Type::TEXT,
    }
}
