//! The story as a Mermaid flowchart.

use std::fmt::Write;

use super::story::{FlowStory, Kind, SourceStory, StepStory, Story};

/// One flowchart, each flow a box.
pub fn of(story: &Story) -> String {
    let mut chart = Chart { text: "flowchart TD\n".to_owned(), last: 0 };
    story.flows.iter().for_each(|flow| chart.flow(flow));
    chart.text
}

struct Chart {
    text: String,
    last: usize,
}

impl Chart {
    fn flow(&mut self, flow: &FlowStory) {
        let _ = writeln!(self.text, "  subgraph {}[\"{}\"]", flow.flow, safe(&flow.title));
        let sources: Vec<String> = flow.sources.iter().map(|source| self.source(flow, source)).collect();
        let select = self.node("{\"", "taken?", "\"}");
        sources.iter().for_each(|source| self.edge(source, &select, None));
        let left = self.node("([\"", "left alone", "\"])");
        self.edge(&select, &left, Some("no"));
        let end = self.steps(&flow.steps, &select, Some("yes"));
        let done = self.node("([\"", "done", "\"])");
        self.edge(&end, &done, None);
        self.text.push_str("  end\n");
    }

    /// Draws steps one after the other and gives the last node.
    fn steps(&mut self, steps: &[StepStory], from: &str, label: Option<&str>) -> String {
        let (mut from, mut label) = (from.to_owned(), label.map(str::to_owned));
        for step in steps {
            let (open, close) = match step.kind {
                Kind::Check => ("{\"", "\"}"),
                Kind::Once => ("[[\"", "\"]]"),
                Kind::Loop => ("[/\"", "\"/]"),
                Kind::Read | Kind::Repeatable | Kind::Work => ("[\"", "\"]"),
            };
            let node = self.node(open, &step.label, close);
            if let Some(when) = &step.when {
                label =
                    Some(label.map_or_else(|| format!("if {when}"), |label| format!("{label}, if {when}")));
            }
            self.edge(&from, &node, label.as_deref());
            for flow in &step.tells {
                let _ = writeln!(self.text, "    {node} -.-> {}", told(flow));
            }
            if let Some(otherwise) = step.otherwise {
                let end = self.node("([\"", otherwise, "\"])");
                self.edge(&node, &end, Some("no"));
            }
            label = (step.kind == Kind::Check).then(|| "yes".to_owned());
            from = self.steps(&step.steps, &node, None);
        }
        from
    }

    /// The node of a source; the one that other flows tell has a name that they know.
    fn source(&mut self, flow: &FlowStory, source: &SourceStory) -> String {
        if !source.told {
            return self.node("([\"", &source.reads, "\"])");
        }
        let id = told(&flow.flow);
        let _ = writeln!(self.text, "    {id}([\"{}\"])", safe(&source.reads));
        id
    }

    fn node(&mut self, open: &str, label: &str, close: &str) -> String {
        self.last += 1;
        let id = format!("n{}", self.last);
        let _ = writeln!(self.text, "    {id}{open}{}{close}", safe(label));
        id
    }

    fn edge(&mut self, from: &str, to: &str, label: Option<&str>) {
        let label = label.map(|label| format!("|\"{}\"|", safe(label))).unwrap_or_default();
        let _ = writeln!(self.text, "    {from} -->{label} {to}");
    }
}

/// The node of what other flows tell a flow.
fn told(flow: &str) -> String {
    format!("told_{}", flow.replace('-', "_"))
}

/// Text that Mermaid takes as it is.
fn safe(text: &str) -> String {
    text.replace('#', "#35;")
        .replace('"', "#quot;")
        .replace('<', "#lt;")
        .replace('>', "#gt;")
        .replace('`', "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(kind: Kind, label: &str, when: Option<&str>) -> StepStory {
        StepStory {
            step: label.to_owned(),
            place: String::new(),
            kind,
            when: when.map(str::to_owned),
            words: String::new(),
            label: label.to_owned(),
            otherwise: (kind == Kind::Check).then_some("parked"),
            steps: Vec::new(),
            tells: Vec::new(),
        }
    }

    #[test]
    fn steps_follow_each_other_and_checks_branch() {
        let flow = FlowStory {
            flow: "ship".to_owned(),
            title: "Ship \"it\"".to_owned(),
            sources: vec![SourceStory { reads: "Every 15m".to_owned(), finds: String::new(), told: false }],
            waits: None,
            takes: String::new(),
            names: String::new(),
            steps: vec![step(Kind::Check, "weight > 0?", None), step(Kind::Once, "UPS: create", Some("x"))],
            once: Vec::new(),
            parks: Vec::new(),
            refusal: String::new(),
            change: String::new(),
            merge: None,
            again: None,
        };
        let mut chart = Chart { text: String::new(), last: 0 };
        chart.flow(&flow);
        for line in [
            "subgraph ship[\"Ship #quot;it#quot;\"]",
            "n2 -->|\"yes\"| n4",
            "n4{\"weight #gt; 0?\"}",
            "n4 -->|\"no\"| n5",
            "n4 -->|\"yes, if x\"| n6",
            "n6[[\"UPS: create\"]]",
            "n6 --> n7",
        ] {
            assert!(chart.text.contains(line), "{line} is not in\n{}", chart.text);
        }
    }
}
