//! V2's subscriptions: one for an event and an address.

use serde_json::{Value, json};

use super::{missing, refusal};
use crate::simulator::exchange::Answer;
use crate::simulator::shipstation::ShipStation;
use crate::simulator::shipstation::convert::number_of;
use crate::simulator::shipstation::state::Api;
use crate::simulator::shipstation::webhooks::Webhook;
use crate::simulator::system::lock;

impl ShipStation {
    pub(in crate::simulator::shipstation) fn create_webhook(&self, body: &Value) -> Answer {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let (event, url) = (text("event"), text("url"));
        let mut books = lock(&self.books);
        if books.state.webhooks.iter().any(|known| is(known) && known.event == event && known.url == url) {
            let said = format!("There already is a webhook for {event} with this url.");
            return refusal(409, "business_rules", "webhook_event_type_conflict", &said);
        }
        let webhook = Webhook {
            id: books.new_webhook(),
            api: Api::V2,
            event,
            url,
            name: body["name"].as_str().map(str::to_owned),
            store: body["store_id"].as_u64(),
            headers: headers(&body["headers"]),
            active: true,
        };
        let shown = view(&webhook);
        books.state.webhooks.push(webhook);
        Answer::json(200, &shown)
    }

    /// "All webhooks currently enabled": a bare list.
    pub(in crate::simulator::shipstation) fn list_webhooks_v2(&self) -> Answer {
        let books = lock(&self.books);
        let shown = books.state.webhooks.iter().filter(|webhook| is(webhook) && webhook.active).map(view);
        Answer::json(200, &shown.collect())
    }

    pub(in crate::simulator::shipstation) fn webhook(&self, id: &str) -> Answer {
        let books = lock(&self.books);
        let found = books.state.webhooks.iter().find(|webhook| is(webhook) && has(webhook, id));
        found.map_or_else(|| missing("webhook"), |webhook| Answer::json(200, &view(webhook)))
    }

    pub(in crate::simulator::shipstation) fn update_webhook(&self, id: &str, body: &Value) -> Answer {
        let webhooks = &mut lock(&self.books).state.webhooks;
        let Some(webhook) = webhooks.iter_mut().find(|webhook| is(webhook) && has(webhook, id)) else {
            return missing("webhook");
        };
        if let Some(url) = body["url"].as_str() {
            webhook.url = url.to_owned();
        }
        if body["headers"].is_array() {
            webhook.headers = headers(&body["headers"]);
        }
        Answer::empty(204)
    }

    pub(in crate::simulator::shipstation) fn delete_webhook(&self, id: &str) -> Answer {
        let webhooks = &mut lock(&self.books).state.webhooks;
        let before = webhooks.len();
        webhooks.retain(|webhook| !is(webhook) || !has(webhook, id));
        if webhooks.len() < before { Answer::empty(204) } else { missing("webhook") }
    }
}

fn is(webhook: &Webhook) -> bool {
    webhook.api == Api::V2
}

fn has(webhook: &Webhook, id: &str) -> bool {
    number_of(&json!(id)) == Some(webhook.id)
}

fn headers(given: &Value) -> Vec<(String, String)> {
    let pair =
        |header: &Value| Some((header["key"].as_str()?.to_owned(), header["value"].as_str()?.to_owned()));
    given.as_array().into_iter().flatten().filter_map(pair).collect()
}

fn view(webhook: &Webhook) -> Value {
    let headers = webhook.headers.iter().map(|(key, value)| json!({ "key": key, "value": value }));
    let mut view = json!({
        "webhook_id": format!("se-{}", webhook.id),
        "url": webhook.url,
        "event": webhook.event,
        "headers": headers.collect::<Vec<_>>(),
    });
    if let Some(name) = &webhook.name {
        view["name"] = json!(name);
    }
    if let Some(store) = webhook.store {
        view["store_id"] = json!(store);
    }
    view
}
