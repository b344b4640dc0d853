//! What the line is tried with at every start (`pipeline::canary`), and how it is stored: `cargo xtask canaries` writes
//! these into `crates/pipeline/src/canary/inert/`, and a test of `pipeline` compares the two.
//!
//! **Invariant:** nothing is stored as it is: every byte is turned with [`INERT`], so that no file of the repository and no
//! program of it contains a scanner's test file.

use crate::archive::ZipBuilder;
use crate::office::ooxml::docx_package;
use crate::{docx, eicar, pdf};

/// What every stored byte is turned with (exclusive or).
pub const INERT: u8 = 0xA5;

/// Text that must be found in what the two documents become.
pub const TEXT: &str = "Kanarienvogel der Datenschleuse";

/// Each canary that is stored: name and content as it goes through the line.
pub fn stored() -> Vec<(&'static str, Vec<u8>)> {
    let inner = ZipBuilder::new().deflated("test.com", &eicar()).finish();
    vec![
        ("eicar", eicar()),
        ("eicar-zip", ZipBuilder::new().deflated("ordner/innen.zip", &inner).finish()),
        ("eicar-docx", docx_package(&["Ein Dokument mit einer Anlage."]).with_stray_part("word/embeddings/anlage.bin", &eicar()).finish()),
        ("pdf", pdf(&[TEXT])),
        ("docx", docx(&[TEXT])),
    ]
}

/// The form in which content lies in a repository or program, and back.
pub fn inert(content: &[u8]) -> Vec<u8> {
    content.iter().map(|byte| byte ^ INERT).collect()
}
