//! Kernels with the values of hyperparameters as literals, and kernels for any values: both compute the same, and which
//! of them a call uses depends on the call alone.

mod running;

use lossc::session::{LossBuilder, Params, Workspace};
use lossc::tensor::{DType, Tensor};

use running::losses::{data, losses};
use running::{Numbers, call, difference, numbers, single, views};

/// The hyperparameters that may change from call to call, each with a value that is not its default.
fn changed(builder: &LossBuilder) -> Vec<(String, f64)> {
    let own = builder.info().hyperparameters.into_iter().filter(|one| !one.int && one.axis.is_none());
    let value = |default: &str| default.parse::<f64>().ok().map(|default| default * 1.125 + 0.015_625);
    own.filter_map(|one| value(&one.default).map(|value| (one.name, value))).collect()
}

fn bits(numbers: &Numbers) -> Vec<u64> {
    numbers.outputs.iter().flat_map(|(_, numbers)| numbers.iter().map(|number| number.to_bits())).collect()
}

#[test]
fn literals_and_any_values_give_the_same() {
    for (name, builder) in losses() {
        let builder = builder.wrt_all();
        let tensors = data(&name, &builder, &[], 5);
        for (dtype, tolerance) in [(DType::F64, 1e-11), (DType::F32, 2e-5)] {
            let tensors = if dtype == DType::F64 { tensors.clone() } else { single(&tensors) };
            let of = |builder: LossBuilder, specialize: bool| {
                let loss = builder.dtype(dtype).specialize(specialize).build();
                call(&loss.unwrap_or_else(|error| panic!("{name}: {error}")), &tensors)
            };
            let (literal, any) = (of(builder.clone(), true), of(builder.clone(), false));
            let (literal, any) = (numbers(&literal.expect("it runs")), numbers(&any.expect("it runs")));
            assert_eq!(difference(&literal, &any, tolerance, |_| 0.0), None, "{name} in {dtype:?}");
            for (hyperparameter, value) in changed(&builder) {
                let set = builder.clone().set(&hyperparameter, value).expect("it has it");
                let (literal, any) = match (of(set.clone(), true), of(set, false)) {
                    (Ok(literal), Ok(any)) => (numbers(&literal), numbers(&any)),
                    // Outside its domain.
                    (Err(literal), Err(any)) => {
                        assert_eq!(literal.to_string(), any.to_string(), "{name}");
                        continue;
                    }
                    (literal, any) => panic!("{name}: {literal:?} and {any:?}"),
                };
                let differs = difference(&literal, &any, tolerance, |_| 0.0);
                assert_eq!(differs, None, "{name} in {dtype:?} with {hyperparameter} = {value}");
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_earlier_calls() {
    let mut checked = 0;
    for (name, builder) in losses() {
        let builder = builder.wrt_all();
        let tensors = single(&data(&name, &builder, &[], 6));
        let Some((hyperparameter, value)) = changed(&builder).into_iter().next() else { continue };
        let loss = builder.clone().build().unwrap_or_else(|error| panic!("{name}: {error}"));
        let any = builder.specialize(false).build().unwrap_or_else(|error| panic!("{name}: {error}"));
        let with = |value: f64| Params::new().set(&hyperparameter, value);
        let run = |loss: &lossc::session::Loss, tensors: &[(String, Tensor)], params: &Params, own: &mut Workspace| {
            let out = loss.value_and_grad_into(&views(tensors), params, &mut [], own);
            out.map(|out| bits(&numbers(out))).map_err(|error| error.to_string())
        };
        let workspace = &mut Workspace::new();
        let first = run(&loss, &tensors, &Params::new(), workspace);
        let other = run(&loss, &tensors, &with(value), workspace);
        assert_eq!(other, run(&any, &tensors, &with(value), &mut Workspace::new()), "{name}: kernels for any values");
        assert_eq!(run(&loss, &tensors, &Params::new(), workspace), first, "{name}: back to the default");
        assert_eq!(run(&loss, &tensors, &with(value), workspace), other, "{name}: and changed again");
        let info = loss.info().hyperparameters.into_iter().find(|one| one.name == hyperparameter).expect("it has it");
        let default: f64 = info.default.parse().expect("a number");
        assert_eq!(run(&loss, &tensors, &with(default), workspace), first, "{name}: the default given");
        checked += 1;
    }
    assert!(checked >= 40, "only {checked} losses were checked");
}
