//! Trees of templates: what `with:`, `json:`, `result:` and `set:` hold.

use serde_json::Value;

use super::{EvaluationError, Selector, Template, Type, Values};

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
    /// `{ for_each: …, as: name, give: … }`: one `give` for each item.
    ForEach {
        /// Yields the list (null counts as empty).
        list: Template,
        /// The name of the item in `give`.
        name: String,
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
    /// The tree with every template evaluated.
    ///
    /// # Errors
    /// The first template that cannot be evaluated, with its path in the tree.
    pub fn evaluate(&self, values: &Values) -> Result<Value, EvaluationError> {}

    /// The type of what [`ValueTemplate::evaluate`] yields.
    pub fn result_type(&self) -> Type {}
}
