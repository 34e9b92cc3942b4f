//! `repeat` in generated programs: captured tensors, variables whose axes grow, loops in loops.

use super::{ALL, Expression, Generator, expression};

impl Generator<'_> {
    /// The lines of a loop. Its variables are leaves afterwards.
    pub(super) fn repeat(&mut self, number: usize, margin: &str, depth: usize) -> String {
        let names = [format!("r{number}"), format!("s{number}")];
        // Where axes grow, the body must do with those of the start in its first turn.
        let grows = self.choices.below(2) == 1;
        let mut axes = [self.choices.below(usize::from(ALL) + 1) as u8, self.choices.below(usize::from(ALL) + 1) as u8];
        if grows {
            axes[1] = axes[0];
        }
        let starts =
            axes.map(|axes| if grows { expression("0.4", 0) } else { self.exactly(expression("0.3", 0), axes) });
        let turns = ["2", "3", "k", "k - 1", "1", "0", "4"];
        let turns = (*self.choices.one(&turns)).to_owned();
        let start = |at: usize| format!("{} = {}", names[at], starts[at].text);
        let mut text = format!("{margin}repeat {turns} with {}, {} {{\n", start(0), start(1));
        let outside = self.leaves.clone();
        let variables = [0, 1].map(|at| expression(names[at].as_str(), axes[at]));
        self.leaves.extend(variables.iter().cloned().flat_map(|variable| [variable.clone(), variable]));
        let elementwise = self.elementwise;
        self.elementwise |= grows;
        let inner = format!("{margin}    ");
        let body = self.real(2);
        text += &format!("{inner}let h{number} = tanh({})\n", body.text);
        self.leaves.push(expression(format!("h{number}"), body.axes));
        if depth > 0 && self.choices.below(3) == 1 {
            text += &self.repeat(number + 10, &inner, depth - 1);
        }
        if grows {
            self.leaves.retain(|leaf| leaf.axes & !axes[0] == 0);
        }
        for at in 0..2 {
            let mut value = self.within(axes[at]);
            if grows {
                // A variable that only seems to have them does not count.
                let own = self.exactly(expression("0.2", 0), axes[at]);
                value.text = format!("{} + 0.1 * {}", value.text, own.text);
            }
            text += &format!("{inner}{} = sin({})\n", names[at], value.text);
        }
        self.elementwise = elementwise;
        self.leaves = outside;
        self.leaves.extend(variables);
        text + margin + "}\n"
    }

    /// A value with exactly these axes.
    fn within(&mut self, axes: u8) -> Expression {
        let value = self.real(2);
        let value = self.without(value, !axes & ALL);
        self.exactly(value, axes)
    }

    /// The value with the mean over these axes taken.
    fn without(&mut self, value: Expression, axes: u8) -> Expression {
        let gone = value.axes & axes;
        match gone {
            0 => value,
            _ => expression(format!("mean[{}]({})", super::written(gone), value.text), value.axes & !gone),
        }
    }
}
