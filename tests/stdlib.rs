//! The standard library: every module parses alone, and every loss has the signature and the documentation
//! that the catalogue demands.

use lossc::span::SourceId;
use lossc::stdlib::MODULES;
use lossc::syntax::ast::{Function, Item, ItemKind};
use lossc::syntax::{outline, parse};

/// Name, inputs and hyperparameters of every loss.
const SIGNATURES: &[&str] = &[
    "mbe(pred: real[..B], target: real[..B])",
    "mae(pred: real[..B], target: real[..B])",
    "mse(pred: real[..B], target: real[..B])",
    "huber(pred: real[..B], target: real[..B]; delta = 1)",
    "smooth_l1(pred: real[..B], target: real[..B]; beta = 1)",
    "balanced_l1(pred: real[..B], target: real[..B]; alpha = 0.5, gamma = 1.5)",
    "rmse(pred: real[..B], target: real[..B])",
    "rmsle(pred: real[..B], target: real[..B])",
    "msle(pred: real[..B], target: real[..B])",
    "log_cosh(pred: real[..B], target: real[..B])",
    "quantile(pred: real[..B], target: real[..B]; tau = 0.5)",
    "iou(pred: real[..B, box], target: real[..B, box])",
    "giou(pred: real[..B, box], target: real[..B, box])",
    "diou(pred: real[..B, box], target: real[..B, box])",
    "ciou(pred: real[..B, box], target: real[..B, box])",
    "eiou(pred: real[..B, box], target: real[..B, box]; lambda1 = 1, lambda2 = 1)",
    "focal_eiou(pred: real[..B, box], target: real[..B, box]; gamma = 0.5)",
    "siou(pred: real[..B, box], target: real[..B, box]; theta = 4)",
    "mpd_iou(pred: real[..B, box], target: real[..B, box]; width = 1, height = 1)",
    "alpha_iou(pred: real[..B, box], target: real[..B, box]; alpha = 3)",
    "inner_iou(pred: real[..B, box], target: real[..B, box]; ratio = 0.7)",
    "inner(base: loss[..B], pred: real[..B, box], target: real[..B, box]; ratio = 0.7)",
    "inner_ciou(pred: real[..B, box], target: real[..B, box]; ratio = 0.7)",
    "masked(base: loss[..B], mask: binary[..B])",
    "weighted(base: loss[..B], weight: real[..B])",
    "class_balanced(base: loss[N, ..S], label: index(C)[N, ..S], samples: count[C]; beta = 0.999)",
    "euclidean(x1: real[N, D], x2: real[N, D])",
    "contrastive(x1: real[N, D], x2: real[N, D], target: binary[N]; margin = 1)",
    "triplet(anchor: real[N, D], positive: real[N, D], negative: real[N, D]; margin = 0.2)",
    "center(features: real[N, D], centers: real[K, D], label: index(K)[N])",
    "center_joint(logits: logit[N, K], features: real[N, D], centers: real[K, D], label: index(K)[N]; lambda = 0.003)",
    "range_intra(features: real[N, D], label: index(K)[N]; axis K = classes, int k = 2)",
    "range(features: real[N, D], centers: real[K, D], label: index(K)[N]; \
     int k = 2, margin = 1, lambda1 = 1, lambda2 = 1)",
    "range_inter(centers: real[K, D]; margin = 1)",
    "center_invariant(features: real[N, D], centers: real[K, D], label: index(K)[N]; \
     lambda1 = 1, lambda2 = 1, eps = 1e-6)",
    "softmax(features: real[N, D], weights: real[K, D], label: index(K)[N], bias: real[K] = 0)",
    "modified_softmax(features: real[N, D], weights: real[K, D], label: index(K)[N])",
    "angular_softmax(features: real[N, D], weights: real[K, D], label: index(K)[N]; int m = 2)",
    "l_softmax(features: real[N, D], weights: real[K, D], label: index(K)[N]; int m = 4)",
    "l_softmax_mix(features: real[N, D], weights: real[K, D], label: index(K)[N]; int m = 4, lambda = 0.5)",
    "a_softmax(features: real[N, D], weights: real[K, D], label: index(K)[N]; int m = 4)",
    "am_softmax_cos(cosine: real[N, K], label: index(K)[N]; s = 30, m = 0.35)",
    "am_softmax(features: real[N, D], weights: real[K, D], label: index(K)[N]; s = 30, m = 0.35)",
    "arcface_cos(cosine: real[N, K], label: index(K)[N]; s = 64, m = 0.5)",
    "arcface(features: real[N, D], weights: real[K, D], label: index(K)[N]; s = 64, m = 0.5)",
    "sub_center_arcface(features: real[N, D], weights: real[K, S, D], label: index(K)[N]; s = 64, m = 0.5)",
    "mv_softmax_cos(cosine: real[N, K], label: index(K)[N]; s = 32, m = 0.35, t = 0.2)",
    "mv_softmax(features: real[N, D], weights: real[K, D], label: index(K)[N]; s = 32, m = 0.35, t = 0.2)",
    "mv_softmax_adaptive_cos(cosine: real[N, K], label: index(K)[N]; s = 32, m = 0.35, t = 0.2)",
    "mv_softmax_adaptive(features: real[N, D], weights: real[K, D], label: index(K)[N]; s = 32, m = 0.35, t = 0.2)",
    "curricular_face_cos(cosine: real[N, K], label: index(K)[N]; s = 64, m = 0.5, alpha = 0.99, state t = 0)",
    "curricular_face(features: real[N, D], weights: real[K, D], label: index(K)[N]; s = 64, m = 0.5, alpha = 0.99)",
    "ada_face(features: real[N, D], weights: real[K, D], label: index(K)[N]; \
     s = 64, m = 0.4, h = 0.333, momentum = 0.99, state mean = 20, state std = 100)",
    "uncertainty(l1: real, l2: real; learn s1 = 0, learn s2 = 0)",
    "sface(features: real[N, D], weights: real[K, D], label: index(K)[N]; s = 64, k = 80, a = 0.8, b = 1.23)",
    "info_nce(query: real[N, D], key: real[N, D]; temperature = 0.07)",
    "clip(image: real[N, D], text: real[N, D]; scale = 14.2857)",
    "sinkhorn(pred: prob[N, C], target: prob[N, E], cost: real[C, E]; epsilon = 0.1, int iterations = 50)",
    "autoregressive(logits: logit[N, T, V], token: index(V or ignore_index)[N, T]; int ignore_index = (-100))",
    "sup_con(features: real[N, D], label: index(K)[N]; axis K = classes, temperature = 0.07)",
    "gram_style(pred: real[N, C, ..S], target: real[N, C, ..S])",
    "piou(pred: real[N, rbox], target: real[N, rbox], px: real[X], py: real[Y], positive: binary[N]; k = 10)",
    "ghm_c(pred: prob[N], target: binary[N]; epsilon = 0.1)",
    "ghm_c_bins(pred: prob[N], target: binary[N]; int bins = 10)",
    "ghm_r(pred: real[N], target: real[N]; mu = 0.02, epsilon = 0.1)",
    "zero_one(pred: real[..B], target: sign[..B])",
    "hinge(pred: real[..B], target: sign[..B])",
    "smoothed_hinge(pred: real[..B], target: sign[..B]; alpha = 1)",
    "quadratic_smoothed_hinge(pred: real[..B], target: sign[..B]; gamma = 1)",
    "modified_huber(pred: real[..B], target: sign[..B])",
    "squared_hinge(pred: real[..B], target: sign[..B])",
    "exponential(pred: real[..B], target: sign[..B])",
    "bce(pred: prob[..B], target: binary[..B])",
    "bce_logits(logits: logit[..B], target: binary[..B])",
    "cce(pred: prob[N, C, ..S], target: prob[N, C, ..S])",
    "sparse_cce(pred: prob[N, C, ..S], label: index(C)[N, ..S])",
    "cross_entropy(logits: logit[N, C, ..S], label: index(C or ignore_index)[N, ..S], weight: real[C] = 1; \
     label_smoothing = 0, int ignore_index = (-100))",
    "wce(pred: prob[..B], target: binary[..B]; w = 1)",
    "wcce(pred: prob[N, C, ..S], target: prob[N, C, ..S], weight: real[C])",
    "balanced_bce(pred: prob[..B], target: binary[..B]; w = 0.5)",
    "label_smoothing_ce(pred: prob[N, C, ..S], target: prob[N, C, ..S]; epsilon = 0.1)",
    "focal(pred: prob[..B], target: binary[..B]; alpha = 0.25, gamma = 2)",
    "focal_logits(logits: logit[..B], target: binary[..B]; alpha = 0.25, gamma = 2)",
    "focal_softmax(logits: logit[N, C, ..S], label: index(C)[N, ..S]; gamma = 2)",
    "cb_cross_entropy(logits: logit[N, C], label: index(C)[N], samples: count[C]; beta = 0.999)",
    "cb_focal(logits: logit[N, C], label: index(C)[N], samples: count[C]; beta = 0.999, gamma = 2)",
    "poly(pred: prob[N, C, ..S], label: index(C)[N, ..S], coef: real[J])",
    "poly1(pred: prob[N, C, ..S], label: index(C)[N, ..S]; epsilon = 1)",
    "kl(pred: prob[N, C, ..S], target: prob[N, C, ..S])",
    "dice(pred: prob[..B], target: binary[..B]; eps = 1e-5)",
    "log_cosh_dice(pred: prob[..B], target: binary[..B]; eps = 1e-5)",
    "generalized_dice(pred: prob[N, C, ..S], target: prob[N, C, ..S]; eps = 1e-5)",
    "tversky(pred: prob[..B], target: binary[..B]; alpha = 0.5, beta = 0.5, eps = 1e-5)",
    "focal_tversky(pred: prob[N, C, ..S], target: prob[N, C, ..S]; alpha = 0.5, beta = 0.5, gamma = (4 / 3), eps = 1e-5)",
    "sensitivity_specificity(pred: prob[..B], target: binary[..B]; w = 0.05, eps = 1e-5)",
    "jaccard(pred: prob[..B], target: binary[..B]; eps = 1e-5)",
    "combo(pred: prob[..B], target: binary[..B]; alpha = 0.5, beta = 0.5, eps = 1e-5)",
    "exp_log(pred: prob[N, C, ..S], label: index(C)[N, ..S], frequency: real[C]; \
     w_dice = 0.8, w_cross = 0.2, gamma_dice = 0.3, gamma_cross = 0.3, eps = 1e-5)",
    "unified_focal(pred: prob[..B], target: binary[..B]; lambda = 0.5, delta = 0.6, gamma = 0.5, eps = 1e-7)",
    "unified_focal_sym(pred: prob[..B], target: binary[..B]; lambda = 0.5, delta = 0.6, gamma = 0.5, eps = 1e-7)",
    "dice_ce(pred: prob[..B], target: binary[..B]; w_dice = 1, w_ce = 1, eps = 1e-5)",
    "wasserstein_critic(real: real[..A], fake: real[..B])",
    "wasserstein_1d(pred: real[N], target: real[N]; p = 1)",
    "wasserstein_generator(fake: real[..B])",
    "gan_discriminator(real_logits: logit[..A], fake_logits: logit[..B])",
    "gan_generator(fake_logits: logit[..B])",
    "lsgan_discriminator(real: real[..A], fake: real[..B])",
    "lsgan_generator(fake: real[..B])",
    "hinge_gan_discriminator(real: real[..A], fake: real[..B])",
    "hinge_gan_generator(fake: real[..B])",
    "perceptual(pred: real[N, C, ..S], target: real[N, C, ..S])",
    "noise_prediction(pred: real[..B], noise: real[..B])",
    "min_snr(pred: real[N, ..S], noise: real[N, ..S], snr: real[N]; gamma = 5)",
    "gaussian_kl(mu: real[N, D], logvar: real[N, D])",
    "gaussian_nll(pred: real[..B], target: real[..B], var: real[..B]; eps = 1e-6)",
    "poisson_nll(log_rate: real[..B], target: real[..B])",
    "cosine_embedding(x1: real[N, D], x2: real[N, D], target: sign[N]; margin = 0)",
    "margin_ranking(x1: real[..B], x2: real[..B], target: sign[..B]; margin = 0)",
    "distillation(student: logit[N, C], teacher: logit[N, C], label: index(C)[N]; temperature = 4, alpha = 0.5)",
    "dpo(policy_chosen: real[N], policy_rejected: real[N], ref_chosen: real[N], ref_rejected: real[N]; beta = 0.1)",
];

