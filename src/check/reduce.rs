//! Built-in functions: elementwise ones, reductions over named axes, operations along them.

use super::builtins::{Builtin, BuiltinRow};
use super::error::TypeError;
use super::kinds::{kind_name, literal, not_negative};
use super::operators::{axes_of, extremum, to_real, unary};
use super::scope::Scope;
use crate::hir::{Along, AxisIndex, AxisKind, Expr, ExprKind, Instance, Kind, NoReduction, Reduction, Ty, outer_axes};
use crate::op::{Binary, Unary};
use crate::span::Span;
use crate::syntax::ast;

/// The arguments of a built-in function after checking.
struct Checked {
    values: Vec<Expr>,
    per: Option<Expr>,
    filter: Option<Expr>,
}

impl Scope<'_, '_> {
    /// A call of a built-in function.
    pub fn builtin_call(
        &mut self,
        row: &BuiltinRow,
        brackets: Option<&[ast::Entry]>,
        arguments: &[ast::Argument],
        span: Span,
    ) -> Option<Expr> {
        let reduces = match row.builtin {
            Builtin::Reduce(_) => true,
            Builtin::Extremum(..) => arguments.len() == 1,
            _ => false,
        };
        let wanted = match row.builtin {
            Builtin::Clamp => 3,
            Builtin::Atan2 | Builtin::ReduceLike | Builtin::TopK => 2,
            Builtin::Extremum(..) if !reduces => 2,
            _ => 1,
        };
        let along = matches!(row.builtin, Builtin::Along(_));
        if let Some(entries) = brackets
            && !reduces
            && !along
            && row.builtin != Builtin::TopK
        {
            let span = entries.first().map_or(span, |entry| entry.span);
            self.report(TypeError::BuiltinBrackets { name: row.name, usage: row.usage, span });
            return None;
        }
        let checked = self.builtin_arguments(row, arguments, reduces)?;
        if checked.values.len() != wanted {
            let found = checked.values.len();
            self.report(TypeError::BuiltinArity { name: row.name, usage: row.usage, wanted, found, span });
            return None;
        }
        if reduces {
            let reduction = match row.builtin {
                Builtin::Reduce(reduction) | Builtin::Extremum(_, reduction) => reduction,
                _ => return None,
            };
            return self.reduction(reduction, row, brackets, checked, span);
        }
        if along {
            return self.along(row, brackets, checked, span);
        }
        match row.builtin {
            Builtin::Each => self.each(checked, span),
            Builtin::ReduceLike => self.reduce_like(checked, span),
            Builtin::TopK => self.largest(row, brackets, (checked.values, checked.filter), span),
            _ => self.elementwise(row, checked.values, span),
        }
    }

    fn builtin_arguments(&mut self, row: &BuiltinRow, arguments: &[ast::Argument], reduces: bool) -> Option<Checked> {
        let mut checked = Checked { values: Vec::new(), per: None, filter: None };
        let mut good = true;
        for argument in arguments {
            if let Some(name) = &argument.name {
                let (function, usage) = (row.name, row.usage);
                self.report(TypeError::BuiltinNamed { function, usage, name: name.text.clone(), span: name.span });
                good = false;
            }
            let like = row.builtin == Builtin::ReduceLike;
            let first_of_many = row.builtin == Builtin::TopK && checked.values.is_empty();
            let misplaced = (argument.condition.is_some() && !reduces && !like && !first_of_many)
                || (argument.per.is_some() && row.builtin != Builtin::Reduce(Reduction::Mean) && !like);
            if misplaced {
                let word = if argument.per.is_some() { "per" } else { "where" };
                self.report(TypeError::MisplacedModifier { word, function: row.name.to_string(), span: argument.span });
                good = false;
            }
            let value = self.expr(&argument.value);
            let per = argument.per.as_ref().map(|per| self.expr(per));
            let filter = argument.condition.as_ref().map(|filter| self.expr(filter));
            good &= value.is_some() && per != Some(None) && filter != Some(None);
            checked.values.extend(value);
            checked.per = per.flatten().map(to_real).or(checked.per);
            if let Some(filter) = filter.flatten() {
                good &= self.require_bool(&filter, "the condition after `where`");
                checked.filter = Some(filter);
            }
        }
        good.then_some(checked)
    }

