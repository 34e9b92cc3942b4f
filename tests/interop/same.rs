//! `lossc eval`, candle and ndarray give the same bits for the same f32 data.

use std::collections::{BTreeMap, HashMap};

use assert_cmd::Command;
use candle_core::{DType, Tensor, Var};
use lossc::interop::candle::CandleLoss;
use lossc::interop::ndarray::ArrayInput;
use lossc::session::{Compiler, Params};
use ndarray::ArrayD;

use crate::data::{LOSSES, numbers, same, tensors};

/// Value and gradients by input.
#[derive(Debug)]
struct Outcome {
    value: f64,
    gradients: BTreeMap<String, Vec<f64>>,
}

impl Outcome {
    fn agrees(&self, other: &Outcome) -> bool {
        let gradients = self.gradients.iter().zip(&other.gradients);
        self.value == other.value
            && self.gradients.len() == other.gradients.len()
            && gradients.into_iter().all(|(own, other)| own.0 == other.0 && same(own.1, other.1))
    }
}

/// What the command line gives; its JSON has the shortest digits that give the f32 back.
fn by_command(loss: &str, inputs: &[(&str, Tensor)]) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("data.safetensors");
    let by_name: HashMap<&str, Tensor> = inputs.iter().cloned().collect();
    candle_core::safetensors::save(&by_name, &file).expect("written");
    let output = Command::cargo_bin("lossc")
        .expect("the binary")
        .args(["eval", loss, "--grad", "all", "--json", "--data"])
        .arg(&file)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{loss}: {}", String::from_utf8_lossy(&output.stderr));
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let number = |value: &serde_json::Value| f64::from(value.as_f64().expect("a number") as f32);
    let grads = result["grads"].as_object().expect("gradients").iter();
    let gradients = grads.map(|(name, gradient)| {
        let data = gradient["data"].as_array().expect("numbers");
        (name.clone(), data.iter().map(number).collect())
    });
    Outcome { value: number(&result["value"]), gradients: gradients.collect() }
}

fn by_candle(loss: &str, inputs: &[(&str, Tensor)]) -> Outcome {
    let program = Compiler::new().standard().expect("the library");
    let compiled = CandleLoss::new(program.loss(loss).and_then(|builder| builder.build()).expect(loss));
    let variables: Vec<(&str, Option<Var>, &Tensor)> = inputs
        .iter()
        .map(|(name, tensor)| {
            let float = tensor.dtype().is_float();
            (*name, float.then(|| Var::from_tensor(tensor).expect("a variable")), tensor)
        })
        .collect();
    let given: Vec<(&str, &Tensor)> = variables
        .iter()
        .map(|(name, variable, tensor)| (*name, variable.as_ref().map_or(*tensor, Var::as_tensor)))
        .collect();
    let total = compiled.forward(&given, &Params::new()).expect(loss);
    assert_eq!(total.dtype(), DType::F32);
    let store = total.backward().expect(loss);
    let gradients = variables.iter().filter_map(|(name, variable, _)| {
        let gradient = store.get(variable.as_ref()?).unwrap_or_else(|| panic!("{loss}: no gradient of {name}"));
        Some(((*name).to_string(), numbers(gradient)))
    });
    Outcome { value: f64::from(total.to_scalar::<f32>().expect("a number")), gradients: gradients.collect() }
}

fn by_arrays(loss: &str, inputs: &[(&str, Tensor)]) -> Outcome {
    enum Array {
        Float(ArrayD<f32>),
        Label(ArrayD<u16>),
    }
    let program = Compiler::new().standard().expect("the library");
    let compiled = program.loss(loss).and_then(|builder| builder.wrt_all().build()).expect(loss);
    let arrays: Vec<(&str, Array)> = inputs
        .iter()
        .map(|(name, tensor)| {
            let all = ArrayD::from_shape_vec(tensor.dims(), numbers(tensor)).expect("an array");
            let float = tensor.dtype().is_float();
            (*name, if float { Array::Float(all.mapv(|x| x as f32)) } else { Array::Label(all.mapv(|x| x as u16)) })
        })
        .collect();
    let given: Vec<(&str, ArrayInput<'_>)> = arrays
        .iter()
        .map(|(name, array)| match array {
            Array::Float(array) => (*name, ArrayInput::from(array)),
            Array::Label(array) => (*name, ArrayInput::from(array)),
        })
        .collect();
    let out = compiled.value_and_grad_arrays(&given, &Params::new()).expect(loss);
    let gradients = out.gradients().iter().map(|gradient| {
        let array = out.grad_array::<f32>(&gradient.input).expect("a gradient");
        (gradient.input.clone(), array.iter().map(|&number| f64::from(number)).collect())
    });
    Outcome { value: f64::from(out.value() as f32), gradients: gradients.collect() }
}

#[test]
fn the_command_line_candle_and_ndarray_give_the_same_bits() {
    assert!(LOSSES.len() >= 20);
    for (loss, inputs) in LOSSES {
        let inputs = tensors(inputs);
        let command = by_command(loss, &inputs);
        assert!(command.gradients.values().flatten().any(|&number| number != 0.0), "{loss}: every gradient is 0");
        let (candle, arrays) = (by_candle(loss, &inputs), by_arrays(loss, &inputs));
        assert!(command.agrees(&candle), "{loss} by the command line {command:?}\nand in candle {candle:?}");
        assert!(command.agrees(&arrays), "{loss} by the command line {command:?}\nand in ndarray {arrays:?}");
    }
}
