//! Templates, conditions and trees of templates.

use crate::diagnostics::Diagnostic;
use crate::expression::value::ObjectField;
use crate::expression::{Problem, Scope, Selector, Template, Type, ValueTemplate};
use crate::spec::raw::Written;
use crate::spec::tree::{Content, NodeId};

use super::checker::Checker;

impl Checker<'_> {
    /// Compiles the template at `node`.
    pub fn template(&mut self, node: NodeId, scope: &Scope) -> Option<Template> {
        let source = self.text(node).to_owned();
        self.compile(node, &source, scope)
    }

    fn compile(&mut self, node: NodeId, source: &str, scope: &Scope) -> Option<Template> {
        match Template::compile(source, scope) {
            Ok(template) => Some(template),
            Err(problems) => {
                self.problems(node, problems);
                None
            }
        }
    }

    fn problems(&mut self, node: NodeId, problems: Vec<Problem>) {
        for problem in problems {
            let span = self.tree.inside(node, &problem.range);
            let mut finding = self.error_at(problem.code, node, span, problem.message);
            finding.help = problem.help;
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
            Type::Text { .. } if !written.contains("{{") => format!("write `\"{{{{ {} }}}}\"`", written.trim()),
            Type::List(_) | Type::Table(_) => "compare something, for example `(… | length) > 0`".to_owned(),
            _ => "compare it with something, for example `… == 'N'`, `… > 0` or `… is not none`".to_owned(),
        };
        self.report("not-a-condition", written.node, headline, help);
        None
    }

    /// A template that yields text or a whole number, never nothing: what names a thing.
    pub fn naming(&mut self, written: &Written<String>, scope: &Scope, what: &str) -> Option<Template> {
        let template = self.template(written.node, scope)?;
        let ty = template.result_type();
        let fits = matches!(
            ty,
            Type::Text { .. } | Type::Integer | Type::Duration | Type::Zone | Type::Any
        );
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

    /// A tree of templates. Where `answer` is given, text that begins with `$` is a JSONPath over it.
    pub fn values(&mut self, node: NodeId, scope: &Scope, answer: Option<&Type>) -> Option<ValueTemplate> {
        match self.tree.content(node) {
            Content::Text(text) => self.leaf(node, &text.clone(), scope, answer),
            Content::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.values(*item, scope, answer)).collect();
                items.into_iter().collect::<Option<_>>().map(ValueTemplate::List)
            }
            Content::Map(entries) => {
                let has = |name: &str| entries.iter().any(|(key, _)| self.text(*key) == name);
                if has("for_each") {
                    self.for_each(node, scope, answer)
                } else if has("when") && has("give") {
                    self.when(node, scope, answer)
                } else {
                    self.fields(entries, scope, answer)
                }
            }
            _ => Some(ValueTemplate::Literal(self.tree.json(node))),
        }
    }

    fn leaf(&mut self, node: NodeId, text: &str, scope: &Scope, answer: Option<&Type>) -> Option<ValueTemplate> {
        if text == "$" || text.starts_with("$.") || text.starts_with("$[") {
            return self.selector(node, text, answer);
        }
        if ["{{", "{%", "{#"].iter().any(|start| text.contains(start)) {
            return self.compile(node, text, scope).map(ValueTemplate::Template);
        }
        Some(ValueTemplate::Literal(text.into()))
    }

    fn selector(&mut self, node: NodeId, text: &str, answer: Option<&Type>) -> Option<ValueTemplate> {
        let Some(answer) = answer else {
            let help = "write an expression such as `\"{{ order.Lines }}\"`; for text that begins with `$`, \
                        write `\"{{ '$…' }}\"`";
            self.report("path-not-here", node, "a JSONPath can only pick from an operation's answer", help);
            return None;
        };
        let selector = self.path(node, text, answer)?;
        Some(ValueTemplate::Selector { root: "answer".to_owned(), selector })
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

    fn fields(
        &mut self,
        entries: &[(NodeId, NodeId)],
        scope: &Scope,
        answer: Option<&Type>,
    ) -> Option<ValueTemplate> {
        let mut fields: Vec<ObjectField> = Vec::new();
        let mut whole = true;
        for (key, value) in entries {
            let written = self.text(*key);
            let (name, omit_empty) = match written.strip_suffix('?') {
                Some(name) => (name.to_owned(), true),
                None => (written.to_owned(), false),
            };
            if fields.iter().any(|field| field.name == name) {
                let headline = format!("the field `{name}` is here twice");
                self.report("duplicate-field", *key, headline, "keep one of the two");
            }
            match self.values(*value, scope, answer) {
                Some(value) => fields.push(ObjectField { name, omit_empty, value }),
                None => whole = false,
            }
        }
        whole.then_some(ValueTemplate::Object(fields))
    }

    fn for_each(&mut self, node: NodeId, scope: &Scope, answer: Option<&Type>) -> Option<ValueTemplate> {
        self.only_keys(node, "for_each", &["for_each", "as", "give"], &["as", "give"]);
        let (_, list_node) = self.tree.entry(node, "for_each")?;
        let list = self.list(list_node, scope);
        let item = list.as_ref().map_or(Type::Any, item_type);
        let (_, name_node) = self.tree.entry(node, "as")?;
        let fine = self.identifier(name_node, "an item") && self.free(name_node, scope);
        let mut inner = scope.clone();
        inner.insert(self.text(name_node).to_owned(), item);
        let (_, give_node) = self.tree.entry(node, "give")?;
        let give = self.values(give_node, &inner, answer)?;
        let name = self.text(name_node).to_owned();
        fine.then_some(ValueTemplate::ForEach { list: list?, name, give: Box::new(give) })
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

    fn when(&mut self, node: NodeId, scope: &Scope, answer: Option<&Type>) -> Option<ValueTemplate> {
        self.only_keys(node, "when", &["when", "give", "otherwise"], &[]);
        let (_, condition_node) = self.tree.entry(node, "when")?;
        let condition = self.template(condition_node, scope);
        let (_, give_node) = self.tree.entry(node, "give")?;
        let give = self.values(give_node, scope, answer);
        let otherwise = match self.tree.entry(node, "otherwise") {
            Some((_, otherwise)) => Some(Box::new(self.values(otherwise, scope, answer)?)),
            None => None,
        };
        Some(ValueTemplate::When { condition: condition?, give: Box::new(give?), otherwise })
    }

    /// Reports keys that a block has not, and keys that it needs.
    fn only_keys(&mut self, node: NodeId, block: &str, allowed: &[&str], needed: &[&str]) {
        for (key, _) in self.tree.entries(node) {
            if !allowed.contains(&self.text(*key)) {
                let headline = format!("there is no key `{}` beside `{block}`", self.text(*key));
                self.unknown("unknown-key", *key, headline, allowed.iter().copied(), "the keys here are");
            }
        }
        for needed in needed {
            if self.tree.entry(node, needed).is_none() {
                let head = self.tree.entry(node, block).map_or(node, |(key, _)| key);
                let help = "write `for_each: \"{{ … }}\"`, `as: item` and `give: …`";
                self.report("missing-key", head, format!("`{block}` needs a key `{needed}`"), help);
            }
        }
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

    fn yields(&mut self, node: NodeId, template: Template, wanted: &Type, help: &str) -> Option<ValueTemplate> {
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

/// The type of the items that a list template yields.
pub fn item_type(list: &Template) -> Type {
    match list.result_type().required() {
        Type::List(item) => (**item).clone(),
        _ => Type::Any,
    }
}
