//! Writes the sample medium: `medium tree DIR` or `medium none|mbr|gpt FILE`.

use anyhow::{Context as _, Result, bail};
use std::path::PathBuf;
use testkit::{Partition, sample_medium, write_fat32_image, write_tree};

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let form = arguments.next().context("which form: tree, none, mbr or gpt?")?;
    let path = PathBuf::from(arguments.next().context("where to?")?);
    let samples = sample_medium()?;
    match form.to_str() {
        Some("tree") => write_tree(&path, &samples),
        Some("none") => write_fat32_image(&path, &samples, Partition::None),
        Some("mbr") => write_fat32_image(&path, &samples, Partition::Mbr),
        Some("gpt") => write_fat32_image(&path, &samples, Partition::Gpt),
        _ => bail!("the form is tree, none, mbr or gpt"),
    }
}
