//! Templates, conditions and trees of templates.

use crate::diagnostics::Diagnostic;
use crate::expression::{Problem, Scope, Selector, Template, Type, ValueTemplate, certain, is_name};
use crate::spec::raw::Written;
use crate::spec::tree::{Content, NodeId};

use super::checker::Checker;

impl Checker<'_> {
    /// Compiles the template at `node`.
    pub fn template(&mut self, node: NodeId, scope: &Scope) -> Option<Template> {
        match Template::compile(self.text(node), scope) {
            Ok(template) => Some(template),
            Err(problems) => {
                self.problems(node, problems);
                None
            }
        }
    }

    fn problems(&mut self, node: NodeId, problems: Vec<Problem>) {
        for problem in problems {
            let follows = match problem.code {
                "unknown-name" => self.lenient,
                "not-an-object" => self.unsure,
                _ => false,
            };
            if follows {
                continue;
            }
            let span = self.tree.inside(node, &problem.range);
            let mut finding = self.error_at(problem.code, node, span, problem.message);
            let more = || format!("`ml-connector validate --explain {}` tells more", problem.code);
            finding.help = Some(problem.help.unwrap_or_else(more));
            self.push(finding);
        }
    }

    /// A template that yields true or false; nothing counts as false.
    pub fn condition(&mut self, written: &Written<String>, scope: &Scope) -> Option<Template> {
        let template = self.template(written.node, scope)?;
        let ty = template.result_type();
        if matches!(ty.required(), Type::Boolean | Type::Presence | Type::Any) {
            return Some(template);
        }
        let headline = format!("a condition must be true or false, but this is {ty}");
        let help = match ty.required() {
            Type::Text { .. } if !written.contains("{{") => {
                format!("write `\"{{{{ {} }}}}\"`", written.trim())
            }
            Type::List(_) | Type::Table(_) => "compare something, for example `(… | length) > 0`".to_owned(),
            _ => "compare it with something, for example `… == 'N'`, `… > 0` or `… is not none`".to_owned(),
        };
        self.report("not-a-condition", written.node, headline, help);
        None
    }

    /// A template that yields text or a whole number, never nothing: what names a thing.
    pub fn naming(&mut self, written: &Written<String>, scope: &Scope, what: &str) -> Option<Template> {
        let template = self.template(written.node, scope)?;
        if is_path(written, scope) {
            let headline = format!("`{}` is text as it stands, not what the name stands for", written.value);
            let help = format!("write `\"{{{{ {} }}}}\"`", written.value);
            self.report("not-text", written.node, headline, help);
            return None;
        }
        let ty = template.result_type();
        let fits = matches!(ty, Type::Text { .. } | Type::Integer | Type::Duration | Type::Zone | Type::Any);
        if fits {
            return Some(template);
        }
        let headline = format!("{what} must be text, but this is {ty}");
        let help = if ty.may_be_null() {
            "choose a field that is always there, or give another with `| or_else('…')`"
        } else {
            "choose a field that is text or a whole number"
        };
        self.report("not-text", written.node, headline, help);
        None
    }

    /// A tree of templates. With a `root`, text that begins with `$` is a JSONPath over the value of that name.
    pub fn values(&mut self, node: NodeId, scope: &Scope, root: Option<&str>) -> Option<ValueTemplate> {
        let fine = self.shape(node, root.is_some());
        match ValueTemplate::compile(&self.tree.json(node), scope, root) {
            Ok(value) => fine.then_some(value),
            Err(problems) => {
                for (pointer, problem) in problems {
                    self.problem_below(node, &pointer, problem);
                }
                None
            }
        }
    }

    fn problem_below(&mut self, node: NodeId, pointer: &str, problem: Problem) {
        let (parent, last) = pointer.rsplit_once('/').unwrap_or(("", ""));
        let found = self.tree.pointer(node, pointer).unwrap_or(node);
        let key = self.tree.pointer(node, parent).and_then(|parent| self.tree.entry(parent, last));
        match (problem.code, key) {
            ("unknown-key", Some((key, _))) => self.whole_problem(key, problem),
            ("missing-key", _) => {
                let head = self.tree.entries(found).first().map_or(found, |(key, _)| *key);
                self.whole_problem(head, problem);
            }
            _ => self.problems(found, vec![problem]),
        }
    }

    fn whole_problem(&mut self, node: NodeId, problem: Problem) {
        let mut finding = self.error(problem.code, node, problem.message);
        finding.help = problem.help;
        self.push(finding);
    }

    /// What a tree can have wrong that still means something: blocks without their `give`, fields that are there with
    /// and without `?`, paths where there is nothing to pick from.
    fn shape(&mut self, node: NodeId, paths: bool) -> bool {
        match self.tree.content(node) {
            Content::Text(text) if !paths && (text.starts_with("$.") || text.starts_with("$[")) => {
                let help = "write an expression such as `\"{{ order.Lines }}\"`; for text that begins with `$`, \
                            write `\"{{ '$…' }}\"`";
                self.report(
                    "path-not-here",
                    node,
                    "a JSONPath can only pick from an operation's answer",
                    help,
                );
                false
            }
            Content::Text(text) if !text.contains("{{") && (text.contains("{%") || text.contains("{#")) => {
                self.template(node, &Scope::new()).is_some()
            }
            Content::List(items) => items.iter().fold(true, |fine, item| fine & self.shape(*item, paths)),
            Content::Map(entries) => {
                let fine = self.fields_once(entries) & self.has_give(node);
                entries.iter().fold(fine, |fine, (_, value)| fine & self.shape(*value, paths))
            }
            _ => true,
        }
    }

    fn fields_once(&mut self, entries: &[(NodeId, NodeId)]) -> bool {
        let optional = |(key, _): &&(NodeId, NodeId)| self.text(*key).ends_with('?');
        let twice: Vec<NodeId> = entries
            .iter()
            .filter(optional)
            .filter(|(key, _)| {
                entries.iter().any(|(other, _)| self.text(*key).strip_suffix('?') == Some(self.text(*other)))
            })
            .map(|(key, _)| *key)
            .collect();
        for key in &twice {
            let headline = format!("the field `{}` is here twice", self.text(*key).trim_end_matches('?'));
            self.report("duplicate-field", *key, headline, "keep one of the two");
        }
        twice.is_empty()
    }

    fn has_give(&mut self, node: NodeId) -> bool {
        let (Some((key, _)), None) = (self.tree.entry(node, "for_each"), self.tree.entry(node, "give"))
        else {
            return true;
        };
        let help = "write `for_each: \"{{ … }}\"`, `as: item` and `give: …`";
        self.report("missing-key", key, "`for_each` needs a key `give`", help);
        false
    }

    /// Compiles a JSONPath over a value of type `ty`.
    pub fn path(&mut self, node: NodeId, text: &str, ty: &Type) -> Option<Selector> {
        match Selector::compile(text, ty) {
            Ok(selector) => Some(selector),
            Err(problems) => {
                self.problems(node, problems);
                None
            }
        }
    }

    /// A template that yields a list; nothing counts as an empty one.
    pub fn list(&mut self, node: NodeId, scope: &Scope) -> Option<Template> {
        let template = self.template(node, scope)?;
        let ty = template.result_type();
        if matches!(ty.required(), Type::List(_) | Type::Any) {
            return Some(template);
        }
        let headline = format!("`for_each` goes through a list, but this is {ty}");
        self.report("not-a-list", node, headline, "name a field that is a list");
        None
    }

    /// A template, or plain text, that yields a duration.
    pub fn yields_duration(&mut self, written: &Written<String>, scope: &Scope) -> Option<ValueTemplate> {
        if !written.contains("{{") {
            self.duration(written)?;
            return Some(ValueTemplate::Literal(written.value.clone().into()));
        }
        let template = self.template(written.node, scope)?;
        self.yields(written.node, template, &Type::Duration, "declare the setting with `type: duration`")
    }

    /// A template, or plain text, that yields the name of a time zone.
    pub fn yields_zone(&mut self, written: &Written<String>, scope: &Scope) -> Option<ValueTemplate> {
        if !written.contains("{{") {
            self.zone(written)?;
            return Some(ValueTemplate::Literal(written.value.clone().into()));
        }
        let template = self.template(written.node, scope)?;
        self.yields(written.node, template, &Type::Zone, "declare the setting with `type: zone`")
    }

    /// A template, or a plain number, that yields a whole number.
    pub fn yields_integer(&mut self, node: NodeId, scope: &Scope) -> Option<ValueTemplate> {
        match self.tree.content(node) {
            Content::Number(number) if number.as_u64().is_some_and(|number| number > 0) => {
                Some(ValueTemplate::Literal(number.clone().into()))
            }
            Content::Text(text) if text.contains("{{") => {
                let template = self.template(node, scope)?;
                self.yields(node, template, &Type::Integer, "declare the setting with `type: integer`")
            }
            _ => {
                let help = "write a whole number, or a template that yields one";
                self.report("not-a-whole-number", node, "this must be a whole number above zero", help);
                None
            }
        }
    }

    fn yields(
        &mut self,
        node: NodeId,
        template: Template,
        wanted: &Type,
        help: &str,
    ) -> Option<ValueTemplate> {
        let ty = template.result_type();
        if ty == wanted || *ty == Type::Any {
            return Some(ValueTemplate::Template(template));
        }
        let finding: Diagnostic =
            self.error("does-not-fit", node, format!("this must be a {wanted}, but it is {ty}")).help(help);
        self.push(finding);
        None
    }
}

/// Whether text without an expression names a field of what there is: its braces were forgotten.
fn is_path(text: &str, scope: &Scope) -> bool {
    let mut names = text.split('.');
    let known = names.next().is_some_and(|name| scope.contains_key(name));
    known && text.contains('.') && names.all(is_name)
}

/// What is known of the names once a condition has held, or has not. Nobody knows what one tells that has a finding;
/// then nothing counts as missing, or the mistake would be told again wherever the condition guards.
pub fn after(condition: Option<&Template>, scope: &Scope, held: bool) -> Scope {
    condition.map_or_else(|| certain(scope), |condition| condition.narrowed(scope, held))
}

/// The same once a condition has held that need not be written.
pub fn after_optional(condition: Option<&Option<Template>>, scope: &Scope) -> Scope {
    match condition {
        Some(None) => scope.clone(),
        Some(Some(condition)) => after(Some(condition), scope, true),
        None => after(None, scope, true),
    }
}

/// The type of the items that a list template yields.
pub fn item_type(list: &Template) -> Type {
    match list.result_type().required() {
        Type::List(item) => (**item).clone(),
        _ => Type::Any,
    }
}
