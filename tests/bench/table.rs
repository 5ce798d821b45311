//! What is printed: medians over the rounds, for people and as one line of JSON.

use std::time::Duration;

use serde_json::{Value, json};

use super::child::Usage;
use super::stage::Ended;

/// One way of doing the work, over all rounds.
#[derive(Default)]
pub struct Side {
    rounds: Vec<(Usage, Ended)>,
}

/// Both ways at one latency.
pub struct Setting {
    pub latency: Duration,
    pub orders: usize,
    pub rounds: usize,
    pub by_hand: Side,
    pub engine: Side,
}

impl Side {
    pub fn add(&mut self, usage: Usage, ended: Ended) {
        self.rounds.push((usage, ended));
    }

    pub fn shipped(&self) -> impl Iterator<Item = usize> {
        self.rounds.iter().map(|(_, ended)| ended.shipped)
    }

    fn median(&self, of: impl Fn(&Usage, &Ended) -> f64) -> f64 {
        let mut all: Vec<f64> = self.rounds.iter().map(|(usage, ended)| of(usage, ended)).collect();
        all.sort_unstable_by(f64::total_cmp);
        all[all.len() / 2]
    }

    fn rate(&self, orders: usize) -> f64 {
        orders as f64 / self.median(|usage, _| usage.seconds)
    }

    fn cpu_ms(&self, orders: usize) -> f64 {
        self.median(|usage, _| usage.cpu_seconds) * 1000.0 / orders as f64
    }

    fn simulators_ms(&self, orders: usize) -> f64 {
        self.median(|_, ended| ended.cpu_seconds) * 1000.0 / orders as f64
    }

    fn peak_mib(&self) -> f64 {
        self.median(|usage, _| usage.peak_kib as f64) / 1024.0
    }

    fn calls(&self, orders: usize) -> f64 {
        self.median(|_, ended| ended.calls as f64) / orders as f64
    }

    fn json(&self, orders: usize) -> Value {
        let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
        json!({
            "records_per_second": rounded(self.rate(orders)),
            "cpu_ms_per_record": rounded(self.cpu_ms(orders)),
            "peak_mib": rounded(self.peak_mib()),
            "calls_per_record": rounded(self.calls(orders)),
            "simulators_cpu_ms_per_record": rounded(self.simulators_ms(orders)),
        })
    }
}

impl Setting {
    fn ratio(&self) -> f64 {
        self.engine.rate(self.orders) / self.by_hand.rate(self.orders)
    }
}

/// For people.
pub fn text(settings: &[Setting]) -> String {
    let mut text = String::from(
        "\nlatency  who           records/s  ratio  CPU ms/record  peak MiB  calls/record  simulators' CPU ms/record\n",
    );
    for setting in settings {
        for (who, side, ratio) in
            [("hand-written", &setting.by_hand, 1.0), ("ml-connector", &setting.engine, setting.ratio())]
        {
            text.push_str(&format!(
                "{:>7}  {who}  {:>9.1}  {ratio:>5.2}  {:>13.2}  {:>8.1}  {:>12.2}  {:>25.2}\n",
                format!("{} ms", setting.latency.as_millis()),
                side.rate(setting.orders),
                side.cpu_ms(setting.orders),
                side.peak_mib(),
                side.calls(setting.orders),
                side.simulators_ms(setting.orders),
            ));
        }
    }
    if let Some(Setting { orders, rounds, .. }) = settings.first() {
        text.push_str(&format!(
            "\n{orders} orders, medians of {rounds} rounds; both shipped every order once. The simulators check every call \
             against its contract, on the same processors.\n"
        ));
    }
    text
}

/// For programs.
pub fn json(settings: &[Setting]) -> Value {
    settings
        .iter()
        .map(|setting| {
            json!({
                "latency_ms": setting.latency.as_millis() as u64,
                "orders": setting.orders,
                "rounds": setting.rounds,
                "hand_written": setting.by_hand.json(setting.orders),
                "ml_connector": setting.engine.json(setting.orders),
                "ratio": (setting.ratio() * 1000.0).round() / 1000.0,
            })
        })
        .collect()
}