/// Every item of the library.
fn items() -> Vec<Item> {
    let module = |text: &str| parse(SourceId(0), text).unwrap_or_else(|errors| panic!("{errors:?}"));
    MODULES.iter().flat_map(|(_, text)| module(text).items).collect()
}

/// The signature of a function in the form of the table: without conditions.
fn signature(function: &Function, item: &Item) -> String {
    let module = lossc::syntax::ast::Module { items: vec![item.clone()], ..Default::default() };
    let text = outline(&module);
    let declared = |line: &&str| function.inputs.len() + function.hyperparameters.len() > 0 && line.starts_with("  ");
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("///"))
        .filter(declared)
        .take(function.inputs.len() + function.hyperparameters.len())
        .collect();
    let (inputs, hyperparameters) = lines.split_at(function.inputs.len());
    let inputs: Vec<&str> = inputs.iter().map(|line| line.trim_start().trim_start_matches("input ")).collect();
    let hyperparameters: Vec<&str> = hyperparameters
        .iter()
        .map(|line| line.trim_start().trim_start_matches("real "))
        .map(|line| line.split(" where ").next().unwrap_or(line))
        .collect();
    let separator = if hyperparameters.is_empty() { "" } else { "; " };
    format!("{}({}{separator}{})", function.name.text, inputs.join(", "), hyperparameters.join(", "))
}

