//! Operators: which types they take, and what they are lowered to.

use minijinja::machinery::ast::{self, BinOpKind, Expr, UnaryOpKind};

use super::{Checked, Checker, Type, literal};

impl Checker<'_> {
    pub(super) fn unary(&mut self, op: &ast::UnaryOp<'_>) -> Checked {
        match op.op {
            UnaryOpKind::Not => {
                let code = self.condition(&op.expr);
                Checked { ty: Type::Boolean, code: format!("(not {code})") }
            }
            UnaryOpKind::Neg => {
                let (ty, code) = self.number(&op.expr);
                Checked { ty, code: format!("(0|__subtract({code}))") }
            }
        }
    }

    pub(super) fn binary(&mut self, expr: &Expr<'_>, op: &ast::BinOp<'_>) -> Checked {
        match op.op {
            BinOpKind::ScAnd | BinOpKind::ScOr => self.logic(expr, op),
            BinOpKind::Eq => self.equality(op, false),
            BinOpKind::Ne => self.equality(op, true),
            BinOpKind::Lt => self.order(op, "<"),
            BinOpKind::Lte => self.order(op, "<="),
            BinOpKind::Gt => self.order(op, ">"),
            BinOpKind::Gte => self.order(op, ">="),
            BinOpKind::In => self.membership(op),
            BinOpKind::Concat => self.concat(expr),
            BinOpKind::Add => self.arithmetic(op, "__add"),
            BinOpKind::Sub => self.arithmetic(op, "__subtract"),
            BinOpKind::Mul => self.arithmetic(op, "__multiply"),
            BinOpKind::Div => self.arithmetic(op, "__divide"),
            BinOpKind::FloorDiv => self.arithmetic(op, "__floor_divide"),
            BinOpKind::Rem => self.arithmetic(op, "__remainder"),
            BinOpKind::Pow => self.fail("unsupported", "there are no powers here".into(), expr, None),
        }
    }

    /// A value that only decides: anything will do, and null, `""`, `[]`, `{}` and zero mean no.
    fn condition(&mut self, expr: &Expr<'_>) -> String {
        match expr {
            Expr::BinOp(op) if matches!(op.op, BinOpKind::ScAnd | BinOpKind::ScOr) => {
                self.operands(expr, op, Self::condition_part).1
            }
            _ => self.used(expr).code,
        }
    }

    fn condition_part(&mut self, expr: &Expr<'_>) -> Checked {
        Checked { code: self.condition(expr), ty: Type::Boolean }
    }

    /// `and` and `or` where the value matters: it is the operand that decided.
    fn logic(&mut self, expr: &Expr<'_>, op: &ast::BinOp<'_>) -> Checked {
        let or = matches!(op.op, BinOpKind::ScOr);
        let (types, code) = self.operands(expr, op, Self::used);
        let condition = types.iter().any(|ty| ty.required().is_boolean());
        let mut joined: Option<Type> = None;
        for (index, ty) in types.iter().enumerate() {
            // What `or` passes over is never the result, so a null on the left is not.
            let ty = if or && index + 1 < types.len() { ty.required() } else { ty };
            joined = match joined {
                None => Some(ty.clone()),
                Some(before) => match before.join(ty) {
                    Some(ty) => Some(ty),
                    // `x.list and x.flag` asks whether both hold; nobody wants the list.
                    None if condition => {
                        return Checked { ty: Type::Boolean, code: format!("(true if {code} else false)") };
                    }
                    None => return self.mixed(expr, &before, ty),
                },
            };
        }
        Checked { ty: joined.unwrap_or(Type::Any), code }
    }

    /// The operands of a chain of one operator, each checked with what those before it tell.
    fn operands(
        &mut self,
        expr: &Expr<'_>,
        op: &ast::BinOp<'_>,
        mut check: impl FnMut(&mut Self, &Expr<'_>) -> Checked,
    ) -> (Vec<Type>, String) {
        let or = matches!(op.op, BinOpKind::ScOr);
        let before = self.facts.clone();
        let (mut types, mut codes) = (Vec::new(), Vec::new());
        let start = self.problems.len();
        for operand in chain(expr) {
            let checked = self.behind(self.misspelt(start), |this| check(this, operand));
            self.facts.learn(operand, !or);
            types.push(checked.ty);
            codes.push(checked.code);
        }
        self.facts = before;
        (types, format!("({})", codes.join(if or { " or " } else { " and " })))
    }

    pub(super) fn choice(&mut self, expr: &Expr<'_>, choice: &ast::IfExpr<'_>) -> Checked {
        let start = self.problems.len();
        let test = self.condition(&choice.test_expr);
        let misspelt = self.misspelt(start);
        let before = self.facts.clone();
        self.facts.learn(&choice.test_expr, true);
        let yes = self.behind(misspelt, |this| this.used(&choice.true_expr));
        self.facts.clone_from(&before);
        self.facts.learn(&choice.test_expr, false);
        let no = match &choice.false_expr {
            Some(expr) => self.behind(misspelt, |this| this.used(expr)),
            None => Checked { ty: Type::Null, code: "none".to_owned() },
        };
        self.facts = before;
        match yes.ty.join(&no.ty) {
            Some(ty) => Checked { ty, code: format!("({} if {test} else {})", yes.code, no.code) },
            None => self.mixed(expr, &yes.ty, &no.ty),
        }
    }

    fn mixed(&mut self, expr: &Expr<'_>, one: &Type, other: &Type) -> Checked {
        let message = format!("this is either {} or {}", one.noun(), other.noun());
        let help = "make them the same, for example with `| text` or `| number`".to_owned();
        self.fail("mixed-types", message, expr, Some(help))
    }

    fn equality(&mut self, op: &ast::BinOp<'_>, negated: bool) -> Checked {
        for side in [&op.left, &op.right] {
            if literal(side).is_some_and(|value| value.is_none()) {
                let help = if negated { "write `is not none`" } else { "write `is none`" };
                return self.fail("compare-none", "nothing equals `none`".into(), side, Some(help.into()));
            }
        }
        let (left, right) = (self.used(&op.left), self.used(&op.right));
        if left.ty.required().join(right.ty.required()).is_none() {
            return self.unlike(op, &left.ty, &right.ty, "compared");
        }
        let plain = !left.ty.may_be_null() && !right.ty.may_be_null();
        let code = match (plain, negated) {
            (true, false) => format!("({} == {})", left.code, right.code),
            (true, true) => format!("({} != {})", left.code, right.code),
            (false, false) => format!("({}|__equal({}))", left.code, right.code),
            (false, true) => format!("(not ({}|__equal({})))", left.code, right.code),
        };
        Checked { ty: Type::Boolean, code }
    }

    fn order(&mut self, op: &ast::BinOp<'_>, sign: &str) -> Checked {
        let (left, right) = (self.used(&op.left), self.used(&op.right));
        let mut sound = true;
        for (side, ty) in [(&op.left, &left.ty), (&op.right, &right.ty)] {
            match ty {
                Type::Any | Type::Integer | Type::Number | Type::Text { .. } => {}
                Type::Optional(_) | Type::Null => {
                    sound = false;
                    self.maybe_nothing(side, "nothing is neither more nor less");
                }
                other => {
                    sound = false;
                    let message = format!("{} is neither more nor less than another", other.noun());
                    self.fail("wrong-type", message, side, None);
                }
            }
        }
        if sound && left.ty.join(&right.ty).is_none() {
            return self.unlike(op, &left.ty, &right.ty, "compared");
        }
        let code = match (left.ty == Type::Any) || (right.ty == Type::Any) {
            true => format!("({}|__order(\"{sign}\",{}))", left.code, right.code),
            false => format!("({} {sign} {})", left.code, right.code),
        };
        Checked { ty: Type::Boolean, code }
    }

    fn membership(&mut self, op: &ast::BinOp<'_>) -> Checked {
        let (left, right) = (self.used(&op.left), self.used(&op.right));
        let item = left.ty.required();
        let fits = match &right.ty {
            Type::Any => true,
            Type::List(of) => item.join(of.required()).is_some(),
            Type::Table(_) => item.is_text() || *item == Type::Any,
            text if text.is_text() => item.is_text() || *item == Type::Any,
            Type::Optional(_) | Type::Null => {
                return self.maybe_nothing(&op.right, "nothing is not a list");
            }
            other => {
                let message = format!("`in` looks into a list, a table or text, not into {}", other.noun());
                return self.fail("wrong-type", message, &op.right, None);
            }
        };
        if !fits {
            let message = format!("{} is never in {}", left.ty.noun(), right.ty);
            return self.fail(
                "wrong-type",
                message,
                &op.left,
                Some("write numbers without quotes, text with".into()),
            );
        }
        Checked { ty: Type::Boolean, code: format!("({}|__in({}))", left.code, right.code) }
    }

    fn unlike(&mut self, op: &ast::BinOp<'_>, left: &Type, right: &Type, done: &str) -> Checked {
        let message = format!("{} cannot be {done} with {}", left.noun(), right.noun());
        let help = match (left.required(), right.required()) {
            (a, b) if a.is_text() && b.is_number() => {
                Some("turn the text into a number with `| number`".to_owned())
            }
            (a, b) if a.is_number() && b.is_text() => {
                Some("turn the number into text with `| text`".to_owned())
            }
            _ => None,
        };
        let range = super::start(&op.left)..super::end(&op.right);
        self.fail_at("wrong-type", message, range, help)
    }

    fn arithmetic(&mut self, op: &ast::BinOp<'_>, name: &str) -> Checked {
        let (left, left_code) = self.number(&op.left);
        let (right, right_code) = self.number(&op.right);
        let whole = left == Type::Integer && right == Type::Integer && name != "__divide";
        let ty = if whole { Type::Integer } else { Type::Number };
        Checked { ty, code: format!("({left_code}|{name}({right_code}))") }
    }

    /// An operand of a calculation.
    fn number(&mut self, expr: &Expr<'_>) -> (Type, String) {
        let checked = self.used(expr);
        match &checked.ty {
            Type::Integer | Type::Number | Type::Any => {}
            Type::Optional(_) | Type::Null => {
                self.maybe_nothing(expr, "one cannot calculate with nothing");
            }
            other => {
                let help = if other.is_text() {
                    "put text together with `~`, or turn it into a number with `| number`"
                } else {
                    "only numbers can be calculated with"
                };
                self.fail(
                    "wrong-type",
                    format!("one cannot calculate with {}", other.noun()),
                    expr,
                    Some(help.to_owned()),
                );
            }
        }
        let ty = if checked.ty == Type::Integer { Type::Integer } else { Type::Number };
        (ty, checked.code)
    }

    fn concat(&mut self, expr: &Expr<'_>) -> Checked {
        let operands = chain(expr);
        let codes: Vec<String> =
            operands.into_iter().map(|operand| self.part_of_text(operand).code).collect();
        let (first, rest) =
            codes.split_first().map_or(("\"\"", Vec::new()), |(first, rest)| (first, rest.to_vec()));
        Checked { ty: Type::TEXT, code: format!("({first}|__concat({}))", rest.join(",")) }
    }

    /// What becomes part of a text: text or a number.
    pub(super) fn part_of_text(&mut self, expr: &Expr<'_>) -> Checked {
        let checked = self.used(expr);
        match &checked.ty {
            Type::Any => {}
            ty if ty.is_text() || ty.is_number() => {}
            Type::Optional(_) | Type::Null => {
                self.maybe_nothing(expr, "text cannot be made of that");
            }
            other => {
                let help =
                    "only text and numbers can be part of text; see `| join(', ')` and `| json`".to_owned();
                self.fail("wrong-type", format!("{} cannot be part of text", other.noun()), expr, Some(help));
            }
        }
        checked
    }
}

/// The operands of `a op b op c`, in order.
fn chain<'e, 'a>(expr: &'e Expr<'a>) -> Vec<&'e Expr<'a>> {
    let Expr::BinOp(top) = expr else { return vec![expr] };
    let same = |kind: BinOpKind| std::mem::discriminant(&kind) == std::mem::discriminant(&top.op);
    let mut operands = Vec::new();
    let mut left = expr;
    while let Expr::BinOp(op) = left {
        if !same(op.op) {
            break;
        }
        operands.push(&op.right);
        left = &op.left;
    }
    operands.push(left);
    operands.reverse();
    operands
}
