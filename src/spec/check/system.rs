//! A system file as a whole.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::json;

use crate::auth::{AuthBlock, AuthConfig};
use crate::base::json::sha256_hex;
use crate::expression::{Field, ObjectType, Scope, Template, Type, ValueTemplate};
use crate::spec::model::{Credential, Operation, Ping, Stream, System, Webhook};
use crate::spec::raw::operation::{RawEffect, RawOperation};
use crate::spec::raw::system::{RawPing, SystemFile};
use crate::spec::raw::{AnyTree, Table, Written};
use crate::spec::tree::NodeId;
use crate::transport::{TransportBlock, TransportConfig};

use super::answers;
use super::block::{Block, read_block};
use super::checker::{Checker, scope};
use super::create::{self, Others};
use super::limits::limits;
use super::operation::{Draft, Surroundings, simple_effect};
use super::settings;
use super::stream::stream;
use super::types::Types;
use super::webhook::{self, webhooks};

/// A system as far as it could be checked: what mappings may name of it.
#[derive(Debug, Default)]
pub struct Checked {
    /// Whether the file could be read at all.
    pub readable: bool,
    /// The system, if nothing is wrong with it.
    pub system: Option<Arc<System>>,
    /// The operations that are fine.
    pub operations: IndexMap<String, Arc<Operation>>,
    /// The streams that are fine.
    pub streams: IndexMap<String, Arc<Stream>>,
    /// The webhooks that are fine.
    pub webhooks: IndexMap<String, Arc<Webhook>>,
    /// The names of all operations, fine or not.
    pub operation_names: Vec<String>,
    /// The names of all streams, fine or not.
    pub stream_names: Vec<String>,
    /// The names of all webhooks, fine or not.
    pub webhook_names: Vec<String>,
}

/// The keys of a request under which a body can be.
const FORMS: [&str; 3] = ["json", "xml", "graphql"];

/// Checks a system file.
pub fn check(checker: &mut Checker<'_>, raw: &SystemFile) -> Checked {
    let mut types = Types::declare(checker, &raw.types);
    let settings = settings::declare(checker, &mut types, &raw.settings);
    settings::unused(checker, &raw.settings);
    let settings_type = settings::scope_type(checker, &settings);
    let names = scope([("settings", &settings_type)]);
    let base_url = raw.base_url.as_ref().and_then(|written| base_url(checker, written, &names));
    let credentials = credentials(checker, raw);
    let credential_names = checker.names_below("credentials");
    let auth = raw.auth.and_then(|tree| auth(checker, tree, &names, &credential_names));
    let transport =
        raw.transport.and_then(|tree| transport(checker, tree, &settings_type, &credential_names));
    let limits = limits(checker, raw.limits.as_ref(), &names);
    let error = match &raw.error {
        Some(raw) => answers::error_shape(checker, &mut types, raw, &settings_type).map(Some),
        None => Some(None),
    };
    let error_type = match (&raw.error, &error) {
        (Some(_), Some(Some(shape))) => Some(shape.ty.clone()),
        _ => None,
    };
    let rules = answers::rule_scope(&settings_type, error_type.as_ref());
    let answers = answers::rules(checker, &raw.answers, &rules);
    let sent = sent_scope(checker, &settings_type, auth.as_ref());
    let around = Surroundings { settings: &settings_type, rules: &rules, sent: &sent };
    let operations = operations(checker, &mut types, &around, &raw.operations);
    let streams = streams(checker, &mut types, &around, raw);
    let about = webhook::Around {
        settings: &settings_type,
        credentials: &credential_names,
        operations: &operations,
        streams: &streams,
    };
    let webhooks = webhooks(checker, &mut types, &about, &raw.webhooks);
    if let Some(auth) = &auth {
        secrets(checker, auth);
    }
    if let Some(transport) = &transport {
        bodies(checker, transport, raw);
    }
    let ping = match &raw.ping {
        Some(ping) => self::ping(checker, ping, &operations, &names).map(Some),
        None => Some(None),
    };
    let mut checked = Checked {
        readable: true,
        system: None,
        operations,
        streams,
        webhooks,
        operation_names: names_of(checker, "operations"),
        stream_names: names_of(checker, "streams"),
        webhook_names: names_of(checker, "webhooks"),
    };
    let build = || {
        Some(System {
            name: raw.system.as_ref()?.value.clone(),
            title: raw.title.as_ref()?.value.clone(),
            docs: raw.docs.as_ref().map(|docs| docs.value.clone()),
            revision: sha256_hex(checker.tree.text.as_bytes()),
            source: Arc::from(&*checker.tree.text),
            settings,
            credentials,
            base_url: base_url?,
            auth: auth?,
            transport: transport?,
            limits: limits?,
            answers: answers?,
            error: error?,
            ping: ping?,
            operations: checked.operations.clone(),
            streams: checked.streams.clone(),
            webhooks: checked.webhooks.clone(),
        })
    };
    let system = build();
    let whole = !checker.findings.iter().any(|finding| finding.is_error());
    if !whole {
        checker.forget_lengths();
    }
    checked.system = system.filter(|_| whole).map(Arc::new);
    checked
}

