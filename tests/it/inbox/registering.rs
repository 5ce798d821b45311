//! A shop is asked to tell us: once, with the newest secret, whatever was there before; and nothing of others is touched.

use std::sync::{Arc, Mutex};

use ml_connector::base::{ManualClock, Secret};
use ml_connector::engine::RunOptions;
use ml_connector::engine::command::{RegistrationStatus, Reply};
use serde_json::{Value, json};

use crate::small::{Answer, Seen, Small};

const ADDRESS: &str = "https://hooks.example.com/hooks/shop/notice";

const SYSTEM: &str = r#"
types:
  hook: { id: text, url: text, event: text, active: boolean }
operations:
  list_hooks:
    effect: read
    request: { method: GET, path: /hooks }
    answer: { hooks: [hook] }
    result: { found: "{{ answer.hooks }}" }
  create_hook:
    effect: idempotent
    input: { url: text, event: text, name: text }
    request: { method: POST, path: /create, json: { url: "{{ input.url }}", event: "{{ input.event }}", name: "{{ input.name }}" } }
    answer: any
    result: {}
  remove_hook:
    effect: idempotent
    input: { id: text }
    request: { method: POST, path: /remove, json: { id: "{{ input.id }}" } }
    answer: any
    result: {}
webhooks:
  notice:
    proof: { secret_url: { credential: key } }
    body: { number: text(40) }
    register: { list: list_hooks, create: create_hook, remove: remove_hook, event: NOTICE }
"#;

const MAPPING: &str = r#"
flows:
  notices:
    title: Notices
    source: { webhook: shop.notice }
    record: notice
    key: "{{ notice.number }}"
    idempotency_key: "{{ notice.number }}"
    steps: [{ set: { seen: "{{ notice.number }}" } }]
"#;

/// The webhooks of a shop, which takes the same twice; and how often it fails first.
#[derive(Clone, Default)]
struct Hooks(Arc<Mutex<(Vec<Value>, u32)>>);

impl Hooks {
    fn of(hooks: Vec<Value>) -> Self {
        Self(Arc::new(Mutex::new((hooks, 0))))
    }

    fn answer(&self, seen: &Seen) -> Answer {
        let (hooks, failures) = &mut *self.0.lock().unwrap();
        match seen.path.as_str() {
            _ if *failures > 0 => {
                *failures -= 1;
                (500, json!({}))
            }
            "/hooks" => (200, json!({ "hooks": hooks })),
            "/create" => {
                hooks.push(json!({ "id": "new", "url": seen.body["url"], "event": seen.body["event"], "active": true }));
                (200, json!({}))
            }
            _ => {
                hooks.retain(|hook| hook["id"] != seen.body["id"]);
                (200, json!({}))
            }
        }
    }

    /// Which there are: id and what follows our address.
    fn left(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (hooks, _) = &*self.0.lock().unwrap();
        hooks.iter().map(|hook| (text(&hook["id"]), text(&hook["url"]).replace(ADDRESS, ""))).collect()
    }
}

fn hook(id: &str, end: &str, active: bool) -> Value {
    json!({ "id": id, "url": format!("{ADDRESS}{end}"), "event": "NOTICE", "active": active })
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(id, end)| ((*id).to_owned(), (*end).to_owned())).collect()
}

async fn shop(hooks: &Hooks) -> Small {
    let hooks = hooks.clone();
    let small = Small::new(SYSTEM, MAPPING, move |seen| hooks.answer(seen)).await;
    small.configure(
        "intake: { listen: \"127.0.0.1:0\", url: \"https://hooks.example.com\" }\n\
         mappings:\n  small: { connections: { shop: shop } }\n",
    );
    small
}

/// Runs until it was seen to, and says how that stands.
async fn registered(small: &Small) -> RegistrationStatus {
    let (engine, store) = small.engine();
    let options = RunOptions::default();
    let stop = options.stop.clone();
    let running = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { engine.run(options).await }
    });
    let waited = async {
        loop {
            let Reply::Status(status) = engine.command(ml_connector::engine::command::Command::Status).await
            else {
                panic!("no status")
            };
            let registration = status.registrations[0].clone();
            if registration.checked.is_some() || registration.trouble.is_some() {
                return registration;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    let registration = tokio::time::timeout(std::time::Duration::from_secs(30), waited).await.unwrap();
    stop.cancel();
    running.await.unwrap().unwrap();
    drop(engine);
    store.close().unwrap();
    registration
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_registered_once() {
    let hooks = Hooks::default();
    let small = shop(&hooks).await;
    for _ in 0..2 {
        assert_eq!(registered(&small).await.trouble, None);
    }
    assert_eq!(hooks.left(), pairs(&[("new", "/shop-key")]));
    assert_eq!(small.seen("/create").len(), 1);
    assert_eq!(small.seen("/create")[0].body["name"], "ml-connector notice");
    let told = small.audit("webhook.registered");
    assert_eq!(told.len(), 1);
    assert!(!serde_json::to_string(&told).unwrap().contains("shop-key"), "the secret is nowhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_made_anew_and_what_is_not_ours_is_left() {
    let strangers = [
        hook("a", "_of_others/shop-key", true),
        json!({ "id": "b", "url": "", "event": "NOTICE", "active": false }),
    ];
    for (before, after) in [
        (vec![hook("1", "/shop-key", false)], "new"),
        (vec![hook("1", "/shop-key", true), hook("2", "/shop-key", true)], "1"),
        (vec![hook("1", "/older-key", true)], "new"),
        (vec![hook("1", "", true), hook("2", "/shop-key", false)], "new"),
    ] {
        let hooks = Hooks::of(strangers.iter().cloned().chain(before).collect());
        let small = shop(&hooks).await;
        assert_eq!(registered(&small).await.trouble, None);
        assert_eq!(hooks.left(), pairs(&[("a", "_of_others/shop-key"), ("b", ""), (after, "/shop-key")]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_secret_is_registered_before_the_old_one_goes() {
    let hooks = Hooks::of(vec![hook("1", "/shop-key", true)]);
    let small = shop(&hooks).await;
    small.vault().rotate("shop.key", &Secret::new("newer key/1"), small.clock.now()).unwrap();
    assert_eq!(registered(&small).await.trouble, None);
    assert_eq!(hooks.left(), pairs(&[("new", "/newer%20key%2F1")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_is_shown_and_nothing_is_done_blindly() {
    let clock = ManualClock::at("2026-11-20T12:00:00Z".parse().unwrap());
    let hooks = Hooks::default();
    hooks.0.lock().unwrap().1 = 1;
    let small = shop(&hooks).await.on(&clock);
    let registration = registered(&small).await;
    assert!(registration.trouble.unwrap().starts_with("list_hooks: "));
    assert_eq!(small.seen("/create").len(), 0);
    assert_eq!(registered(&small).await.trouble, None);
    assert_eq!(hooks.left().len(), 1);
}
