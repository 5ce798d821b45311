//! A shipment's status in the custom form, and who writes it twice.

use super::*;

#[test]
fn the_custom_form_takes_a_status_once() {
    let desk = desk(|_| {});
    let session = desk.session();
    let ready = desk.ready();
    let post = |fields: &str, fault: Option<Fault>| {
        let xml = format!(
            "<PostCustomForm><Item><Key><FormType>ORD</FormType><KeyFields><SalesOrder>{ready}</SalesOrder></KeyFields></Key><Fields>{fields}</Fields></Item></PostCustomForm>"
        );
        let strike = fault.map(|fault| Strike { fault, delay: None, retry_after: None, attempts: 1 });
        desk.struck(&session, "COMTFM", "<PostCustomForm/>", &xml, strike.as_ref())
    };
    let delivered = "<ShipmentStatus>DELIVERED</ShipmentStatus><DeliveryDate>2026-11-25</DeliveryDate><DeliveryException>N</DeliveryException>";
    assert_eq!(count(&post(delivered, Some(Fault::TruncatedBody)), "ItemsProcessed"), 1);
    post(delivered, None);
    assert_eq!(desk.syspro.state().write_backs_doubled, 0, "its answer was lost");
    post(delivered, None);
    post("<TrackingNo>1Z1</TrackingNo>", None);
    let state = desk.syspro.state();
    let order = state.orders.iter().find(|order| order.number == ready).unwrap();
    assert_eq!((order.shipment.as_str(), order.delivered, order.status_writes), ("DELIVERED", true, 1));
    assert_eq!((state.summary().delivered, state.summary().write_backs_doubled), (1, 1));
    assert!(desk.syspro.orders().iter().any(|due| due.number == ready && due.delivered));
}
