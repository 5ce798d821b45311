//! Every code a finding can have, with its story. One list, so that no two findings share a code by accident.
//!
//! One file a family: `files`, `shape`, `expressions`, `systems`, `mappings`, `configurations`.

mod configurations;
mod expressions;
mod files;
mod mappings;
mod shape;
mod systems;

/// A code and its story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The code, in kebab-case; it never changes its meaning.
    pub name: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// Why it matters and what to do.
    pub explanation: &'static str,
}

/// The story of a code; none if there is no such code.
pub fn explain(code: &str) -> Option<&'static Code> {
    CODES.iter().find(|known| known.name == code)
}

const fn code(name: &'static str, title: &'static str, explanation: &'static str) -> Code {
    Code { name, title, explanation }
}

/// The families in the order in which people meet them.
const FAMILIES: [&[Code]; 6] =
    [files::CODES, shape::CODES, expressions::CODES, systems::CODES, mappings::CODES, configurations::CODES];

/// All codes, family by family.
pub const CODES: &[Code] = &joined::<{ count() }>();

const fn count() -> usize {
    let (mut family, mut count) = (0, 0);
    while family < FAMILIES.len() {
        count += FAMILIES[family].len();
        family += 1;
    }
    count
}

const fn joined<const N: usize>() -> [Code; N] {
    let mut all = [code("", "", ""); N];
    let (mut family, mut at) = (0, 0);
    while family < FAMILIES.len() {
        let mut index = 0;
        while index < FAMILIES[family].len() {
            all[at] = FAMILIES[family][index];
            index += 1;
            at += 1;
        }
        family += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_well_formed() {
        for (index, code) in CODES.iter().enumerate() {
            assert!(
                CODES[..index].iter().all(|other| other.name != code.name),
                "{} is there twice",
                code.name
            );
            assert!(
                code.name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
                "{}",
                code.name
            );
            assert!(!code.title.is_empty() && code.explanation.ends_with('.'), "{}", code.name);
        }
    }
}