fn names_of(checker: &Checker<'_>, key: &str) -> Vec<String> {
    checker.names_below(key).into_iter().map(str::to_owned).collect()
}

fn base_url(checker: &mut Checker<'_>, written: &Written<String>, names: &Scope) -> Option<Template> {
    let template = checker.naming(written, names, "the base URL")?;
    let literal = !written.starts_with("{{");
    if literal && !(written.starts_with("https://") || written.starts_with("http://")) {
        let headline = format!("`{}` is not a URL", written.value);
        checker.report("not-a-url", written.node, headline, "write for example `https://api.example.com`");
        return None;
    }
    Some(template)
}

fn credentials(checker: &mut Checker<'_>, raw: &SystemFile) -> IndexMap<String, Credential> {
    let mut credentials = IndexMap::new();
    for (name, raw) in raw.credentials.iter() {
        checker.identifier(name.node, "a credential");
        let docs = raw.docs.as_ref().map(|docs| docs.value.clone());
        credentials.insert(name.value.clone(), Credential { docs, optional: raw.optional });
    }
    credentials
}

fn auth(
    checker: &mut Checker<'_>,
    AnyTree(node): AnyTree,
    names: &Scope,
    credentials: &[&str],
) -> Option<IndexMap<String, AuthConfig>> {
    let mut configs = IndexMap::new();
    let mut whole = true;
    for (key, value) in checker.tree.entries(node).to_vec() {
        let kind = checker.text(key).to_owned();
        let block = json!({ kind.as_str(): checker.tree.json(value) });
        let block = read_block::<AuthBlock>(checker, key, block);
        let config = block.and_then(|block| {
            let mut checker = Block { checker: &mut *checker, node: value, scope: names, credentials };
            block.check(&mut checker)
        });
        match config {
            Some(config) => {
                configs.insert(kind, config);
            }
            None => whole = false,
        }
    }
    (whole && !configs.is_empty()).then_some(configs)
}

/// What all requests see: the addresses of webhooks and the names of placeholders too, where there are such.
fn sent_scope(checker: &Checker<'_>, settings: &Type, auth: Option<&IndexMap<String, AuthConfig>>) -> Scope {
    let mut names = scope([("settings", settings), ("request_id", &Type::TEXT)]);
    let webhooks = checker.names_below("webhooks");
    if !webhooks.is_empty() {
        let address = |name: &str| (name.to_owned(), Field { ty: Type::TEXT.optional(), docs: None });
        let fields = webhooks.into_iter().map(address).collect();
        let webhooks = ObjectType { name: Some("webhooks".to_owned()), fields };
        names.insert("webhooks".to_owned(), Type::Object(Arc::new(webhooks)));
    }
    let Some(auth) = auth else {
        names.insert("secret".to_owned(), Type::Any);
        return names;
    };
    let placeholders = auth.values().flat_map(AuthConfig::placeholders);
    let fields: IndexMap<String, Field> =
        placeholders.map(|name| (name.to_owned(), Field { ty: Type::TEXT, docs: None })).collect();
    if !fields.is_empty() {
        let secret = ObjectType { name: Some("secret".to_owned()), fields };
        names.insert("secret".to_owned(), Type::Object(Arc::new(secret)));
    }
    names
}

fn transport(
    checker: &mut Checker<'_>,
    AnyTree(node): AnyTree,
    settings: &Type,
    credentials: &[&str],
) -> Option<TransportConfig> {
    let names = scope([("settings", settings), ("request_id", &Type::TEXT)]);
    let &[(key, value)] = checker.tree.entries(node) else { return None };
    let block = checker.tree.json(node);
    let block: TransportBlock = read_block(checker, key, block)?;
    block.check(&mut Block { checker, node: value, scope: &names, credentials })
}

/// All operations that are fine: first those that stand alone, then the creates, which name them.
fn operations(
    checker: &mut Checker<'_>,
    types: &mut Types,
    around: &Surroundings<'_>,
    raw: &Table<Written<RawOperation>>,
) -> IndexMap<String, Arc<Operation>> {
    let mut finished = IndexMap::new();
    let mut results = IndexMap::new();
    let mut creates = Vec::new();
    for (name, raw) in raw.iter() {
        checker.name(name.node, "an operation");
        let Some(draft) = Draft::read(checker, types, around, name, raw) else { continue };
        if let Some(node) = draft.result_node {
            results.insert(name.value.clone(), node);
        }
        match raw.effect.as_ref().map(|effect| &effect.value) {
            Some(RawEffect::Create(create)) => {
                if let Some((key, _)) = checker.tree.entry(raw.node, "batch") {
                    let headline = "what must happen once cannot share a call with others";
                    checker.report("batch-on-create", key, headline, "remove `batch`");
                }
                creates.push((draft, create));
            }
            Some(effect) => {
                if let Some(effect) = simple_effect(effect) {
                    finished.insert(name.value.clone(), draft.with(checker, effect));
                }
            }
            None => {}
        }
    }
    let declared = checker.names_below("operations");
    let others = Others { finished: &finished, results: &results, declared: &declared };
    let mut done = Vec::new();
    for (draft, raw) in creates {
        if let Some(effect) = create::effect(checker, around, &others, &draft, raw) {
            done.push(draft.with(checker, effect));
        }
    }
    finished.extend(done.into_iter().map(|operation| (operation.name.clone(), operation)));
    finished.sort_by_key(|name, _| declared.iter().position(|declared| declared == name));
    finished
}

