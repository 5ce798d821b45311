//! Texts that XML, JSON and people each treat in their own way: what Sage has of an order survives its way through both.

use std::time::Duration;

use serde_json::json;

use super::{Pair, Wishes};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_awkward_texts_is_sent_and_written_back_as_it_was() {
    let pair = Pair::new(Wishes { orders: 1, ..Wishes::default() }).await;
    let number = pair.due().into_keys().next().unwrap();
    let texts = json!({
        "ShipToName": "O'Neil & Söhne <x> ]]> \"&amp;\"",
        "ShipToAddress2": "ß".repeat(40),
        "ConfirmTo": "東京 {{ none }} %27 ${x}",
        "UDF_NOTE": "first\nsecond\ttab  two blanks",
    });
    pair.edit(&number, texts.clone());
    pair.run_well().await;
    pair.assert_orders_equal();
    pair.ship.system.ship(&number, 1).unwrap();
    pair.clock.skip(Duration::from_secs(900));
    pair.run_well().await;
    pair.assert_parcels_equal();
    let (record, state) = (pair.record(&number), pair.sage.system.state());
    for (name, text) in texts.as_object().unwrap() {
        assert_eq!(record[name], *text, "{name}");
    }
    assert_eq!((state.web_updates, state.web_lost), (1, 0));
}
