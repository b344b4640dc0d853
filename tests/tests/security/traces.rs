//! Content of a medium leaves no trace where it does not belong: logs, the terminal, temporary files, the state directory.

use anyhow::{Result, ensure};
use e2e::{Clamd, Scratch, run};
use std::fs;
use walkdir::WalkDir;

/// Words that are nowhere but in the contents of the medium.
const IN_CONTENT: &str = "Kranichfeder Ozeandampfer Vierundsiebzig";

#[test]
fn content_is_in_no_log_no_temporary_file_and_not_readable_in_the_state() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let medium = scratch.path("medium");
    fs::create_dir(&medium)?;
    fs::write(medium.join("Notiz.txt"), format!("{IN_CONTENT}\n"))?;
    fs::write(medium.join("Tabelle.csv"), format!("a;b\n{IN_CONTENT};=1+1\n"))?;
    // Held for its format, and broken ones of kinds whose parsers have much to say.
    fs::write(medium.join("start.bat"), format!("@echo {IN_CONTENT}\r\n"))?;
    fs::write(medium.join("kaputt.xml"), format!("<?xml version=\"1.0\"?><a>{IN_CONTENT}</b>"))?;
    fs::write(medium.join("kaputt.pdf"), format!("%PDF-1.7\n1 0 obj\n<< /Type /{IN_CONTENT} \n"))?;
    fs::write(medium.join("kaputt.svg"), format!("<svg xmlns=\"http://www.w3.org/2000/svg\"><{IN_CONTENT} </svg>"))?;
    fs::write(medium.join("kaputt.rtf"), format!("{{\\rtf1 {{{IN_CONTENT}"))?;
    let temporary = scratch.path("tmp");
    fs::create_dir(&temporary)?;
    let mut command = scratch.process(&medium, &clamd.address())?;
    let ended = run(command.arg("--verbose").env("TMPDIR", &temporary).env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1"))?;
    ensure!(ended.status == 10, "{ended:?}");
    for word in IN_CONTENT.split(' ') {
        ensure!(!ended.stderr.contains(word) && !ended.stdout.contains(word), "{word} is in what was printed: {}", ended.stderr);
        for place in [scratch.state(), temporary.clone()] {
            for entry in WalkDir::new(place).into_iter().collect::<Result<Vec<_>, _>>()? {
                let bytes = if entry.file_type().is_file() { fs::read(entry.path())? } else { Vec::new() };
                let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
                ensure!(!found, "{word} is in {}", entry.path().display());
            }
        }
    }
    ensure!(WalkDir::new(&temporary).into_iter().count() == 1, "something stays in the temporary directory");
    // The content did arrive where it belongs.
    let released = scratch.released_names()?;
    ensure!(released.len() == 1, "{released:?}");
    Ok(())
}
