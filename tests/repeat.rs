//! `repeat`: what hand calculation gives, on both engines; its derivatives, also the second; what it costs.

mod running;

use lossc::ad;
use lossc::bind::Binding;
use lossc::eval::Precision;
use lossc::ir::{Op, OutputRole, Program, print, verify};
use lossc::jit::{self, Outputs};
use lossc::session::{Compiler, Engine, Loss, LossBuilder, Params, Stage};
use lossc::tensor::{DType, Tensor};
use lossc::{pipeline, rewrite};
use running::{Tensors, central_difference, interpret, lowered, views};

fn builder(text: &str) -> LossBuilder {
    let program = Compiler::new().compile(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    program.main().expect("a loss").wrt_all()
}

fn engines(text: &str) -> [Loss; 2] {
    [Engine::Interpreter, Engine::Jit].map(|engine| {
        let built = builder(text).dtype(DType::F64).engine(engine).build();
        built.unwrap_or_else(|error| panic!("{text}\n{error}"))
    })
}

fn f(values: &[f64], shape: &[usize]) -> Tensor {
    Tensor::f64(values.to_vec(), shape)
}

/// Both engines give this value and this gradient by `x`.
fn gives(text: &str, inputs: &[(&str, Tensor)], value: f64, gradient: &[f64]) {
    for loss in engines(text) {
        let views: Vec<_> = inputs.iter().map(|(name, tensor)| (*name, tensor.view().expect("a view"))).collect();
        let result = loss.value_and_grad(&views, &Params::new()).unwrap_or_else(|error| panic!("{text}\n{error}"));
        let close = |got: f64, want: f64| (got - want).abs() <= 1e-12 * want.abs().max(1.0);
        assert!(close(result.value(), value), "{text}\n{} instead of {value}", result.value());
        let got = result.grad("x").expect("a gradient").to_f64();
        let fits = got.len() == gradient.len() && got.iter().zip(gradient).all(|(&got, &want)| close(got, want));
        assert!(fits, "{text}\n{got:?} instead of {gradient:?}");
    }
}

/// x ^ turns, one factor a turn.
fn power(turns: &str) -> String {
    format!("loss l(x: real[N]) =\n    repeat {turns} with y = 1 {{\n        y = y * x\n    }}\n    sum(y)")
}

#[test]
fn the_turns_are_counted() {
    let x = [("x", f(&[2.0, -3.0], &[2]))];
    gives(&power("0"), &x, 2.0, &[0.0, 0.0]);
    gives(&power("1"), &x, -1.0, &[1.0, 1.0]);
    gives(&power("2"), &x, 13.0, &[4.0, -6.0]);
    gives(&power("5"), &x, 32.0 - 243.0, &[80.0, 405.0]);
    gives(&power("2 * 3 - 1"), &x, 32.0 - 243.0, &[80.0, 405.0]);
}

#[test]
fn assignments_run_in_order_and_the_others_see_them() {
    let text = "loss l(x: real[N]) =
    repeat 3 with a = 0, b = 1 {
        let before = a
        a = b * x
        a = a + 1
        b = before + a
    }
    sum(a * b)";
    // x = 1: a, b = 2, 2; 3, 5; 6, 9. Their derivatives: 1, 1; 3, 4; 9, 12.
    gives(text, &[("x", f(&[1.0], &[1]))], 54.0, &[6.0 * 12.0 + 9.0 * 9.0]);
}

#[test]
fn axes_grow_to_those_of_the_result() {
    let text = "loss l(x: real[N], w: real[C]) =
    repeat 2 with a = 1, b = 2 {
        a = a + b * x
        b = w * sum[N](a)
    }
    sum(a) + sum(b)";
    // a has N and C: a = 1 + 2x; b = w(2 + 2Σx); a = 1 + 2x + xw(2 + 2Σx); b = wΣa.
    let (x, w) = ([0.5, -1.0], [1.0, 3.0]);
    let value = |x: [f64; 2]| {
        let s = x[0] + x[1];
        w.iter()
            .map(|w| x.iter().map(|x| 1.0 + 2.0 * x + x * w * (2.0 + 2.0 * s)).sum::<f64>() * (1.0 + w))
            .sum::<f64>()
    };
    let slope = |at: usize| {
        let moved = |h: f64| value(std::array::from_fn(|i| if i == at { x[i] + h } else { x[i] }));
        (moved(0.5) - moved(-0.5)) / 1.0
    };
    // The value is quadratic in each x, so that central differences are exact.
    gives(text, &[("x", f(&x, &[2])), ("w", f(&w, &[2]))], value(x), &[slope(0), slope(1)]);
}

#[test]
fn a_turn_may_reduce_over_axes_that_it_gives() {
    let x = [("x", f(&[1.0, 3.0], &[2]))];
    let loss = |body: &str| format!("loss l(x: real[N]) =\n{body}\n    sum(s)");
    // s = 0.8 + x, then the sum of it, 5.6, + x.
    let sum = loss("    repeat 2 with s = 0.4 {\n        s = sum[N](s) + x\n    }");
    gives(&sum, &x, 15.2, &[3.0, 3.0]);
    // s = 2x, then 2(Σx)x.
    let renamed = loss("    repeat 2 with s = 1 {\n        s = sum[K](s[N -> K]) * x\n    }");
    gives(&renamed, &x, 32.0, &[16.0, 16.0]);
    // s = 1 + x, then 1 + 2·mean(1 + x) + x.
    let body = "        repeat 2 with t = 1 {\n            t = t + mean[N](s)\n        }";
    let nested = loss(&format!("    repeat 2 with s = 0 {{\n{body}\n        s = t + x\n    }}"));
    gives(&nested, &x, 18.0, &[3.0, 3.0]);
}

#[test]
fn loops_stand_in_loops() {
    let text = "loss l(x: real[N]) =
    repeat 2 with y = x {
        let kept = y
        repeat 3 with z = 1 {
            z = z * kept
        }
        y = z * x
    }
    sum(y)";
    // y = x⁴, then x¹³.
    gives(
        text,
        &[("x", f(&[1.1, -0.5], &[2]))],
        1.1_f64.powi(13) - 0.5_f64.powi(13),
        &[13.0 * 1.1_f64.powi(12), 13.0 * 0.5_f64.powi(12)],
    );
}

#[test]
fn ints_and_conditions_are_carried_and_have_no_gradient() {
    let text = "loss l(x: real[N]) =
    repeat 4 with y = 0, count = 0, on = 1 == 1 {
        y = if on then y + x * count else y
        count = count + 1
        on = count != 2
    }
    sum(y)";
    // Turns with the counts 0, 1 and 3 are taken.
    gives(text, &[("x", f(&[2.0, 5.0], &[2]))], 28.0, &[4.0, 4.0]);
}

#[test]
fn a_branch_that_is_not_taken_brings_no_nan() {
    let text = "loss l(x: real[N]) =
    repeat 3 with y = x {
        y = if x > 0 then sqrt(y) else 2 * y
    }
    sum(if x >= 0 then y else 0)";
    for loss in engines(text) {
        let x = f(&[-1.0, 1.0, -4.0], &[3]);
        let result = loss.value_and_grad(&[("x", x.view().expect("a view"))], &Params::new()).expect("it runs");
        assert_eq!(result.value(), 1.0);
        assert_eq!(result.grad("x").expect("a gradient").to_f64(), [0.0, 0.125, 0.0]);
    }
}

#[test]
fn an_input_that_is_empty_has_no_turn_to_take() {
    gives(&power("3"), &[("x", f(&[], &[0]))], 0.0, &[]);
}

#[test]
fn a_parameter_of_an_fn_gives_the_turns() {
    let text = "fn power(x: real, n: int) =
    repeat n + 1 with y = 1 {
        y = y * x
    }
    y
loss l(x: real[N]; int n = 2) = sum(power(x, n) - power(x, 1 + 0 * n))";
    gives(text, &[("x", f(&[2.0], &[1]))], 4.0, &[8.0]);
}

const NEWTON: &str = "loss l(x: real[N], w: real[N, D]; int turns = 3) =
    repeat turns with y = 1, z = x {
        let a = tanh(y * w + z)
        y = 0.5 * y + sum[D](a * a)
        z = log_softmax[N](z - y)
    }
    mean(y * z)";

fn newton_data() -> Tensors {
    let number = |at: usize| ((at * 37 + 11) % 23) as f64 / 11.0 - 1.0;
    let x = (0..4).map(number).collect();
    let w = (4..16).map(number).collect();
    vec![("x".into(), Tensor::f64(x, &[4])), ("w".into(), Tensor::f64(w, &[4, 3]))]
}

/// The program whose value is the sum of the gradients, each weighted by the input's own element.
fn directional(mut program: Program) -> Program {
    let value = program.outputs.iter().find(|output| output.role == OutputRole::Value).expect("a value").node;
    let inputs: Vec<_> = program.inputs.iter().map(|input| (input.node, input.axes.clone())).collect();
    let one = program.graph.real(1.0);
    let nodes: Vec<_> = inputs.iter().map(|(node, _)| *node).collect();
    let gradients = ad::gradient(&mut program.graph, value, one, &nodes);
    let mut sum = program.graph.real(0.0);
    for ((node, axes), gradient) in inputs.into_iter().zip(gradients) {
        let product = program.graph.binary(lossc::op::Binary::Mul, gradient, node);
        let part = program.graph.reduce(lossc::op::ReduceOp::Sum, &axes, product);
        sum = program.graph.binary(lossc::op::Binary::Add, sum, part);
    }
    program.outputs.retain(|output| output.role == OutputRole::Value);
    program.outputs[0].node = sum;
    program
}

#[test]
fn second_derivatives_are_those_of_differences_and_of_machine_code() {
    let tensors = newton_data();
    let first = directional(lowered(&builder(NEWTON)));
    let wrt = ["x".to_owned(), "w".to_owned()];
    let second = pipeline::differentiated(first.clone(), &wrt);
    assert_eq!(verify(&second), Ok(()));
    let want = interpret(&second, &tensors, Precision::Double).expect("the data fit");
    for name in &wrt {
        for (place, &got) in want.gradient(name).iter().enumerate() {
            let (slope, doubt) = central_difference(&first, &tensors, name, place);
            assert!(doubt < 1e-6 * (1.0 + slope.abs()), "{name}[{place}]");
            assert!((slope - got).abs() < 1e-6 * (1.0 + slope.abs()), "{name}[{place}]: {got}, differences {slope}");
        }
    }
    let simple = rewrite::expand_softmax(&rewrite::simplify(&second).0);
    let compiled = jit::compile(&simple, jit::Precision::F64).expect("it compiles");
    let views = views(&tensors);
    let binding = Binding::new(&simple, &views).expect("the data fit");
    let mut outputs = Outputs::default();
    compiled.call(&binding, &[], &mut outputs).expect("it runs");
    for (position, output) in simple.outputs.iter().enumerate() {
        if let OutputRole::Gradient(name) = &output.role {
            for (&got, &want) in outputs.f64(position).iter().zip(want.gradient(name)) {
                assert!((got - want).abs() < 1e-9 * (1.0 + want.abs()), "{name}: {got} instead of {want}");
            }
        }
    }
}

#[test]
fn the_text_form_of_a_loop_is_read_back() {
    let program = pipeline::differentiated(lowered(&builder(NEWTON)), &["x".to_owned()]);
    let text = print(&lossc::ir::renumber(&program));
    let read = lossc::ir::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(verify(&read), Ok(()));
    assert_eq!(print(&read), text);
}

/// The plan of a loss without the numbers in it.
fn plan(text: &str) -> String {
    let text = builder(text).dtype(DType::F32).show(Stage::Kernel).expect("it compiles");
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

#[test]
fn a_thousand_turns_compile_to_the_program_of_ten() {
    let with = |turns: &str| plan(&NEWTON.replace("turns = 3", &format!("turns = {turns}")));
    let ten = with("10");
    assert!(ten.contains("repeat"), "{ten}");
    assert_eq!(ten, with("1000"));
}

#[test]
fn a_loop_without_a_gradient_keeps_no_turns() {
    let kept = |builder: LossBuilder| builder.show(Stage::Kernel).expect("it compiles").contains("[turn");
    assert!(kept(builder(NEWTON)));
    assert!(!kept(builder(NEWTON).wrt([""; 0])));
}

#[test]
fn what_does_not_vary_is_outside_of_the_loop() {
    let text = "loss l(x: real[N]) =
    repeat 5 with y = 0 {
        y = sin(y) + exp(x) / sum(exp(x))
    }
    sum(y)";
    let program = builder(text).simplified().expect("it lowers");
    let graph = &program.graph;
    let open = lossc::ir::open_loops(graph);
    let inside = |op: &dyn Fn(&Op) -> bool| {
        graph.ids().filter(|id| op(&graph.node(*id).op)).map(|id| !open[id.0 as usize].is_empty()).collect::<Vec<_>>()
    };
    assert!(inside(&|op| matches!(op, Op::Unary(lossc::op::Unary::Exp))).iter().all(|inside| !inside));
    assert!(inside(&|op| matches!(op, Op::Unary(lossc::op::Unary::Sin))).contains(&true));
}
