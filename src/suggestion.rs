//! A misspelt word to the word that was probably meant.

/// The candidate nearest to a word, if one is near enough: one slip up to five letters, two up to
/// eight, three beyond; a difference in case only is always near enough.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let allowed = match length {
        0..=5 => 1,
        6..=8 => 2,
        _ => 3,
    };
    let folded = word.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| *candidate != word)
        .filter_map(|candidate| {
            let far = candidate.chars().count().abs_diff(length) > allowed;
            if far {
                return None;
            }
            let distance = strsim::damerau_levenshtein(&folded, &candidate.to_lowercase());
            // Every letter of a short word replaced is another word, not a slip.
            (distance <= allowed && distance < length.max(1)).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn near_words_are_found() {
        let words = ["huber", "hinge", "cross_entropy", "mse", "mae"];
        assert_eq!(did_you_mean("hubre", words), Some("huber"));
        assert_eq!(did_you_mean("cros_entropi", words), Some("cross_entropy"));
        assert_eq!(did_you_mean("MSE", words), Some("mse"));
        assert_eq!(did_you_mean("N", ["K", "D"]), None);
        assert_eq!(did_you_mean("unrelated", words), None);
    }
}