    fn elementwise(&mut self, row: &BuiltinRow, values: Vec<Expr>, span: Span) -> Option<Expr> {
        let mut values = values.into_iter();
        let first = values.next()?;
        Some(match row.builtin {
            Builtin::Unary(op) => {
                let x = to_real(first);
                let squashes = matches!(op, Unary::Sigmoid | Unary::LogSigmoid);
                if squashes && x.ty.kind == Kind::Prob && literal(&x).is_none() {
                    let (found, text) = (kind_name(x.ty.kind, &self.axes, &self.hyperparameters), self.text(x.span));
                    self.report(TypeError::SoftmaxOfProb { name: row.name, found, text, span: x.span });
                    return None;
                }
                let kind = match op {
                    Unary::Sigmoid => Kind::Prob,
                    Unary::Sqrt if matches!(x.ty.kind, Kind::Prob | Kind::Binary) => x.ty.kind,
                    _ => Kind::Real,
                };
                unary(op, x, kind, span)
            }
            Builtin::Abs => {
                let int = first.ty.kind.is_int();
                let x = if int { first } else { to_real(first) };
                let kind = match x.ty.kind {
                    _ if int => Kind::Int,
                    Kind::Sign => Kind::Binary,
                    kind if not_negative(kind) => kind,
                    _ => Kind::Real,
                };
                unary(Unary::Abs, x, kind, span)
            }
            Builtin::Rounded(op) => {
                if first.ty.kind.is_int() {
                    return Some(first);
                }
                let rounded = unary(op, to_real(first), Kind::Real, span);
                let ty = Ty { kind: Kind::Int, axes: rounded.ty.axes.clone() };
                Expr { kind: ExprKind::ToInt(Box::new(rounded)), ty, span }
            }
            Builtin::Digamma => {
                let x = to_real(first);
                let ty = Ty { kind: Kind::Real, axes: x.ty.axes.clone() };
                Expr { kind: ExprKind::Digamma(Box::new(x)), ty, span }
            }
            Builtin::Relu => {
                let x = to_real(first);
                let ty = Ty { kind: Kind::Real, axes: x.ty.axes.clone() };
                Expr { kind: ExprKind::Relu(Box::new(x)), ty, span }
            }
            Builtin::Stop => {
                let ty = first.ty.clone();
                Expr { kind: ExprKind::Stop(Box::new(first)), ty, span }
            }
            Builtin::Clamp => {
                let (low, high) = (to_real(values.next()?), to_real(values.next()?));
                let x = to_real(first);
                let bounded = |bound: &Expr| matches!(bound.ty.kind, Kind::Prob | Kind::Binary);
                let kind = if bounded(&low) && bounded(&high) {
                    Kind::Prob
                } else if matches!(x.ty.kind, Kind::Prob | Kind::Binary) {
                    // Clamping a probability, the bounds being hyperparameters such as eps and 1 − eps.
                    Kind::Prob
                } else {
                    Kind::Real
                };
                let axes = axes_of(&[&x, &low, &high]);
                Expr { kind: ExprKind::Clamp(Box::new([x, low, high])), ty: Ty { kind, axes }, span }
            }
            Builtin::Atan2 => {
                let (a, b) = (to_real(first), to_real(values.next()?));
                super::operators::binary(Binary::Atan2, a, b, Kind::Real, span)
            }
            Builtin::Extremum(op, _) => extremum(op, first, values.next()?, span),
            Builtin::Reduce(_) | Builtin::Along(_) | Builtin::Each | Builtin::ReduceLike | Builtin::TopK => {
                return None;
            }
        })
    }

