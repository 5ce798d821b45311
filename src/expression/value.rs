//! Trees of templates: what `with:`, `json:`, `result:` and `set:` hold.

mod compile;

use minijinja::value::ValueKind;
use serde_json::{Map, Value};

use super::data::{is_nothing, noun};
use super::{EvaluationError, Field, ObjectType, Problem, Scope, Selector, Template, Type, Values};

/// A JSON tree with templates at its leaves.
#[derive(Debug, Clone)]
pub enum ValueTemplate {
    /// The same for every record.
    Literal(Value),
    /// `"{{ … }}"` or text with expressions in it.
    Template(Template),
    /// `"$.…"`: over the value called `name` (`answer` in results).
    Selector {
        /// The name in [`Values`] that the path starts from.
        root: String,
        /// The path.
        selector: Selector,
    },
    /// Fields in order. A field written `name?:` is left out when its value is null, `""`, `[]` or `{}`.
    Object(Vec<ObjectField>),
    /// Items in order.
    List(Vec<ValueTemplate>),
    /// `{ for_each: …, as: name, when: …, give: … }`: one `give` for each item, or for each of which `when` holds.
    ForEach {
        /// Yields the list (null counts as empty).
        list: Template,
        /// The name of the item in `when` and `give`.
        name: String,
        /// Decides which items count; without it all do.
        when: Option<Template>,
        /// What each item becomes.
        give: Box<ValueTemplate>,
    },
    /// `{ when: …, give: …, otherwise: … }`; null without an `otherwise`.
    When {
        /// Decides: false, null, `""`, `[]` and zero choose `otherwise`.
        condition: Template,
        /// The value if so.
        give: Box<ValueTemplate>,
        /// The value if not.
        otherwise: Option<Box<ValueTemplate>>,
    },
    /// `{ set: { name: … }, give: … }`: `give` with names for what it needs more than once. Each sees those before it.
    Set {
        /// Names and values, in order.
        names: Vec<(String, ValueTemplate)>,
        /// The value.
        give: Box<ValueTemplate>,
    },
    /// `{ concat: [ … ] }`: the lists that its parts yield, one after the other; null counts as empty.
    Concat(Vec<ValueTemplate>),
}

/// One field of a [`ValueTemplate::Object`].
#[derive(Debug, Clone)]
pub struct ObjectField {
    /// The field's name, without the `?`.
    pub name: String,
    /// Whether an empty value leaves the field out.
    pub omit_empty: bool,
    /// The field's value.
    pub value: ValueTemplate,
}

impl ValueTemplate {
    /// Compiles a plain tree. A leaf with `{{` in it is a template; one that starts with `$.` or `$[`, or is `$`, is a
    /// selector over the scope's name `root` if there is one; an object with a `give` is a block; a field written
    /// `name?` is left out when it is empty.
    ///
    /// # Errors
    /// Every problem, with the JSON pointer of the leaf (or of the block's key) that it is in.
    pub fn compile(tree: &Value, scope: &Scope, root: Option<&str>) -> Result<Self, Vec<(String, Problem)>> {
        compile::tree(tree, scope, root)
    }

    /// The tree with every template evaluated.
    ///
    /// # Errors
    /// The first template that cannot be evaluated, with its path in the tree.
    pub fn evaluate(&self, values: &Values) -> Result<Value, EvaluationError> {
        self.value(values).map_err(|Failure { path, message }| {
            let path: String = path.into_iter().rev().collect();
            let path = path.trim_start_matches('.');
            EvaluationError {
                message: if path.is_empty() { message } else { format!("at {path}: {message}") },
            }
        })
    }

    /// The type of what [`ValueTemplate::evaluate`] yields.
    pub fn result_type(&self) -> Type {
        match self {
            Self::Literal(value) => literal_type(value),
            Self::Template(template) => template.result_type().clone(),
            Self::Selector { selector, .. } => selector.result_type().clone(),
            Self::Object(fields) => {
                let field = |field: &ObjectField| {
                    let ty = field.value.result_type();
                    let ty = if field.omit_empty { ty.optional() } else { ty };
                    (field.name.clone(), Field { ty, docs: None })
                };
                Type::Object(ObjectType { name: None, fields: fields.iter().map(field).collect() }.into())
            }
            Self::List(items) => Type::list(joined(items.iter().map(Self::result_type))),
            Self::ForEach { give, .. } => Type::list(give.result_type()),
            Self::When { give, otherwise, .. } => {
                let otherwise = otherwise.as_ref().map_or(Type::Null, |otherwise| otherwise.result_type());
                give.result_type().join(&otherwise).unwrap_or(Type::Any)
            }
            Self::Set { give, .. } => give.result_type(),
            Self::Concat(parts) => Type::list(joined(parts.iter().filter_map(Self::part_type))),
        }
    }

    /// The type of the items that it brings into a [`ValueTemplate::Concat`]; none where it never brings any.
    fn part_type(&self) -> Option<Type> {
        match self.result_type().required() {
            // An empty list as it is written brings nothing.
            Type::List(item) if **item == Type::Null => None,
            Type::List(item) => Some((**item).clone()),
            Type::Null => None,
            _ => Some(Type::Any),
        }
    }

