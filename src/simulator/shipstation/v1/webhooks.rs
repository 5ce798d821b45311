//! V1's subscriptions: made, listed and ended; nothing changes one, and a second one for the same is taken like the first.

use serde_json::{Value, json};

use super::message;
use crate::simulator::exchange::Answer;
use crate::simulator::shipstation::ShipStation;
use crate::simulator::shipstation::state::Api;
use crate::simulator::shipstation::webhooks::{V1_EVENTS, Webhook};
use crate::simulator::system::lock;

impl ShipStation {
    pub(in crate::simulator::shipstation) fn subscribe(&self, body: &Value) -> Answer {
        let text = |name: &str| body[name].as_str().map(str::trim).unwrap_or_default().to_owned();
        let (url, event) = (text("target_url"), text("event"));
        if url.is_empty() || !V1_EVENTS.contains(&event.as_str()) {
            return message(400, "The request is invalid.");
        }
        let mut books = lock(&self.books);
        let id = books.new_webhook();
        books.state.webhooks.push(Webhook {
            id,
            api: Api::V1,
            event,
            url,
            name: Some(text("friendly_name")).filter(|name| !name.is_empty()),
            store: body["store_id"].as_u64(),
            headers: Vec::new(),
            active: true,
        });
        Answer::json(200, &json!({ "id": id }))
    }

    /// Unlike everything else in V1, in Pascal case.
    pub(in crate::simulator::shipstation) fn list_webhooks(&self) -> Answer {
        let books = lock(&self.books);
        let webhooks = books.state.webhooks.iter().filter(|webhook| webhook.api == Api::V1);
        let shown: Vec<Value> = webhooks
            .map(|webhook| {
                json!({
                    "IsLabelAPIHook": false,
                    "WebHookID": webhook.id,
                    "SellerID": 100_000,
                    "StoreID": webhook.store,
                    "HookType": webhook.event,
                    "MessageFormat": "Json",
                    "Url": webhook.url,
                    "Name": webhook.name,
                    "BulkCopyBatchID": null,
                    "BulkCopyRecordID": null,
                    "Active": webhook.active,
                    "WebhookLogs": [],
                    "Seller": null,
                    "Store": null,
                })
            })
            .collect();
        Answer::json(200, &json!({ "webhooks": shown }))
    }

    pub(in crate::simulator::shipstation) fn unsubscribe(&self, id: &str) -> Answer {
        let webhooks = &mut lock(&self.books).state.webhooks;
        let before = webhooks.len();
        webhooks.retain(|webhook| webhook.api != Api::V1 || webhook.id.to_string() != id);
        match webhooks.len() < before {
            true => Answer::empty(200),
            false => message(404, "The requested webhook was not found."),
        }
    }
}
