//! The training examples, shortened: the loss falls and the measure clears a bar.
#![cfg(feature = "training")]
#![allow(clippy::duplicate_mod, reason = "each example has its own copy of what they share")]

#[path = "../examples/train_digits.rs"]
mod train_digits;
#[path = "../examples/train_imbalanced.rs"]
mod train_imbalanced;
#[path = "../examples/train_uncertainty.rs"]
mod train_uncertainty;

#[test]
fn digits_are_learned() {
    let outcome = train_digits::train(6).expect("it trains");
    let losses = &outcome.losses;
    assert!(losses.windows(2).all(|pair| pair[1] < pair[0]), "{losses:?}");
    assert!(losses[5] < 0.3 * losses[0], "{losses:?}");
    assert!(outcome.accuracy > 0.9, "{}", outcome.accuracy);
}

#[test]
fn the_rare_class_is_found_with_each_loss() {
    for loss in train_imbalanced::LOSSES {
        let outcome = train_imbalanced::train(loss, 8).expect("it trains");
        assert!(outcome.losses.1 < 0.6 * outcome.losses.0, "{loss}: {:?}", outcome.losses);
        assert!(outcome.average_precision > 0.85, "{loss}: {}", outcome.average_precision);
        assert!(outcome.f1() > 0.75, "{loss}: {}", outcome.f1());
    }
}

#[test]
fn patients_are_told_apart_and_the_weights_of_two_losses_learned() {
    let outcome = train_uncertainty::train(100).expect("it trains");
    assert!(outcome.after.0 < 0.5 * outcome.before.0, "{:?} {:?}", outcome.before, outcome.after);
    assert!(outcome.after.1 < 0.5 * outcome.before.1, "{:?} {:?}", outcome.before, outcome.after);
    assert!(outcome.weights.0 > 1.1 && outcome.weights.1 > 1.1, "{:?}", outcome.weights);
    assert!(outcome.accuracy > 0.93, "{}", outcome.accuracy);
}