    /// Every template in the tree.
    pub fn templates<'t>(&'t self, visit: &mut dyn FnMut(&'t Template)) {
        match self {
            Self::Literal(_) | Self::Selector { .. } => {}
            Self::Template(template) => visit(template),
            Self::Object(fields) => fields.iter().for_each(|field| field.value.templates(visit)),
            Self::List(items) | Self::Concat(items) => items.iter().for_each(|item| item.templates(visit)),
            Self::ForEach { list, when, give, .. } => {
                visit(list);
                when.iter().for_each(&mut *visit);
                give.templates(visit);
            }
            Self::When { condition, give, otherwise } => {
                visit(condition);
                give.templates(visit);
                otherwise.iter().for_each(|otherwise| otherwise.templates(visit));
            }
            Self::Set { names, give } => {
                names.iter().for_each(|(_, value)| value.templates(visit));
                give.templates(visit);
            }
        }
    }

    fn value(&self, values: &Values) -> Result<Value, Failure> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Template(template) => Ok(template.evaluate(values)?),
            Self::Selector { root, selector } => selected(root, selector, values),
            Self::Object(fields) => object(fields, values),
            Self::List(items) => {
                let item =
                    |(index, item): (usize, &Self)| item.value(values).map_err(|failure| failure.item(index));
                items.iter().enumerate().map(item).collect::<Result<_, _>>().map(Value::Array)
            }
            Self::ForEach { list, name, when, give } => for_each(list, name, when.as_ref(), give, values),
            Self::When { condition, give, otherwise } => match (condition.data(values)?.is_true(), otherwise)
            {
                (true, _) => give.value(values),
                (false, Some(otherwise)) => otherwise.value(values),
                (false, None) => Ok(Value::Null),
            },
            Self::Set { names, give } => {
                let mut values = values.clone();
                for (name, value) in names {
                    let value = value.value(&values).map_err(|failure| failure.field(name))?;
                    values.set(name, &value);
                }
                give.value(&values)
            }
            Self::Concat(parts) => concat(parts, values),
        }
    }
}

fn object(fields: &[ObjectField], values: &Values) -> Result<Value, Failure> {
    let mut object = Map::new();
    for field in fields {
        let value = field.value.value(values).map_err(|failure| failure.field(&field.name))?;
        if !(field.omit_empty && is_empty(&value)) {
            object.insert(field.name.clone(), value);
        }
    }
    Ok(Value::Object(object))
}

fn for_each(
    list: &Template,
    name: &str,
    when: Option<&Template>,
    give: &ValueTemplate,
    values: &Values,
) -> Result<Value, Failure> {
    let items = list.data(values)?;
    if is_nothing(&items) {
        return Ok(Value::Array(Vec::new()));
    }
    let wrong =
        || Failure::new(format!("in `{}`: a list was expected, but it is {}", list.source(), noun(&items)));
    if !matches!(items.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Err(wrong());
    }
    let mut values = values.clone();
    let mut given = Vec::new();
    for (index, item) in items.try_iter().map_err(|_| wrong())?.enumerate() {
        values.put(name, item);
        if let Some(when) = when
            && !when.data(&values).map_err(|error| Failure::from(error).item(index))?.is_true()
        {
            continue;
        }
        given.push(give.value(&values).map_err(|failure| failure.item(index))?);
    }
    Ok(Value::Array(given))
}

fn concat(parts: &[ValueTemplate], values: &Values) -> Result<Value, Failure> {
    let mut all = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        match part.value(values).map_err(|failure| failure.item(index))? {
            Value::Array(items) => all.extend(items),
            Value::Null => {}
            other => {
                let kind = super::normalise::seen(&other);
                let failure = Failure::new(format!("a list was expected to join, but it is {kind}"));
                return Err(failure.item(index));
            }
        }
    }
    Ok(Value::Array(all))
}

fn selected(root: &str, selector: &Selector, values: &Values) -> Result<Value, Failure> {
    let root = values.get(root).ok_or_else(|| Failure::new(format!("`{root}` has no value yet")))?;
    Ok(selector.select_data(root)?)
}

/// An error on its way up the tree; the path is collected leaf first.
struct Failure {
    path: Vec<String>,
    message: String,
}

impl Failure {
    fn new(message: String) -> Self {
        Self { path: Vec::new(), message }
    }

    fn field(mut self, name: &str) -> Self {
        self.path.push(format!(".{name}"));
        self
    }

    fn item(mut self, index: usize) -> Self {
        self.path.push(format!("[{index}]"));
        self
    }
}

impl From<EvaluationError> for Failure {
    fn from(error: EvaluationError) -> Self {
        Self::new(error.message)
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The type of items that need not have anything in common.
fn joined(mut types: impl Iterator<Item = Type>) -> Type {
    let Some(first) = types.next() else { return Type::Null };
    types.try_fold(first, |joined, ty| joined.join(&ty)).unwrap_or(Type::Any)
}

fn literal_type(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Boolean,
        Value::Number(number) if number.is_f64() => Type::Number,
        Value::Number(_) => Type::Integer,
        Value::String(text) => Type::Text { max: u32::try_from(text.chars().count()).ok() },
        Value::Array(items) => Type::list(joined(items.iter().map(literal_type))),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                (name.clone(), Field { ty: literal_type(value), docs: None })
            };
            Type::Object(ObjectType { name: None, fields: fields.iter().map(field).collect() }.into())
        }
    }
}