    /// The axes in brackets, each of which the operands must have; without brackets, all of theirs.
    pub(super) fn reduced_axes(
        &mut self,
        brackets: Option<&[ast::Entry]>,
        operands: &[&Expr],
    ) -> Option<Vec<AxisIndex>> {
        let all = axes_of(operands);
        let Some(entries) = brackets else { return Some(all) };
        let axes = self.axis_entries(entries)?;
        let value = Expr { kind: ExprKind::Int(0), ty: Ty { kind: Kind::Int, axes: all }, span: operands[0].span };
        for (axis, entry) in axes.iter().zip(entries) {
            if !self.require_axis(&value, *axis, entry.span) {
                return None;
            }
        }
        Some(axes)
    }

    fn reduction(
        &mut self,
        reduction: Reduction,
        row: &BuiltinRow,
        brackets: Option<&[ast::Entry]>,
        checked: Checked,
        span: Span,
    ) -> Option<Expr> {
        let Checked { values, per, filter } = checked;
        let value = values.into_iter().next()?;
        let value = self.reduction_operand(reduction, row, value)?;
        let mut operands = vec![&value];
        operands.extend(per.as_ref());
        operands.extend(filter.as_ref());
        let axes = self.reduced_axes(brackets, &operands)?;
        let mut kept = axes_of(&operands);
        kept.retain(|axis| !axes.contains(axis));
        if matches!(reduction, Reduction::ArgMax | Reduction::ArgMin) && !self.is_one_axis(&axes) {
            self.report(TypeError::NeedsOneAxis { what: format!("`{}`", row.name), span });
            return None;
        }
        let unit = matches!(value.ty.kind, Kind::Prob | Kind::Binary);
        let kind = match reduction {
            Reduction::Count | Reduction::ArgMax | Reduction::ArgMin => Kind::Int,
            Reduction::Any | Reduction::All => Kind::Bool,
            Reduction::Min | Reduction::Max => value.ty.kind,
            Reduction::Sum if value.ty.kind.is_int() => Kind::Int,
            Reduction::Mean | Reduction::Prod if unit && per.is_none() => Kind::Prob,
            Reduction::Sum if not_negative(value.ty.kind) => Kind::Count,
            _ => Kind::Real,
        };
        let (value, per, filter) = (Box::new(value), per.map(Box::new), filter.map(Box::new));
        let reduce = ExprKind::Reduce { reduction, axes, value, per, filter };
        Some(Expr { kind: reduce, ty: Ty { kind, axes: kept }, span })
    }

    fn is_one_axis(&self, axes: &[AxisIndex]) -> bool {
        matches!(axes[..], [axis] if self.axes[axis.0 as usize].kind != AxisKind::Pack)
    }

    /// The operand of a reduction in the element type that it takes.
    fn reduction_operand(&mut self, reduction: Reduction, row: &BuiltinRow, value: Expr) -> Option<Expr> {
        match reduction {
            Reduction::Count | Reduction::Any | Reduction::All => {
                self.require_bool(&value, &format!("`{}`", row.name)).then_some(value)
            }
            Reduction::Sum | Reduction::Min | Reduction::Max if value.ty.kind.is_int() => Some(value),
            _ => Some(to_real(value)),
        }
    }

