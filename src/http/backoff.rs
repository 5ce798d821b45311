//! How long to wait before trying again: exponential backoff with full jitter, as plain arithmetic.

use std::time::Duration;

/// The wait after the `attempt`th failure (from 1): `unit_random` (in `0.0..1.0`) of a bound that starts at `first`
/// and doubles up to `max`. Full jitter spreads callers that failed together over the whole bound.
pub fn delay(attempt: u32, first: Duration, max: Duration, unit_random: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(31);
    let bound = first.saturating_mul(1 << doublings).min(max);
    bound.mul_f64(unit_random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(1);
    const MAX: Duration = Duration::from_secs(300);

    #[test]
    fn the_bound_doubles_up_to_the_maximum() {
        let bounds: Vec<u64> = (1..=11).map(|attempt| delay(attempt, FIRST, MAX, 1.0).as_secs()).collect();
        assert_eq!(bounds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(delay(u32::MAX, FIRST, MAX, 1.0), MAX);
        assert_eq!(delay(0, FIRST, MAX, 1.0), FIRST);
        assert_eq!(delay(40, Duration::ZERO, MAX, 1.0), Duration::ZERO);
    }

    #[test]
    fn jitter_spreads_over_the_whole_bound() {
        assert_eq!(delay(4, FIRST, MAX, 0.0), Duration::ZERO);
        assert_eq!(delay(4, FIRST, MAX, 0.25), Duration::from_secs(2));
        assert!(delay(4, FIRST, MAX, 7.0) <= Duration::from_secs(8));
        assert_eq!(delay(1, FIRST, Duration::from_millis(10), 1.0), Duration::from_millis(10));
    }
}
