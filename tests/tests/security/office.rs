//! A document that reaches for the network and for files of the machine gets neither out of the jail, even when nothing
//! was taken out of it before: here the office worker is given what the strip stage would have disarmed.

use anyhow::{Result, ensure};
use e2e::{Scratch, command, program, run};
use model::{Format, Policy};
use pipeline::workers::office_to_pdf;
use spool::Spool;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// What is in the file of the machine that no document may show.
const CANARY: &str = "Kanarienvogel im Schacht";

/// Counts who connects to a port of this machine.
struct Listener {
    port: u16,
    met: Arc<AtomicU32>,
}

impl Listener {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let met = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&met);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                drop(connection);
            }
        });
        Ok(Self { port, met })
    }

    fn met(&self) -> u32 {
        self.met.load(Ordering::SeqCst)
    }
}

/// A flat ODF text with a linked picture, a linked section and a UNC path, each where a suite loads it by itself.
fn reaching_document(port: u16, canary: &Path) -> String {
    let canary = canary.display();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0"
 xmlns:xlink="http://www.w3.org/1999/xlink" office:version="1.2" office:mimetype="application/vnd.oasis.opendocument.text">
<office:body><office:text>
<text:p>Vorher</text:p>
<text:p><draw:frame draw:name="a" text:anchor-type="as-char" svg:width="2cm" svg:height="2cm"><draw:image xlink:href="http://127.0.0.1:{port}/bild.png" xlink:type="simple" xlink:show="embed" xlink:actuate="onLoad"/></draw:frame></text:p>
<text:p><draw:frame draw:name="b" text:anchor-type="as-char" svg:width="2cm" svg:height="2cm"><draw:image xlink:href="file://127.0.0.1/freigabe/bild.png" xlink:type="simple" xlink:show="embed" xlink:actuate="onLoad"/></draw:frame></text:p>
<text:section text:name="s"><text:section-source xlink:href="file://{canary}" xlink:type="simple"/><text:p>Platz</text:p></text:section>
<text:p>Nachher</text:p>
</office:text></office:body></office:document>
"#
    )
}

#[test]
fn a_document_that_reaches_out_meets_nobody_and_shows_no_file_of_the_machine() -> Result<()> {
    let (scratch, listener) = (Scratch::new()?, Listener::start()?);
    let canary = scratch.path("kanarie.txt");
    fs::write(&canary, format!("{CANARY}\n"))?;
    let document = reaching_document(listener.port, &canary);

    // Without a jail the suite does connect: were the document not able to, its silence in the jail would prove nothing.
    fs::write(scratch.path("in.fodt"), &document)?;
    let profile = format!("-env:UserInstallation=file://{}", scratch.path("profile").display());
    let mut plain = command("soffice");
    plain.args([profile.as_str(), "--headless", "--convert-to", "pdf", "--outdir"]).arg(scratch.path("plain")).arg(scratch.path("in.fodt"));
    let ended = run(&mut plain)?;
    ensure!(listener.met() > 0, "the document does not even reach out where nothing holds it: {ended:?}");

    let before = listener.met();
    let spool = Spool::create(&scratch.path("spool"), "s", u64::MAX)?;
    let content = spool.put(document.as_bytes())?;
    let worker = program("schleuse-worker")?;
    let made = office_to_pdf(&worker, &Policy::default(), &content, Format::OdfFlat, "OpenDocument Text Flat XML", &spool);
    let pdf = made.map_err(|trouble| anyhow::anyhow!("{trouble:?}"))?;
    ensure!(listener.met() == before, "{} connections out of the jail", listener.met() - before);
    let text = run(command("pdftotext").arg(&pdf.path).arg("-"))?;
    ensure!(text.stdout.contains("Vorher") && text.stdout.contains("Nachher"), "{text:?}");
    ensure!(!text.stdout.contains(CANARY), "a file of the machine is in the output: {text:?}");
    Ok(())
}
