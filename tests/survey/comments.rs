//! The form of the library's doc comments: what lists, pages and searches rely on.

use assert_cmd::Command;

use crate::library::{Entry, entries};

/// The survey's taxonomy: its sections 3.1 to 5.2, what its conclusion adds, and the same once more for the rest.
const GROUPS: &[&str] = &[
    "Regression / quantity difference",
    "Regression / geometric difference",
    "Classification / margin",
    "Classification / probability",
    "Metric / Euclidean distance",
    "Metric / angular margin",
    "Compound",
    "Generative / adversarial",
    "Generative / reconstruction and perception",
    "Generative / diffusion process",
    "Language models",
    "Beyond the survey / regression",
    "Beyond the survey / margin",
    "Beyond the survey / probability",
    "Beyond the survey / metric",
    "Beyond the survey / compound",
    "Beyond the survey / generative",
    "Beyond the survey / language models",
    "Beyond the survey / combinators",
];

/// The survey's sections by their first numbers, and their group.
const SECTIONS: &[(&str, &str)] = &[
    ("3.1", "Regression / quantity difference"),
    ("3.2", "Regression / geometric difference"),
    ("4.1", "Classification / margin"),
    ("4.2", "Classification / probability"),
    ("5.1", "Metric / Euclidean distance"),
    ("5.2", "Metric / angular margin"),
];

/// Words that a user may look for, and losses that must be among what is found.
const SEARCHES: &[(&str, &[&str])] = &[
    ("face margin", &["arcface", "am_softmax", "mv_softmax", "sub_center_arcface", "sface"]),
    ("imbalanced segmentation", &["dice", "focal", "tversky", "generalized_dice", "combo", "unified_focal", "wce"]),
    ("outliers", &["mae", "huber", "smooth_l1", "log_cosh", "quantile", "ghm_r", "modified_huber"]),
    ("rotated boxes", &["piou"]),
    ("bounding box", &["iou", "ciou", "siou", "piou", "smooth_l1"]),
    ("contrastive", &["contrastive", "info_nce", "clip", "sup_con", "triplet"]),
    ("label noise", &["label_smoothing_ce", "sub_center_arcface", "sface", "mae"]),
    ("long tail", &["class_balanced", "cb_focal", "range"]),
    ("hard examples", &["focal", "ghm_c", "ghm_c_bins", "mv_softmax"]),
    ("language model", &["autoregressive", "cross_entropy", "dpo"]),
    ("gan discriminator", &["gan_discriminator", "lsgan_discriminator", "wasserstein_critic"]),
    ("optimal transport", &["sinkhorn", "wasserstein_1d", "wasserstein_critic"]),
    ("multiplicative margin", &["a_softmax", "angular_softmax", "l_softmax"]),
    ("diffusion", &["noise_prediction", "min_snr"]),
    ("style transfer", &["perceptual", "gram_style"]),
    ("BCEWithLogitsLoss", &["bce_logits"]),
    ("CrossEntropyLoss", &["cross_entropy"]),
    ("NLLLoss", &["sparse_cce", "cross_entropy"]),
    ("L1Loss", &["mae"]),
    ("MSELoss", &["mse"]),
    ("SmoothL1Loss", &["smooth_l1"]),
    ("HuberLoss", &["huber"]),
    ("KLDivLoss", &["kl"]),
    ("CosineEmbeddingLoss", &["cosine_embedding"]),
    ("MarginRankingLoss", &["margin_ranking"]),
    ("TripletMarginLoss", &["triplet"]),
    ("GaussianNLLLoss", &["gaussian_nll"]),
    ("PoissonNLLLoss", &["poisson_nll"]),
    ("mean_pinball_loss", &["quantile"]),
];

fn losses() -> Vec<Entry> {
    entries().into_iter().filter(|entry| entry.is_loss).collect()
}

/// The losses that `lossc list --like` prints.
fn found(words: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_lossc")).args(["list", "--like", words]).assert().success();
    let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_string).collect()
}

#[test]
fn every_group_is_of_the_taxonomy_and_has_a_loss() {
    let losses = losses();
    for loss in &losses {
        let group = loss.tag("group").unwrap_or_default();
        assert!(GROUPS.contains(&group), "{}: @group {group}", loss.name);
    }
    let used = |group: &&&str| losses.iter().any(|loss| loss.tag("group") == Some(group));
    let empty: Vec<&&str> = GROUPS.iter().filter(|group| !used(group)).collect();
    assert!(empty.is_empty(), "no loss is in {empty:?}");
}

#[test]
fn a_loss_with_an_equation_is_in_the_group_of_its_section() {
    for row in crate::equations() {
        let (_, group) = SECTIONS.iter().find(|(section, _)| row.section.starts_with(section)).expect("a section");
        for loss in losses().iter().filter(|loss| row.names().any(|name| name == loss.name) && !row.is_part(&loss.name))
        {
            // Equations 39 and 74 are the softmax and its cross entropy, which belongs to the probabilities.
            let group = if loss.name == "cross_entropy" { "Classification / probability" } else { group };
            assert_eq!(loss.tag("group"), Some(group), "{}, equation {}", loss.name, row.equations);
        }
    }
}

#[test]
fn a_summary_is_one_line() {
    for loss in losses() {
        let summary = loss.summary();
        assert!(summary.ends_with('.'), "{}: the first line is no sentence: {summary}", loss.name);
        let next = loss.text.get(1).map_or("", String::as_str);
        assert!(next.is_empty(), "{}: the first line goes on: {next}", loss.name);
    }
}

#[test]
fn a_difference_begins_its_paragraph() {
    let mut differences = 0;
    for loss in losses() {
        for (index, line) in loss.text.iter().enumerate() {
            let Some(place) = line.find("Differs") else { continue };
            differences += 1;
            let begins = place == 2 && line.starts_with("**Differs**") && loss.text[index - 1].is_empty();
            assert!(begins, "{}: `**Differs**` begins a paragraph: {line}", loss.name);
        }
    }
    assert!(differences >= 40, "{differences} differences");
}

#[test]
fn a_paper_is_authors_year_title() {
    for loss in losses() {
        let Some(paper) = loss.tag("paper") else { continue };
        let year = paper.split_once(" (").and_then(|(_, rest)| rest.split_once("), "));
        let good = year.is_some_and(|(year, title)| {
            year.len() == 4
                && year.chars().all(|sign| sign.is_ascii_digit())
                && !title.is_empty()
                && !title.ends_with('.')
        });
        assert!(good, "{}: @paper is `Author, Author and Author (year), Title`: {paper}", loss.name);
    }
}

#[test]
fn searches_find_what_they_should() {
    for (words, wanted) in SEARCHES {
        let found = found(words);
        let missing: Vec<&&str> = wanted.iter().filter(|name| !found.iter().any(|other| other == **name)).collect();
        assert!(missing.is_empty(), "{words:?} finds {found:?}, not {missing:?}");
        assert!(found.len() < 40, "{words:?} finds {} losses", found.len());
    }
}
