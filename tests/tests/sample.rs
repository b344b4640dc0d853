//! Samples for analysts, packed by a confined worker and opened by a foreign program.

use anyhow::{Result, ensure};
use e2e::{Scratch, command, program, run};
use model::Policy;
use pipeline::pack_sample;
use spool::Spool;
use std::fs::{self, File};

#[test]
fn a_sample_opens_with_the_usual_password_in_a_foreign_program() -> Result<()> {
    let scratch = Scratch::new()?;
    let spool = Spool::create(&scratch.path("spool"), "s", u64::MAX)?;
    let bytes: Vec<u8> = testkit::eicar().iter().copied().cycle().take(300_000).collect();
    let (content, record) = (spool.put(&bytes)?, br#"{"hold":"s-000001"}"#);
    let (archive, name) = (scratch.path("sample.zip"), format!("{}.sample", content.digest.hex()));
    pack_sample(&program("schleuse-worker")?, &Policy::default(), &content, &name, record, &mut File::create(&archive)?)
        .map_err(|trouble| anyhow::anyhow!("{trouble}"))?;
    ensure!(!fs::read(&archive)?.windows(20).any(|window| window == &testkit::eicar()[..20]), "the content lies open");
    let extract = |password: &str, to: &str| run(command("7z").args(["x", &format!("-p{password}"), &format!("-o{to}")]).arg(&archive));
    let out = scratch.path("out");
    let ended = extract("infected", &out.to_string_lossy())?;
    ensure!(ended.status == 0, "{ended:?}");
    ensure!(fs::read(out.join(&name))? == bytes && fs::read(out.join("record.json"))? == record, "other bytes");
    ensure!(extract("other", &scratch.path("wrong").to_string_lossy())?.status != 0, "another password opens it");
    ensure!(run(command("7z").arg("t").arg("-pinfected").arg(&archive))?.status == 0);
    Ok(())
}