fn streams(
    checker: &mut Checker<'_>,
    types: &mut Types,
    around: &Surroundings<'_>,
    raw: &SystemFile,
) -> IndexMap<String, Arc<Stream>> {
    let mut streams = IndexMap::new();
    for (name, raw) in raw.streams.iter() {
        checker.name(name.node, "a stream");
        if let Some(stream) = stream(checker, types, around, name, raw) {
            streams.insert(name.value.clone(), stream);
        }
    }
    streams
}

/// Whether every kind of auth puts the same credentials into requests: a connection may choose any of them.
fn secrets(checker: &mut Checker<'_>, auth: &IndexMap<String, AuthConfig>) {
    let root = checker.tree.root();
    let used = ["operations", "streams"].iter().any(|key| {
        checker.tree.entry(root, key).is_some_and(|(_, requests)| checker.reads(requests, "secret."))
    });
    let Some((full, _)) = auth.iter().find(|(_, config)| !config.placeholders().is_empty()).filter(|_| used)
    else {
        return;
    };
    let names = auth[full].placeholders();
    for (kind, config) in auth {
        let Some(missing) = names.iter().find(|name| !config.placeholders().contains(name)) else { continue };
        let Some((_, table)) = checker.tree.entry(root, "auth") else { continue };
        let Some((key, _)) = checker.tree.entry(table, kind) else { continue };
        let headline = format!("`{kind}` has no `secret.{missing}`, which requests get from `{full}`");
        let help = "describe the API with each of them in a system file of its own";
        checker.report("auth-without-secret", key, headline, help);
    }
}

/// Whether the transport can send the bodies of all requests.
fn bodies(checker: &mut Checker<'_>, transport: &TransportConfig, raw: &SystemFile) {
    let operations = raw.operations.iter().map(|(_, raw)| &raw.request);
    let requests = operations.chain(raw.streams.iter().map(|(_, raw)| &raw.request));
    for request in requests.flatten() {
        // Several bodies have a finding of their own.
        let written = FORMS.iter().filter(|form| checker.tree.entry(request.node, form).is_some()).count();
        if written > 1 {
            continue;
        }
        for form in FORMS.into_iter().filter(|form| !transport.bodies().contains(form)) {
            let Some((key, _)) = checker.tree.entry(request.node, form) else { continue };
            let sent = listed(transport.bodies());
            let headline =
                format!("the transport `{}` cannot send `{form}`; it sends {sent}", transport.kind());
            checker.report("wrong-body", key, headline, format!("write the body under {sent}"));
        }
    }
}

fn listed(words: &[&str]) -> String {
    format!("`{}`", words.join("` or `"))
}

fn ping(
    checker: &mut Checker<'_>,
    raw: &RawPing,
    operations: &IndexMap<String, Arc<Operation>>,
    names: &Scope,
) -> Option<Ping> {
    let name = raw.operation.as_ref()?;
    let Some(operation) = operations.get(&name.value) else {
        let all = checker.names_below("operations");
        if !all.contains(&name.value.as_str()) {
            let headline = format!("there is no operation `{}`", name.value);
            checker.unknown("unknown-operation", name.node, headline, all.into_iter(), "the operations are");
        }
        return None;
    };
    if !matches!(operation.effect, crate::spec::model::Effect::Read) {
        let headline = format!("`{}` does more than read", name.value);
        checker.report("ping-not-read", name.node, headline, "name an operation with `effect: read`");
        return None;
    }
    let with = input(checker, raw.with, name.node, &operation.input, names)?;
    Some(Ping { operation: Arc::clone(operation), with })
}

/// The input of a call: what is given under `with:` must be what the operation takes.
pub fn input(
    checker: &mut Checker<'_>,
    with: Option<AnyTree>,
    head: NodeId,
    wanted: &Type,
    names: &Scope,
) -> Option<ValueTemplate> {
    let (value, node) = match with {
        Some(AnyTree(node)) => (checker.values(node, names, None)?, node),
        None => (ValueTemplate::Object(Vec::new()), head),
    };
    checker.assign(&value, node, head, wanted).then_some(value)
}
