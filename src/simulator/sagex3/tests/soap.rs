//! SOAP: what is published is modified.

use super::*;

#[test]
fn soap_modifies_what_is_published() {
    let site = site(|_| {});
    site.clock.advance(Duration::from_secs(5));
    let object = "<PARAM><GRP ID=\"SOH0_1\"><FLD NAME=\"YTRACKNO\" TYPE=\"Char\">1Z1</FLD></GRP></PARAM>";
    let done = site.soap("modify", "WSPOOL", "WSSOH", "SONNA0110001", object);
    assert_eq!(done.status, 200);
    assert!(said(&done).contains("<status xsi:type=\"xsd:int\">1</status>"), "{}", said(&done));
    assert!(said(&done).contains("\"YTRACKNO\":\"1Z1\"") && said(&done).contains("modifyReturn"));
    let order = &site.x3.state().orders[0];
    assert_eq!((order.tracking.clone(), order.writes), (vec!["1Z1".to_owned()], 1));
    assert_eq!(
        (order.record["UPDDATTIM"].clone(), order.record["UPDUSR"].clone()),
        (json!("2026-11-20T18:15:35Z"), json!("WSUPS"))
    );
    site.soap("modify", "WSPOOL", "WSSOH", "SONNA0110001", object);
    assert_eq!(site.x3.state().orders[0].writes, 1);
    let read = site.soap("read", "WSPOOL", "WSSOH", "SONNA0110001", "");
    assert!(said(&read).contains("\"SOHNUM\":\"SONNA0110001\""));
    let described = said(&site.soap("getDescription", "WSPOOL", "WSSOH", "", ""));
    assert!(described.contains("YTRACKNO") && described.contains("getDescriptionReturn"), "{described}");
    for (operation, pool, name, key, object, message) in [
        (
            "modify",
            "OTHER",
            "WSSOH",
            "SONNA0110001",
            object,
            "No classic web service pool match to &apos;OTHER",
        ),
        ("modify", "", "WSSOH", "SONNA0110001", object, "No classic web service pool match"),
        ("modify", "WSPOOL", "NOSUCH", "SONNA0110001", object, "Unknown public name"),
        ("modify", "WSPOOL", "WSSOH", "NOSUCH", object, "Record does not exist"),
        ("modify", "WSPOOL", "WSSOH", "SONNA0110001", "<PARAM><GRP ID=\"SOH9_1\"/></PARAM>", "Unknown group"),
        (
            "modify",
            "WSPOOL",
            "WSSOH",
            "SONNA0110001",
            &object.replace("YTRACKNO", "ORDDAT"),
            "not available for input",
        ),
        ("delete", "WSPOOL", "WSSOH", "SONNA0110001", "", "not published"),
    ] {
        let refused = site.soap(operation, pool, name, key, object);
        let text = said(&refused).replace('\'', "&apos;");
        assert_eq!(refused.status, 200);
        assert!(text.contains(message) && text.contains(">0</status>"), "{text}");
    }
    let lost = site.soap("nosuch", "WSPOOL", "WSSOH", "SONNA0110001", "");
    assert!(lost.status == 500 && said(&lost).contains("Fault"));
    site.x3.accept_web_services(false);
    let none = site.soap("modify", "WSPOOL", "WSSOH", "SONNA0110001", object);
    assert!(none.status == 500 && said(&none).contains("No web services accepted"));
    site.x3.accept_web_services(true);
    site.x3.lock_order("SONNA0110001", "MJONE", Some(1));
    assert!(
        said(&site.soap("modify", "WSPOOL", "WSSOH", "SONNA0110001", object)).contains("in use by MJONE")
    );
    assert!(said(&site.soap("modify", "WSPOOL", "WSSOH", "SONNA0110001", object)).contains(">1</status>"));
}
