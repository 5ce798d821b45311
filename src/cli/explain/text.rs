//! The story for people.

use std::fmt::Write;

use super::diagram;
use super::story::{FlowStory, SettingStory, StepStory, Story};

/// The whole story, with the diagram at its end.
pub fn of(story: &Story) -> String {
    let mut text = format!("{}: {}\n", story.mapping, story.title);
    let systems: Vec<String> =
        story.systems.iter().map(|(role, title)| format!("{role} is {title}")).collect();
    let _ = writeln!(text, "In it, {}.", systems.join(", "));
    for flow in &story.flows {
        put_flow(flow, &mut text);
    }
    if !story.settings.is_empty() {
        text.push_str("\nSettings\n");
        story.settings.iter().for_each(|setting| put_setting(setting, &mut text));
    }
    let _ = write!(text, "\nDiagram (Mermaid)\n\n```mermaid\n{}```\n", diagram::of(story));
    text
}

fn put_flow(flow: &FlowStory, text: &mut String) {
    let _ = writeln!(text, "\nFlow {}: {}\n", flow.flow, flow.title);
    let sources = flow.sources.iter().flat_map(|source| [&source.reads, &source.finds]);
    for words in sources.chain(&flow.waits).chain([&flow.takes, &flow.names]).chain(&flow.merge) {
        let _ = writeln!(text, "  {words}");
    }
    text.push_str("\n  What is done\n");
    put_steps(&flow.steps, "", 2, text);
    if !flow.once.is_empty() {
        text.push_str("\n  What is never repeated\n");
        for once in &flow.once {
            let _ = writeln!(text, "    {} (step {})", once.operation, once.step);
            once.words.iter().for_each(|words| _ = writeln!(text, "      {words}"));
        }
    }
    text.push_str("\n  What parks a record\n");
    flow.parks.iter().for_each(|reason| _ = writeln!(text, "    - {reason}"));
    let _ = writeln!(text, "    {}", flow.refusal);
    let _ = writeln!(text, "\n  What a change means\n    {}", flow.change);
    if let Some(again) = &flow.again {
        let _ = writeln!(text, "\n  When it comes again\n    {again}");
    }
}

fn put_steps(steps: &[StepStory], prefix: &str, depth: usize, text: &mut String) {
    for (index, step) in steps.iter().enumerate() {
        let number = format!("{prefix}{}", index + 1);
        let when = step.when.as_ref().map(|when| format!("If `{when}`: ")).unwrap_or_default();
        let _ = writeln!(text, "{}{number}. {when}{}", "  ".repeat(depth), step.words);
        put_steps(&step.steps, &format!("{number}."), depth + 1, text);
    }
}

fn put_setting(setting: &SettingStory, text: &mut String) {
    let default = setting.default.as_ref().map(|value| format!(", default {value}")).unwrap_or_default();
    let _ = writeln!(text, "  {} ({}{default})", setting.name, setting.holds);
    if let Some(docs) = &setting.docs {
        let _ = writeln!(text, "    {}", docs.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}
