//! What happened, and how it is told: both interfaces send little more than an address to look at.
//!
//! V1 tells of orders that came in and of outbound labels, and of nothing else: no edit, void, cancel or mark as shipped.
//! V2 tells of fulfillments too, and of what carriers see (help.shipstation.com 360025856252; bodies as recorded).
//! `ITEM_ORDER_NOTIFY` and the events of rejected fulfillments can be subscribed to and are never fired: no example of what
//! they point at was found.

use bytes::Bytes;
use serde_json::{Value, json};

use super::ShipStation;
use super::books::Books;
use super::journey;
use super::state::Api;
use super::webhooks::Webhook;
use crate::base::clock;
use crate::simulator::push::Push;

/// The event of V2 that tells what a carrier saw.
pub(super) const TRACKED: &str = "track_event_v2";

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// Orders came in with an import, or became ready to ship with it.
    Ordered { import: String, store: u64 },
    /// Labels were made in a batch.
    Labelled { batch: u64, store: u64 },
    /// Something left without a label.
    Fulfilled { parcel: u64, order: u64, store: u64, provider: bool },
    /// A carrier saw a parcel: its scan of that number, counted from 1.
    Tracked { parcel: u64, scan: usize },
}

/// How an event is told by one interface.
struct Notice {
    api: Api,
    event: &'static str,
    store: u64,
    /// The path and query to look at.
    target: String,
    /// Which of several things that have one address it is.
    scan: Option<usize>,
    data: Option<Value>,
}

/// What a push is about, for whoever looks: one name for one thing.
pub(super) fn about(event: &str, target: &str, scan: Option<usize>) -> String {
    match scan {
        Some(scan) => format!("{event} {target} #{scan}"),
        None => format!("{event} {target}"),
    }
}

/// Where a label's tracking is.
pub(super) fn tracked_at(parcel: u64) -> String {
    format!("/v2/labels/se-{parcel}/track")
}

impl ShipStation {
    /// Tells of everything that happened since the last time.
    pub(super) fn tell(&self, books: &mut Books) {
        let news = std::mem::take(&mut books.news);
        let due = clock::add(self.desk.clock.now(), self.options.push_delay);
        for notice in news.iter().flat_map(|news| self.notices(books, news)) {
            let hears = |webhook: &&Webhook| webhook.hears(notice.api, notice.event, notice.store);
            for webhook in books.state.webhooks.iter().filter(hears) {
                self.outbox.put(self.push(webhook, &notice), due);
            }
        }
    }

    fn notices(&self, books: &Books, news: &News) -> Vec<Notice> {
        let of = |api, event, store, target| Notice { api, event, store, target, scan: None, data: None };
        match news {
            News::Ordered { import, store } => vec![
                of(Api::V1, "ORDER_NOTIFY", *store, format!("/orders?storeID={store}&importBatch={import}")),
                of(Api::V2, "shipment_created_v2", *store, format!("/v2/shipments?import_batch_id={import}")),
            ],
            News::Labelled { batch, store } => {
                let shipments = |items| format!("/shipments?batchId={batch}&includeShipmentItems={items}");
                vec![
                    of(Api::V1, "SHIP_NOTIFY", *store, shipments("False")),
                    of(Api::V1, "ITEM_SHIP_NOTIFY", *store, shipments("True")),
                    of(Api::V2, "label_created_v2", *store, format!("/v2/labels?batch_id=se-{batch}")),
                ]
            }
            News::Fulfilled { parcel, order, store, provider } => {
                let v1 = of(
                    Api::V1,
                    "FULFILLMENT_SHIPPED",
                    *store,
                    format!("/fulfillments?fulfillmentId={parcel}"),
                );
                let target = format!("/v2/fulfillments?fulfillment_id=se-{parcel}&shipment_id=se-{order}");
                let v2 = of(Api::V2, "fulfillment_shipped_v2", *store, target);
                match provider | self.options.marks_notify {
                    true => vec![v1, v2],
                    false => vec![v2],
                }
            }
            News::Tracked { parcel, scan } => self.tracked(books, *parcel, *scan).into_iter().collect(),
        }
    }

    /// The one event that says what happened. What its address looks like is not published; that of the label's own
    /// tracking is in the vendor's file.
    fn tracked(&self, books: &Books, id: u64, scan: usize) -> Option<Notice> {
        let (order, parcel) = books
            .state
            .orders
            .iter()
            .find_map(|order| Some((order, order.parcels.iter().find(|parcel| parcel.id == id)?)))?;
        Some(Notice {
            api: Api::V2,
            event: TRACKED,
            store: order.store,
            target: tracked_at(id),
            scan: Some(scan),
            data: Some(journey::tracking(order, parcel, scan, self.options.status_codes)),
        })
    }

    fn push(&self, webhook: &Webhook, notice: &Notice) -> Push {
        let mut body = json!({
            "resource_url": format!("{}{}", self.host(notice.api), notice.target),
            "resource_type": notice.event.to_uppercase(),
        });
        if let Some(data) = &notice.data {
            body["data"] = data.clone();
        }
        Push {
            to: webhook.url.clone(),
            headers: webhook.headers.clone(),
            body: Bytes::from(body.to_string()),
            about: about(notice.event, &notice.target, notice.scan),
            envelope: (notice.api == Api::V2).then(|| self.keys.clone() as _),
        }
    }
}
