//! Names whose values may be others when the steps go on after a wait: rows of tables are in them.

use std::collections::BTreeSet;

use crate::expression::{Template, ValueTemplate};
use crate::spec::model::{Effect, Step, StepKind, every_step};

/// What templates call the tables of their mapping.
const TABLES: &str = "tables";

/// The names so far.
#[derive(Debug, Default)]
pub struct Fleeting(BTreeSet<String>);

impl Fleeting {
    /// Whether what the template yields is fleeting.
    pub fn is(&self, template: &Template) -> bool {
        template.names().iter().any(|name| name == TABLES || self.0.contains(name))
    }

    /// Whether what the tree yields is.
    pub fn is_any(&self, tree: &ValueTemplate) -> bool {
        let mut any = false;
        tree.templates(&mut |template| any |= self.is(template));
        any
    }

    /// From now on the name is of something that is fleeting, or is not.
    pub fn note(&mut self, name: &str, fleeting: bool) {
        if fleeting {
            self.0.insert(name.to_owned());
        } else {
            self.0.remove(name);
        }
    }
}

/// Whether one of the steps makes something that must be made once.
pub fn make_something(steps: &[Step]) -> bool {
    let mut makes = false;
    every_step(steps, &mut |step| {
        makes |= matches!(&step.kind, StepKind::Call { operation, .. } if matches!(operation.effect, Effect::Create(_)));
    });
    makes
}
