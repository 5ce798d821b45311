//! Names that are not known, and the ones that may have been meant.

/// A sentence for a name that is not among `known`, with the nearest of them or all.
pub fn unknown<T: AsRef<str>>(what: &str, name: &str, known: impl IntoIterator<Item = T>) -> String {
    let known: Vec<String> = known.into_iter().map(|name| name.as_ref().to_owned()).collect();
    let nearest = known.iter().map(|known| (distance(name, known), known)).min();
    match nearest {
        None => format!("there is no {what} `{name}`: there is none at all"),
        Some((far, near)) if far <= 2.max(name.chars().count() / 3) => {
            format!("there is no {what} `{name}`; did you mean `{near}`?")
        }
        Some(_) => format!("there is no {what} `{name}`; there are: {}", known.join(", ")),
    }
}

/// How many letters must be put in, taken out or replaced.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, with) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *with);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered() {
        let known = ["carrier.client_id", "erp.api_key"];
        assert_eq!(
            unknown("credential", "erp.apikey", known),
            "there is no credential `erp.apikey`; did you mean `erp.api_key`?"
        );
        assert!(unknown("credential", "x", known).ends_with("there are: carrier.client_id, erp.api_key"));
        assert!(unknown::<&str>("flow", "x", []).ends_with("there is none at all"));
        assert_eq!((distance("kitten", "sitting"), distance("", "abc"), distance("ab", "ab")), (3, 3, 0));
    }
}
