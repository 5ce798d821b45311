//! Hostile and broken templates stay small and quick.

use std::time::Instant;

use super::*;

/// The error of a template that must be refused, by the checker or when it runs.
fn refused(source: &str) -> String {
    let started = Instant::now();
    let message = match Template::compile(source, &scope()) {
        Err(problems) => problems[0].message.clone(),
        Ok(template) => template.evaluate(&values()).unwrap_err().message,
    };
    assert!(started.elapsed().as_millis() < 2_000, "took {:?}", started.elapsed());
    message
}

#[test]
fn bombs_do_not_go_off() {
    let replace =
        "{{ 'aaaaaaaaaaaaaaaa'".to_owned() + &" | replace('a', 'aaaaaaaaaaaaaaaa')".repeat(9) + " }}";
    assert!(refused(&replace).contains("too much data"), "{}", refused(&replace));
    let pad = "{{ ['a' | pad_left(100000)".to_owned() + &", 'a' | pad_left(100000)".repeat(100) + "] }}";
    assert!(refused(&pad).contains("too much data"));
    let join =
        "{{ [".to_owned() + &"'a' | pad_left(100000),".repeat(20) + "] | join('a' | pad_left(100000)) }}";
    assert!(refused(&join).contains("too much data"));
    let concat = "{{ ('a' | pad_left(100000))".to_owned() + &" ~ ('a' | pad_left(100000))".repeat(60) + " }}";
    assert!(refused(&concat).contains("too much data"));
    let output = "{{ 'a' | pad_left(100000) }}".repeat(12);
    assert_eq!(refused(&output), "the text is longer than 1 MB");
    assert!(refused("{{ 1000000000 | split_evenly(0.001) }}").contains("more than 10000 parts"));
    assert!(refused("{{ ('a' | pad_left(100000, ',')) | split(',') }}").contains("more than 10000 pieces"));
    assert!(refused("{{ 'a' | pad_left(1000000000) }}").contains("is not between"));
    assert!(
        refused("{{ 9000000000000000000 * 9000000000000000000 * 9000000000000000000 }}")
            .contains("too large")
    );
}

#[test]
fn a_result_cannot_repeat_large_data_without_end() {
    let mut values = values();
    values.set("data", &json!("x".repeat(500_000)));
    let source = "{{ [".to_owned() + &"data,".repeat(400) + "] }}";
    let error = compile(&source).evaluate(&values).unwrap_err();
    assert!(error.message.contains("too much data"), "{}", error.message);
}

#[test]
fn deep_and_long_expressions_are_problems() {
    for source in [
        format!("{{{{ {}1{} }}}}", "(".repeat(400), ")".repeat(400)),
        format!("{{{{ {}1 }}}}", "-".repeat(900)),
        format!("{{{{ {}flag }}}}", "not ".repeat(900)),
        format!("{{{{ {}1{} }}}}", "[".repeat(140), "]".repeat(140)),
        format!("{{{{ 1{} }}}}", " + 1".repeat(450)),
        format!("{{{{ 'a'{} }}}}", " | upper".repeat(450)),
        format!("{{{{ data{} }}}}", ".a".repeat(450)),
        format!("{{{{ 1{} }}}}", " if flag else 1".repeat(200)),
        format!("{{{{ 1{} }}}}", " + 1".repeat(3000)),
        "{{ ".to_owned() + &"x".repeat(20_000) + " }}",
    ] {
        refused(&source);
    }
    // Long is fine where it is not deep.
    compile(&format!("{{{{ 'a'{} }}}}", " ~ 'a'".repeat(400)));
    compile(&format!("{{{{ flag{} }}}}", " and flag".repeat(400)));
    compile(&format!("{{{{ [{}] }}}}", "1,".repeat(400)));
}

#[test]
fn garbage_never_panics() {
    let parts = [
        "{{", "}}", "order", ".", "Lines", "[", "]", "(", ")", "|", "first", "'", "\"", "\\", "is", "not",
        "none", "~", "*", "-", "{", "}", ":", ",", "if", "else", "and", "ä", "\u{0}", "1", "0x", "1e999",
        "%", "$", "where", "sum_of", "\n",
    ];
    let mut seed = 7_u64;
    for _ in 0..5_000 {
        let mut source = String::from("{{ ");
        for _ in 0..12 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            source.push_str(parts[(seed >> 33) as usize % parts.len()]);
            if seed >> 62 == 0 {
                source.push(' ');
            }
        }
        source.push_str(" }}");
        match Template::compile(&source, &scope()) {
            Ok(template) => drop(template.evaluate(&values())),
            Err(problems) => {
                for problem in problems {
                    assert!(source.get(problem.range.clone()).is_some(), "{source}: {problem:?}");
                }
            }
        }
    }
}
