//! Second derivatives: the graph of a gradient is a graph, and its gradient is what differences say, for every loss
//! that has a second derivative almost everywhere.

mod running;

use lossc::ad;
use lossc::eval::Precision;
use lossc::ir::{InputData, InputId, Output, OutputRole, Program};
use lossc::op::Element;
use lossc::rewrite;
use lossc::session::{Compiler, InputInfo};
use lossc::tensor::Tensor;

use running::data::{Extents, Random, label_axis, random};
use running::freeze::frozen;
use running::learned;
use running::{Tensors, central_difference, difference, interpret, lowered, with_extents};

/// Inputs whose domain their kind does not tell: loss or `*`, input, lowest and highest value.
const DOMAINS: &[(&str, &str, f64, f64)] = &[
    ("msle", "*", -0.5, 2.0),
    ("rmsle", "*", -0.5, 2.0),
    ("*", "var", 0.3, 2.0),
    ("*", "snr", 0.5, 9.0),
    ("*", "frequency", 1.0, 9.0),
];

fn data(loss: &str, inputs: &[InputInfo]) -> Tensors {
    let mut extents = Extents::new();
    let labelled = inputs.iter().filter_map(|input| label_axis(&input.kind));
    for axis in inputs.iter().flat_map(|input| &input.axes).cloned().chain(labelled) {
        let extent: &[usize] = if axis == "box" {
            &[4]
        } else if axis == "rbox" {
            &[5]
        } else if axis.starts_with("..") {
            &[3]
        } else {
            &[2]
        };
        extents.insert(axis.clone(), extent.to_vec());
    }
    let mut tensors = random(inputs, &extents, 3);
    let mut draws = Random::new(4);
    for (name, tensor) in &mut tensors {
        let row =
            DOMAINS.iter().find(|(of, input, ..)| (*of == loss || *of == "*") && (input == name || *input == "*"));
        if let Some(&(_, _, low, high)) = row {
            let count = tensor.slice().len();
            *tensor = Tensor::f64((0..count).map(|_| draws.between(low, high)).collect(), &tensor.shape);
        }
    }
    tensors
}

/// The program whose value is Σ direction · gradient, a direction being one more input for every float input.
fn directional(mut program: Program, wrt: &[String], tensors: &mut Tensors) -> Program {
    let mut draws = Random::new(8);
    let value = program.outputs.iter().find(|output| output.role == OutputRole::Value).expect("a value").node;
    let inputs: Vec<InputData> = program.inputs.iter().filter(|input| wrt.contains(&input.name)).cloned().collect();
    let nodes: Vec<_> = inputs.iter().map(|input| input.node).collect();
    let one = program.graph.real(1.0);
    let gradients = ad::gradient(&mut program.graph, value, one, &nodes);
    let mut sum = program.graph.real(0.0);
    for (input, gradient) in inputs.iter().zip(gradients) {
        let name = format!("{}_direction", input.name);
        let id = InputId(program.inputs.len() as u32);
        let node = program.graph.input(id, Element::Real, &input.axes);
        let axes = input.axes.clone();
        program.inputs.push(InputData {
            name: name.clone(),
            node,
            element: Element::Real,
            axes: axes.clone(),
            labels: None,
            kind: "real".into(),
        });
        let product = program.graph.binary(lossc::op::Binary::Mul, gradient, node);
        let part = program.graph.reduce(lossc::op::ReduceOp::Sum, &axes, product);
        sum = program.graph.binary(lossc::op::Binary::Add, sum, part);
        let shape = tensors.iter().find(|(other, _)| *other == input.name).expect("given").1.shape.clone();
        let count = shape.iter().product();
        tensors.push((name, Tensor::f64((0..count).map(|_| draws.between(-1.0, 1.0)).collect(), &shape)));
    }
    program.outputs = vec![Output { role: OutputRole::Value, node: sum, axes: Vec::new() }];
    program
}

#[test]
fn gradients_of_directional_derivatives() {
    let library = Compiler::new().standard().expect("sound");
    let (mut failed, mut curved) = (Vec::new(), 0);
    for name in library.standard_losses() {
        let builder = match library.loss(&name) {
            Ok(builder) => with_extents(builder),
            Err(error) if error.to_string().contains("takes a loss") => continue,
            Err(error) => panic!("{error}"),
        };
        let inputs: Vec<InputInfo> = builder.info().inputs.into_iter().filter(|input| !input.optional).collect();
        let learnables = learned::learnables(&builder);
        let floats = inputs.iter().filter(|input| input.float).map(|input| input.name.clone());
        let wrt: Vec<String> = floats.chain(learnables.clone()).collect();
        let mut tensors = data(&name, &inputs);
        tensors.extend(learned::values(&builder, 5));
        let plain = learned::as_inputs(&lowered(&builder), &learnables);
        // The stopped parts hold still, so that a second derivative sees them as a first one does.
        let (still, held) = frozen(&plain, &tensors).expect("no stop in a loop");
        let added: Tensors = held[tensors.len()..].to_vec();
        tensors.extend(added);
        let first = directional(still, &wrt, &mut tensors);
        let second = lossc::pipeline::differentiated(first.clone(), &wrt);
        let want = interpret(&second, &tensors, Precision::Double).expect("the data fit");
        let simple = interpret(&rewrite::simplify(&second).0, &tensors, Precision::Double).expect("the data fit");
        if let Some(message) = difference(&simple, &want, 1e-9, |_| 0.0) {
            failed.push(format!("{name}, simplified: {message}"));
        }
        let mut trusted = 0;
        for input in &wrt {
            let gradient = want.gradient(input);
            curved += usize::from(gradient.iter().any(|number| number.abs() > 1e-3));
            for (place, &got) in gradient.iter().enumerate() {
                let (slope, doubt) = central_difference(&first, &tensors, input, place);
                if doubt > 1e-7 * (1.0 + slope.abs()) {
                    continue;
                }
                trusted += 1;
                if (slope - got).abs() > 1e-6 * (1.0 + slope.abs()) {
                    failed.push(format!("{name} by {input}[{place}]: {got}, but differences say {slope}"));
                }
            }
        }
        if trusted < 3 {
            failed.push(format!("{name}: only {trusted} differences could be trusted"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(curved > 60, "only {curved} inputs have a second derivative that is not 0");
}
