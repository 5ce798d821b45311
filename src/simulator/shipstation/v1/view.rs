//! What V1 shows of parcels: shipments, which have a label, and fulfillments, which have none.

use serde_json::{Value, json};

use crate::simulator::shipstation::state::{Order, Parcel};
use crate::simulator::shipstation::{convert, pacific};

/// A parcel with a label.
pub fn shipment(order: &Order, parcel: &Parcel, with_items: bool) -> Value {
    let view = convert::to_v1(order);
    let items = with_items.then(|| {
        parcel.items.iter().map(|(place, quantity)| item(&view, *place, *quantity)).collect::<Vec<_>>()
    });
    json!({
        "shipmentId": parcel.id,
        "orderId": order.id,
        "orderKey": order.key,
        "userId": "123456AB-ab12-3c4d-5e67-89f1abc1defa",
        "customerEmail": view["customerEmail"],
        "orderNumber": order.number,
        "createDate": pacific::stamp(parcel.created_at),
        "shipDate": parcel.ship_date.to_string(),
        "shipmentCost": parcel.cents as f64 / 100.0,
        "insuranceCost": 0,
        "trackingNumber": parcel.tracking_number,
        "isReturnLabel": !parcel.outbound,
        "batchNumber": (parcel.batch % 900_000 + 100_000).to_string(),
        "carrierCode": parcel.carrier,
        "serviceCode": parcel.service,
        "packageCode": "package",
        "confirmation": "delivery",
        "warehouseId": view["advancedOptions"]["warehouseId"],
        "voided": parcel.voided_at.is_some(),
        "voidDate": parcel.voided_at.map(pacific::stamp),
        "marketplaceNotified": true,
        "notifyErrorMessage": null,
        "shipTo": address(&view),
        "weight": { "value": 1, "units": "ounces" },
        "dimensions": null,
        "insuranceOptions": { "provider": null, "insureShipment": false, "insuredValue": 0 },
        "advancedOptions": null,
        "shipmentItems": items,
        "labelData": null,
        "formData": null,
    })
}

fn item(view: &Value, place: usize, quantity: u64) -> Value {
    let item = &view["items"][place];
    json!({
        "orderItemId": item["orderItemId"], "lineItemKey": item["lineItemKey"], "sku": item["sku"], "name": item["name"],
        "imageUrl": null, "weight": item["weight"], "quantity": quantity, "unitPrice": item["unitPrice"],
        "warehouseLocation": item["warehouseLocation"], "options": null, "productId": item["productId"], "fulfillmentSku": null,
    })
}

/// A parcel that was only marked as shipped. The key of its order is not in it: only id and number are.
pub fn fulfillment(order: &Order, parcel: &Parcel) -> Value {
    let view = convert::to_v1(order);
    json!({
        "fulfillmentId": parcel.id,
        "orderId": order.id,
        "orderNumber": order.number,
        "userId": "c9f06d74-95de-4263-9b04-e87095cababf",
        "customerEmail": view["customerEmail"],
        "trackingNumber": parcel.tracking_number,
        "createDate": pacific::stamp(parcel.created_at),
        "shipDate": format!("{}T00:00:00", parcel.ship_date),
        "voidDate": parcel.voided_at.map(pacific::stamp),
        "deliveryDate": parcel.delivered_at().map(pacific::stamp),
        "carrierCode": parcel.carrier,
        "fulfillmentProviderCode": null,
        "fulfillmentServiceCode": null,
        "fulfillmentFee": 0,
        "voidRequested": parcel.voided_at.is_some(),
        "voided": parcel.voided_at.is_some(),
        "marketplaceNotified": true,
        "notifyErrorMessage": null,
        "shipTo": address(&view),
    })
}

fn address(view: &Value) -> Value {
    let mut address = view["shipTo"].clone();
    // Here it is not said, whatever the order says (samples of `/shipments`).
    address["residential"] = Value::Null;
    address["addressVerified"] = Value::Null;
    address
}
