//! Compiles a plain tree into a [`ValueTemplate`], collecting every problem with its place.

use serde_json::{Map, Value};

use super::super::{certain, similar, template};
use super::{ObjectField, Problem, Scope, Selector, Template, Type, ValueTemplate};

/// The deepest tree.
const DEEPEST: usize = 64;

pub(super) fn tree(
    tree: &Value,
    scope: &Scope,
    root: Option<&str>,
) -> Result<ValueTemplate, Vec<(String, Problem)>> {
    let mut compiler = Compiler { root, pointer: Vec::new(), problems: Vec::new() };
    let compiled = compiler.value(tree, scope);
    if compiler.problems.is_empty() { Ok(compiled) } else { Err(compiler.problems) }
}

struct Compiler<'t> {
    root: Option<&'t str>,
    pointer: Vec<String>,
    problems: Vec<(String, Problem)>,
}

impl Compiler<'_> {
    fn value(&mut self, tree: &Value, scope: &Scope) -> ValueTemplate {
        if self.pointer.len() > DEEPEST {
            return self.fail("too-deep", format!("this is nested deeper than {DEEPEST} levels"), 0, None);
        }
        match tree {
            Value::String(text) => self.leaf(text, scope),
            Value::Array(items) => {
                let item = |(index, item): (usize, &Value)| {
                    self.within(index.to_string(), |this| this.value(item, scope))
                };
                whole(ValueTemplate::List(items.iter().enumerate().map(item).collect()))
            }
            Value::Object(fields) if fields.contains_key("give") => self.block(fields, scope),
            Value::Object(fields) if fields.contains_key("concat") => self.concat(fields, scope),
            Value::Object(fields) => self.object(fields, scope),
            other => ValueTemplate::Literal(other.clone()),
        }
    }

    fn leaf(&mut self, text: &str, scope: &Scope) -> ValueTemplate {
        if text.contains("{{") {
            return self
                .template(text, scope)
                .map_or(ValueTemplate::Literal(Value::Null), ValueTemplate::Template);
        }
        let path = text == "$" || text.starts_with("$.") || text.starts_with("$[");
        let Some(root) = self.root.filter(|_| path) else {
            return ValueTemplate::Literal(Value::from(text));
        };
        let Some(ty) = scope.get(root) else {
            return self.fail(
                "unknown-name",
                format!("there is no `{root}` here for a path to start from"),
                text.len(),
                None,
            );
        };
        match Selector::compile(text, ty) {
            Ok(selector) => ValueTemplate::Selector { root: root.to_owned(), selector },
            Err(problems) => self.fail_all(problems),
        }
    }

    fn template(&mut self, text: &str, scope: &Scope) -> Option<Template> {
        match Template::compile(text, scope) {
            Ok(template) => Some(template),
            Err(problems) => {
                self.fail_all(problems);
                None
            }
        }
    }

    fn object(&mut self, fields: &Map<String, Value>, scope: &Scope) -> ValueTemplate {
        let field = |(key, tree): (&String, &Value)| {
            let (name, omit_empty) = key.strip_suffix('?').map_or((key.as_str(), false), |name| (name, true));
            let value = self.within(key.clone(), |this| this.value(tree, scope));
            ObjectField { name: name.to_owned(), omit_empty, value }
        };
        whole(ValueTemplate::Object(fields.iter().map(field).collect()))
    }

    /// `{ for_each, as, when, give }`, `{ set, give }` or `{ when, give, otherwise }`.
    fn block(&mut self, fields: &Map<String, Value>, scope: &Scope) -> ValueTemplate {
        let loops = fields.contains_key("for_each") || fields.contains_key("as");
        let (kind, keys): (_, &[&str]) = match () {
            () if loops => ("for_each", &["for_each", "as", "when", "give"]),
            () if fields.contains_key("set") => ("set", &["set", "give"]),
            () => ("when", &["when", "give", "otherwise"]),
        };
        for key in fields.keys().filter(|key| !keys.contains(&key.as_str())) {
            let near = similar::suggestion(key, keys.iter().copied());
            let help = near.or_else(|| Some(format!("its keys are `{}`", keys.join("`, `"))));
            self.within(key.clone(), |this| {
                this.fail("unknown-key", format!("a `{kind}` block has no `{key}`"), 0, help);
            });
        }
        match kind {
            "for_each" => self.for_each(fields, scope),
            "set" => self.set(fields, scope),
            _ => self.when(fields, scope),
        }
    }

    /// `{ set: { name: … }, give }`.
    fn set(&mut self, fields: &Map<String, Value>, scope: &Scope) -> ValueTemplate {
        let mut inner = scope.clone();
        let mut names = Vec::new();
        let given = fields.get("set").unwrap_or(&Value::Null);
        let Value::Object(given) = given else {
            let help = Some("write `set: { name: \"{{ … }}\" }`".to_owned());
            let message = "`set` takes names with their values".to_owned();
            return self.within("set".to_owned(), |this| this.fail("wrong-type", message, 0, help));
        };
        for (name, value) in given {
            self.within("set".to_owned(), |this| {
                let before = this.problems.len();
                let value = this.within(name.clone(), |this| {
                    this.new_name(name, "a key of `set`", &inner);
                    this.value(value, &inner)
                });
                let wrong = this.problems.len() > before;
                inner.insert(name.clone(), if wrong { Type::Any } else { value.result_type() });
                names.push((name.clone(), value));
            });
        }
        let give = fields.get("give").unwrap_or(&Value::Null);
        let give = Box::new(self.within("give".to_owned(), |this| this.value(give, &inner)));
        ValueTemplate::Set { names, give }
    }

    /// Complains of what cannot be a new name.
    fn new_name(&mut self, name: &str, what: &str, scope: &Scope) {
        let problem = if !template::is_name(name) {
            format!("{what} is a name: letters, digits and `_`")
        } else if scope.contains_key(name) {
            format!("`{name}` is already the name of something else here")
        } else {
            return;
        };
        self.fail("bad-name", problem, name.len(), None);
    }

    /// `{ concat: [ … ] }`.
    fn concat(&mut self, fields: &Map<String, Value>, scope: &Scope) -> ValueTemplate {
        for key in fields.keys().filter(|key| *key != "concat") {
            self.within(key.clone(), |this| {
                let help = Some("`concat` stands alone; put a block around it or into its list".to_owned());
                this.fail("unknown-key", format!("a `concat` block has no `{key}`"), 0, help);
            });
        }
        self.within("concat".to_owned(), |this| {
            let Some(Value::Array(parts)) = fields.get("concat") else {
                let help = Some("write `concat: [ …, … ]`".to_owned());
                return this.fail("wrong-type", "`concat` takes a list of lists".to_owned(), 0, help);
            };
            let part = |(index, part): (usize, &Value)| {
                this.within(index.to_string(), |this| this.part(part, scope))
            };
            ValueTemplate::Concat(parts.iter().enumerate().map(part).collect())
        })
    }

    /// One of the lists of a `concat` block.
    fn part(&mut self, tree: &Value, scope: &Scope) -> ValueTemplate {
        let part = self.value(tree, scope);
        let ty = part.result_type();
        if !matches!(ty.required(), Type::List(_) | Type::Any | Type::Null) {
            let message = format!("`concat` joins lists, not {}", ty.noun());
            let length = tree.as_str().map_or(0, str::len);
            let help = Some("write it as a list of one: `[ … ]`".to_owned());
            return self.fail("wrong-type", message, length, help);
        }
        part
    }

    fn for_each(&mut self, fields: &Map<String, Value>, scope: &Scope) -> ValueTemplate {
        let list = self.expression(fields, "for_each", scope);
        let item = list.as_ref().map_or(Type::Any, |list| match list.result_type().required() {
            Type::List(item) => (**item).clone(),
            _ => Type::Any,
        });
        if let Some(list) = &list {
            let ty = list.result_type();
            if !matches!(ty.required(), Type::List(_) | Type::Any) {
                let message = format!("`for_each` goes through a list, not {}", ty.noun());
                let length = list.source().len();
                self.within("for_each".to_owned(), |this| this.fail("wrong-type", message, length, None));
            }
        }
        let name = self.loop_name(fields, scope);
        let mut inner = scope.clone();
        inner.insert(name.clone(), item);
        let when = fields.contains_key("when").then(|| self.expression(fields, "when", &inner)).flatten();
        let known = match &when {
            Some(when) => when.narrowed(&inner, true),
            None if fields.contains_key("when") => certain(&inner),
            None => inner,
        };
        let give = fields.get("give").unwrap_or(&Value::Null);
        let give = Box::new(self.within("give".to_owned(), |this| this.value(give, &known)));
        match list {
            Some(list) => ValueTemplate::ForEach { list, name, when, give },
            None => ValueTemplate::Literal(Value::Null),
        }
    }

    fn loop_name(&mut self, fields: &Map<String, Value>, scope: &Scope) -> String {
        let Some(name) = fields.get("as") else {
            self.fail(
                "missing-key",
                "a `for_each` block needs `as`, the name of each item".to_owned(),
                0,
                None,
            );
            return "item".to_owned();
        };
        let text = name.as_str().unwrap_or_default();
        self.within("as".to_owned(), |this| this.new_name(text, "`as`", scope));
        text.to_owned()
    }

    fn when(&mut self, fields: &Map<String, Value>, scope: &Scope) -> ValueTemplate {
        let condition = self.expression(fields, "when", scope);
        let known = |holds| {
            condition.as_ref().map_or_else(|| certain(scope), |template| template.narrowed(scope, holds))
        };
        let give = fields.get("give").unwrap_or(&Value::Null);
        let give = Box::new(self.within("give".to_owned(), |this| this.value(give, &known(true))));
        let otherwise = fields.get("otherwise").map(|tree| {
            Box::new(self.within("otherwise".to_owned(), |this| this.value(tree, &known(false))))
        });
        match condition {
            Some(condition) => ValueTemplate::When { condition, give, otherwise },
            None => ValueTemplate::Literal(Value::Null),
        }
    }

    /// The template under `key`, which a block cannot do without.
    fn expression(&mut self, fields: &Map<String, Value>, key: &str, scope: &Scope) -> Option<Template> {
        let Some(value) = fields.get(key) else {
            let help =
                Some("a block is `{ for_each, as, when, give }` or `{ when, give, otherwise }`".to_owned());
            self.fail("missing-key", format!("a block with `give` needs `{key}`"), 0, help);
            return None;
        };
        self.within(key.to_owned(), |this| match value.as_str().filter(|text| text.contains("{{")) {
            Some(text) => this.template(text, scope),
            None => {
                let length = value.as_str().map_or(0, str::len);
                let help = Some("write `{{ … }}`".to_owned());
                this.fail("wrong-type", format!("`{key}` takes an expression"), length, help);
                None
            }
        })
    }

    fn within<T>(&mut self, key: String, inside: impl FnOnce(&mut Self) -> T) -> T {
        self.pointer.push(key.replace('~', "~0").replace('/', "~1"));
        let result = inside(self);
        self.pointer.pop();
        result
    }

    fn fail(
        &mut self,
        code: &'static str,
        message: String,
        length: usize,
        help: Option<String>,
    ) -> ValueTemplate {
        self.fail_all(vec![Problem { code, message, range: 0..length, help }])
    }

    fn fail_all(&mut self, problems: Vec<Problem>) -> ValueTemplate {
        let pointer: String = self.pointer.iter().map(|key| format!("/{key}")).collect();
        self.problems.extend(problems.into_iter().map(|problem| (pointer.clone(), problem)));
        ValueTemplate::Literal(Value::Null)
    }
}

/// A tree without templates is one literal.
fn whole(tree: ValueTemplate) -> ValueTemplate {
    let literal = |value: &ValueTemplate| match value {
        ValueTemplate::Literal(value) => Some(value.clone()),
        _ => None,
    };
    let value = match &tree {
        ValueTemplate::List(items) => items.iter().map(literal).collect::<Option<_>>().map(Value::Array),
        ValueTemplate::Object(fields) => fields
            .iter()
            .map(|field| {
                literal(&field.value).filter(|_| !field.omit_empty).map(|value| (field.name.clone(), value))
            })
            .collect::<Option<_>>()
            .map(Value::Object),
        _ => None,
    };
    value.map_or(tree, ValueTemplate::Literal)
}
