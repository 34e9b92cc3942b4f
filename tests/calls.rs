//! Calls made to break the library: what does not fit is an error that names it, and nothing outside a tensor is read.

use lossc::session::{Compiler, Engine, Params};
use lossc::tensor::{DType, Slice, TensorView};

/// Shapes and strides as wild as they come: a view is refused, or a call reads inside of its buffer or refuses it.
#[test]
fn wild_views_are_refused_or_read_inside() {
    let buffer = [0.5_f32; 12];
    let loss = |engine| {
        let builder = Compiler::new().standard().expect("the library").loss("mse").expect("mse");
        builder.wrt(["pred"]).engine(engine).check_data(true).build().expect("it builds")
    };
    let losses = [Engine::Jit, Engine::Interpreter].map(loss);
    let (most, far) = (usize::MAX, isize::MAX);
    let rows: &[(&[usize], &[isize], &str)] = &[
        (&[1], &[far], ""),
        (&[1, 3], &[isize::MIN, 1], ""),
        (&[3, 1], &[-1, far], ""),
        (&[2, 0], &[far, far], ""),
        (&[1 << 40, 0, 1 << 40], &[0, 0, 0], ""),
        (&[3], &[far], "a view that reaches from element 5"),
        (&[2], &[-6], "a view that reaches from element -1 to element 5 of a buffer of 12"),
        (&[most, most], &[far, far], "a view that reaches from"),
        (&[most, most], &[isize::MIN, isize::MIN], "a view that reaches from"),
        (&[most, most, 2], &[0, 0, 1], "has more elements than this machine can address"),
        (&[3], &[1, 1], "a shape of 1 axes with strides of 2"),
    ];
    for (shape, strides, wanted) in rows {
        for loss in &losses {
            let said = match TensorView::strided(Slice::F32(&buffer), 5, shape, strides) {
                Err(error) => error.to_string(),
                Ok(view) => {
                    assert!(view.count() == 0 || view.positions().next() == Some(5));
                    let inputs = [("pred", view.clone()), ("target", view)];
                    loss.value_and_grad(&inputs, &Params::new())
                        .map_or_else(|error| error.to_string(), |_| String::new())
                }
            };
            assert!(said.contains(wanted) && said.is_empty() == wanted.is_empty(), "{shape:?} {strides:?}: {said}");
        }
    }
    for shape in [&[most, most][..], &[2, 3], &[most, 0]] {
        let error = TensorView::contiguous(Slice::F32(&buffer), shape).expect_err("it has other elements");
        assert!(error.to_string().contains("does not have as many elements as the buffer: 12"), "{error}");
    }
}

#[test]
fn a_loss_is_computed_in_single_or_double_precision() {
    for (dtype, name) in [(DType::F16, "f16"), (DType::I64, "i64")] {
        let builder = Compiler::new().standard().expect("the library").loss("mse").expect("mse");
        let error = builder.dtype(dtype).build().expect_err("no such precision");
        assert!(error.to_string().contains(&format!("in f32 or f64, not in {name}")), "{error}");
    }
}

/// Every mistake in shape, type or label names the input, and where there are two extents, the axis and both.
#[test]
fn what_does_not_fit_is_named() {
    let loss = Compiler::new().standard().expect("the library").loss("cross_entropy").expect("it is there");
    let loss = loss.wrt(["logits"]).build().expect("it builds");
    let (x, ones) = ([0.1_f32; 9], [1_i64; 9]);
    let (logits, label) = (&[3_usize, 3][..], &[3_usize][..]);
    let floats = |shape: &[usize]| {
        let count = shape.iter().product();
        TensorView::contiguous(Slice::F32(&x[..count]), shape).expect("it fits")
    };
    let ints = |shape: &[usize]| {
        let count = shape.iter().product();
        TensorView::contiguous(Slice::I64(&ones[..count]), shape).expect("it fits")
    };
    let far = TensorView::contiguous(Slice::U8(&[0, 1, 3]), &[3]).expect("it fits");
    type Given<'a> = Vec<(&'a str, TensorView<'a>)>;
    let rows: Vec<(Given<'_>, &str)> = vec![
        (vec![("logits", floats(logits)), ("label", ints(label))], ""),
        (vec![("logits", floats(logits)), ("label", ints(&[2]))], "axis N has extent 3 in `logits`, but 2 in `label`"),
        (
            vec![("logits", floats(logits)), ("label", far)],
            "`label`[2] is 3, but a label is at least 0 and below 3, the extent of axis C",
        ),
        (
            vec![("logits", floats(logits)), ("label", floats(label))],
            "`label` is declared as index(C or ignore_index) and wants ints",
        ),
        (vec![("logits", ints(logits)), ("label", ints(label))], "`logits` is declared as logit and wants floats"),
        (
            vec![("logits", floats(&[9])), ("label", ints(label))],
            "`logits` is declared as logit[N, C, ..S], but its shape [9] has 1 axis",
        ),
        (
            vec![("logits", floats(&[3, 0])), ("label", ints(label))],
            "`label`[0] is 1, but a label is at least 0 and below 0",
        ),
        (vec![("logits", floats(logits))], "the input `label: index(C or ignore_index)[N]` is missing"),
        (vec![("logits", floats(logits)), ("lable", ints(label))], "no input `lable`: did you mean `label`?"),
        (vec![("logits", floats(logits)), ("label", ints(label)), ("label", ints(label))], "`label` is given twice"),
    ];
    for (given, wanted) in rows {
        let result = loss.value_and_grad(&given, &Params::new());
        let said = result.map_or_else(|error| error.to_string(), |_| String::new());
        assert!(said.contains(wanted) && said.is_empty() == wanted.is_empty(), "{said}\ninstead of\n{wanted}");
    }
}
