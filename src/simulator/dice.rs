//! Repeatable chance: the same seed gives the same throws on every machine.

/// A small generator (SplitMix64) for data and faults; not for secrets.
#[derive(Debug, Clone)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// Dice that always fall the same way for `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number in `0..end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.draw() % end }
    }

    /// A number in `from..=to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }

    /// True in `rate` of all throws.
    pub fn chance(&mut self, rate: f64) -> bool {
        let unit = (self.draw() >> 11) as f64 / (1u64 << 53) as f64;
        unit < rate
    }

    /// One of `choices`; `None` of an empty slice.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let index = usize::try_from(self.below(choices.len() as u64)).unwrap_or_default();
        choices.get(index)
    }

    /// `count` kinds in random order, each in its share, the rest `plain`. From twenty on, every kind whose share is not
    /// zero occurs.
    pub fn deal<K: Copy>(&mut self, count: usize, shares: &[(K, f64)], plain: K) -> Vec<K> {
        let mut kinds = Vec::with_capacity(count);
        for (kind, share) in shares {
            let least = usize::from(*share > 0.0 && count >= 20);
            kinds.extend(std::iter::repeat_n(*kind, ((count as f64 * share).round() as usize).max(least)));
        }
        kinds.truncate(count);
        kinds.resize(count, plain);
        self.shuffle(&mut kinds);
        kinds
    }

    /// Puts `items` into another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap_or_default();
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_falls_the_same_way() {
        let throws = |seed| {
            let mut dice = Dice::new(seed);
            (0..5).map(|_| dice.draw()).collect::<Vec<_>>()
        };
        assert_eq!(throws(7), throws(7));
        assert_ne!(throws(7), throws(8));
    }

    #[test]
    fn every_kind_with_a_share_is_dealt() {
        let deal = |count| {
            let mut kinds = Dice::new(1).deal(count, &[('a', 0.5), ('b', 0.001), ('c', 0.0)], 'p');
            kinds.sort_unstable();
            kinds.into_iter().collect::<String>()
        };
        assert_eq!(deal(4), "aapp");
        assert_eq!(deal(20), format!("{}b{}", "a".repeat(10), "p".repeat(9)));
    }

    #[test]
    fn chance_comes_near_its_rate() {
        let mut dice = Dice::new(1);
        let hits = (0..10_000).filter(|_| dice.chance(0.05)).count();
        assert!((400..600).contains(&hits), "{hits}");
        assert!(!dice.chance(0.0));
        assert!(dice.chance(1.0));
    }
}
