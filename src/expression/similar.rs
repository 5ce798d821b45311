//! "Did you mean …?": the candidate that a mistyped word most likely stands for.

/// The candidate nearest to `word`, if one is near enough to be a slip of the fingers.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer words are never typed by hand; the cap keeps the cost bounded for hostile input.
    const LONGEST: usize = 64;
    let lower = word.to_lowercase();
    let word: Vec<char> = lower.chars().collect();
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let allowed = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.chars().count() <= LONGEST)
        .map(|candidate| {
            // A word that someone stopped typing is as near as a slip.
            let start = word.len() > 2 && candidate.to_lowercase().starts_with(&lower);
            (distance(&word, candidate).min(if start { 1 } else { usize::MAX }), candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// ``did you mean `x`?`` as a help text.
pub(crate) fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    did_you_mean(word, candidates).map(|near| format!("did you mean `{near}`?"))
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other, ignoring case.
fn distance(word: &[char], candidate: &str) -> usize {
    let other: Vec<char> = candidate.to_lowercase().chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in word.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut best = (previous[j] + usize::from(a != b)).min(previous[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && word[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut previous, row);
    }
    previous[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_nothing_else() {
        let fields = ["ShipToZipCode", "ShipToName", "OrderDate", "Lines"];
        for (word, expected) in [
            ("ShipToZip", Some("ShipToZipCode")),
            ("ShipToZipcode", Some("ShipToZipCode")),
            ("ShpiToName", Some("ShipToName")),
            ("lines", Some("Lines")),
            ("Line", Some("Lines")),
            ("Li", None),
            ("Weight", None),
            ("", None),
        ] {
            assert_eq!(did_you_mean(word, fields), expected, "{word}");
        }
    }
}