    /// The axes of what a loss reduces, or a report that it ends in something else.
    pub fn outer_axes_of(&mut self, loss: &Expr, of: &str) -> Option<Vec<AxisIndex>> {
        let function = self.as_function(loss.clone());
        let instance = Instance {
            function: &function,
            axes: (0..self.axes.len() as u32).map(|axis| vec![AxisIndex(axis)]).collect(),
            inputs: self.inputs.iter().map(|input| input.ty.axes.clone()).collect(),
            lets: self.lets.iter().map(|binding| binding.value.ty.axes.clone()).collect(),
        };
        let program = std::mem::take(&mut self.checker.program);
        let mut fresh = u32::MAX;
        let axes = outer_axes(&program, &instance, loss, &mut |axis, _| match axis.kind {
            AxisKind::Labelled(_) => self.find_axis(&axis.name, false, axis.span),
            _ => {
                fresh -= 1;
                Some(AxisIndex(fresh))
            }
        });
        self.checker.program = program;
        let text = self.text(loss.span);
        match axes {
            Ok(axes) if loss.ty.axes.is_empty() && axes.iter().all(|axis| (axis.0 as usize) < self.axes.len()) => {
                Some(axes)
            }
            Ok(_) => {
                let (of, found) = (of.to_string(), "a reduction over axes that exist inside it only");
                self.report(TypeError::NoOuterReduction { of, text, found, inside: loss.span, span: loss.span });
                None
            }
            Err(NoReduction { found, span: inside }) => {
                let of = of.to_string();
                self.report(TypeError::NoOuterReduction { of, text, found, inside, span: loss.span });
                None
            }
        }
    }

    /// `each(loss)`
    fn each(&mut self, checked: Checked, span: Span) -> Option<Expr> {
        let loss = checked.values.into_iter().next()?;
        let axes = self.outer_axes_of(&loss, "`each`")?;
        Some(Expr { kind: ExprKind::Each(Box::new(loss)), ty: Ty { kind: Kind::Real, axes }, span })
    }

    /// `reduce(loss, value per … where …)`
    fn reduce_like(&mut self, checked: Checked, span: Span) -> Option<Expr> {
        let Checked { values, per, filter } = checked;
        let [loss, value] = <[Expr; 2]>::try_from(values).ok()?;
        let gone = self.outer_axes_of(&loss, "`reduce`")?;
        let value = to_real(value);
        let mut operands = vec![&value];
        operands.extend(per.as_ref());
        operands.extend(filter.as_ref());
        let mut axes = axes_of(&operands);
        axes.retain(|axis| !gone.contains(axis));
        let (loss, value) = (Box::new(loss), Box::new(value));
        let kind = ExprKind::ReduceLike { loss, value, per: per.map(Box::new), filter: filter.map(Box::new) };
        Some(Expr { kind, ty: Ty { kind: Kind::Real, axes }, span })
    }

    fn along(
        &mut self,
        row: &BuiltinRow,
        brackets: Option<&[ast::Entry]>,
        checked: Checked,
        span: Span,
    ) -> Option<Expr> {
        let Builtin::Along(along) = row.builtin else { return None };
        let value = to_real(checked.values.into_iter().next()?);
        if brackets.is_none() {
            let has = self.written_axes(&value.ty.axes);
            self.report(TypeError::AlongNeedsAxes { name: row.name, has, span });
            return None;
        }
        let probability = matches!(value.ty.kind, Kind::Prob | Kind::Binary);
        if matches!(along, Along::Softmax | Along::LogSoftmax) && probability {
            let (found, text) = (kind_name(value.ty.kind, &self.axes, &self.hyperparameters), self.text(value.span));
            self.report(TypeError::SoftmaxOfProb { name: row.name, found, text, span: value.span });
            return None;
        }
        let axes = self.reduced_axes(brackets, &[&value])?;
        if matches!(along, Along::Sort | Along::CumSum) && !self.is_one_axis(&axes) {
            self.report(TypeError::NeedsOneAxis { what: format!("`{}`", row.name), span });
            return None;
        }
        let kind = match along {
            Along::Softmax => Kind::Prob,
            Along::Sort => value.ty.kind,
            Along::CumSum if not_negative(value.ty.kind) => Kind::Count,
            Along::LogSoftmax | Along::Normalize | Along::CumSum => Kind::Real,
        };
        let ty = Ty { kind, axes: value.ty.axes.clone() };
        Some(Expr { kind: ExprKind::Along(along, axes, Box::new(value)), ty, span })
    }
}
