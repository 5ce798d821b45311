//! The labels: small, but real files of their kind.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A white GIF of one pixel.
const GIF: &[u8] = b"GIF87a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// The label of one parcel in `format`, base64.
pub fn image(format: &str, tracking_number: &str, reference: &str) -> String {
    match format.to_uppercase().as_str() {
        "ZPL" => STANDARD.encode(zpl(tracking_number, reference)),
        "EPL" | "SPL" => STANDARD.encode(format!("N\nA50,50,0,4,1,1,N,\"{tracking_number}\"\nP1\n")),
        _ => STANDARD.encode(GIF),
    }
}

fn zpl(tracking_number: &str, reference: &str) -> String {
    format!(
        "^XA^LH0,0^FO40,60^A0N,40,40^FD{tracking_number}^FS^FO40,120^BCN,120,Y,N,N^FD{tracking_number}^FS^FO40,300^A0N,30,30^FDREF1:{reference}^FS^XZ"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_files_of_their_kind() {
        let gif = STANDARD.decode(image("GIF", "1Z", "")).unwrap();
        assert!(gif.starts_with(b"GIF87a") && gif.ends_with(b";"));
        let zpl = STANDARD.decode(image("ZPL", "1Z1", "R")).unwrap();
        assert!(zpl.starts_with(b"^XA") && zpl.ends_with(b"^XZ"));
    }
}
