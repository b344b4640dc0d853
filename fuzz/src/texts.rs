//! Rebuilt text: accepted by the verifier, and the same when it is rebuilt again.

use model::Format;
use render::rebuild_text;
use render::verify::verify_text;

fn rebuilt(bytes: &[u8], format: Format) {
    let Ok(once) = rebuild_text(bytes.to_vec(), format, 1 << 20) else { return };
    let verdict = verify_text(&once.bytes, format == Format::Csv);
    assert_eq!(verdict, Ok(()), "refused: {:?}", String::from_utf8_lossy(&once.bytes));
    let again = rebuild_text(once.bytes.clone(), format, 1 << 21).expect("rebuilt text can be rebuilt");
    assert!(again.removed.is_empty(), "left behind: {:?}", String::from_utf8_lossy(&once.bytes));
    // A table that needed quotes for one delimiter may do without for the one it ended with; after that nothing changes.
    let first = if format == Format::Csv { again.bytes } else { once.bytes };
    let last = rebuild_text(first.clone(), format, 1 << 21).expect("rebuilt text can be rebuilt");
    assert_eq!(String::from_utf8_lossy(&last.bytes), String::from_utf8_lossy(&first));
}

pub(crate) fn plain(bytes: &[u8]) {
    rebuilt(bytes, Format::Txt);
}

pub(crate) fn csv(bytes: &[u8]) {
    rebuilt(bytes, Format::Csv);
}