#[test]
fn every_loss_has_the_signature_of_the_catalogue() {
    let mut found: Vec<String> = items()
        .iter()
        .filter_map(|item| match &item.kind {
            ItemKind::Loss(function) => Some(signature(function, item)),
            _ => None,
        })
        .collect();
    let mut wanted: Vec<&str> = SIGNATURES.to_vec();
    found.sort();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
}

#[test]
fn every_loss_is_documented() {
    for item in items() {
        let ItemKind::Loss(function) = &item.kind else { continue };
        let tag = |name: &str| item.docs.lines().any(|line| line.starts_with(&format!("@{name} ")));
        let name = &function.name.text;
        assert!(tag("formula") && tag("group") && tag("keywords") && tag("example"), "{name}: a tag is missing");
        let beyond = item.docs.contains("@group Beyond");
        assert!(beyond || tag("equation") || tag("paper"), "{name}: neither equation nor paper");
    }
}

#[test]
fn no_name_is_defined_twice() {
    let mut seen = std::collections::BTreeSet::new();
    for item in items() {
        let name = match item.kind {
            ItemKind::Loss(function) | ItemKind::Fn(function) => function.name.text,
            ItemKind::Const { name, .. } | ItemKind::Axis { name, .. } => name.text,
        };
        assert!(seen.insert(name.clone()), "{name} is defined twice");
    }
}
